# SPDX-License-Identifier: Apache-2.0
"""A product must have what it says itself that it has."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from agents.downloader.structure import check
from agents.worker.archive import unpack
from streams.errors import DamagedProduct
from tests.errands import SCENE

RADAR = replace(SCENE, name="S1A_IW_SLC__1SDV_X", constellation="sentinel1")
OPTICAL = replace(
    SCENE,
    name="S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911",
    constellation="sentinel2",
)
LANDSAT = "LC08_L2SP_017036_20130419_20200913_02_T2"

MANIFEST = """<x><dataObject><byteStream size="3"><fileLocation href="./m/a.tiff"/>
</byteStream></dataObject></x>"""
METADATA = "<x><IMAGE_FILE>G/IMG_DATA/T31TDH_B{0}</IMAGE_FILE></x>"


def test_sentinel1_has_every_file_of_its_manifest(tmp_path):
    """F32."""
    (tmp_path / "P.SAFE/m").mkdir(parents=True)
    with pytest.raises(DamagedProduct, match=r"manifest\.safe missing"):
        check(RADAR, tmp_path)
    (tmp_path / "P.SAFE/manifest.safe").write_text(MANIFEST)
    with pytest.raises(DamagedProduct, match=r"m/a\.tiff missing"):
        check(RADAR, tmp_path)
    (tmp_path / "P.SAFE/m/a.tiff").write_bytes(b"12")
    with pytest.raises(DamagedProduct, match="2 bytes, expected 3"):
        check(RADAR, tmp_path)
    (tmp_path / "P.SAFE/m/a.tiff").write_bytes(b"123")
    check(RADAR, tmp_path)


def test_sentinel2_band_that_is_missing_is_named(tmp_path):
    with pytest.raises(DamagedProduct, match=r"MTD_MSIL1C\.xml missing"):
        check(OPTICAL, tmp_path)
    (tmp_path / "MTD_MSIL1C.xml").write_text(METADATA.format("8A"))
    with pytest.raises(DamagedProduct, match="band B8A missing"):
        check(OPTICAL, tmp_path)
    (tmp_path / "G/IMG_DATA").mkdir(parents=True)
    (tmp_path / "G/IMG_DATA/T31TDH_B8A.jp2").write_bytes(b"1")
    check(OPTICAL, tmp_path)


def test_landsat_band_and_metadata_that_are_missing_are_named(tmp_path):
    scene = replace(SCENE, name=LANDSAT, constellation="landsat")
    for band in ("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B7", "ST_B10"):
        (tmp_path / f"{LANDSAT}_{band}.TIF").write_bytes(b"1")
    with pytest.raises(DamagedProduct, match="band SR_B6 missing, MTL missing"):
        check(scene, tmp_path)
    (tmp_path / f"{LANDSAT}_SR_B6.TIF").write_bytes(b"1")
    (tmp_path / f"{LANDSAT}_MTL.txt").write_bytes(b"1")
    check(scene, tmp_path)


def test_product_of_another_name_passes(tmp_path):
    for constellation in ("sentinel1", "sentinel2", "landsat", "spot"):
        check(replace(SCENE, constellation=constellation), tmp_path)


def test_sentinel2_product_under_a_long_name_has_other_files_and_passes(tmp_path):
    name = (
        "S2A_OPER_PRD_MSIL1C_PDMC_20160318T145513_R022_V20160318T101514_20160318T101520"
    )
    (tmp_path / f"{name}.SAFE").mkdir()
    check(replace(OPTICAL, name=name), tmp_path)


DATA = Path("../shared/data")


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real products: {DATA} is not there")
def test_real_products(tmp_path):
    check(
        replace(SCENE, name=LANDSAT, constellation="landsat"),
        DATA / "landsat-c2-l2" / LANDSAT,
    )
    (archive,) = (DATA / "sentinel2").glob("*.zip")
    unpack(archive, tmp_path)
    with pytest.raises(DamagedProduct, match="band B02 missing, band B03 missing"):
        check(replace(OPTICAL, name=archive.stem), tmp_path)
