# SPDX-License-Identifier: Apache-2.0
"""Bytes from somewhere else, all of them and no others, whatever happens on the way."""
