# SPDX-License-Identifier: Apache-2.0
"""One message, three spellings: `download-done`, `DownloadDone`, `download_done`."""

import re

_INNER_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def type_name(class_name: str) -> str:
    """`DownloadDone` → `download-done`: on the wire, in files, logs and commands."""
    return _INNER_CAPITAL.sub("-", class_name).lower()
