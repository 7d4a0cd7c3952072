# SPDX-License-Identifier: Apache-2.0
"""`ingester dead-letters`: see what could not be handled, mend it, send it again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from agents.commands.terminal import OUT, AsJson, say_json, table
from agents.settings import Settings, load_settings
from infra.kafka.connection import connection
from infra.kafka.reader import TopicReader
from infra.kafka.writer import Writer
from streams.codec import unpack_as
from streams.envelope import Record
from streams.errors import InvalidRequest
from streams.orders import DeadLetter
from streams.topics import DEAD_LETTERS

app = typer.Typer(no_args_is_help=True, help="Records that could not be handled.")

Place = Annotated[str, typer.Argument(help="PARTITION@OFFSET, as `list` shows it.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Every dead letter with its cause."""
    letters = list(_letters(load_settings()))
    if as_json:
        say_json([{"place": place, **_plain(letter)} for place, letter in letters])
        return
    found = table("Dead letters", "place", "from", "key", "agent", "cause", "message")
    for place, letter in letters:
        origin = f"{letter.topic}[{letter.partition}]@{letter.offset}"
        key = (letter.key or b"").decode("utf-8", "replace")
        found.add_row(place, origin, key, letter.agent, letter.cause, letter.message)
    OUT.print(found)


@app.command()
def replay(
    place: Place,
    value: Annotated[
        Path | None, typer.Option(help="A file with the mended value.")
    ] = None,
) -> None:
    """Send a dead letter to its topic again, as it was or with a mended value."""
    settings = load_settings()
    letter = _find(settings, place)
    body = value.read_bytes() if value is not None else letter.value
    record = Record(letter.topic, letter.key, body, tuple(letter.headers.items()))
    writer = Writer(connection(settings, "cli"))
    writer.check(record.topic)
    writer.write([record])
    OUT.print(f"sent {place} to {letter.topic} again")


@app.command()
def save(place: Place, file: Annotated[Path, typer.Argument()]) -> None:
    """Write the value of a dead letter to a file, to be mended."""
    letter = _find(load_settings(), place)
    file.write_bytes(letter.value or b"")
    OUT.print(f"wrote {len(letter.value or b'')} bytes to {file}")


def _letters(settings: Settings) -> Iterator[tuple[str, DeadLetter]]:
    with TopicReader(connection(settings, "cli")) as reader:
        for record in reader.read(DEAD_LETTERS.name):
            letter = unpack_as(DeadLetter, record).message
            yield f"{record.partition}@{record.offset}", letter


def _find(settings: Settings, place: str) -> DeadLetter:
    for there, letter in _letters(settings):
        if there == place:
            return letter
    raise InvalidRequest(
        f"dead letter '{place}'",
        ["there is none; `ingester dead-letters list` shows them"],
    )


def _plain(letter: DeadLetter) -> dict[str, str | int]:
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "key": (letter.key or b"").decode("utf-8", "replace"),
        "agent": letter.agent,
        "cause": letter.cause,
        "message": letter.message,
        "version": letter.version,
    }
