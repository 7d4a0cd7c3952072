# SPDX-License-Identifier: Apache-2.0
"""250 STAC items in five WRS places: the recorded ones if they are here, else made up.

The made-up ones have the same places, numbers and spread of dates, and plain outlines.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import urllib3

from streams.orders import IngestionRequest
from tests.system import free_port, wait_for

RECORDED = (
    Path(__file__).parents[2]
    / "shared/data/catalogue-responses/landsat-c2-l2-netherlands-items.json"
)

CHAINS = {"197023": 62, "198023": 59, "198022": 58, "197022": 56, "196023": 15}

AREA = (3.0, 50.0, 9.0, 55.0)
"""West, south, east, north, degrees: meets every item."""

START = datetime(2019, 1, 1, tzinfo=UTC)
END = datetime(2023, 1, 1, tzinfo=UTC)

COLLECTION = "landsat-8-c2-l2"


def items() -> list[dict[str, Any]]:
    """The items, as GeoJSON features with empty links."""
    found = _recorded() if RECORDED.exists() else _made_up()
    return [{**item, "links": []} for item in found]


def _recorded() -> list[dict[str, Any]]:
    features: list[dict[str, Any]] = json.loads(RECORDED.read_text())["features"]
    return features


def _made_up() -> list[dict[str, Any]]:
    return [
        _item(place, number) for place, many in CHAINS.items() for number in range(many)
    ]


def _item(place: str, number: int) -> dict[str, Any]:
    west = 4.0 + 0.5 * (198 - int(place[:3]))
    south = 51.0 + 0.5 * (23 - int(place[3:]))
    date = START + timedelta(days=16 * number + int(place[:3]) % 7, seconds=number)
    ring = [
        [west, south],
        [west + 2, south],
        [west + 2, south + 1.5],
        [west, south + 1.5],
        [west, south],
    ]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": f"LC08_L2SP_{place}_{date:%Y%m%d}_02_T1",
        "collection": COLLECTION,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, west + 2, south + 1.5],
        "properties": {"datetime": date.isoformat(), "eo:cloud_cover": number % 90},
        "assets": {},
    }


NAME = "netherlands"


def request(**changes: Any) -> IngestionRequest:
    """Everything there is, with nothing to do but go through it in order."""
    west, south, east, north = AREA
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    wanted = {
        "name": NAME,
        "request": "request-1",
        "geometry": json.dumps({"type": "Polygon", "coordinates": [ring]}),
        "start_time": START,
        "end_time": END,
        "constellation": "landsat",
        "scene_graph": "Pass",
        "tile_graph": "Pass",
        "searches": ("stac",),
    }
    return IngestionRequest(**(wanted | changes))


AGENTS = ("workflow", "projector", "catalogue", "downloader", "processor", "gateway")


def settings(stac_url: str) -> dict[str, str]:
    """Settings of the agents: the items are searched, nothing else is done."""
    return {
        "search_stac_url": stac_url,
        "downloader_providers": "null",
        "processor_indexers": "",
    }


@contextmanager
def stac_api(folder: Path) -> Iterator[str]:
    """A real STAC API server with the items; its URL."""
    file = folder / "items.json"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": items()}))
    address = f"127.0.0.1:{free_port()}"
    server = Path(sys.executable).with_name("rustac")
    process = subprocess.Popen(
        [server, "serve", file, "--addr", address, "--create-collections"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: _answers(process, f"http://{address}"))
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(10)


def _answers(process: "subprocess.Popen[bytes]", url: str) -> bool:
    if process.poll() is not None:
        raise AssertionError(f"the STAC server ended with {process.returncode}")
    try:
        return urllib3.request("GET", url, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def write_static_catalogue(folder: Path) -> Path:
    """The items as a static STAC catalogue; its root file."""
    entries = items()
    for item in entries:
        (folder / f"{item['id']}.json").write_text(json.dumps(item))
    links = [{"rel": "item", "href": f"./{item['id']}.json"} for item in entries]
    root = folder / "catalog.json"
    catalogue = {
        "type": "Catalog",
        "id": "netherlands",
        "description": "Landsat over the Netherlands",
        "stac_version": "1.0.0",
        "links": [{"rel": "root", "href": "./catalog.json"}, *links],
    }
    root.write_text(json.dumps(catalogue))
    return root
