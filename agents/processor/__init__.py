# SPDX-License-Identifier: Apache-2.0
"""The processor: from a tile to layers that an index knows."""
