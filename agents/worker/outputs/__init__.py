# SPDX-License-Identifier: Apache-2.0
"""What a graph left: judged, measured, marked with where it comes from, stored."""
