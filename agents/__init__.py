# SPDX-License-Identifier: Apache-2.0
"""The processes. Each folder is one, entered by its `agent.py`; `cli` starts them."""
