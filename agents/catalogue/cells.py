# SPDX-License-Identifier: Apache-2.0
"""By which grid are the tiles of a request chained?"""

from pathlib import PurePosixPath

from agents.catalogue.sensor import Sensor
from streams.errors import InvalidRequest
from streams.orders import IngestionRequest

NONE = "none"
"""No grid: every tile is a root."""

# Scene graphs that keep a product whole, whatever its sensor could be cut in.
_WHOLE = frozenset({"CopyProductToStorage"})


def keeps_whole(request: IngestionRequest) -> bool:
    """Does the scene graph of a request keep its products in one piece?"""
    return PurePosixPath(request.scene_graph).stem in _WHOLE


def grid_of(request: IngestionRequest, sensor: Sensor) -> str:
    """The grid that a request names, or the default of its sensor and scene graph.

    Raises:
        InvalidRequest: the sensor has no such grid, for tiles of such a graph.
    """
    if not request.chain:
        return NONE
    known = (*sensor.grids(keeps_whole(request)), NONE)
    grid = request.cells.lower() or known[0]
    if grid not in known:
        raise InvalidRequest(
            "payload",
            [
                f"$.cells: '{request.cells}' is unknown for {sensor.constellation} "
                f"and graph '{request.scene_graph}', expected one of {', '.join(known)}"
            ],
        )
    return grid
