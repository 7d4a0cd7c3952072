# SPDX-License-Identifier: Apache-2.0
"""Layers say where they come from, and the same origin gives the same bytes."""

import json
from datetime import timedelta

import numpy as np
import pystac
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from msgspec.structs import replace

from agents.processor.indexers.stac import StacIndexer
from agents.worker.graph.cog import write_cog
from agents.worker.outputs.provenance import shown_config, software
from agents.worker.outputs.tiff import write_tagged
from agents.worker.workdir import Workshop
from streams.model import Action
from tests.processes import a_processor, an_index, copied, tile_order
from tests.rasters import a_raster
from tests.trades import NOW, carried_out, put_layer, sha256, stored

INPUTS = {"in_files": [[{"layer": "in", "extension": "txt"}]]}

CONFIG = {"scale": "2", "api_token": "planted-1", "source": "https://u:planted-2@h/x"}


@pytest.fixture
def cog(tmp_path):
    write_cog(a_raster(tmp_path / "plain.tif"), tmp_path / "cog.tif", no_data=0)
    return tmp_path / "cog.tif"


def an_order(tmp_path, cog, **about):
    source = put_layer(tmp_path, "in.txt", b"input", "in", "txt")
    out = an_index("x", cog=True)
    told = {"layers": [source], "config": CONFIG, "graph": INPUTS} | about
    return tile_order(tmp_path, copied(cog, "x"), out, **told)


def changed(order, **message):
    return structs.replace(order, message=replace(order.message, **message))


def processed(tmp_path, order, *indexers, **changes):
    """The fact, and what is stored by the layer's name."""
    with a_processor(tmp_path, *indexers, **changes) as trade:
        done = carried_out(trade, order).message
    objects = stored(tmp_path)
    root = f"file://{tmp_path}/store/"
    return done, {
        layer.name: objects[layer.uri.removeprefix(root)] for layer in done.layers
    }


def tags_of(content):
    with rasterio.MemoryFile(content) as memory, memory.open() as raster:
        return raster.tags()


def test_layer_says_graph_configuration_libraries_and_inputs(tmp_path, cog):
    _, objects = processed(tmp_path, an_order(tmp_path, cog))
    tags = tags_of(objects["x"])
    assert (tags["INGESTER_SCENE"], tags["INGESTER_TILE"]) == ("S", "T")
    assert tags["INGESTER_GRAPH"] == "graph.json"
    assert len(tags["INGESTER_GRAPH_SHA256"]) == 64
    config = json.loads(tags["INGESTER_CONFIG"])
    assert config == {"api_token": "***", "scale": "2", "source": "https://***@h/x"}
    assert json.loads(tags["INGESTER_INPUTS"]) == [
        f"S/T/in.txt sha256:{sha256(b'input')}"
    ]
    script = (tmp_path / "graphs/script0.py").read_bytes()
    assert json.loads(tags["INGESTER_STEPS"]) == [
        f"python script0.py sha256:{sha256(script)}"
    ]
    versions = json.loads(tags["INGESTER_SOFTWARE"])
    assert versions["gdal"] == rasterio.__gdal_version__
    assert versions["numpy"] == np.__version__


def test_fact_lists_the_bytes_with_their_tags(tmp_path, cog):
    done, objects = processed(tmp_path, an_order(tmp_path, cog))
    (layer,) = done.layers
    assert (layer.sha256, layer.size_bytes) == (
        sha256(objects["x"]),
        len(objects["x"]),
    )


def test_same_graph_and_inputs_give_the_same_bytes_wherever_and_whenever(tmp_path, cog):
    order = an_order(tmp_path, cog)
    _, first = processed(tmp_path, order, StacIndexer())
    (tmp_path / "elsewhere").mkdir()
    _, second = processed(
        tmp_path,
        changed(order, attempt=2),
        StacIndexer(),
        worker="w2",
        workshop=Workshop(tmp_path / "elsewhere/deep", "another"),
        clock=lambda: NOW + timedelta(days=400),
    )
    assert second["x"] == first["x"]
    # Items name the objects, and these their attempt; nothing else differs.
    assert second["S_T"].replace(b"/p2/", b"/p1/") == first["S_T"]


