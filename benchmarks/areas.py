# SPDX-License-Identifier: Apache-2.0
"""The log of a made-up area, fact by fact, as an undisturbed run would write it.

Chains of `DATES` tiles, scenes of `TILES_PER_SCENE`: every task is created, every scene
is downloaded, then the tiles are processed in order of date.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from streams.envelope import Envelope
from streams.events import (
    DownloadDone,
    DownloadStarted,
    Event,
    IngestionAccepted,
    IngestionListed,
    ProcessDone,
    ProcessStarted,
    TaskCreated,
)
from streams.model import (
    Action,
    Delivery,
    Kind,
    Layer,
    Part,
    Scene,
    Settings,
    Tile,
    download_task,
    process_task,
)

DATES = 100
"""Tiles of a chain: long ones, so that their length cannot hide."""

TILES_PER_SCENE = 10

_AREA = "bench"
_INGESTION = "request-1"
_ORIGIN = datetime(2020, 1, 1, tzinfo=UTC)
_SETTINGS = Settings("CopyProductToStorage", "ExtractLandsatBands", retry_count=1)


def facts(tiles: int) -> Iterator[Envelope[Event]]:
    """The facts of an area of so many tiles: a multiple of what `DATES` scenes hold."""
    said = _ORIGIN + timedelta(days=1000)
    for number, event in enumerate(_events(tiles)):
        time = said + timedelta(milliseconds=number)
        yield Envelope(event, f"fact-{number}", time, "/benchmarks")


def _events(tiles: int) -> Iterator[Event]:
    scenes, rest = divmod(tiles, DATES * TILES_PER_SCENE)
    if rest:
        raise ValueError(f"{tiles} tiles: not a multiple of {DATES * TILES_PER_SCENE}")
    end = _ORIGIN + timedelta(days=DATES)
    yield IngestionAccepted(_AREA, _INGESTION, _SETTINGS, "{}", _ORIGIN, end, "bench")
    for day in range(DATES):
        for row in range(scenes):
            yield from _created(row, day)
    yield IngestionListed(_AREA, _INGESTION, scenes * DATES, tiles)
    for day in range(DATES):
        for row in range(scenes):
            yield from _downloaded(row, day)
    for day in range(DATES):
        for row in range(scenes):
            yield from _processed(row, day)


def _scene(row: int, day: int) -> str:
    return f"LC08_L2SP_{row:06d}_{_ORIGIN + timedelta(days=day):%Y%m%d}_02_T1"


def _tiles(row: int) -> list[str]:
    return [f"T{row * TILES_PER_SCENE + n:06d}" for n in range(TILES_PER_SCENE)]


def _created(row: int, day: int) -> Iterator[Event]:
    name, date = _scene(row, day), _ORIGIN + timedelta(days=day)
    parts = tuple(Part(tile) for tile in _tiles(row))
    scene = Scene(name, "landsat", date, "POLYGON((3 50,9 50,9 55,3 50))", parts)
    task = download_task(_AREA, name)
    yield TaskCreated(_AREA, task, Kind.DOWNLOAD, _INGESTION, scene=scene)
    for tile in _tiles(row):
        yield TaskCreated(
            _AREA,
            process_task(_AREA, name, tile),
            Kind.PROCESS,
            _INGESTION,
            tile=Tile(tile, name, date, cell=tile),
        )


def _downloaded(row: int, day: int) -> Iterator[Event]:
    name = _scene(row, day)
    task = download_task(_AREA, name)
    given = tuple(
        Delivery(tile, (_layer(name, tile, "__product__"),)) for tile in _tiles(row)
    )
    yield DownloadStarted(_AREA, task, 1, "worker-1")
    yield DownloadDone(_AREA, task, 1, "worker-1", "local", given)


def _processed(row: int, day: int) -> Iterator[Event]:
    name = _scene(row, day)
    for tile in _tiles(row):
        task = process_task(_AREA, name, tile)
        layers = tuple(
            _layer(name, tile, band, Action.INDEX) for band in ("B04", "B05")
        )
        yield ProcessStarted(_AREA, task, 1, "worker-1")
        yield ProcessDone(_AREA, task, 1, "worker-1", layers)


def _layer(scene: str, tile: str, name: str, action: Action = Action.CREATE) -> Layer:
    uri = f"s3://ingester/{_AREA}/{scene}/tiles/{tile}/1/{name}.tif"
    return Layer(name, "tif", uri, 1_000_000, "0" * 64, action)
