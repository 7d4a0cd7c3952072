# SPDX-License-Identifier: Apache-2.0
"""Processing graphs: JSON in, files out.

`load` reads a graph, `plan` says what it will do for a tile, `run` does it by the
engines, `select` says which files it leaves and what becomes of them.
"""
