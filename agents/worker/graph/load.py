# SPDX-License-Identifier: Apache-2.0
"""From a graph's name to the graph, or to everything that is wrong with it."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agents.worker.graph.conditions import OF_ERRORS, OF_TILES
from agents.worker.graph.dformat import DataFormat, with_text
from agents.worker.graph.dformat import problems as format_problems
from agents.worker.graph.model import (
    POSITIONS,
    RASTERS,
    Argument,
    EngineName,
    FileOf,
    Fixed,
    FromConfig,
    FromTile,
    Graph,
    InFile,
    OnEmpty,
    OutAction,
    OutFile,
    Step,
    is_raster,
)
from agents.worker.graph.shape import (
    UNKNOWN_KEY,
    Arg,
    ConfigArg,
    FixedArg,
    GraphShape,
    InArg,
    OutArg,
    OutShape,
    StepShape,
    TileArg,
)
from streams.errors import InvalidGraph

LIBRARY = Path(str(files("agents.worker.graph") / "library")).resolve()

_OF_FILES = frozenset({EngineName.PYTHON, EngineName.CMD, EngineName.SNAP})
"""Engines whose command is a file."""


def load_graph(
    name: str, roots: Sequence[Path] = (), digests: Collection[str] = ()
) -> Graph:
    """The graph of that name: of our library, or a file that may be run.

    Args:
        name: `Pass`, `library/graph/Pass.json`, or a path, absolute or below a root.
        roots: folders whose graphs and commands may be run.
        digests: `sha256:…` of graphs and commands that may be run wherever they are.

    Raises:
        InvalidGraph: there is none, it may not be run, or it is wrong; with every
            problem, each beginning with its JSON path.
    """
    allowed = _Allowed(roots, digests)
    text, folder = _text(name, allowed)
    document = _document(name, text)
    try:
        shape = GraphShape.model_validate(document)
    except ValidationError as error:
        raise InvalidGraph(name, [_problem(item) for item in error.errors()]) from None
    problems: list[str] = []
    graph = _graph(name, shape, _Commands(allowed, folder, problems), document)
    problems += _wrong_conditions(graph)
    problems += _wrong_formats(graph)
    problems += _void_keys(graph)
    if problems:
        raise InvalidGraph(name, problems)
    return graph


def library() -> list[str]:
    """Names of the graphs that we ship."""
    return sorted(path.stem for path in LIBRARY.glob("*.json"))


# Nobody may keep us busy by naming a large file. Scripts and programs are smaller.
_LARGEST = 256 * 1024 * 1024


class _Allowed:
    """What may be run: files below the roots, and those with a digest of the list."""

    def __init__(self, roots: Sequence[Path], digests: Collection[str]) -> None:
        self.roots = roots
        self._resolved = [root.resolve() for root in roots]
        self._digests = {digest.lower() for digest in digests}

    def __call__(self, path: Path) -> bool:
        """May it be run? Its path has its links followed."""
        if not path.is_file():
            return False
        if any(path.is_relative_to(root) for root in self._resolved):
            return True
        return bool(self._digests) and _digest(path) in self._digests

    def __str__(self) -> str:
        listed = "with a digest of INGESTER_GRAPH_DIGESTS"
        if not self.roots:
            return f"{listed} (INGESTER_GRAPH_ROOTS is empty)"
        return f"below {', '.join(map(str, self.roots))} or {listed}"


def _digest(path: Path) -> str:
    """Empty for a file that is too large or that we may not read."""
    try:
        if path.stat().st_size > _LARGEST:
            return ""
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError:
        return ""


def _text(name: str, allowed: _Allowed) -> tuple[bytes, Path]:
    """The file's content, and its folder."""
    short = name.rpartition("/")[2].removesuffix(".json")
    if short in library() and name in (
        short,
        f"{short}.json",
        f"library/{short}.json",
        f"library/graph/{short}.json",
    ):
        return (LIBRARY / f"{short}.json").read_bytes(), LIBRARY
    for path in _places(name, allowed.roots):
        if allowed(path):
            return path.read_bytes(), path.parent
    # The same whether or not there is such a file: nobody learns what files there are.
    if Path(name).is_absolute():
        raise InvalidGraph(name, [f"may not be run: expected a file {allowed}"])
    known = ", ".join(library())
    raise InvalidGraph(name, [f"unknown; shipped: {known}; or a file {allowed}"])


