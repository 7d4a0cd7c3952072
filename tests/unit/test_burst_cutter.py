# SPDX-License-Identifier: Apache-2.0
"""Scenes cut in bursts: where annotations are looked for, which bursts are wanted."""

import json
import re
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import shapely
from msgspec.structs import replace

from agents.catalogue.agent import open_sources
from agents.catalogue.bursts.burst import Burst
from agents.catalogue.bursts.cutter import BurstCutter
from agents.catalogue.bursts.memory import BurstMemory
from agents.catalogue.bursts.sources import Sources
from agents.catalogue.catalogue import Catalogue
from agents.catalogue.cutter import with_parts
from agents.catalogue.inventory import Inventory
from agents.catalogue.known import NothingKnown
from agents.catalogue.plan import linked, plan, settings_of
from agents.catalogue.preview import preview
from agents.catalogue.searches.local import LocalSearch
from agents.catalogue.sensors.sentinel1 import Sentinel1Sensor
from agents.settings import load_settings
from agents.worker.ranges import FileRanges
from agents.worker.templates import check_templates, filled
from infra.files.store import FileStore
from streams.errors import (
    InvalidRequest,
    ProductNotFound,
    ProviderError,
    SearchError,
    StoreUnavailable,
)
from streams.events import TaskCreated
from streams.model import Kind, LeftOut, Scene, Stage
from streams.payload import read_payload
from tests.safe import CYCLE_S, NAME, Safe, Swath, three_swaths

SENSOR = Sentinel1Sensor()
FILES = {"/": FileRanges(), "file://": FileRanges()}

# The made-up product has bursts from 54 to 55.5 degrees north; a burst has 0.18.
AREA = shapely.box(9.4, 54.6, 9.5, 54.61)

DATA = Path(__file__).parents[3] / "shared" / "data"
REAL = DATA / "sentinel1"
PAYLOADS = DATA / "payloads"
real = pytest.mark.skipif(not REAL.exists(), reason=f"no real annotations at {REAL}")


def a_scene(name=NAME, *, days=0, **changes):
    fields = SENSOR.fields(name)
    assert fields is not None
    date = Safe().node + timedelta(days=days, seconds=895)
    scene = Scene(name, "sentinel1", date, fields=fields, tags=SENSOR.tags(fields))
    return replace(scene, **changes)


def a_request(**changes):
    text = {
        "name": "Demo",
        "type": "Polygon",
        "coordinates": json.loads(shapely.to_geojson(AREA))["coordinates"],
        "start_time": "2022-01-01T00:00:00Z",
        "end_time": "2022-03-01T00:00:00Z",
        "scene_type": {"constellation": "sentinel1"},
        "scene_graph_name": "S1Preprocessing",
        "tile_graph_name": "S1BackscatterCoherence",
    }
    return read_payload(json.dumps({**text, **changes}), request="r1", by="tests")


def cut(cutter, *scenes, area=AREA, request=None):
    request = request or a_request()
    found = Inventory(tuple(scenes), ())
    return with_parts(request, found, area, SENSOR, [cutter])


def in_folder(folder, memory=None):
    return BurstCutter(Sources(FILES, [str(folder)]), memory)


# -- which bursts


def test_scene_is_cut_in_the_bursts_that_meet_the_area(tmp_path):
    Safe(swaths=three_swaths()).folder(tmp_path)
    found = cut(in_folder(tmp_path), a_scene())
    (scene,) = found.scenes
    # IW1 alone is west of 9.9 degrees. Its burst n covers 54 + (n - 1) * 0.16550 and
    # 0.18451 more: 3 ends at 54.516, 4 at 54.681, 5 begins at 54.662. The area with its
    # margin goes from 54.55 to 54.66.
    assert [part.number for part in scene.parts] == [4]
    (part,) = scene.parts
    assert re.fullmatch(r"044_\d{6}_IW1", part.tile)
    assert part.swath == "IW1"
    assert part.anx_time == 9034  # 895.1 + 3 * 2.758 = 903.4 s
    assert shapely.from_wkt(part.footprint).intersects(AREA)
    assert SENSOR.cell(scene, part, "burst") == part.tile


