# SPDX-License-Identifier: Apache-2.0
"""Tags in finished TIFFs: nothing else changes, and what was a COG stays one."""

import tracemalloc
from pathlib import Path

import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from agents.worker.graph.cog import write_cog
from agents.worker.outputs.tiff import BadTiff, cog_problems, write_tagged
from tests.rasters import a_raster

TAGS = {"INGESTER_GRAPH": 'ndvi <&> "quoted"', "INGESTER_SCENE": "S2A_é"}


def a_cog(folder: Path, **profile) -> Path:
    write_cog(a_raster(folder / "plain.tif", **profile), folder / "cog.tif", no_data=0)
    return folder / "cog.tif"


def everything(file: Path):
    """All that can be read in a file but for its tags."""
    with rasterio.open(file) as raster:
        levels = raster.overviews(1)
        found = [raster.profile, raster.bounds, levels, raster.read().tobytes()]
    for level in range(len(levels)):
        with rasterio.open(file, OVERVIEW_LEVEL=level) as smaller:
            found.append(smaller.read().tobytes())
    return found


KINDS = {
    "strips": {},
    "tiles": {"tiled": True, "blockxsize": 256, "blockysize": 256},
    "sparse": {"tiled": True, "sparse_ok": True, "compress": "deflate"},
    "big": {"BIGTIFF": "YES", "tiled": True},
    "big-endian": {"ENDIANNESS": "BIG", "compress": "lzw"},
    "bands": {"count": 3, "interleave": "band"},
    "small": {"size": 16},
    "floats": {"dtype": "float32", "nodata": float("nan")},
}


@pytest.mark.parametrize("kind", KINDS)
def test_tags_are_all_that_changes(kind, tmp_path):
    plain = a_raster(tmp_path / "plain.tif", **KINDS[kind])
    with rasterio.open(plain, "r+") as raster:
        raster.update_tags(OWN="kept", INGESTER_GRAPH="of before")
        raster.update_tags(1, STATISTICS_MEAN="1")
    before = everything(plain)
    write_tagged(plain, tmp_path / "tagged.tif", TAGS)
    assert str(everything(tmp_path / "tagged.tif")) == str(before)
    with rasterio.open(tmp_path / "tagged.tif") as raster:
        assert raster.tags() == {"AREA_OR_POINT": "Area", "OWN": "kept"} | TAGS
        assert raster.tags(1) == {"STATISTICS_MEAN": "1"}


@pytest.mark.parametrize("kind", ["tiles", "floats", "big", "bands", "small"])
def test_cog_stays_one(kind, tmp_path):
    cog = a_cog(tmp_path, **KINDS[kind])
    write_tagged(cog, tmp_path / "tagged.tif", TAGS)
    valid, errors, _ = cog_validate(tmp_path / "tagged.tif", strict=True)
    assert (valid, errors) == (True, [])
    assert cog_problems(tmp_path / "tagged.tif") == []
    assert str(everything(tmp_path / "tagged.tif")) == str(everything(cog))
    with rasterio.open(tmp_path / "tagged.tif") as raster:
        assert raster.tags().items() >= TAGS.items()
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_tags_can_be_written_again(tmp_path):
    write_tagged(a_cog(tmp_path), tmp_path / "one.tif", TAGS)
    write_tagged(tmp_path / "one.tif", tmp_path / "two.tif", {"INGESTER_GRAPH": "b"})
    assert cog_validate(tmp_path / "two.tif", strict=True)[0]
    with rasterio.open(tmp_path / "two.tif") as raster:
        assert raster.tags()["INGESTER_GRAPH"] == "b"
        assert raster.tags()["INGESTER_SCENE"] == TAGS["INGESTER_SCENE"]


def test_same_file_and_tags_give_the_same_bytes(tmp_path):
    cog = a_cog(tmp_path)
    for name in ("one.tif", "two.tif"):
        write_tagged(cog, tmp_path / name, TAGS)
    assert (tmp_path / "one.tif").read_bytes() == (tmp_path / "two.tif").read_bytes()


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ({}, ["strips, expected tiles", "no overviews"]),
        ({"tiled": True}, ["no overviews"]),
        ({"size": 400}, []),
    ],
)
def test_what_is_no_cog_says_why(profile, expected, tmp_path):
    assert cog_problems(a_raster(tmp_path / "plain.tif", **profile)) == expected


def test_overviews_behind_the_image_are_no_cog(tmp_path):
    plain = a_raster(tmp_path / "plain.tif", tiled=True)
    with rasterio.open(plain, "r+") as raster:
        raster.build_overviews([2, 4])
    problems = cog_problems(plain)
    assert problems == ["headers behind pixels", "overviews behind the image"]
    assert not cog_validate(plain)[0]


@pytest.mark.parametrize("content", [b"", b"II*\0", b"\x89PNG\r\n\x1a\n" + bytes(9)])
def test_what_is_no_tiff_is_told(content, tmp_path):
    (tmp_path / "x.tif").write_bytes(content)
    with pytest.raises(BadTiff):
        cog_problems(tmp_path / "x.tif")
    with pytest.raises(BadTiff):
        write_tagged(tmp_path / "x.tif", tmp_path / "y.tif", TAGS)


def test_tags_beyond_four_gigabytes_are_refused(tmp_path):
    plain = a_raster(tmp_path / "plain.tif", size=16)
    # Its pixels are said to be at the end of what 32 bits can say.
    with plain.open("r+b") as file:
        content = file.read()
        at = content.index((273).to_bytes(2, "little") + (4).to_bytes(2, "little"))
        file.seek(at + 8)
        file.write((2**32 - 16).to_bytes(4, "little"))
    with pytest.raises(BadTiff, match="no room"):
        write_tagged(plain, tmp_path / "tagged.tif", TAGS)
    assert not (tmp_path / "tagged.tif").exists()


def test_file_whose_entries_stand_behind_its_pixels_is_copied_by_pieces(tmp_path):
    plain = a_raster(tmp_path / "plain.tif", size=2400, dtype="float32")
    with rasterio.open(plain, "r+") as raster:
        raster.update_tags(OWN="moves the entries to the end")
    before = everything(plain)
    tracemalloc.start()
    write_tagged(plain, tmp_path / "tagged.tif", TAGS)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # 23 MB of pixels; pieces of 1 MB.
    assert plain.stat().st_size > 20_000_000
    assert most < 5_000_000
    assert everything(tmp_path / "tagged.tif") == before