def _places(name: str, roots: Sequence[Path]) -> list[Path]:
    """Where a file of that name may lie, links followed."""
    if "\0" in name:
        return []
    bases = list(roots) or ([Path("/")] if Path(name).is_absolute() else [])
    return [(base / name).resolve() for base in bases]


def _document(name: str, text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidGraph(name, [f"$: not JSON: {error}"]) from error
    if not isinstance(document, dict):
        found = type(document).__name__
        raise InvalidGraph(name, [f"$: expected a JSON object, found {found}"])
    return document


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


class _Commands:
    """Finds the files of steps, and notes those that may not be run."""

    def __init__(self, allowed: _Allowed, folder: Path, problems: list[str]) -> None:
        self._allowed = allowed
        self._folder = folder
        self._problems = problems

    def find(self, step: StepShape, index: int) -> str:
        """The command with its whole path."""
        if step.engine not in _OF_FILES:
            return step.command
        for path in self._places(step.command):
            if path.is_relative_to(LIBRARY) or self._allowed(path):
                return str(path)
        self._problems.append(
            f"$.processing_steps[{index}].command: '{step.command}' is no file "
            f"{self._allowed}"
        )
        return step.command

    def _places(self, command: str) -> Iterator[Path]:
        """Beside the graph, below the roots, and last those that we ship."""
        if "\0" in command:
            return
        for base in (self._folder, *self._allowed.roots):
            path = (base / command).resolve()
            if path.is_file():
                yield path
        yield from (p for p in _shipped() if p.name == Path(command).name)


def _shipped() -> list[Path]:
    """Scripts and SNAP graphs that come with our graphs."""
    return sorted([*LIBRARY.glob("scripts/[!_]*.py"), *LIBRARY.glob("snap/*.xml")])


def _graph(
    name: str, shape: GraphShape, commands: _Commands, document: Mapping[str, Any]
) -> Graph:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return Graph(
        name=name,
        config=shape.config,
        steps=tuple(
            _step(step, commands.find(step, index))
            for index, step in enumerate(shape.processing_steps)
        ),
        in_files=_by_position(
            [
                tuple(
                    InFile(f.layer, f.extension, f.condition, f.optional) for f in group
                )
                for group in shape.in_files
            ]
        ),
        out_files=_by_position(
            [tuple(map(_out_file, group)) for group in shape.out_files]
        ),
        envs=tuple(shape.envs),
        version=shape.version,
        digest=hashlib.sha256(canonical.encode()).hexdigest(),
    )


def _by_position(groups: list[tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
    return (*groups, *[()] * (POSITIONS - len(groups)))


def _step(step: StepShape, command: str) -> Step:
    return Step(
        engine=step.engine,
        command=command,
        arguments={name: _argument(arg) for name, arg in step.args.items()},
        condition=step.condition,
        timeout_s=step.timeout_s,
        memory_mb=step.memory_mb,
        cpus=step.cpus,
        envs=tuple(step.envs),
    )


def _argument(arg: Arg) -> Argument:
    match arg:
        case FixedArg():
            return Fixed(arg.value)
        case ConfigArg():
            return FromConfig(arg.value)
        case TileArg():
            return FromTile(arg.value)
        case InArg():
            return FileOf(arg.tile_index, arg.layer, arg.extension)
        case OutArg():
            return FileOf(0, arg.layer, arg.extension)


def _out_file(out: OutShape) -> OutFile:
    override = out.dformat_out
    return OutFile(
        layer=out.layer,
        extension=out.extension,
        action=out.action,
        condition=out.condition,
        error_condition=out.error_condition,
        dformat_out=None
        if override is None
        else Fixed(override.value)
        if isinstance(override, FixedArg)
        else FromConfig(override.value),
        data_format=DataFormat(
            out.datatype,
            out.nodata,
            out.min_value,
            out.max_value,
            out.ext_min_value,
            out.ext_max_value,
            out.exponent,
        ),
        bands=out.nbands,
        cog=out.cog,
        on_empty=out.on_empty,
        only_with={key: tuple(words) for key, words in out.only_with.items()},
    )


def _wrong_conditions(graph: Graph) -> list[str]:
    """Conditions that cannot be known where they stand."""
    expected = ", ".join(sorted(OF_TILES))
    problems = [
        f"$.processing_steps[{index}].condition: '{step.condition}' is not for steps, "
        f"expected one of {expected}"
        for index, step in enumerate(graph.steps)
        if step.condition not in OF_TILES
    ]
    problems += [
        f"$.in_files[{position}][{index}].condition: '{file.condition}' is not for "
        f"in_files, expected one of {expected}"
        for position, group in enumerate(graph.in_files)
        for index, file in enumerate(group)
        if file.condition not in OF_TILES
    ]
    return problems + [
        f"$.out_files[{position}][{index}].error_condition: '{file.error_condition}' "
        f"is not about errors, expected one of {', '.join(sorted(OF_ERRORS))}"
        for position, group in enumerate(graph.out_files)
        for index, file in enumerate(group)
        if file.error_condition is not None
        and file.error_condition not in OF_ERRORS
        and file.error_condition not in OF_TILES
    ]


def _wrong_formats(graph: Graph) -> list[str]:
    """Data formats that no index would take, as far as they are known by now."""
    found = []
    for position, group in enumerate(graph.out_files):
        for index, out in enumerate(group):
            path = f"$.out_files[{position}][{index}]"
            found += [f"{path}{problem}" for problem in _format_problems(graph, out)]
    return found


def _format_problems(graph: Graph, out: OutFile) -> list[str]:
    data_format, override = out.data_format, out.dformat_out
    text = (
        graph.config.get(override.key)
        if isinstance(override, FromConfig)
        else override.value
        if override is not None
        else None
    )
    if text is not None:
        try:
            data_format = with_text(data_format, text)
        except ValueError as error:
            return [f".dformat_out: {error}"]
    if out.action is not OutAction.INDEX or (override is not None and text is None):
        return []
    none = [".nbands: 0, expected at least 1"] if out.bands == 0 else []
    return none + [f": {problem}" for problem in format_problems(data_format)]


def _void_keys(graph: Graph) -> Iterator[str]:
    """Keys that would mean nothing where they stand."""
    for index, step in enumerate(graph.steps):
        if step.envs and step.engine is not EngineName.DOCKER:
            yield (
                f"$.processing_steps[{index}].envs: the engine '{step.engine}' has no "
                "containers, expected docker"
            )
    for position, group in enumerate(graph.out_files):
        for index, out in enumerate(group):
            stored = out.action in (OutAction.CREATE, OutAction.INDEX)
            judged = stored and is_raster(out.extension, out.action)
            if out.on_empty is not OnEmpty.KEEP and not judged:
                yield (
                    f"$.out_files[{position}][{index}].on_empty: '{out.on_empty}' is "
                    "for rasters that are stored (to_index, or to_create with "
                    f"{', '.join(sorted(RASTERS))})"
                )


def _problem(item: Mapping[str, Any]) -> str:
    location = item["loc"]
    path = "$" + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}"
        for index, part in enumerate(location)
        if not _is_tag(location, index)
    )
    message = item["msg"].removeprefix("Value error, ")
    match item["type"]:
        case "missing":
            return f"{path}: missing"
        case "union_tag_not_found":
            return f"{path}.type: missing"
        case "union_tag_invalid":
            context = item["ctx"]
            expected = context["expected_tags"]
            return f"{path}.type: '{context['tag']}', expected one of {expected}"
        case kind if kind == UNKNOWN_KEY:
            return f"{path}: {message}"
    found = json.dumps(item["input"], default=str)
    return f"{path}: {message}, found {found[:80]}"


def _is_tag(location: Sequence[str | int], index: int) -> bool:
    """Is this part the `type` of an argument, which pydantic puts into the path?"""
    # processing_steps, number, args, name, type; out_files, position, number,
    # dformat_out, type
    return index == 4 and (location[2] == "args" or location[3] == "dformat_out")