def test_bursts_that_do_not_meet_the_area_are_told_in_one_line(tmp_path):
    Safe(swaths=three_swaths()).folder(tmp_path)
    found = cut(in_folder(tmp_path), a_scene())
    assert found.left_out == (
        LeftOut(
            NAME,
            "26 of 27 bursts do not meet the area: IW1 1-3, 5-9; IW2 1-9; IW3 1-9",
        ),
    )


def test_area_is_taken_a_little_larger(tmp_path):
    Safe().folder(tmp_path)
    # The first burst begins at 54.0 degrees, 0.05 of them are added to the area.
    near = cut(in_folder(tmp_path), a_scene(), area=shapely.box(9.4, 53.9, 9.5, 53.951))
    assert [part.number for scene in near.scenes for part in scene.parts] == [1]
    far = cut(in_folder(tmp_path), a_scene(), area=shapely.box(9.4, 53.9, 9.5, 53.949))
    assert far.scenes == ()


def test_area_in_an_overlap_gets_both_bursts(tmp_path):
    Safe().folder(tmp_path)
    # Burst 2 begins at 54.1655, burst 1 ends at 54.1845.
    found = cut(
        in_folder(tmp_path), a_scene(), area=shapely.box(9.5, 54.174, 9.501, 54.176)
    )
    assert [part.number for scene in found.scenes for part in scene.parts] == [1, 2]


def test_scene_without_burst_in_the_area_disappears_once(tmp_path):
    names = [NAME, NAME.replace("1609", "0001"), NAME.replace("1609", "0002")]
    souths = (54.0, 60.0, 54.0)
    for name, south in zip(names, souths, strict=True):
        Safe(name=name, swaths=(Swath(south=south),)).folder(tmp_path)
    scenes = [a_scene(name, days=12 * number) for number, name in enumerate(names)]
    scenes = [
        replace(s, fields={**s.fields, "DATATAKE": f"{n:06}"})
        for n, s in enumerate(scenes)
    ]
    found = cut(in_folder(tmp_path), *scenes)
    assert [scene.name for scene in found.scenes] == [names[0], names[2]]
    assert [item.reason for item in found.left_out if item.scene == names[1]] == [
        "9 of 9 bursts do not meet the area: IW1 1-9"
    ]


def test_burst_of_two_slices_is_kept_once(tmp_path):
    later = "S1A_IW_SLC__1SDV_20220123T170148_20220123T170215_041591_04F274_A001"
    Safe().folder(tmp_path)
    # The next slice begins with the last burst of this one: 8 cycles later.
    again = Swath(first_s=895.1 + 8 * 2.758273, south=54 + 8 * 2.758273 * 0.06)
    Safe(name=later, swaths=(again,)).folder(tmp_path)
    area = shapely.box(9.4, 55.3, 9.5, 55.5)
    scenes = (a_scene(), a_scene(later, date=Safe().node + timedelta(seconds=920)))
    found = cut(in_folder(tmp_path), *scenes, area=area)
    tiles = [part.tile for scene in found.scenes for part in scene.parts]
    assert len(tiles) == len(set(tiles))
    assert (
        LeftOut(later, "1 of 9 bursts are in an earlier slice: IW1 1") in found.left_out
    )


def test_versions_of_one_slice_keep_their_bursts(tmp_path):
    again = NAME.replace("1609", "BEEF")
    for name in (NAME, again):
        Safe(name=name).folder(tmp_path)
    found = cut(in_folder(tmp_path), a_scene(), a_scene(again))
    assert [len(scene.parts) for scene in found.scenes] == [1, 1]


