# SPDX-License-Identifier: Apache-2.0
"""Areas in the middle of their lives, with footprints, made up: facts for the page."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from streams.envelope import Envelope
from streams.events import (
    DownloadDone,
    DownloadFailed,
    DownloadStarted,
    Event,
    IngestionAccepted,
    IngestionListed,
    ProcessDone,
    ProcessFailed,
    ProcessStarted,
    TaskCreated,
    TaskRetryAsked,
)
from streams.failures import Failure
from streams.model import (
    Action,
    Delivery,
    Kind,
    Layer,
    Part,
    Scene,
    Settings,
    Tile,
    Trial,
    download_task,
    process_task,
)

COLUMNS = 10
"""Cells beside each other, and tiles of a scene."""

_FIRST = datetime(2023, 3, 1, tzinfo=UTC)
_WEST, _NORTH, _SIDE = 8.2, 57.4, 0.42
_TIMEOUT = (
    "GET /archive: 503 Service Unavailable, after 30 s; the provider is in maintenance"
)


def scenery(
    area: str, cells: int, dates: int, *, told: datetime, until: float = 0.7
) -> Iterator[Envelope[Event]]:
    """An area of so many chains of so many dates, worked on up to a share of the dates.

    Args:
        area: its name.
        cells: a multiple of `COLUMNS`.
        dates: tiles of a chain.
        told: when the last fact was.
        until: share of the dates that are done; some tasks before that failed.
    """
    events = list(_events(area, cells, dates, int(dates * until)))
    begin = told - timedelta(seconds=2 * len(events))
    for number, event in enumerate(events):
        time = begin + timedelta(seconds=2 * number)
        yield Envelope(event, f"{area}-{number}", time, "/tests")


def _events(area: str, cells: int, dates: int, done: int) -> Iterator[Event]:
    settings = Settings("CopyProductToStorage", "ExtractLandsatBands", retriable=True)
    end = _FIRST + timedelta(days=8 * dates)
    outline = _polygon(_WEST, _NORTH, COLUMNS, cells // COLUMNS)
    yield IngestionAccepted(area, "i1", settings, outline, _FIRST, end, "ann")
    strips = range(cells // COLUMNS)
    for day in range(dates):
        for strip in strips:
            yield from _created(area, strip, day)
    yield IngestionListed(area, "i1", dates * len(strips), dates * cells)
    for day in range(done + 1):
        for strip in strips:
            yield from _downloaded(area, strip, day, done)
    for day in range(done):
        for strip in strips:
            for column in range(COLUMNS):
                yield from _processed(area, strip, column, day)


def _scene(strip: int, day: int) -> str:
    return f"LC08_L1TP_196{strip:03}_{_FIRST + timedelta(days=8 * day):%Y%m%d}_02_T1"


def _tile(strip: int, column: int) -> str:
    return f"{196 + column:03}-{strip:03}"


def _created(area: str, strip: int, day: int) -> Iterator[Event]:
    name, date = _scene(strip, day), _FIRST + timedelta(days=8 * day, hours=10)
    tiles = [_tile(strip, column) for column in range(COLUMNS)]
    parts = tuple(Part(tile) for tile in tiles)
    scene = Scene(name, "landsat", date, _wkt(0, strip, COLUMNS), parts)
    yield TaskCreated(area, download_task(area, name), Kind.DOWNLOAD, "i1", scene=scene)
    for column, tile in enumerate(tiles):
        whole = Tile(tile, name, date, tile, footprint=_wkt(column, strip, 1))
        task = process_task(area, name, tile)
        yield TaskCreated(area, task, Kind.PROCESS, "i1", tile=whole)


def _downloaded(area: str, strip: int, day: int, done: int) -> Iterator[Event]:
    name = _scene(strip, day)
    task, worker = download_task(area, name), f"downloader-{day % 3}"
    yield DownloadStarted(area, task, 1, worker)
    if day == done:
        return
    lost = Trial("copernicus", Failure.NOT_FOUND, "no such product", 0, 0.4)
    if (strip, day) == (0, done // 2):
        message = f"copernicus: {_TIMEOUT}"
        trials = (lost, Trial("asf", Failure.BAD_INPUT, _TIMEOUT, 1_200_000, 30.0))
        yield DownloadFailed(area, task, 1, worker, Failure.BAD_INPUT, message, trials)
        return
    won = Trial("creodias", None, "", 740_000_000, 61.5)
    deliveries = tuple(
        Delivery(_tile(strip, column), (_layer(task, _tile(strip, column)),))
        for column in range(COLUMNS)
    )
    yield DownloadDone(area, task, 1, worker, "creodias", deliveries, (lost, won), 62.0)


def _processed(area: str, strip: int, column: int, day: int) -> Iterator[Event]:
    tile = _tile(strip, column)
    task = process_task(area, _scene(strip, day), tile)
    worker = f"processor-{(strip + column) % 4}"
    yield ProcessStarted(area, task, 1, worker)
    if (strip * 7 + column * 3 + day) % 37 == 36:
        message = "band 4: TIFFReadEncodedTile() failed, tile 12: 3 of 8 blocks missing"
        yield ProcessFailed(area, task, 1, worker, Failure.STEP_FATAL, message, 3.1)
        return
    if (strip * 7 + column * 3 + day) % 97 == 50:
        message = "step 2 (snap): out of memory after 1803 s"
        yield ProcessFailed(area, task, 1, worker, Failure.STEP_FAILED, message, 1803)
        yield TaskRetryAsked(area, task, 1, "ann", "more memory for SNAP since 14:00")
        yield ProcessStarted(area, task, 2, worker)
        if column % 2:
            yield ProcessFailed(
                area, task, 2, worker, Failure.STEP_FAILED, message, 1790
            )
            return
        yield ProcessDone(area, task, 2, worker, (_layer(task, "B04"),), 840)
        return
    yield ProcessDone(area, task, 1, worker, (_layer(task, "B04"),), 14.2)


def _layer(task: str, name: str) -> Layer:
    uri = f"s3://layers/{task}/1/{name}.tif"
    return Layer(name, "tif", uri, 12_400_000, "0" * 64, Action.INDEX)


def _corners(
    west: float, north: float, wide: float, high: float
) -> list[tuple[float, float]]:
    south, lean = north - high * _SIDE * 0.6, 0.1
    east = west + wide * _SIDE
    return [
        (west, north),
        (east, north - lean),
        (east - lean, south - lean),
        (west - lean, south),
        (west, north),
    ]


def _wkt(column: int, strip: int, wide: int) -> str:
    west, north = _WEST + column * _SIDE, _NORTH - strip * _SIDE * 0.6 - column * 0.01
    ring = ", ".join(f"{x:.4f} {y:.4f}" for x, y in _corners(west, north, wide, 1))
    return f"POLYGON (({ring}))"


def _polygon(west: float, north: float, wide: int, high: int) -> str:
    ring = [[x, y] for x, y in _corners(west - 0.05, north + 0.05, wide, high)]
    return f'{{"type": "Polygon", "coordinates": [{ring}]}}'
