# SPDX-License-Identifier: Apache-2.0
"""`ingester publish`: check a request, show what it leads to, send it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs

from agents.catalogue.agent import open_catalogue, open_documents
from agents.catalogue.known import NothingKnown
from agents.commands.catalogue import Posted, file_text, note, show
from agents.commands.requestfile import read_request
from agents.commands.status import follow_area
from agents.commands.terminal import OUT, AsJson, say_json
from agents.settings import Settings, load_settings
from infra.kafka.connection import connection
from infra.kafka.writer import Writer
from streams.codec import pack
from streams.envelope import Envelope
from streams.model import Stage
from streams.orders import IngestionRequest
from streams.topics import REQUESTS, key_of


def publish(
    file: Annotated[Path, typer.Argument(help="The request: GeoJSON and parameters.")],
    dry_run: Annotated[
        bool,
        typer.Option(help="Search and show scenes, tiles and chains; send nothing."),
    ] = False,
    follow: Annotated[bool, typer.Option(help="Watch until everything ended.")] = False,
    name: Annotated[str, typer.Option(help="Area name, instead of the file's.")] = "",
    scenes: Posted = None,
    as_json: AsJson = False,
) -> None:
    """Send an ingestion request, once it is checked.

    Everything that can be known beforehand is checked first; a request that is wrong is
    not sent.
    """
    settings = load_settings()
    request = read_request(file, name)
    catalogue = replace(open_catalogue(settings, note), documents=file_text)
    if not dry_run:
        # To send it takes Kafka alone.
        catalogue = replace(catalogue, known=NothingKnown())
    request = structs.replace(request, document=str(scenes or ""))
    for warning in catalogue.check(*catalogue.read(request)):
        note(warning)
    if dry_run:
        found = catalogue.preview(request, Stage.PLAN)
        if as_json:
            say_json(found.facts)
        else:
            show(found)
            total = f"{len(found.listed)} scenes, {found.tiles} tiles"
            OUT.print(f"{total}; nothing was sent")
        return
    if scenes is not None:
        kept = open_documents(settings).keep_posted(scenes.read_bytes())
        request = structs.replace(request, document=kept)
    send_request(settings, request)
    if as_json:
        say_json({"area": request.name, "request": request.request})
    else:
        OUT.print(f"sent request {request.request} for area [bold]{request.name}[/]")
    if follow:
        follow_area(settings, request.name)
    elif not as_json:
        OUT.print(f"watch it with: ingester status {request.name} --follow")


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
