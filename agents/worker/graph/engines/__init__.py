# SPDX-License-Identifier: Apache-2.0
"""Step engines, one file each; the Protocol is in `graph/engine.py`."""