@pytest.mark.parametrize(
    ("name", "graph"),
    [
        (NAME, "CopyProductToStorage"),
        (NAME.replace("IW_SLC_", "IW_GRDH"), "S1Preprocessing"),
        (NAME.replace("IW_SLC_", "S3_SLC_"), "S1Preprocessing"),
        (NAME.replace("IW_SLC_", "WV_SLC_"), "S1Preprocessing"),
    ],
)
def test_what_has_no_bursts_or_is_kept_whole_is_one_tile(name, graph):
    request = a_request(scene_graph_name=graph)
    found = cut(in_folder("/nowhere"), a_scene(name), request=request)
    (scene,) = found.scenes
    assert [(part.tile, part.number) for part in scene.parts] == [(name, 0)]


# -- where annotations are


def test_sources_are_tried_in_order_those_of_the_request_last(tmp_path):
    for place in ("service", "request"):
        (tmp_path / place).mkdir()
    Safe().archive(tmp_path / "request")
    cutter = BurstCutter(Sources(FILES, [f"{tmp_path}/service/{{SCENE}}.zip"]))
    request = a_request(annotations_urls=[f"file://{tmp_path}/request/{{SCENE}}.zip"])
    assert len(cut(cutter, a_scene(), request=request).scenes) == 1
    Safe(swaths=three_swaths()).archive(tmp_path / "service")
    (scene,) = cut(
        cutter, a_scene(), request=request, area=shapely.box(9, 50, 11, 60)
    ).scenes
    assert len(scene.parts) == 27


def test_template_has_the_facts_of_the_name(tmp_path):
    folder = tmp_path / "Demo" / "2022" / "01" / "23"
    folder.mkdir(parents=True)
    Safe().folder(folder)
    template = f"{tmp_path}/{{AREA}}/{{YEAR}}/{{MONTH}}/{{DAY}}/{{SCENE}}.SAFE"
    cutter = BurstCutter(Sources(FILES, [template]))
    assert len(cut(cutter, a_scene()).scenes) == 1


def test_template_with_an_unknown_fact_is_refused_with_the_known_ones():
    with pytest.raises(
        InvalidRequest, match=r"'\{SCENES\}' is unknown.*ABSOLUTE_ORBIT"
    ):
        filled("/data/{SCENES}.zip", a_scene(), "Demo")


@pytest.mark.parametrize("template", ["", "data/{SCENE}", "ftp://a/{SCENE}", "s3://"])
def test_template_that_is_no_url_is_refused(template):
    with pytest.raises(InvalidRequest, match=r"\$\.annotations_urls\[1\]: '"):
        check_templates(["/data/{SCENE}.zip", template], ["/data/"])


@pytest.mark.parametrize(
    "template",
    [
        "/etc/{SCENE}",
        "file:///etc/x",
        "http://10.0.0.1/{SCENE}",
        "/data/../etc/{SCENE}",
    ],
)
def test_template_of_a_place_that_requests_may_not_name_is_refused(template):
    with pytest.raises(InvalidRequest, match=r"\$\.annotations_urls\[0\]: '"):
        check_templates([template], ["/data/", "https://"])


def test_templates_of_allowed_places_are_taken():
    check_templates(
        ["/data/{SCENE}.zip", "file:///data/{SCENE}", "https://a.example/{SCENE}.zip"],
        ["file:///data/", "https://"],
    )


def test_scene_without_annotations_is_left_out_and_told(tmp_path):
    Safe().folder(tmp_path)
    other = NAME.replace("1609", "0001")
    found = cut(in_folder(tmp_path), a_scene(), a_scene(other, days=12))
    assert [scene.name for scene in found.scenes] == [NAME]
    reason = found.left_out[-1]
    assert reason.scene == other
    assert reason.reason == (
        f"no annotations: {tmp_path}/{other}.SAFE: not there; "
        f"{tmp_path}/{other}.zip: not there; "
        f"{tmp_path}/{other}.SAFE.zip: not there"
    )


def test_request_of_which_no_scene_has_annotations_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match=r"annotations: 'S1A.*not there"):
        cut(in_folder(tmp_path), a_scene(), a_scene(NAME.replace("1609", "0001")))


