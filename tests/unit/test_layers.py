# SPDX-License-Identifier: Apache-2.0
"""Names of layers, in the work folder and in the store."""

from datetime import UTC, datetime

import pytest

from agents.worker.layers import base_name, file_name, object_uri, stored_name
from streams.errors import InvalidRequest
from streams.model import Scene, Tile

DATE = datetime(2022, 1, 4, 23, 59, tzinfo=UTC)
SCENE = Scene("S1A_IW_SLC", "sentinel1", DATE)
TILE = Tile("A44_IW1_1561", SCENE.name, DATE)


@pytest.mark.parametrize(
    ("layer", "extension", "local", "stored"),
    [
        ("sigma0_VV", "tif", "20220104_A44_IW1_1561_sigma0_VV.tif", None),
        ("bare", "", "20220104_A44_IW1_1561_bare", None),
        ("x", "zip", "20220104_A44_IW1_1561_x.zip", None),
        (
            "coregextract",
            "dim",
            "20220104_A44_IW1_1561_coregextract.dim",
            "20220104_A44_IW1_1561_coregextract.zip",
        ),
        (
            "x",
            "data",
            "20220104_A44_IW1_1561_x.data",
            "20220104_A44_IW1_1561_x.zip",
        ),
        ("__product__", "SAFE", "S1A_IW_SLC.SAFE", "S1A_IW_SLC.zip"),
        ("__product__", "*", "S1A_IW_SLC", "S1A_IW_SLC.zip"),
        ("__product__", "zip", "S1A_IW_SLC.zip", None),
        (
            "__annotations__",
            "zip",
            "S1A_IW_SLC_annotations.zip",
            None,
        ),
        ("*", "tif", "20220104_A44_IW1_1561_*.tif", None),
    ],
)
def test_layer_has_a_name_here_and_one_in_the_store(layer, extension, local, stored):
    assert file_name(SCENE, TILE, layer, extension) == local
    assert stored_name(SCENE, TILE, layer, extension) == (stored or local)


def test_name_with_a_dot_keeps_it():
    scene = Scene("S2.v1", "sentinel2", DATE)
    assert stored_name(scene, TILE, "__product__", "*") == "S2.v1.zip"
    assert base_name(scene, TILE, "__product__") == "S2.v1"


@pytest.mark.parametrize("root", ["s3://bucket/prefix", "s3://bucket/prefix/"])
def test_object_is_below_its_attempt(root):
    uri = object_uri(root, "demo", "S1A", "T1", "d2", "x.tif")
    assert uri == "s3://bucket/prefix/demo/S1A/tiles/T1/d2/x.tif"


def test_attempts_share_no_object():
    uris = {
        object_uri("file:///r", "demo", "S", "T", f"{kind}{number}", "x.tif")
        for kind in "dp"
        for number in (1, 2)
    }
    assert len(uris) == 4


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a\\b", "a\0b"])
def test_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(InvalidRequest, match="expected a file name"):
        object_uri("s3://bucket", "demo", name, "T", "d1", "x.tif")
    with pytest.raises(InvalidRequest, match="expected a file name"):
        object_uri("s3://bucket", "demo", "S", "T", "d1", name)


def test_layer_that_leads_elsewhere_is_refused():
    with pytest.raises(InvalidRequest, match="expected a file name"):
        file_name(SCENE, TILE, "../x", "tif")
    scene = Scene("../S", "sentinel1", DATE)
    with pytest.raises(InvalidRequest, match="expected a file name"):
        stored_name(scene, TILE, "__product__", "*")
