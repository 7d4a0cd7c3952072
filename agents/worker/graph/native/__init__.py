# SPDX-License-Identifier: Apache-2.0
"""Readers of products, and the formulae that turn their numbers into values."""
