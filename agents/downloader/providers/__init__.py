# SPDX-License-Identifier: Apache-2.0
"""Image providers, one file each; the Protocol is in `downloader/provider.py`."""