def test_no_source_at_all_is_said():
    with pytest.raises(InvalidRequest, match="no source of annotations is set up"):
        cut(BurstCutter(Sources(FILES)), a_scene())


def test_damaged_annotation_names_its_file(tmp_path):
    Safe(swaths=(Swath(without_line=1497),)).folder(tmp_path)
    with pytest.raises(
        InvalidRequest,
        match=r"annotation/s1a-iw1-slc-vv-001\.xml: geolocation grid: no line 1497",
    ):
        cut(in_folder(tmp_path), a_scene())


class Silent:
    """A place that does not answer."""

    def tail(self, uri, length):
        raise ProviderError(f"{uri}: no answer")

    def read(self, uri, start, length):
        raise ProviderError(f"{uri}: no answer")


def test_source_that_does_not_answer_is_asked_again_later(tmp_path):
    sources = Sources({**FILES, "https://": Silent()}, ["https://a/b", str(tmp_path)])
    with pytest.raises(SearchError, match=r"https://a/b/.*: no answer"):
        cut(BurstCutter(sources), a_scene())
    Safe().folder(tmp_path)
    assert len(cut(BurstCutter(sources), a_scene()).scenes) == 1


class Asked:
    """Files that count how often they are asked."""

    def __init__(self):
        self.files, self.uris = FileRanges(), []

    def tail(self, uri, length):
        self.uris.append(uri)
        return self.files.tail(uri.replace("s3://", "/tmp/", 1), length)

    def read(self, uri, start, length):
        return self.files.read(uri, start, length)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (
            "/eodata/Sentinel-1/SAR/SLC/2022/01/23/x.SAFE",
            ["s3://eodata/Sentinel-1/SAR/SLC/2022/01/23/x.SAFE"],
        ),
        (
            "s3://eodata/Sentinel-1/x.SAFE",
            ["s3://eodata/Sentinel-1/x.SAFE"],
        ),
        (
            "",
            [
                f"s3://eodata/Sentinel-1/SAR/IW_SLC__1S/2022/01/23/{NAME}.SAFE",
                f"s3://eodata/Sentinel-1/SAR/SLC/2022/01/23/{NAME}.SAFE",
            ],
        ),
    ],
)
def test_copernicus_archive_is_asked_where_the_catalogue_says_or_as_it_is_laid_out(
    path, asked
):
    eodata = Asked()
    sources = Sources({"s3://": Silent(), "s3://eodata/": eodata}, ["eodata"])
    scene = a_scene(metadata={"s3_path": path} if path else {})
    with pytest.raises(ProductNotFound):
        sources.read(scene, "Demo")
    assert eodata.uris == [f"{uri}/manifest.safe" for uri in asked]


def test_only_url_of_annotations_is_the_link_to_the_product():
    request = a_request(annotations_urls=["gs://bucket/{YEAR}/{SCENE}.zip"])
    scenes = (a_scene(), a_scene(metadata={"download_link": "https://a/b"}))
    links = [s.metadata["download_link"] for s in linked(request, scenes)]
    assert links == [f"gs://bucket/2022/{NAME}.zip", "https://a/b"]
    two = a_request(annotations_urls=["/a/{SCENE}", "/b/{SCENE}"])
    assert linked(two, scenes) == scenes


SECRETS = {"eodata_access_key": "key", "eodata_secret_key": "secret"}


@pytest.mark.parametrize(
    ("settings", "service", "ranges"),
    [
        ({}, [], set()),
        (SECRETS, ["eodata"], {"s3://eodata/"}),
        (
            {**SECRETS, "catalogue_annotations": "/a/{SCENE},eodata"},
            ["/a/{SCENE}", "eodata"],
            {"s3://eodata/"},
        ),
        ({"catalogue_annotations": "/a,eodata"}, ["/a"], set()),
        (
            {"catalogue_annotations": "", "s3_endpoint": "http://127.0.0.1:9"},
            [],
            {"s3://"},
        ),
    ],
)
def test_settings_say_where_annotations_are(settings, service, ranges):
    sources = open_sources(load_settings(**settings))
    assert list(sources.service) == service
    everywhere = {"/", "file://", "http://", "https://"}
    assert set(sources.ranges) == everywhere | ranges


