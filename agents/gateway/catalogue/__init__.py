# SPDX-License-Identifier: Apache-2.0
"""The catalogue over HTTP: inventories to look at, and documents that come back."""
