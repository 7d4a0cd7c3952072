# SPDX-License-Identifier: Apache-2.0
"""Geometry: footprints per second against an area of many vertices.

`FOOTPRINTS=100000 VERTICES=10000 python -m benchmarks.bench_geometry` chooses sizes.
Every way reads the same footprints from WKT and says which of them meet the same area:

- *catalogue*: what the inventory does: read all at once, mend what is odd, a tree of
  boxes, the area prepared;
- *inventory*: the same within the inventory of as many scenes, from scenes to scenes
  kept and reasons for the others (all of it under *meet*);
- *loop, prepared*: one footprint after the other, the area prepared;
- *loop*: one footprint after the other, nothing prepared.

The loops mend nothing, so that they are the faster for it. They must find the same.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from agents.catalogue.geometry import meeting, read_footprints
from agents.catalogue.inventory import take_inventory
from streams.model import Scene

_SEED = 20180101
_DATE = datetime(2018, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Result:
    """What one way took."""

    way: str
    read_s: float
    meet_s: float
    met: int

    @property
    def total_s(self) -> float:
        """From text to answer."""
        return self.read_s + self.meet_s


def made_area(vertices: int) -> shapely.Polygon:
    """A coast with five capes, rough at every vertex, 60 degrees wide."""
    random = np.random.default_rng(_SEED)
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    rough = 0.02 * random.standard_normal(vertices)
    radius = 20 * (1 + 0.3 * np.sin(5 * angle) + rough)
    lon, lat = 1.5 * radius * np.cos(angle), radius * np.sin(angle)
    area = shapely.Polygon(np.column_stack((10 + lon, 45 + lat)))
    if not area.is_valid:
        raise AssertionError("the made area crosses itself")
    return area


def made_footprints(number: int, around: BaseGeometry) -> list[str]:
    """Slanted squares of some 110 km, anywhere in the box of the area."""
    random = np.random.default_rng(_SEED + 1)
    west, south, east, north = around.bounds
    lon, lat = random.uniform(west, east, number), random.uniform(south, north, number)
    turned = random.uniform(0, 2 * np.pi, number)
    corners = [
        np.column_stack(
            (
                lon + 0.9 * np.cos(turned + quarter * np.pi / 2),
                lat + 0.6 * np.sin(turned + quarter * np.pi / 2),
            )
        )
        for quarter in (0, 1, 2, 3, 0)
    ]
    squares = shapely.polygons(np.stack(corners, axis=1))
    return [str(text) for text in shapely.to_wkt(squares, rounding_precision=6)]


def catalogue(texts: list[str], area: BaseGeometry) -> Result:
    """As the inventory does it."""
    begin = time.perf_counter()
    footprints = read_footprints(texts)
    read = time.perf_counter()
    met = int(meeting(area, footprints).sum())
    return Result("catalogue", read - begin, time.perf_counter() - read, met)


def inventory(texts: list[str], area: BaseGeometry) -> Result:
    """All that is done to scenes once they are found."""
    scenes = [Scene(str(n), "any", _DATE, text) for n, text in enumerate(texts)]
    begin = time.perf_counter()
    kept = take_inventory(scenes, area, _DATE, _DATE).scenes
    return Result("inventory", 0, time.perf_counter() - begin, len(kept))


def prepared_loop(texts: list[str], area: BaseGeometry) -> Result:
    """One by one, the area prepared."""
    shapely.prepare(area)
    return _loop("loop, prepared", texts, area)


def loop(texts: list[str], area: BaseGeometry) -> Result:
    """One by one, nothing prepared."""
    return _loop("loop", texts, area)


def _loop(way: str, texts: list[str], area: BaseGeometry) -> Result:
    begin = time.perf_counter()
    shapes = [shapely.from_wkt(text) for text in texts]
    read = time.perf_counter()
    met = sum(area.intersects(shape) for shape in shapes)
    return Result(way, read - begin, time.perf_counter() - read, met)


WAYS: tuple[Callable[[list[str], BaseGeometry], Result], ...] = (
    catalogue,
    inventory,
    prepared_loop,
    loop,
)


def main() -> None:
    """Measure every way, print the table and the result."""
    number = int(os.environ.get("FOOTPRINTS", "100000"))
    vertices = int(os.environ.get("VERTICES", "10000"))
    texts = made_footprints(number, made_area(vertices))
    print(f"{number} footprints, an area of {vertices} vertices")
    print(f"{'way':16}{'read s':>9}{'meet s':>9}{'total s':>9}{'met':>9}")
    results = []
    for way in WAYS:
        # A new area each time: preparing one stays with it.
        result = way(texts, made_area(vertices))
        results.append(result)
        print(
            f"{result.way:16}{result.read_s:9.2f}{result.meet_s:9.2f}"
            f"{result.total_s:9.2f}{result.met:9}",
            flush=True,
        )
    ours, whole, *others = results
    if any(other.met != ours.met for other in results):
        raise AssertionError("the ways do not agree on what meets the area")
    print(
        f"RESULT footprints={number} vertices={vertices} seconds={ours.total_s:.2f} "
        f"ratio_loop={others[-1].total_s / ours.total_s:.1f} "
        f"ratio_loop_prepared={others[0].total_s / ours.total_s:.1f} "
        f"inventory_seconds={whole.total_s:.2f}"
    )


if __name__ == "__main__":
    main()
