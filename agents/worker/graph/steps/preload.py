# SPDX-License-Identifier: Apache-2.0
"""What the fork server of the native steps loads once, for all of them."""

import numpy
import rasterio
import rasterio.shutil
import rasterio.warp

from agents.worker.graph import cog

__all__ = ["cog", "numpy", "rasterio"]
