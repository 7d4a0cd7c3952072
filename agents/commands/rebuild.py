# SPDX-License-Identifier: Apache-2.0
"""`ingester rebuild`: a projection of the log, made again from its beginning."""

import time
from collections.abc import Callable
from itertools import islice

import typer
from rich.progress import Progress

from agents.commands.terminal import ERR, OUT, AsJson, say_json
from agents.projector.projection import Projection
from agents.settings import Settings, load_settings
from infra.kafka.connection import connection
from infra.kafka.reader import TopicReader
from infra.postgres.read_model import ReadModelWriter
from infra.postgres.rebuild import rebuilding
from streams.errors import ReadModelError
from streams.topics import TASKS

app = typer.Typer(no_args_is_help=True, help="Projections, made again from the log.")


@app.callback()
def _one_of() -> None:
    """Projections, made again from the log."""


@app.command()
def projector(as_json: AsJson = False) -> None:
    """Build the read model again while the old one serves, then switch.

    For a read model that was damaged, or is older than what it should show. Agents and
    gateways go on without a restart. Interrupted, the old one serves on, and the next
    rebuild begins anew.
    """
    settings = load_settings()
    begin = time.monotonic()
    with Progress(console=ERR, transient=True) as progress:
        facts = rebuild_projector(settings, progress)
    seconds = round(time.monotonic() - begin, 1)
    if as_json:
        say_json({"facts": facts, "duration_s": seconds})
    else:
        rate = f", {facts / seconds:.0f} a second" if seconds else ""
        OUT.print(f"rebuilt the read model from {facts} facts in {seconds} s{rate}")


def rebuild_projector(settings: Settings, progress: Progress) -> int:
    """Rebuild and switch; how many records of the log were projected.

    Raises:
        ReadModelError: another rebuild runs, or the database refuses.
    """
    at_once = settings.projector_batch
    with (
        rebuilding(settings.postgres_dsn.get_secret_value()) as rebuild,
        TopicReader(connection(settings, "rebuild")) as reader,
    ):
        projection = Projection()
        bar = progress.add_task("project")

        def tell(done: int, total: int) -> None:
            progress.update(bar, advance=done, total=total)

        def catch_up() -> int:
            return _project(reader, projection, rebuild.model, at_once, tell)

        facts = catch_up()
        rest: list[int] = []
        rebuild.switch(lambda: rest.append(catch_up()))
        return facts + sum(rest)


def _project(
    reader: TopicReader,
    projection: Projection,
    model: ReadModelWriter,
    at_once: int,
    tell: Callable[[int, int], None],
) -> int:
    """Bring a read model to the end of the log as it is now."""
    positions = model.positions()
    total = sum(
        max(span.end - positions.get(span.partition, span.begin), 0)
        for span in reader.spans(TASKS.name)
    )
    records = reader.read(TASKS.name, begin=positions)
    while batch := list(islice(records, at_once)):
        with model.transaction():
            behind = projection.project(model, batch)
        if behind:
            raise ReadModelError(
                f"the log lacks records at (partition: offset) {behind}"
            )
        tell(len(batch), total)
    return total
