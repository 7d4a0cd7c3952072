# SPDX-License-Identifier: Apache-2.0
"""Sentinel-1 bursts: read from annotations wherever these lie, named as ESA does."""
