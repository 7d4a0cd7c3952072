# SPDX-License-Identifier: Apache-2.0
"""Catalogue searches, one file each; the Protocol is in `catalogue/search.py`."""
