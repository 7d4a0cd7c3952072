# SPDX-License-Identifier: Apache-2.0
"""Scripts of the engine `python`, with the names and arguments of the Go ingester's."""
