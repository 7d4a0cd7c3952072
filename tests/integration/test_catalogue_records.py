# SPDX-License-Identifier: Apache-2.0
"""Records of scenes, from a request to the index: made once, removed when in vain."""

from typing import Any

import pytest

from infra.geocube.client import GeocubeClient
from infra.geocube.formats import DataFormat, Dtype
from infra.geocube.variables import Variable
from streams.events import AreaCancelled, IngestionListed, IngestionRefused
from streams.model import AreaState
from streams.table import AreaRow, DownloadRow
from streams.topics import TASKS
from tests.areas import a_request, facts
from tests.geocube import Geocube
from tests.landsat import make_product
from tests.system import System, wait_for

DAYS = ("20230502", "20230518")
NAMES = [f"LC08_L1TP_196021_{day}_{day}_02_T1" for day in DAYS]
WORLD = {
    "type": "Polygon",
    "coordinates": [[[8, 54], [11, 54], [11, 57], [8, 57], [8, 54]]],
}


@pytest.fixture
def indexed(system):
    """A catalogue that keeps records in a Geocube; scenes are downloaded by nobody."""
    for name in NAMES:
        make_product(system.folder / "products", name, ["B1"])
    system.environment["INGESTER_CATALOGUE_RECORDS"] = "geocube"
    system.environment["INGESTER_CATALOGUE_SWEEP_AFTER_S"] = "0"
    system.start("geocube", "catalogue", "workflow", "projector")
    return system


def geocube(system: System) -> Geocube:
    return Geocube(system.settings.geocube_address)


def records(system: System) -> list[Any]:
    asked = geocube(system)
    found = [item.record for item in asked.ask("ListRecords")]
    asked.channel.close()
    return found


def outcome(system: System, request: Any) -> Any:
    """What the log says of a request in the end."""
    ends = IngestionListed | IngestionRefused

    def ended() -> Any:
        told = (envelope.message for envelope in system.messages(TASKS.name))
        return next(
            (
                fact
                for fact in told
                if isinstance(fact, ends) and fact.ingestion == request.request
            ),
            None,
        )

    return wait_for(ended)


def send(system: System, area: str, **changes: Any) -> Any:
    request = a_request(area, geometry=WORLD, **changes)
    system.send(request)
    return outcome(system, request)


def scenes(system: System, area: str) -> dict[str, str]:
    """Record by name of scene, as the read model has it."""
    rows = [r for r in system.table().values() if isinstance(r, DownloadRow)]
    return {r.scene.name: r.scene.record for r in rows if r.area == area}


def test_layers_are_looked_for_before_any_scene_is(indexed):
    # The search would fail, and be tried for a while: it is not asked.
    product = indexed.folder / "products" / NAMES[0] / f"{NAMES[0]}_B1.TIF"
    product.write_bytes(b"no raster")
    layers = {"B1": {"variable": "B1", "instance": "raw"}}
    refused = send(
        indexed, "layers", layers=layers, tile_graph_name="ExtractLandsatBands"
    )
    assert isinstance(refused, IngestionRefused)
    unknown = "variable 'B1' is unknown"
    assert any(unknown in problem for problem in refused.problems)
    assert not any(NAMES[0] in problem for problem in refused.problems)
    assert records(indexed) == []


def test_scenes_that_come_again_keep_their_records(indexed):
    with GeocubeClient(indexed.settings.geocube_address) as client:
        variable = client.ensure_variable(
            Variable("red", DataFormat(Dtype.FLOAT32, 0, 0, 1))
        )
        client.ensure_instance(variable, "raw")
    send(indexed, "again", record_tags={"source": "test"})
    made = {record.name: record.id for record in records(indexed)}
    assert set(made) == set(NAMES)
    assert {record.tags["source"] for record in records(indexed)} == {"test"}
    wait_for(lambda: scenes(indexed, "again") == made)
    before = set(indexed.table())

    # The same request, and one that would have the records tagged otherwise.
    send(indexed, "again", record_tags={"source": "test"})
    listed = send(indexed, "again", record_tags={"source": "other"})
    assert {record.id for record in records(indexed)} == set(made.values())
    key = f"again!{listed.ingestion}"
    wait_for(lambda: key in indexed.table())
    assert scenes(indexed, "again") == made
    new = set(indexed.table()) - before
    assert all("!" in key for key in new), new


def test_records_of_scenes_that_are_not_accepted_are_removed(indexed):
    projector = indexed.processes[-1]
    send(indexed, "late", record_tags={"source": "test"})
    made = {record.id for record in records(indexed)}
    wait_for(lambda: set(scenes(indexed, "late").values()) == made)
    projector.stop()
    indexed.processes.remove(projector)
    # An area that the read model does not know yet, asked for twice.
    send(indexed, "blind", record_tags={"source": "first"})
    kept = {record.id for record in records(indexed)} - made
    send(indexed, "blind", record_tags={"source": "second"})
    assert len(records(indexed)) == 6
    indexed.start("projector")
    # The log has each scene once, with the record that it was accepted with.
    wait_for(lambda: {record.id for record in records(indexed)} == made | kept)
    assert set(scenes(indexed, "blind").values()) == kept


def test_cancelled_area_gets_no_records(indexed):
    send(indexed, "gone")
    made = {record.id for record in records(indexed)}
    indexed.write(*facts([AreaCancelled("gone", "tests", "no longer wanted")]))
    wait_for(lambda: _state(indexed, "gone") is AreaState.CANCELLED)
    refused = send(indexed, "gone", record_tags={"source": "late"})
    assert isinstance(refused, IngestionRefused)
    assert refused.problems[0].startswith("$.name: area 'gone' was cancelled")
    assert {record.id for record in records(indexed)} == made


def _state(system: System, area: str) -> AreaState | None:
    row = system.table().get(area)
    return row.state if isinstance(row, AreaRow) else None
