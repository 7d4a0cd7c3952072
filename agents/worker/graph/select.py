# SPDX-License-Identifier: Apache-2.0
"""Which files a graph leaves, well ended or failed, and what becomes of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from agents.worker.graph.conditions import (
    OF_ERRORS,
    OF_FILES,
    Condition,
    holds_for_tiles,
)
from agents.worker.graph.dformat import DataFormat, problems, with_text
from agents.worker.graph.model import (
    Context,
    FileOf,
    Fixed,
    FromConfig,
    Graph,
    OnEmpty,
    OutAction,
    OutFile,
    Position,
)
from agents.worker.graph.plan import local_name
from agents.worker.layers import stored_name
from streams.errors import IngesterError, InvalidGraph
from streams.failures import TREATMENT, Cost


@dataclass(frozen=True, slots=True)
class Output:
    """A file that the graph leaves."""

    position: int
    place: Position
    layer: str
    extension: str
    action: OutAction
    data_format: DataFormat
    bands: int
    cog: bool = False
    on_empty: OnEmpty = OnEmpty.KEEP

    @property
    def is_indexed(self) -> bool:
        """Will an index be told of it?"""
        return self.action is OutAction.INDEX


def select_outputs(
    graph: Graph, context: Context, error: IngesterError | None, *, retriable: bool
) -> list[Output]:
    """The files whose conditions hold, in the graph's order.

    Args:
        graph: what was run.
        context: on what.
        error: why it failed; None when it did not.
        retriable: may the task be tried again after a failure? If not, every failure
            that is no passing one counts as fatal.

    Raises:
        InvalidGraph: the data format of a kept file cannot be understood.
    """
    return [
        _output(graph, context, position, index, out)
        for position, group in enumerate(graph.out_files[: len(context.tiles)])
        for index, out in enumerate(group)
        if _is_kept(context, position, out, error, retriable)
    ]


@dataclass(frozen=True, slots=True)
class Expected:
    """A file that a graph may leave, before anything is known of the run."""

    position: int
    name: str
    """Of its object."""
    action: OutAction
    when: str


def expected_outputs(graph: Graph, context: Context) -> list[Expected]:
    """The files that may be kept of these tiles, and when, in the graph's order."""
    found = []
    for position, group in enumerate(graph.out_files[: len(context.tiles)]):
        for out in group:
            when = when_left(context, out)
            if when:
                place = context.tiles[position]
                name = stored_name(place.scene, place.tile, out.layer, out.extension)
                found.append(Expected(position, name, out.action, when))
    return found


def lacking(out: OutFile, config: Mapping[str, str]) -> str:
    """Which configuration a file lacks to be left, in words; empty: none."""
    return " and ".join(
        f"'{key}' with {' or '.join(repr(word) for word in words)}, not "
        f"'{config.get(key, '')}'"
        for key, words in out.only_with.items()
        if not {*words} & _words(config.get(key, ""))
    )


def _words(value: str) -> set[str]:
    """Of a value with commas; of an empty one the empty word."""
    return {word.strip() for word in value.split(",")} - {""} or {""}


def when_left(context: Context, out: OutFile) -> str:
    """When a file is kept, in words; empty: never for these tiles."""
    if lacking(out, context.config):
        return ""
    unless = ", unless it is empty" if out.on_empty is OnEmpty.SKIP else ""
    words = _when_holds(context, out)
    return words + unless if words else ""


def _when_holds(context: Context, out: OutFile) -> str:
    also = out.error_condition if out.error_condition in OF_ERRORS else None
    words = [f"also {also}"] if also else []
    if out.condition in OF_FILES:
        return " ".join((f"if {out.condition},", "on success", *words))
    if out.condition in OF_ERRORS:
        return f"{out.condition}" + (f" and {also}" if also else "")
    holds = holds_for_tiles(out.condition, context.scenes())
    return " ".join(("on success", *words)) if holds else ""


def _is_kept(
    context: Context,
    position: int,
    out: OutFile,
    error: IngesterError | None,
    retriable: bool,
) -> bool:
    if lacking(out, context.config):
        return False
    holds = _holds(context, position, out, out.condition, error, retriable)
    if error is None or out.error_condition not in OF_ERRORS:
        failed = error is not None
        return holds and (out.condition in OF_ERRORS) is failed
    expected = out.error_condition
    return holds and _holds(context, position, out, expected, error, retriable)


def _holds(
    context: Context,
    position: int,
    out: OutFile,
    condition: Condition | None,
    error: IngesterError | None,
    retriable: bool,
) -> bool:
    if condition in OF_FILES:
        name = local_name(context, FileOf(position, out.layer, out.extension))
        there = (context.workdir / name).exists()
        return there is (condition is Condition.FILE_EXISTS)
    if condition is Condition.ON_FAILURE:
        return error is not None
    if condition is Condition.ON_FATAL_FAILURE:
        return error is not None and _is_fatal(error, retriable)
    return condition is not None and holds_for_tiles(condition, context.scenes())


def _is_fatal(error: IngesterError, retriable: bool) -> bool:
    """A passing failure never is: what is deleted then would be missing later."""
    cost = TREATMENT[error.failure].cost
    return cost is Cost.NEVER or (cost is Cost.REQUEST and not retriable)


def _output(
    graph: Graph, context: Context, position: int, index: int, out: OutFile
) -> Output:
    path = f"$.out_files[{position}][{index}]"
    data_format = out.data_format
    try:
        if out.dformat_out is not None:
            data_format = with_text(data_format, _text(context, out.dformat_out))
    except ValueError as error:
        raise InvalidGraph(graph.name, [f"{path}.dformat_out: {error}"]) from error
    wrong = problems(data_format) if out.action is OutAction.INDEX else []
    if wrong:
        raise InvalidGraph(graph.name, [f"{path}: {problem}" for problem in wrong])
    return Output(
        position,
        context.tiles[position],
        out.layer,
        out.extension,
        out.action,
        data_format,
        out.bands,
        out.cog,
        out.on_empty,
    )


def _text(context: Context, argument: Fixed | FromConfig) -> str:
    if isinstance(argument, Fixed):
        return argument.value
    if argument.key not in context.config:
        raise ValueError(f"no configuration '{argument.key}'")
    return context.config[argument.key]
