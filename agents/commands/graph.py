# SPDX-License-Identifier: Apache-2.0
"""`ingester graph`: is a graph right, and what would it do for a tile?"""

import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from agents import plugins
from agents.commands.terminal import ERR, OUT, AsJson, say_json
from agents.settings import load_settings, plugin_options
from agents.worker.graph.check import (
    indexed_layers,
    loose_ends,
    missing_config,
    scene_graph_problems,
    unregistered_steps,
    wrong_formats,
)
from agents.worker.graph.engines import command, container, snap
from agents.worker.graph.load import load_graph
from agents.worker.graph.model import (
    Context,
    EngineName,
    Graph,
    Position,
    context,
)
from agents.worker.graph.picture import as_dot, as_svg, draw
from agents.worker.graph.plan import Command, make_plan
from agents.worker.graph.select import Expected, expected_outputs
from agents.worker.graph.shape import json_schema
from agents.worker.layers import stored_name
from streams.errors import InvalidGraph, InvalidRequest, PluginError, StepTransient
from streams.model import Scene, Tile

app = typer.Typer(no_args_is_help=True, help="Processing graphs.")

Name = Annotated[str, typer.Argument(help="A file, or the name of a graph we ship.")]
Pairs = Annotated[
    list[str] | None,
    typer.Option("--config", "-c", help="KEY=VALUE, as the request's graph_config."),
]
OfScene = Annotated[
    bool, typer.Option("--scene-graph", help="For the downloader: one tile alone.")
]

_CONSTELLATIONS = {
    "sentinel1": "S1",
    "sentinel2": "S2",
    "phr": "DS_PHR",
    "spot": "DS_SPOT",
    "landsat": "L[OTC]0[89]",
}

_DAY = re.compile(r"(?<!\d)(?:19|20)\d\d[01]\d[0-3]\d(?!\d)")

_WORKDIR = Path("WORKDIR")


@dataclass(frozen=True, slots=True)
class Planned:
    """What a graph would do, for machines."""

    graph: str
    sha256: str
    fetch: list[str]
    commands: list[list[str]]
    outputs: list[Expected]


@app.command()
def check(
    file: Name,
    config: Pairs = None,
    scene_graph: OfScene = False,
) -> None:
    """Say everything that is wrong with a graph, with the place in its JSON.

    Ends with 2 when something is. Notes are about what may be right elsewhere.
    """
    graph = _load(file)
    if scene_graph:
        _refuse(graph, scene_graph_problems(graph))
    _refuse(graph, wrong_formats(graph, _config(config)))
    for note in _notes(graph, _config(config)):
        ERR.print("[yellow]note[/]:", end=" ")
        ERR.print(note, highlight=False, markup=False, soft_wrap=True)
    indexed = ", ".join(indexed_layers(graph)) or "none"
    version = f" version {graph.version}" if graph.version else ""
    steps = len(graph.steps)
    _say(f"{graph.name}{version}: sound; steps: {steps}; indexed layers: {indexed}")


