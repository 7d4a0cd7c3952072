# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime, timedelta

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agents.catalogue.cutter import with_parts
from agents.catalogue.filters import filters_of
from agents.catalogue.inventory import page, take_inventory
from agents.catalogue.plan import plan, settings_of, tagged
from agents.catalogue.sensors.landsat import LandsatSensor
from streams.errors import InvalidRequest
from streams.events import IngestionAccepted, IngestionListed, TaskCreated
from streams.model import LeftOut, Scene
from streams.orders import IngestionRequest

AREA = shapely.box(9, 54, 11, 56)
START = datetime(2022, 1, 1, tzinfo=UTC)
END = datetime(2022, 2, 1, tzinfo=UTC)


def a_scene(day=5, *, path="196", cloud="", footprint=None, name=""):
    date = START + timedelta(days=day)
    name = name or f"LC08_L1TP_{path}022_{date:%Y%m%d}_{date:%Y%m%d}_02_T1"
    box = AREA if footprint is None else footprint
    return Scene(
        name,
        "landsat",
        date,
        footprint=box if isinstance(box, str) else box.wkt,
        fields=LandsatSensor().fields(name) or {},
        metadata={"cloud_cover_pct": cloud} if cloud else {},
    )


def take(*scenes, **parameters):
    return take_inventory(scenes, AREA, START, END, filters_of(parameters))


def reasons(inventory):
    return [item.reason for item in inventory.left_out]


def test_scenes_are_kept_in_order_of_date():
    late, early = a_scene(9), a_scene(3)
    assert take(late, early).scenes == (early, late)


@given(order=st.permutations(range(6)))
def test_order_of_arrival_does_not_matter(order):
    scenes = [a_scene(n) for n in range(6)]
    assert take(*[scenes[n] for n in order]).scenes == tuple(scenes)


@pytest.mark.parametrize(
    ("scene", "reason"),
    [
        (a_scene(-3), "acquired 2021-12-29T00:00:00Z, not asked for"),
        (a_scene(60), "acquired 2022-03-02T00:00:00Z, not asked for"),
        (a_scene(footprint=shapely.box(20, 54, 21, 55)), "it does not meet the area"),
        (a_scene(footprint=""), "its footprint cannot be read"),
        (a_scene(footprint="POLYGON EMPTY"), "it has no footprint"),
        (a_scene(footprint="POLYGON ((1 2"), "its footprint cannot be read"),
    ],
)
def test_what_is_left_out_is_said_with_its_reason(scene, reason):
    found = take(scene)
    assert found.scenes == ()
    assert found.left_out == (LeftOut(scene.name, reason),)


def test_scene_found_twice_is_one():
    found = take(a_scene(), a_scene())
    assert len(found.scenes) == 1
    assert reasons(found) == ["found twice"]


def test_ends_of_the_interval_are_inside():
    assert len(take(a_scene(0), a_scene(31)).scenes) == 2


@pytest.mark.parametrize(
    ("cloud", "kept"), [("0", True), ("80", True), ("80.1", False), ("", True)]
)
def test_cloud_cover_filter(cloud, kept):
    found = take(a_scene(cloud=cloud), cloudcoverpercentage="[0 TO 80]")
    assert bool(found.scenes) is kept


def test_filters_mean_what_they_say():
    scene = a_scene()
    assert take(scene, filename="LC08").scenes
    assert take(scene, filename="LC08*T1").scenes
    assert reasons(take(scene, filename="LC09")) == ["its name does not match 'LC09'"]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"cloudcovr": "1"}, "cloudcovr: unknown, expected one of acquisitionident"),
        ({"cloudcoverpercentage": "80"}, "expected a range such as '\\[0 TO 80\\]'"),
    ],
)
def test_bad_filter_is_refused(parameters, says):
    with pytest.raises(InvalidRequest, match=says):
        filters_of(parameters)


def test_page_takes_its_scenes_and_says_what_it_left():
    found = page(take(*[a_scene(n) for n in range(5)]), number=1, limit=2)
    assert [scene.date.day for scene in found.scenes] == [3, 4]
    assert reasons(found) == ["not on page 1 of 2 scenes"] * 3


REQUEST = IngestionRequest(
    "demo",
    "r1",
    "{}",
    START,
    END,
    "landsat",
    "CopyProductToStorage",
    "Pass",
    record_tags={"source": "test"},
    retriable=True,
    retry_count=2,
)


def planned(request=REQUEST, *scenes):
    sensor = LandsatSensor()
    found = take(*(scenes or [a_scene(3), a_scene(9)]))
    cut = with_parts(request, found, AREA, sensor)
    kept = tagged(cut.scenes, request.record_tags)
    inventory = type(found)(kept, found.left_out)
    return plan(request, settings_of(request, {"B04": "uuid"}), inventory, sensor)


def test_plan_is_accepted_then_tasks_then_listed():
    accepted, *tasks, listed = planned()
    assert isinstance(accepted, IngestionAccepted)
    assert accepted.settings.instances == {"B04": "uuid"}
    assert accepted.settings.retry_count == 2
    assert isinstance(listed, IngestionListed)
    assert (listed.scenes, listed.tiles) == (2, 2)
    assert all(isinstance(task, TaskCreated) for task in tasks)
    names = [task.task for task in tasks]
    scene = "LC08_L1TP_196022_20220104_20220104_02_T1"
    assert names[:2] == [f"demo/{scene}", f"demo/{scene}/{scene}"]


def test_tiles_of_a_place_share_its_cell_unless_no_chain_is_wanted():
    cells = {e.tile.cell for e in planned() if getattr(e, "tile", None)}
    assert cells == {"196022"}
    loose = planned(replace(REQUEST, chain=False))
    assert {e.tile.cell for e in loose if getattr(e, "tile", None)} == {""}


def test_scene_carries_the_tags_of_its_record():
    scene = planned()[1].scene
    assert scene.tags["sourceID"] == scene.name
    assert scene.tags["source"] == "test"


def test_same_request_gives_the_same_plan():
    assert planned() == planned()