def test_settings_with_an_impossible_template_are_refused():
    settings = load_settings(catalogue_annotations="ftp://a/{SCENE}")
    with pytest.raises(InvalidRequest, match="CATALOGUE_ANNOTATIONS: 'ftp://a"):
        open_sources(settings)


# -- what is remembered


def test_bursts_of_a_product_are_read_once(tmp_path):
    folder = Safe().folder(tmp_path)
    memory = BurstMemory(FileStore(), f"file://{tmp_path}/store")
    first = cut(in_folder(tmp_path, memory), a_scene())
    shutil.rmtree(folder)
    assert cut(in_folder(tmp_path, memory), a_scene()) == first


def test_files_of_a_request_are_remembered_for_those_who_name_them(tmp_path):
    for place in ("mine", "theirs"):
        (tmp_path / place).mkdir()
    Safe(swaths=(Swath(south=54.3),)).folder(tmp_path / "mine")
    Safe().folder(tmp_path / "theirs")
    memory = BurstMemory(FileStore(), f"file://{tmp_path}/store")
    cutter = BurstCutter(Sources(FILES), memory)
    mine, theirs = (
        a_request(annotations_urls=[f"{tmp_path}/{place}/{{SCENE}}.SAFE"])
        for place in ("mine", "theirs")
    )
    first = cut(cutter, a_scene(), request=mine)
    other = cut(cutter, a_scene(), request=theirs)
    assert first.scenes[0].parts != other.scenes[0].parts
    shutil.rmtree(tmp_path / "mine")
    assert cut(cutter, a_scene(), request=mine) == first
    with pytest.raises(InvalidRequest, match="no source of annotations is set up"):
        cut(cutter, a_scene())


def test_files_of_the_service_are_remembered_for_all(tmp_path):
    folder = Safe().folder(tmp_path)
    memory = BurstMemory(FileStore(), f"file://{tmp_path}/store")
    request = a_request(annotations_urls=["/nowhere/{SCENE}.zip"])
    first = cut(in_folder(tmp_path, memory), a_scene(), request=request)
    shutil.rmtree(folder)
    again = cut(BurstCutter(Sources(FILES), memory), a_scene())
    assert again.scenes == first.scenes


def test_product_of_another_orbit_under_the_name_is_damaged(tmp_path):
    name = NAME.replace("041591", "041592")
    Safe(name=name).folder(tmp_path)
    with pytest.raises(
        InvalidRequest, match="a product of orbit 41591, expected 41592"
    ):
        cut(in_folder(tmp_path), a_scene(name))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"bursts": 1}', b'{"bursts": [], "product": "another"}'],
)
def test_memory_that_cannot_be_read_is_made_anew(content, tmp_path):
    Safe().folder(tmp_path)
    memory = BurstMemory(FileStore(), f"file://{tmp_path}/store")
    first = cut(in_folder(tmp_path, memory), a_scene())
    (kept,) = (tmp_path / "store").rglob("*.json")
    good = kept.read_bytes()
    kept.unlink()
    kept.write_bytes(content)
    assert memory.recall(NAME) is None
    assert cut(in_folder(tmp_path, memory), a_scene()) == first
    assert kept.read_bytes() == good


def test_memory_gives_back_what_was_kept(tmp_path):
    memory = BurstMemory(FileStore(), f"file://{tmp_path}")
    bursts = (Burst("044_1_IW1", "IW1", 1, 12, "POINT (1 2)", "why"),)
    memory.keep("S1A", bursts)
    memory.keep("S1A", bursts)
    assert memory.recall("S1A") == bursts
    assert memory.recall("S1B") is None


