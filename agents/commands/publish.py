# SPDX-License-Identifier: Apache-2.0
"""`ingester publish`: check a request, show what it leads to, send it."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from agents.catalogue.agent import open_catalogue
from agents.commands.status import follow_area
from agents.commands.terminal import ERR, OUT, AsJson, say_json, table
from agents.settings import Settings, load_settings
from infra.kafka.connection import connection
from infra.kafka.writer import Writer
from streams.codec import pack
from streams.envelope import Envelope
from streams.errors import InvalidRequest
from streams.events import Event, IngestionListed, TaskCreated
from streams.model import Scene, Tile
from streams.orders import IngestionRequest
from streams.payload import read_payload
from streams.topics import REQUESTS, key_of


def publish(
    file: Annotated[Path, typer.Argument(help="The request: GeoJSON and parameters.")],
    dry_run: Annotated[
        bool,
        typer.Option(help="Search and show scenes, tiles and chains; send nothing."),
    ] = False,
    follow: Annotated[bool, typer.Option(help="Watch until everything ended.")] = False,
    name: Annotated[str, typer.Option(help="Area name, instead of the file's.")] = "",
    as_json: AsJson = False,
) -> None:
    """Send an ingestion request, once it is checked.

    Everything that can be known beforehand is checked first; a request that is wrong is
    not sent.
    """
    settings = load_settings()
    request = read_request(file, name)
    catalogue = open_catalogue(settings)
    for warning in catalogue.check(request):
        ERR.print(f"[yellow]note[/]: {warning}")
    if dry_run:
        _show_plan(catalogue.plan(request), as_json=as_json)
        return
    send_request(settings, request)
    if as_json:
        say_json({"area": request.name, "request": request.request})
    else:
        OUT.print(f"sent request {request.request} for area [bold]{request.name}[/]")
    if follow:
        follow_area(settings, request.name)
    elif not as_json:
        OUT.print(f"watch it with: ingester status {request.name} --follow")


def read_request(file: Path, name: str = "") -> IngestionRequest:
    """The request in a file, with an id of its own, asked by this user.

    Raises:
        InvalidRequest: with everything that is wrong.
    """
    try:
        text = file.read_bytes()
    except OSError as error:
        raise InvalidRequest(str(file), [str(error.strerror)]) from error
    return read_payload(text, request=uuid4().hex, by=getpass.getuser(), name=name)


def send_request(settings: Settings, request: IngestionRequest) -> None:
    """Write the request; it is there when this returns."""
    envelope = Envelope(
        request,
        id=request.request,
        time=datetime.now(UTC),
        source="/cli",
        subject=request.name,
        correlation=request.request,
    )
    writer = Writer(connection(settings, "cli"))
    writer.check(REQUESTS.name)
    writer.write([pack(REQUESTS.name, key_of(request), envelope)])


def _show_plan(events: list[Event], *, as_json: bool) -> None:
    if as_json:
        say_json(events)
        return
    created = [event for event in events if isinstance(event, TaskCreated)]
    scenes = [event.scene for event in created if event.scene is not None]
    tiles = [event.tile for event in created if event.tile is not None]
    _show_scenes(scenes)
    _show_chains(tiles)
    for event in events:
        if isinstance(event, IngestionListed) and event.left_out:
            _show_left_out(event)
    OUT.print(f"{len(scenes)} scenes, {len(tiles)} tiles; nothing was sent")


def _show_scenes(scenes: list[Scene]) -> None:
    found = table("Scenes", "acquired", "scene", "tiles", "cloud cover")
    for scene in scenes:
        cover = scene.metadata.get("cloud_cover_pct", "")
        found.add_row(_day(scene.date), scene.name, str(len(scene.parts)), cover)
    OUT.print(found)


def _show_chains(tiles: list[Tile]) -> None:
    chains: dict[str, list[Tile]] = {}
    for tile in sorted(tiles, key=lambda tile: (tile.date, tile.name)):
        chains.setdefault(tile.cell, []).append(tile)
    found = table("Chains", "place", "dates", "in order")
    for cell, members in sorted(chains.items()):
        days = " ← ".join(_day(tile.date) for tile in members)
        found.add_row(cell or "no chain", str(len(members)), days)
    OUT.print(found)


def _show_left_out(event: IngestionListed) -> None:
    found = table("Left out", "scene", "reason")
    for item in event.left_out:
        found.add_row(item.scene, item.reason)
    OUT.print(found)


def _day(time: Any) -> str:
    return f"{time:%Y-%m-%d}"
