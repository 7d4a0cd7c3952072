# SPDX-License-Identifier: Apache-2.0
"""A request in a file."""

import getpass
from pathlib import Path
from uuid import uuid4

from streams.errors import InvalidRequest
from streams.orders import IngestionRequest
from streams.payload import read_payload


def read_request(file: Path, name: str = "") -> IngestionRequest:
    """The request in a file, with an id of its own, asked by this user.

    Raises:
        InvalidRequest: with everything that is wrong.
    """
    try:
        text = file.read_bytes()
    except OSError as error:
        raise InvalidRequest(str(file), [str(error.strerror)]) from error
    return read_payload(text, request=uuid4().hex, by=getpass.getuser(), name=name)
