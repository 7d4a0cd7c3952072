# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: each is a module that ends with a line `RESULT key=value …`."""
