# SPDX-License-Identifier: Apache-2.0
"""The area of a request, and what its writer should know of how it was read."""

import json

import shapely
from shapely.geometry.base import BaseGeometry

from streams.errors import InvalidRequest
from streams.geojson import GeometryProblem, area_of
from streams.orders import IngestionRequest


def area_in(request: IngestionRequest) -> BaseGeometry:
    """Polygon or multipolygon on Earth, whoever wrote the request.

    Raises:
        InvalidRequest: there is none, or it is not valid.
    """
    try:
        return shapely.geometry.shape(area_of(json.loads(request.geometry)))
    except GeometryProblem as problem:
        text = f"$.geometry{str(problem).removeprefix('$')}"
        raise InvalidRequest("payload", [text]) from problem
    except ValueError as error:
        raise InvalidRequest("payload", [f"$.geometry: not JSON: {error}"]) from error


def crossing(area: BaseGeometry) -> list[str]:
    """A warning when an area crosses the 180th meridian: was it meant to?"""
    spans = sorted(
        (west, east) for west, _, east, _ in shapely.bounds(shapely.get_parts(area))
    )
    if not spans or spans[0][0] > -180 or max(east for _, east in spans) < 180:
        return []
    # The widest gap is what the area leaves out on its way around.
    reach, gaps = spans[0][1], []
    for west, east in spans[1:]:
        gaps.append((west - reach, reach, west))
        reach = max(reach, east)
    width, east, west = max(gaps, default=(0, 0, 0))
    if width <= 0:
        return []
    return [
        f"the area crosses the 180th meridian: from longitude {west:g} eastwards to "
        f"{east:g}; if that is not meant, put a point on each edge of more than 180°"
    ]
