# SPDX-License-Identifier: Apache-2.0
"""`ingester catalogue`: what a request would find, without asking anybody to do it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from msgspec import structs
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from agents.catalogue.agent import open_catalogue
from agents.catalogue.inventory import Told
from agents.catalogue.preview import Place, Preview
from agents.commands.requestfile import read_request
from agents.commands.terminal import ERR, OUT, AsJson, say_json, table
from agents.settings import load_settings
from streams.document import Listed, encoded
from streams.errors import InvalidRequest
from streams.model import LeftOut, Stage
from streams.orders import IngestionRequest

app = typer.Typer(no_args_is_help=True, help="Look for scenes and tiles; ingest none.")

_File = Annotated[Path, typer.Argument(help="The request: GeoJSON and parameters.")]

_Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Write GeoJSON there; - is standard output.",
        metavar="FILE",
    ),
]

Posted = Annotated[
    Path | None,
    typer.Option(
        help="Scenes or tiles of an answer, edited or not, instead of a search.",
        metavar="FILE",
    ),
]

_Page = Annotated[int | None, typer.Option(help="Page of scenes, from 0.", min=0)]
_Limit = Annotated[int | None, typer.Option(help="Scenes of a page; 0: all.", min=0)]

_STDOUT = Path("-")


@app.command()
def scenes(
    file: _File,
    output: _Output = None,
    page: _Page = None,
    limit: _Limit = None,
    as_json: AsJson = False,
) -> None:
    """The scenes that a search finds: a table, or GeoJSON."""
    request = _paged(read_request(file), page, limit)
    _tell(_look(request, None, Stage.SCENES), output, as_json=as_json)


@app.command()
def tiles(
    file: _File,
    scenes: Posted = None,
    output: _Output = None,
    page: _Page = None,
    limit: _Limit = None,
    as_json: AsJson = False,
) -> None:
    """The scenes with their tiles, and what these would be linked to."""
    request = _paged(read_request(file), page, limit)
    _tell(_look(request, scenes, Stage.TILES), output, as_json=as_json)


@app.command()
def plan(
    file: _File,
    scenes: Posted = None,
    output: _Output = None,
    as_json: AsJson = False,
) -> None:
    """Scenes, tiles, chains, what is left out and why, and how much work it is."""
    found = _look(read_request(file), scenes, Stage.PLAN)
    if as_json and output is None:
        say_json(found.summary())
    else:
        _tell(found, output, as_json=as_json)


def _paged(
    request: IngestionRequest, page: int | None, limit: int | None
) -> IngestionRequest:
    return structs.replace(
        request,
        page=request.page if page is None else page,
        limit=request.limit if limit is None else limit,
    )


def _look(request: IngestionRequest, posted: Path | None, stage: Stage) -> Preview:
    catalogue = open_catalogue(load_settings(), note)
    if posted is not None:
        catalogue = replace(catalogue, documents=file_text)
        request = structs.replace(request, document=str(posted))
    with _progress() as told:
        return catalogue.preview(request, stage, told)


def note(text: str) -> None:
    """Something to know, on standard error."""
    ERR.print("[yellow]note[/]:", end=" ")
    ERR.print(text, highlight=False, markup=False, soft_wrap=True)


def file_text(file: str) -> bytes:
    """What is in a file.

    Raises:
        InvalidRequest: it cannot be read.
    """
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise InvalidRequest(file, [str(error.strerror)]) from error


@contextmanager
def _progress() -> Iterator[Told]:
    """A bar on standard error, for as long as something is being done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=ERR, transient=True) as bars:
        bar = bars.add_task("check", total=None)

        def told(step: str, done: int, total: int) -> None:
            bars.update(
                bar, description=step, completed=done, total=total if total else None
            )

        yield told


def _tell(found: Preview, output: Path | None, *, as_json: bool) -> None:
    for warning in found.warnings:
        note(warning)
    if as_json or output == _STDOUT:
        say_json(found.document())
    elif output is not None:
        _write(output, encoded(found.document()))
        OUT.print(f"{len(found.listed)} scenes, {found.tiles} tiles in {output}")
    else:
        show(found)
        OUT.print(f"{len(found.listed)} scenes, {found.tiles} tiles")


def _write(output: Path, text: bytes) -> None:
    """The file appears whole, or not at all."""
    try:
        with TemporaryDirectory(dir=output.absolute().parent) as folder:
            part = Path(folder, output.name)
            part.write_bytes(text + b"\n")
            part.replace(output)
    except OSError as error:
        raise InvalidRequest(str(output), [str(error.strerror)]) from error


# -- tables


def show(found: Preview) -> None:
    """What was found, on the terminal."""
    _show_scenes(found.listed)
    if found.stage is not Stage.SCENES:
        _show_chains(found.places)
    if found.left_out:
        _show_left_out(found.left_out)
    if found.stage is Stage.PLAN:
        _show_estimate(found)


def _show_scenes(listed: tuple[Listed, ...]) -> None:
    shown = table("Scenes", "acquired", "scene", "tiles", "cloud cover")
    for one in listed:
        cover = one.scene.metadata.get("cloud_cover_pct", "")
        tiles = str(len(one.tiles)) if one.tiles else ""
        shown.add_row(_day(one.scene.date), one.scene.name, tiles, cover)
    OUT.print(shown)


def _show_chains(places: tuple[Place, ...]) -> None:
    shown = table("Chains", "place", "dates", "in order")
    for place in places:
        days = (" ← " if place.cell else ", ").join(_day(t.date) for t in place.tiles)
        shown.add_row(place.cell or "no chain", str(len(place.tiles)), days)
    OUT.print(shown)


def _show_left_out(left_out: tuple[LeftOut, ...]) -> None:
    shown = table("Left out", "scene", "reason")
    for item in left_out:
        shown.add_row(item.scene, item.reason)
    OUT.print(shown)


def _show_estimate(found: Preview) -> None:
    estimate = found.estimate
    shown = table("Work", "what", "how much")
    shown.add_row("downloads", str(estimate.downloads))
    shown.add_row("tiles to process", str(estimate.processes))
    shown.add_row("tiles there already", str(estimate.known_tiles))
    shown.add_row("longest chain", f"{estimate.longest_chain} tiles")
    shown.add_row("to download", _size(estimate.download_bytes, estimate.unsized))
    OUT.print(shown)


def _size(size_bytes: int, unsized: int) -> str:
    known = decimal(size_bytes) if size_bytes else ""
    unknown = f"{unsized} scenes of unknown size" if unsized else ""
    return " and ".join(filter(None, (known, unknown))) or "nothing"


def _day(time: Any) -> str:
    return f"{time:%Y-%m-%d}"
