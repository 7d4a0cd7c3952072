# SPDX-License-Identifier: Apache-2.0
"""One annotation of a Sentinel-1 SLC product: a sub-swath in one polarisation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from agents.catalogue.bursts.ids import CYCLES, SWATHS
from agents.worker.markup import parse
from streams.errors import DamagedProduct

_POINTS = "geolocationGrid/geolocationGridPointList/geolocationGridPoint"


@dataclass(frozen=True, slots=True)
class Grid:
    """Where lines and pixels of the sub-swath image lie."""

    lines: NDArray[np.int64]
    """Sorted: the first line of every burst, and the last line of the last one."""
    times_s: NDArray[np.float64]
    """When each line was acquired (azimuth time), seconds after the ascending node."""
    near: NDArray[np.float64]
    """Longitude and latitude of the first pixel of each line, degrees, shape (n, 2)."""
    far: NDArray[np.float64]
    """The same of the last pixel."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What an annotation says of the bursts of its sub-swath, in order of time."""

    name: str
    """Of the file."""
    swath: str
    lines: int
    """Of each burst."""
    line_s: float
    """Between two lines, seconds."""
    sensing_s: NDArray[np.float64]
    """When the middle of each burst was sensed, seconds after the ascending node."""
    anx_s: NDArray[np.float64]
    """`azimuthAnxTime` of each burst's first line, seconds."""
    burst_ids: tuple[int, ...] | None
    """Number of each burst's cycle; None before processor 3.40, which adds them."""
    grid: Grid


def read_annotation(name: str, document: bytes) -> Annotation:
    """What an annotation file says.

    Raises:
        DamagedProduct: it is not one of an IW or EW SLC product, or something that
            the bursts need is missing.
    """
    root = parse(name, document)
    try:
        return _annotation(name, root)
    except (ValueError, OverflowError) as error:
        raise DamagedProduct(f"{name}: {error}") from error


def _annotation(name: str, root: Element) -> Annotation:
    swath = _text(root, "adsHeader/swath")
    if swath not in SWATHS:
        raise ValueError(f"sub-swath '{swath}' has no bursts")
    node = _times([_text(root, "imageAnnotation/imageInformation/ascendingNodeTime")])
    bursts = root.findall("swathTiming/burstList/burst")
    if not bursts:
        raise ValueError("no burst in it")
    lines = int(_text(root, "swathTiming/linesPerBurst"))
    last_pixel = int(_text(root, "swathTiming/samplesPerBurst")) - 1
    return Annotation(
        name=name,
        swath=swath,
        lines=lines,
        line_s=_number(root, "imageAnnotation/imageInformation/azimuthTimeInterval"),
        sensing_s=_seconds(_times(_texts(bursts, "sensingTime")), node),
        anx_s=_numbers(_texts(bursts, "azimuthAnxTime")),
        burst_ids=_burst_ids(bursts),
        grid=_grid(root, node, len(bursts), lines, last_pixel),
    )


def _burst_ids(bursts: Sequence[Element]) -> tuple[int, ...] | None:
    """`burstId` of each burst; its attribute `absolute` differs between swaths."""
    found = [burst.findtext("burstId") for burst in bursts]
    if None in found:
        return None
    numbers = tuple(int(text or "") for text in found)
    if not all(1 <= number <= CYCLES for number in numbers):
        raise ValueError(f"a burstId that is not from 1 to {CYCLES}")
    return numbers


def _grid(
    root: Element, node: NDArray[np.datetime64], bursts: int, lines: int, last: int
) -> Grid:
    points = root.findall(_POINTS)
    numbers = np.array(_texts(points, "line"), int)
    pixels = np.array(_texts(points, "pixel"), int)
    places = np.column_stack(
        [_numbers(_texts(points, axis)) for axis in ("longitude", "latitude")]
    )
    if (np.abs(places) > (180, 90)).any():
        raise ValueError("geolocation grid: a place that is not on Earth")
    near, far = np.flatnonzero(pixels == 0), np.flatnonzero(pixels == last)
    near, far = near[np.argsort(numbers[near])], far[np.argsort(numbers[far])]
    if not np.array_equal(numbers[near], numbers[far]):
        raise ValueError(f"geolocation grid: pixels 0 and {last} are on other lines")
    _check_lines(set(numbers[near].tolist()), bursts, lines)
    times = _times(_texts([points[index] for index in near], "azimuthTime"))
    return Grid(numbers[near], _seconds(times, node), places[near], places[far])


def _check_lines(given: set[int], bursts: int, lines: int) -> None:
    end = bursts * lines
    wanted = [burst * lines for burst in range(bursts)]
    missing = [line for line in wanted if line not in given]
    if given.isdisjoint({end - 1, end}):
        missing.append(end - 1)
    if missing:
        raise ValueError(f"geolocation grid: no line {', '.join(map(str, missing))}")


def _text(root: Element, path: str) -> str:
    text = root.findtext(path)
    if not text:
        raise ValueError(f"no {path}")
    return text


def _texts(elements: Iterable[Element], name: str) -> list[str]:
    return [_text(element, name) for element in elements]


def _number(root: Element, path: str) -> float:
    return float(_numbers([_text(root, path)])[0])


def _numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    numbers = np.array(texts, float)
    if not np.isfinite(numbers).all():
        raise ValueError("a number is not finite")
    return numbers


def _times(texts: Sequence[str]) -> NDArray[np.datetime64]:
    times = np.array(texts, "datetime64[us]")
    if np.isnat(times).any():
        raise ValueError("a time is none")
    return times


def _seconds(
    times: NDArray[np.datetime64], since: NDArray[np.datetime64]
) -> NDArray[np.float64]:
    return (times - since) / np.timedelta64(1, "s")
