# SPDX-License-Identifier: Apache-2.0
"""Sources, one file a scheme; the Protocol is in `downloader/source.py`."""