def test_other_configuration_or_input_gives_other_bytes(tmp_path, cog):
    order = an_order(tmp_path, cog)
    _, first = processed(tmp_path, order)
    m = order.message
    other = put_layer(tmp_path, "other.txt", b"other", "in", "txt")
    config = {**CONFIG, "scale": "3"}
    for change in (
        {"settings": replace(m.settings, graph_config=config), "attempt": 2},
        {"current": replace(m.current, layers=(other,)), "attempt": 3},
    ):
        _, again = processed(tmp_path, changed(order, **change))
        assert again["x"] != first["x"]


def test_no_secret_of_the_configuration_is_kept(tmp_path, cog):
    done, objects = processed(tmp_path, an_order(tmp_path, cog), StacIndexer())
    kept = b"".join([*stored(tmp_path).values(), repr(done).encode()])
    assert b"planted" not in kept
    assert len(objects) == 2


SECRET = (
    *("password", "DB_PASSWD", "s3_secret_key", "apikey", "API-KEY", "token"),
    *("accessKey", "oauth_token", "AUTH", "passphrase", "my_credentials", "key"),
)


@given(
    key=st.sampled_from(SECRET),
    value=st.text(min_size=1),
)
def test_configuration_named_like_a_secret_is_hidden(key, value):
    assert shown_config({key: value}) == {key: "***"}


def test_configuration_that_is_none_is_shown(tmp_path):
    plain = {
        "threads": "1",
        "keyword": "a",
        "monkey": "b",
        "author": "c",
        "url": "s3://b/k",
    }
    assert shown_config({**plain, "workdir": str(tmp_path)}) == dict(
        sorted(plain.items())
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("http://h/p?sig=x", "http://h/p?***"),
        ("see ftp://u:p@h/x and s3://b/k", "see ftp://***@h/x and s3://b/k"),
        ("http://[bad?x", "http://[bad?***"),
        ("host=h password=p user=u", "host=h password=*** user=u"),
        ("a?b", "a?b"),
    ],
)
def test_values_are_shown_without_what_may_be_secret_in_them(value, shown):
    assert shown_config({"source": value}) == {"source": shown}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return a_raster(tmp_path_factory.mktemp("small") / "small.tif", size=16)


@given(config=st.dictionaries(st.text(), st.text(), max_size=3))
def test_any_configuration_is_read_back_from_the_tags(config, small):
    target = small.with_name("tagged.tif")
    write_tagged(
        small, target, {"INGESTER_CONFIG": json.dumps(config, ensure_ascii=False)}
    )
    with rasterio.open(target) as raster:
        assert json.loads(raster.tags()["INGESTER_CONFIG"]) == config


def test_item_says_where_its_layers_come_from(tmp_path, cog):
    done, objects = processed(tmp_path, an_order(tmp_path, cog), StacIndexer())
    item = pystac.Item.from_dict(json.loads(objects["S_T"]))
    assert any("/processing/" in url for url in item.stac_extensions)
    assert item.properties["processing:software"] == software()
    lineage = item.properties["processing:lineage"]
    assert "ran python script0.py sha256:" in lineage
    assert f"on S/T/in.txt sha256:{sha256(b'input')}" in lineage
    assert item.properties["ingester:config"]["api_token"] == "***"
    (link,) = item.get_links(pystac.RelType.DERIVED_FROM)
    assert link.href == f"file://{tmp_path}/store/in.txt"
    assert link.extra_fields["file:checksum"] == "1220" + sha256(b"input")
    (layer,) = [one for one in done.layers if one.action is Action.INDEX]
    fields = item.assets["x"].extra_fields
    assert fields["file:checksum"] == f"1220{layer.sha256}"
    assert fields["file:size"] == layer.size_bytes
    (band,) = done.measures[0].bands
    assert fields["statistics"] == {
        "minimum": band.minimum,
        "maximum": band.maximum,
        "mean": band.mean,
        "valid_percent": band.valid_pct,
    }


def test_version_of_a_graph_is_told_where_it_has_one(tmp_path, cog):
    graph = INPUTS | {"version": "2.1"}
    _, layers = processed(tmp_path, an_order(tmp_path, cog, graph=graph))
    assert tags_of(layers["x"])["INGESTER_GRAPH_VERSION"] == "2.1"
