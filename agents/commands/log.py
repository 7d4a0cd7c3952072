# SPDX-License-Identifier: Apache-2.0
"""`ingester log`: the task log as a file, to keep, to send, to run elsewhere."""

import gzip
import zlib
from collections import deque
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from agents.commands.replay import read_log
from agents.commands.terminal import OUT, AsJson, say_json
from agents.settings import load_settings
from infra.kafka.connection import connection
from infra.kafka.writer import Writer
from streams.codec import pack
from streams.errors import InvalidRequest, UndecodableRecord
from streams.logfile import read_line, write_line
from streams.replay import Positioned
from streams.topics import TASKS, key_of

app = typer.Typer(no_args_is_help=True, help="The task log as a file.")


@app.command("export")
def export_(
    names: Annotated[
        list[str],
        typer.Argument(metavar="[AREA] FILE", help="One area, or all, to this file."),
    ],
    as_json: AsJson = False,
) -> None:
    """Write facts to a file, one JSON object a line; packed when it ends with .gz.

    The file appears when it is complete, and takes the place of one of that name.
    """
    if len(names) > 2:
        raise InvalidRequest(
            "log export", [f"{len(names)} names, expected [AREA] FILE"]
        )
    area, file = names[0] if len(names) == 2 else "", Path(names[-1])
    facts = 0
    with _written(file) as out:
        for entry in read_log(load_settings(), area):
            out.write(write_line(entry))
            facts += 1
        if area and not facts:
            raise InvalidRequest(f"area '{area}'", ["the log has no fact of it"])
    report = {"facts": facts, "file": str(file)}
    say_json(report) if as_json else OUT.print(f"wrote {facts} facts to {file}")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A file that `log export` wrote.")],
    resume: Annotated[
        bool,
        typer.Option(help="Go on with an import that was interrupted."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the facts of a file to the log, with their ids, times and order.

    Refused when the log has facts of one of its areas already; with --resume they may
    be the first ones of the file. Offsets are those of this log. Everything follows
    from the facts here too: stop the workers first if nothing may be done again.
    """
    settings = load_settings()
    told = _ids_by_area(_read(file))
    there = _ids_by_area(_only(told, read_log(settings)))
    _check(told, there, resume=resume)
    writer = Writer(connection(settings, "cli"))
    written = 0
    for entry in _read(file):
        message = entry.fact.message
        if there.get(message.area):
            there[message.area].popleft()  # an interrupted import has written it
            continue
        writer.send(pack(TASKS.name, key_of(message), entry.fact))
        written += 1
    writer.flush()
    report = {"facts": written, "areas": sorted(told)}
    if as_json:
        say_json(report)
    else:
        OUT.print(f"wrote {written} facts of {len(told)} areas to the log")


def _ids_by_area(log: Iterable[Positioned]) -> dict[str, deque[str]]:
    """Ids of facts in order, by area."""
    ids: dict[str, deque[str]] = {}
    for entry in log:
        ids.setdefault(entry.fact.message.area, deque()).append(entry.fact.id)
    return ids


def _only(areas: Container[str], log: Iterable[Positioned]) -> Iterator[Positioned]:
    return (entry for entry in log if entry.fact.message.area in areas)


def _check(
    told: dict[str, deque[str]], there: dict[str, deque[str]], *, resume: bool
) -> None:
    """May the facts of a file follow those of the log?

    Raises:
        InvalidRequest: an area has facts already, which are not the file's first ones.
    """
    problems = []
    for area, ids in there.items():
        if not resume:
            problems.append(
                f"area '{area}': the log has {len(ids)} facts of it already"
            )
        elif list(islice(told[area], len(ids))) != list(ids):
            problems.append(
                f"area '{area}': its facts there are not the first ones of the file"
            )
    if problems:
        raise InvalidRequest("log import", problems)


def _read(file: Path) -> Iterator[Positioned]:
    try:
        with _opened(file) as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield read_line(line)
                except UndecodableRecord as error:
                    raise InvalidRequest(
                        f"{file}, line {number}", [str(error)]
                    ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidRequest(str(file), [str(error)]) from error


def _opened(file: Path) -> BufferedIOBase:
    return gzip.open(file) if file.suffix == ".gz" else file.open("rb")


@contextmanager
def _written(file: Path) -> Iterator[BufferedIOBase]:
    """A file that takes its name once it is whole."""
    part = file.with_name(f".{file.name}.part")
    packed = file.suffix == ".gz"
    try:
        with gzip.open(part, "wb") if packed else part.open("wb") as out:
            yield out
        part.replace(file)
    except OSError as error:
        raise InvalidRequest(str(file), [str(error.strerror)]) from error
    finally:
        part.unlink(missing_ok=True)
