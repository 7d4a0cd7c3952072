# SPDX-License-Identifier: Apache-2.0
"""Graphs that come with us, with the scripts and SNAP graphs that they run."""
