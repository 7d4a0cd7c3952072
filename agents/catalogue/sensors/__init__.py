# SPDX-License-Identifier: Apache-2.0
"""Sensors, one file each; the Protocol is in `catalogue/sensor.py`."""