@app.command()
def plan(
    file: Name,
    tile: Annotated[
        str, typer.Option(help="SCENE, SCENE/TILE or SCENE/TILE@YYYY-MM-DD.")
    ],
    previous: Annotated[str, typer.Option(help="The one before it, likewise.")] = "",
    reference: Annotated[str, typer.Option(help="The first one, likewise.")] = "",
    swath: Annotated[str, typer.Option(help="Swath of the tile.")] = "",
    number: Annotated[int, typer.Option(help="Number of the tile there.")] = 0,
    config: Pairs = None,
    scene_graph: OfScene = False,
    dot: Annotated[
        Path | None, typer.Option(help="Write the picture, for Graphviz.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(help="Write the picture, for browsers.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a graph would do for a tile: files fetched, commands, files left.

    Nothing is run, and nothing read but the graph. WORKDIR stands for the work folder.
    """
    graph = _load(file)
    if scene_graph:
        _refuse(graph, scene_graph_problems(graph))
    here = _place(tile, swath, number)
    around = (
        _place(text, swath, number) if text else here for text in (previous, reference)
    )
    tiles = (here,) if scene_graph else (here, *around)
    settings = context(graph, tiles, _config(config), _WORKDIR)
    planned = _planned(graph, settings)
    say_json(planned) if as_json else _show(planned)
    picture = draw(graph, settings)
    if dot:
        dot.write_text(as_dot(picture), "utf-8")
    if svg:
        svg.write_text(as_svg(picture), "utf-8")


@app.command()
def schema() -> None:
    """The JSON Schema of graphs, for editors."""
    say_json(json_schema())


def _load(file: str) -> Graph:
    """A graph by its name or its path; commands beside it and below our roots."""
    settings = load_settings()
    roots = [Path(root) for root in settings.graph_roots]
    digests = settings.graph_digests
    path = Path(file)
    if not path.is_file():
        return load_graph(file, roots, digests)
    whole = path.resolve()
    beside = [] if whole.parent in roots else [whole.parent]
    graph = load_graph(str(whole), [*roots, *beside], digests)
    try:
        load_graph(str(whole), roots, digests)
    except InvalidGraph as error:
        ERR.print(
            "[yellow]note[/]: workers load graphs below INGESTER_GRAPH_ROOTS, "
            "where this one, or a command of it, is not"
        )
        for problem in error.problems:
            ERR.print(f"  {problem}", markup=False, highlight=False, soft_wrap=True)
    return graph


def _refuse(graph: Graph, problems: list[str]) -> None:
    if problems:
        raise InvalidGraph(graph.name, problems)


def _notes(graph: Graph, config: dict[str, str]) -> Iterator[str]:
    yield from missing_config(graph, config)
    yield from loose_ends(graph)
    yield from unregistered_steps(graph, plugins.names("step"))
    for index, step in enumerate(graph.steps):
        path = f"$.processing_steps[{index}]"
        if step.engine not in plugins.names("engine"):
            yield f"{path}.engine: '{step.engine}' is not installed here"
    if any(step.engine is EngineName.DOCKER for step in graph.steps):
        yield from _notes_on_containers(graph)
    if any(step.engine is EngineName.NATIVE for step in graph.steps):
        yield "the engine 'native' is unknown to the Go ingester"


def _notes_on_containers(graph: Graph) -> Iterator[str]:
    """What this machine would refuse; the workers' settings may be others."""
    try:
        with plugins.make("engine", EngineName.DOCKER).reached():
            pass
    except (PluginError, StepTransient) as error:
        yield f"here no container can be run: {error}"
    options = plugin_options("engine", EngineName.DOCKER)
    images, envs = (container.listed(options, name) for name in ("images", "envs"))
    for index, step in enumerate(graph.steps):
        problem = container.image_problem(step.command, images)
        if step.engine is EngineName.DOCKER and problem:
            yield f"$.processing_steps[{index}].command: {problem}"
    wanted = [(f"$.envs[{index}]", env) for index, env in enumerate(graph.envs)]
    wanted += [
        (f"$.processing_steps[{number}].envs[{index}]", env)
        for number, step in enumerate(graph.steps)
        for index, env in enumerate(step.envs)
    ]
    for path, env in wanted:
        name = env.partition("=")[0]
        if name not in envs:
            yield f"{path}: {container.env_problem([name], envs)}"


def _config(pairs: list[str] | None) -> dict[str, str]:
    wrong = [pair for pair in pairs or () if "=" not in pair]
    if wrong:
        raise InvalidRequest("--config", [f"'{w}', expected KEY=VALUE" for w in wrong])
    split = (pair.partition("=") for pair in pairs or ())
    return {key: value for key, _, value in split}


def _place(text: str, swath: str, number: int) -> Position:
    """`SCENE/TILE@DATE` as a tile and its scene."""
    name, _, day = text.partition("@")
    scene, _, tile = name.partition("/")
    found = _DAY.search(scene)
    try:
        date = datetime.fromisoformat(day or (found[0] if found else ""))
    except ValueError as error:
        problem = f"no date in '{text}', expected SCENE/TILE@YYYY-MM-DD"
        raise InvalidRequest("tile", [problem]) from error
    date = date.replace(tzinfo=UTC)
    names = (n for n, pattern in _CONSTELLATIONS.items() if re.match(pattern, scene))
    return Position(
        Scene(scene, next(names, ""), date),
        Tile(tile or scene, scene, date, "", swath, number),
    )


def _planned(graph: Graph, settings: Context) -> Planned:
    found = make_plan(graph, settings)
    fetch = [
        _as_stored(settings.tiles[f.position], f.file.layer, f.file.extension, f.name)
        for f in found.inputs
    ]
    return Planned(
        graph=graph.name,
        sha256=graph.digest,
        fetch=fetch,
        commands=[_words(one, settings.config) for one in found.commands],
        outputs=expected_outputs(graph, settings),
    )


def _as_stored(place: Position, layer: str, extension: str, name: str) -> str:
    stored = stored_name(place.scene, place.tile, layer, extension)
    return name if stored == name else f"{name} (from {stored})"


def _words(one: Command, config: dict[str, str]) -> list[str]:
    """The command line of a step."""
    tokens = command.tokens(one.arguments)
    match one.engine:
        case EngineName.PYTHON:
            return [sys.executable, "-u", one.command, *tokens]
        case EngineName.CMD:
            return [one.command, *tokens]
        case EngineName.SNAP:
            heap_mb = one.memory_mb or snap.HEAP_MB
            return snap.argv("gpt", heap_mb, one.command, one.arguments, config)
        case _:
            return [one.engine.value, one.command, *tokens]


def _show(planned: Planned) -> None:
    _say(f"{planned.graph}  sha256:{planned.sha256}")
    for name in planned.fetch:
        _say(f"fetch  {name}")
    for words in planned.commands:
        _say(f"run    {shlex.join(words)}")
    for out in planned.outputs:
        _say(f"leave  {out.name}  {out.action} of T{out.position}, {out.when}")


def _say(text: str) -> None:
    OUT.print(text, highlight=False, markup=False, soft_wrap=True)
