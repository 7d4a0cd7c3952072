# SPDX-License-Identifier: Apache-2.0
"""Indexers of ours; those of a machine live with it in `infra/`."""
