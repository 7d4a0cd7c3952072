# SPDX-License-Identifier: Apache-2.0
"""What the demo asks for, as a user would write it."""

from typing import Any

from agents.commands.demo.products import AREA, PLACES
from agents.commands.stack import geocube_client
from agents.settings import Settings
from infra.geocube.formats import DataFormat, Dtype
from infra.geocube.variables import Variable

BANDS = ("B02", "B03", "B04", "B05")
INSTANCE = "demo"


def request_document(area: str) -> dict[str, Any]:
    """The payload: GeoJSON of the area, interval, graphs and layers."""
    west, south, east, north = AREA
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    dates = [day for place in PLACES for day in place.dates]
    return {
        "name": area,
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "start_time": f"{min(dates)}T00:00:00Z",
        "end_time": f"{max(dates)}T23:59:59Z",
        "scene_type": {"constellation": "landsat89"},
        "scene_graph_name": "CopyProductToStorage",
        "tile_graph_name": "ExtractLandsatBands",
        "layers": {
            band: {"variable": variable_name(band), "instance": INSTANCE}
            for band in BANDS
        },
        "record_tags": {"source": "demo"},
        "is_retriable": True,
        "retry_count": 1,
    }


def variable_name(band: str) -> str:
    """Name of a band's variable in the Geocube."""
    return f"landsat/{band}"


def make_variables(settings: Settings) -> None:
    """The variables and instances that the request names: a Geocube's owner's job."""
    numbers = DataFormat(Dtype.UINT16, 0, 1, 65535)
    with geocube_client(settings) as geocube:
        for band in BANDS:
            wanted = Variable(
                variable_name(band), numbers, unit="DN", description=f"band {band}"
            )
            geocube.ensure_instance(geocube.ensure_variable(wanted), INSTANCE)