class AwayStore(FileStore):
    """A store that does not answer, and counts how often it is asked."""

    asked = 0

    def get(self, uri, target):
        self.asked += 1
        raise StoreUnavailable("away")

    def put(self, uri, source):
        self.asked += 1
        raise StoreUnavailable("away")


def test_store_that_is_away_does_not_stop_a_request_and_is_asked_once(tmp_path):
    Safe().folder(tmp_path)
    store = AwayStore()
    cutter = in_folder(tmp_path, BurstMemory(store, f"file://{tmp_path}/store"))
    for requests in (1, 2):
        assert len(cut(cutter, a_scene()).scenes) == 1
        assert store.asked == requests


# -- chains and tasks


def test_tasks_tell_what_a_tile_needs(tmp_path):
    """The worked example of three dates: every burst is one chain over all of them."""
    dates = ("20220123", "20220204", "20220216")
    scenes = []
    for number, date in enumerate(dates):
        name = f"S1A_IW_SLC__1SDV_{date}T170123_{date}T170150_041591_04F27{number}_1609"
        Safe(name=name).folder(tmp_path)
        scenes.append(a_scene(name, days=12 * number))
    request = a_request()
    area = shapely.box(9.4, 54.45, 9.5, 54.75)
    found = cut(in_folder(tmp_path), *scenes, area=area)
    facts = plan(request, settings_of(request, {}), found, SENSOR)
    tiles = [
        fact.tile
        for fact in facts
        if isinstance(fact, TaskCreated) and fact.kind is Kind.PROCESS
    ]
    by_cell = {}
    for tile in tiles:
        by_cell.setdefault(tile.cell, []).append(tile.date.strftime("%Y%m%d"))
    assert list(by_cell.values()) == [list(dates)] * 3
    assert all(tile.name == tile.cell and tile.footprint for tile in tiles)
    assert {tile.number for tile in tiles} == {3, 4, 5}


# -- the reference's tutorial, and the real product


@real
def test_tutorial_payload_lists_the_official_bursts_of_the_real_annotations():
    payload = json.loads((PAYLOADS / "DenmarkDemoS1.json").read_text())
    # The same request, for where and when the real product was acquired.
    payload["scene_type"]["parameters"]["relativeorbitnumber"] = "71"
    del payload["geometry"]
    square = shapely.box(-116.44, 38.14, -116.43, 38.15)
    payload |= {
        **json.loads(shapely.to_geojson(square)),
        "start_time": "2020-05-11T00:00:00Z",
        "end_time": "2020-05-12T00:00:00Z",
        "annotations_urls": [f"{REAL.resolve()}/{{SCENE}}.zip"],
    }
    request = read_payload(json.dumps(payload), request="r", by="tests")
    catalogue = Catalogue(
        sensors={"sentinel1": SENSOR},
        searches=lambda name: LocalSearch(REAL),
        default_searches=["local"],
        graph_roots=[],
        annotations_from=["/"],
        cutters=[BurstCutter(Sources(FILES))],
    )
    found = catalogue.inventory(request)
    (scene,) = found.scenes
    # Between IW1 and IW2; with its margin from 38.09 to 38.20. At 116.43 degrees west
    # IW1's cycle 151203 goes from 38.11 to 38.30, 151204 from 37.94 to 38.13, and IW2's
    # 151203 from 38.05 to 38.24.
    assert [part.tile for part in scene.parts] == [
        "071_151203_IW1",
        "071_151204_IW1",
        "071_151203_IW2",
    ]
    reasons = [item.reason for item in found.left_out if item.scene == scene.name]
    assert [reason.partition(":")[0] for reason in reasons] == [
        "24 of 27 bursts do not meet the area"
    ]
    assert scene.metadata["download_link"] == f"{REAL.resolve()}/{scene.name}.zip"


@dataclass(frozen=True)
class Recorded:
    """A search that gives the scenes of a recorded answer."""

    scenes: list[Scene]

    def supports(self, constellation):
        return constellation == "sentinel1"

    def search(self, query):
        return iter(self.scenes)


