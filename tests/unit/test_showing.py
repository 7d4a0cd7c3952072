# SPDX-License-Identifier: Apache-2.0
"""The catalogue as a worker: inventories served, records that were made in vain."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
import shapely

from agents.catalogue.agent import Cataloguing
from agents.catalogue.catalogue import Catalogue
from agents.catalogue.sensors.landsat import LandsatSensor
from agents.catalogue.showing import Showing
from agents.catalogue.sweep import Made, Sweep
from agents.worker.desk import Desk, sign_of_life
from agents.worker.documents import Documents
from infra.files.store import FileStore
from streams.envelope import Envelope
from streams.errors import IndexUnavailable, IngesterError, ReadModelError, SearchError
from streams.failures import Failure
from streams.model import AreaState, InventoryState, Scene, Settings, Stage
from streams.orders import InventoryRequest
from streams.table import AreaRow, DownloadRow, IngestionRow
from streams.transitions import Course
from tests.areas import a_document, a_request

NOW = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = ("20230502", "20230518", "20230603")
NAMES = [f"LC08_L1TP_196021_{day}_{day}_02_T1" for day in DAYS]


class Shelf:
    """A search that has these scenes, or fails."""

    def __init__(self, error=None):
        self.error = error

    def supports(self, constellation):
        return True

    def search(self, query):
        for name in NAMES:
            fields = query.sensor.fields(name)
            date = datetime.fromisoformat(fields["DATETIME"])
            box = shapely.box(9, 55, 10, 56).wkt
            yield Scene(name, "landsat", date, box, fields=fields)
        if self.error is not None:
            raise self.error


class Index:
    """Records in memory; it fails after so many."""

    def __init__(self, fails_after=None):
        self.records_ = {}
        self.fails_after = fails_after
        self.away = False

    def instances(self, layers):
        return {}

    def records(self, scenes, made):
        found = []
        for number, scene in enumerate(scenes):
            if number == self.fails_after:
                raise IndexUnavailable("index: away")
            if scene.name not in self.records_:
                self.records_[scene.name] = f"r-{scene.name}"
                made([self.records_[scene.name]])
            found.append(self.records_[scene.name])
        return found

    def remove(self, records):
        if self.away:
            raise IndexUnavailable("index: away")
        before = len(self.records_)
        kept = {n: r for n, r in self.records_.items() if r not in records}
        self.records_ = kept
        return before - len(kept)


def a_catalogue(search=None, **more):
    return Catalogue(
        sensors={"landsat": LandsatSensor()},
        searches=lambda name: search or Shelf(),
        default_searches=["shelf"],
        graph_roots=[],
        **more,
    )


def a_desk():
    """Nobody waits: pauses end at once."""
    cancelled = threading.Event()
    cancelled.set()
    return Desk(cancelled)


def asked(stage=Stage.PLAN, document="", **changes):
    payload = json.dumps(a_document("demo", **changes))
    request = InventoryRequest("i1", stage, payload, document, "tests")
    return Envelope(request, "i1/0", NOW, "/tests")


@pytest.fixture
def documents(tmp_path):
    return Documents(FileStore(), f"file://{tmp_path}")


def show(order, documents, catalogue=None):
    """The last that is told of an inventory."""
    showing = Showing(catalogue or a_catalogue(), documents, lambda: NOW)
    desk = a_desk()
    try:
        facts = list(showing.carry_out(order, desk))
    except IngesterError as error:
        facts = list(showing.fail(order, error, Failure.BUG, Desk()))
    return facts[-1].message, desk


def test_inventory_is_stored_and_told(documents):
    told, desk = show(asked(), documents)
    assert (told.state, told.scenes, told.tiles) == (InventoryState.DONE, 3, 3)
    document = json.loads(documents.read(told.document))
    assert document["plan"]["estimate"]["longest_chain"] == 3
    assert desk.step == "tiles"


def test_inventory_taken_twice_is_stored_once(documents):
    first, second = show(asked(), documents)[0], show(asked(), documents)[0]
    assert first == second


def test_check_stores_nothing(documents):
    told, _ = show(asked(Stage.CHECK), documents)
    assert (told.state, told.document) == (InventoryState.DONE, "")


def test_wrong_request_is_refused_with_its_problems(documents):
    told, _ = show(asked(Stage.CHECK, tile_graph_name="NoSuch"), documents)
    assert told.state is InventoryState.REFUSED
    assert told.problems[0].startswith("$.tile_graph_name: ")


def test_plan_warns_of_what_would_be_refused(documents):
    told, _ = show(asked(Stage.PLAN, tile_graph_name="NoSuch"), documents)
    (warning,) = json.loads(documents.read(told.document))["plan"]["warnings"]
    assert warning.startswith("refused as it is: $.tile_graph_name: ")


def test_catalogue_that_does_not_answer_is_a_failure_to_be_tried_again(documents):
    catalogue = a_catalogue(Shelf(SearchError("shelf: away")))
    told, _ = show(asked(), documents, catalogue)
    assert told.state is InventoryState.FAILED
    assert "shelf: away" in told.problems[0]


def test_running_inventory_says_how_far_it_is():
    desk = Desk(step="tiles", done=4, total=9)
    sign = sign_of_life(asked(), desk, "w", "inventories", NOW).message
    assert (sign.inventory, sign.state) == ("i1", InventoryState.RUNNING)
    assert (sign.step, sign.done, sign.total) == ("tiles", 4, 9)


# -- records made in vain


class Log:
    """Rows of the read model."""

    def __init__(self, *rows):
        self.rows_ = dict(rows)
        self.away = False

    def rows(self, keys):
        return {key: self.rows_[key] for key in keys if key in self.rows_}

    def borne(self, records):
        if self.away:
            raise ReadModelError("away")
        scenes = [r.scene for r in self.rows_.values() if isinstance(r, DownloadRow)]
        return {scene.record for scene in scenes} & set(records)


def test_records_of_a_request_that_fails_in_the_end_are_removed():
    index = Index(fails_after=2)
    index.records_[NAMES[0]] = "there before"
    sweep = Sweep(Log(), index, after_s=60)
    cataloguing = Cataloguing(a_catalogue(keeper=index), lambda: NOW, sweep)
    order = Envelope(a_request("demo"), "r1", NOW, "/tests")
    with pytest.raises(IndexUnavailable):
        list(cataloguing.carry_out(order, a_desk()))
    assert sweep.look(NOW + timedelta(seconds=59)) == 1
    assert sweep.look(NOW + timedelta(seconds=61)) == 0
    assert index.records_ == {NAMES[0]: "there before"}


def test_scene_that_the_log_has_keeps_its_record():
    scene = Scene(NAMES[1], "landsat", NOW, record="of the log")
    row = DownloadRow("demo", f"demo/{NAMES[1]}", "i0", scene, Course())
    index = Index()
    catalogue = a_catalogue(keeper=index, known=Log((row.task, row)))
    created = [e.scene for e in catalogue.plan(a_request("demo")) if _has_scene(e)]
    assert [scene.record for scene in created] == [
        f"r-{NAMES[0]}",
        "of the log",
        f"r-{NAMES[2]}",
    ]
    assert NAMES[1] not in index.records_


def _has_scene(event):
    return getattr(event, "scene", None) is not None


def swept(*rows, index_away=False, log_away=False, age_s=61):
    """Records left of two that were made; and requests still waited for."""
    index, log = Index(), Log(*rows)
    index.records_ = {"a": "ra", "b": "rb"}
    index.away, log.away = index_away, log_away
    sweep = Sweep(log, index, after_s=60)
    sweep.watch(Made("demo", "i1", ("ra", "rb"), NOW))
    waited = sweep.look(NOW + timedelta(seconds=age_s))
    return set(index.records_), waited


def bearing(area, record):
    """The row of a scene with this record."""
    scene = Scene("a", "", NOW, record=record)
    return f"{area}/a", DownloadRow(area, f"{area}/a", "i1", scene, Course())


LISTED = ("demo!i1", IngestionRow("demo", "i1", Settings("", ""), listed=True))
BOTH = ({"a", "b"}, 1)


def test_sweep_waits_until_the_request_is_projected():
    assert swept() == BOTH
    unlisted = IngestionRow("demo", "i1", Settings("", ""))
    assert swept(bearing("demo", "ra"), ("demo!i1", unlisted)) == BOTH


def test_sweep_waits_for_those_who_may_have_found_a_record():
    assert swept(LISTED, age_s=59) == BOTH


def test_sweep_leaves_the_records_that_scenes_bear():
    assert swept(LISTED, bearing("demo", "ra")) == ({"a"}, 0)
    assert swept(LISTED, bearing("other", "ra")) == ({"a"}, 0)
    assert swept(LISTED, bearing("demo", "another")) == (set(), 0)


def test_sweep_takes_what_a_cancelled_area_does_not_bear():
    assert swept(("demo", AreaRow("demo", AreaState.CANCELLED))) == (set(), 0)


def test_sweep_tries_again_when_somebody_does_not_answer():
    assert swept(LISTED, index_away=True) == BOTH
    assert swept(LISTED, log_away=True) == BOTH


def test_sweep_gives_up_what_is_never_projected():
    assert swept(age_s=2 * 86_400) == ({"a", "b"}, 0)
