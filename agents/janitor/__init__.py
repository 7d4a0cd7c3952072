# SPDX-License-Identifier: Apache-2.0
"""The janitor: deletes the layers that the workflow released, and says so."""