def recorded(file):
    answer = json.loads((PAYLOADS / file).read_text())
    return [feature["properties"] for feature in answer["features"]]


def in_order_of_time(tiles):
    return sorted(tiles, key=lambda tile: tile.get("AnxTime", tile.get("anx_time")))


@real
def test_recorded_tiles_are_reproduced_for_the_same_scenes_and_bursts(tmp_path):
    """All that the reference answers of its tiles but their names, and their outline,
    which was without the overlap: its first corners are the same."""
    payload = (PAYLOADS / "DenmarkDemoS1.json").read_text()
    request = read_payload(payload, request="r", by="tests")
    scenes, answer = [], recorded("denmark-s1-tiles-response.json")
    for one in answer:
        name = one["source_id"]
        swath = _as_recorded(in_order_of_time(one["Tiles"]))
        Safe(name=name, orbit=int(name[49:55]), swaths=(swath,)).folder(tmp_path)
        date = datetime.fromisoformat(one["data"]["date"])
        scenes.append(
            a_scene(name, date=date, footprint=one["GeometryWKT"], tags=one["Tags"])
        )
    catalogue = Catalogue(
        sensors={"sentinel1": SENSOR},
        searches=lambda name: Recorded(scenes),
        default_searches=["recorded"],
        graph_roots=[],
        cutters=[in_folder(tmp_path)],
    )
    found = catalogue.inventory(request)
    facts = plan(request, settings_of(request, {}), found, SENSOR)
    document = preview(Stage.TILES, facts, (), NothingKnown(), more=False).document()
    ours = {f["properties"]["source_id"]: f["properties"] for f in document["features"]}
    assert set(ours) == {one["source_id"] for one in answer}
    for one in answer:
        tiles = in_order_of_time(ours[one["source_id"]]["tiles"])
        theirs = in_order_of_time(one["Tiles"])
        assert [_members(tile) for tile in tiles] == [_members(tile) for tile in theirs]
        for tile, other in zip(tiles, theirs, strict=True):
            assert abs(tile["anx_time"] - other["AnxTime"]) <= 1
            mine = shapely.from_wkt(tile["wkt"]).exterior.coords
            its = shapely.from_wkt(other["GeometryWKT"]).exterior.coords
            assert (mine[0], mine[3]) == (its[0], its[3])


def _members(tile):
    """What a tile of ours and one of the reference must say alike."""
    lower = {key.lower(): value for key, value in tile.items()}
    data = {key: lower["data"][key] for key in ("swath_id", "tile_nr", "graph_name")}
    links = [
        link and {"SceneID": link["SceneID"], "Date": _utc(link["Date"])}
        for link in (lower["previous"], lower["reference"])
    ]
    return [lower["sceneid"], _utc(lower["date"]), data, links]


def _utc(date):
    return date if isinstance(date, datetime) else datetime.fromisoformat(date)


def _as_recorded(tiles):
    """A sub-swath whose bursts lie where recorded tiles lie, the others in line."""
    (first, *_) = tiles
    numbers = [tile["Data"]["tile_nr"] for tile in tiles]
    shapes = [list(shapely.from_wkt(t["GeometryWKT"]).exterior.coords) for t in tiles]
    lines = range(numbers[0] - 1, numbers[-1] + 1)
    assert len(lines) == len(tiles) + 1
    near = [shape[0] for shape in shapes] + [shapes[-1][1]]
    far = [shape[3] for shape in shapes] + [shapes[-1][2]]
    sides = [
        np.polynomial.Polynomial.fit(lines, [point[axis] for point in side], 1)
        for side in (near, far)
        for axis in (0, 1)
    ]
    known = {line: (*near[i], *far[i]) for i, line in enumerate(lines)}
    corners = [
        known.get(line) or tuple(float(side(line)) for side in sides)
        for line in range(10)
    ]
    start = first["AnxTime"] / 10 - (numbers[0] - 1) * CYCLE_S
    return Swath(name=first["Data"]["swath_id"], first_s=start, corners=corners)
