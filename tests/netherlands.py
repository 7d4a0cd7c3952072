# SPDX-License-Identifier: Apache-2.0
"""250 STAC items in five WRS places: the recorded ones if they are here, else made up.

The made-up ones have the same places, numbers and spread of dates, and plain outlines.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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
