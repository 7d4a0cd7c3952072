# SPDX-License-Identifier: Apache-2.0
"""Small Pléiades- and SPOT-like products (DIMAP version 2), made up."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.rasters import write

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<Dimap_Document><Metadata_Identification>
<METADATA_FORMAT version="2.15">DIMAP</METADATA_FORMAT></Metadata_Identification>"""

_IMAGE = """
<Dataset_Identification><DATASET_NAME>{kind}</DATASET_NAME></Dataset_Identification>
<Raster_Data>
  <Data_Access>
    <DATA_FILE_FORMAT>image/tiff</DATA_FILE_FORMAT>
    <Data_Files><Data_File tile_R="1" tile_C="1">
      <DATA_FILE_PATH href="IMG_{kind}_R1C1.TIF"/></Data_File></Data_Files>
  </Data_Access>
  <Raster_Dimensions>
    <NROWS>{rows}</NROWS><NCOLS>{columns}</NCOLS><NBANDS>{bands}</NBANDS>
    <Tile_Set><NTILES>1</NTILES><Regular_Tiling>
      <NTILES_SIZE nrows="{rows}" ncols="{columns}"/>
      <NTILES_COUNT ntiles_R="1" ntiles_C="1"/></Regular_Tiling></Tile_Set>
  </Raster_Dimensions>
  <Raster_Encoding><NBITS>16</NBITS><SIGN>UNSIGNED</SIGN></Raster_Encoding>
</Raster_Data>
<Processing_Information><Product_Settings>
  <SPECTRAL_PROCESSING>{kind}</SPECTRAL_PROCESSING>
</Product_Settings></Processing_Information></Dimap_Document>"""

_COMPONENT = """<Component><COMPONENT_TITLE>{kind}</COMPONENT_TITLE>
<COMPONENT_TYPE>DIMAP</COMPONENT_TYPE>
<COMPONENT_PATH href="IMG_{kind}/DIM_{kind}.XML"/></Component>"""


def pixels(bands: int, size: int):
    """Digital numbers of 12 bits, another one nearly everywhere."""
    numbers = np.arange(bands * size * size).reshape(bands, size, size)
    return (numbers * 37 % 4096).astype("uint16")


def make_product(folder: Path, volume: str, kinds: Mapping[str, int]) -> Path:
    """A product with an image of so many bands for each kind."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, bands in kinds.items():
        size = 64 if kind == "P" else 32
        image = folder / f"IMG_{kind}"
        write(image / f"IMG_{kind}_R1C1.TIF", pixels(bands, size))
        about = _IMAGE.format(kind=kind, rows=size, columns=size, bands=bands)
        (image / f"DIM_{kind}.XML").write_text(_HEAD + about)
    components = "".join(_COMPONENT.format(kind=kind) for kind in kinds)
    (folder / volume).write_text(
        f"{_HEAD}<Dataset_Identification/><Dataset_Content><Dataset_Components>"
        f"{components}</Dataset_Components></Dataset_Content></Dimap_Document>"
    )
    return folder
