# SPDX-License-Identifier: Apache-2.0
"""A graph on a tile as a picture: files fetched, steps, files left. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import PurePath

from agents.worker.graph.conditions import holds_for_tiles
from agents.worker.graph.model import Context, FileOf, Graph, OutAction
from agents.worker.graph.plan import local_name, make_plan
from agents.worker.graph.select import when_left

_ROW, _WIDTH, _HEIGHT, _GAP = 56, 300, 36, 80

_STORED = (OutAction.CREATE, OutAction.INDEX)


@dataclass(frozen=True, slots=True)
class Box:
    """A file or a step."""

    key: str
    text: str
    column: int
    """0 files fetched, 1 steps, 2 files made."""
    row: int
    idle: bool
    """A step that does not run for this tile."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Boxes, and arrows between them by key."""

    boxes: tuple[Box, ...]
    arrows: tuple[tuple[str, str], ...]


def draw(graph: Graph, context: Context) -> Picture:
    """The picture of a graph on these tiles.

    Raises:
        InvalidGraph: as `make_plan`.
    """
    fetched = [fetch.name for fetch in make_plan(graph, context).inputs]
    boxes = [Box(name, name, 0, row, False) for row, name in enumerate(fetched)]
    arrows: list[tuple[str, str]] = []
    made: list[str] = []
    for row, step in enumerate(graph.steps):
        key = f"step {row + 1}"
        runs = holds_for_tiles(step.condition, context.scenes())
        text = f"{row + 1}. {step.engine} {PurePath(step.command).name}"
        boxes.append(Box(key, text, 1, row, not runs))
        files = [a for a in step.arguments.values() if isinstance(a, FileOf)]
        for file in files if runs else []:
            name = local_name(context, file)
            if name in fetched or name in made:
                arrows.append((name, key))
            else:
                made.append(name)
                arrows.append((key, name))
    left = [
        local_name(context, FileOf(position, out.layer, out.extension))
        for position, group in enumerate(graph.out_files[: len(context.tiles)])
        for out in group
        if out.action in _STORED and when_left(context, out)
    ]
    made += [name for name in dict.fromkeys(left) if name not in {*made, *fetched}]
    boxes += [Box(name, name, 2, row, False) for row, name in enumerate(made)]
    steps = [box.key for box in boxes if box.column == 1]
    return Picture(tuple(boxes), (*arrows, *pairwise(steps)))


def as_dot(picture: Picture) -> str:
    """For Graphviz."""
    return "\n".join(("digraph {", *_dot_lines(picture), "}", ""))


def _dot_lines(picture: Picture) -> Iterator[str]:
    yield "  rankdir=LR; node [fontname=monospace];"
    for box in picture.boxes:
        shape = "box" if box.column == 1 else "note"
        style = ", style=dashed" if box.idle else ""
        yield f"  {_quoted(box.key)} [label={_quoted(box.text)}, shape={shape}{style}];"
    for start, end in picture.arrows:
        yield f"  {_quoted(start)} -> {_quoted(end)};"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def as_svg(picture: Picture) -> str:
    """For browsers, without any other program."""
    rows = max((box.row for box in picture.boxes), default=0) + 1
    width, height = 3 * _WIDTH + 4 * _GAP, rows * _ROW + _GAP
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            'font-family="monospace" font-size="11">',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" '
            'markerWidth="8" markerHeight="8" orient="auto">'
            '<path d="M0 0 8 4 0 8z"/></marker></defs>',
            *_svg_lines(picture),
            "</svg>",
            "",
        )
    )


def _svg_lines(picture: Picture) -> Iterator[str]:
    places = {box.key: _place(box) for box in picture.boxes}
    for box in picture.boxes:
        x, y = places[box.key]
        dashed = ' stroke-dasharray="4"' if box.idle else ""
        fill = "#dde8f5" if box.column == 1 else "#f7f3dd"
        yield (
            f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="4" '
            f'fill="{fill}" stroke="black"{dashed}/>'
        )
        text = escape(box.text if len(box.text) <= 42 else f"{box.text[:41]}…")
        yield f'<text x="{x + 8}" y="{y + 22}"><title>{escape(box.text)}</title>{text}'
        yield "</text>"
    for start, end in picture.arrows:
        line = _line(places[start], places[end])
        yield f'<path d="{line}" fill="none" stroke="black" marker-end="url(#tip)"/>'


def _place(box: Box) -> tuple[int, int]:
    return _GAP + box.column * (_WIDTH + _GAP), _GAP // 2 + box.row * _ROW


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    if start[0] == end[0]:  # one step to the next
        x = start[0] + _WIDTH // 2
        return f"M{x} {start[1] + _HEIGHT} L{x} {end[1]}"
    forward = start[0] < end[0]
    x1, x2 = (start[0] + _WIDTH, end[0]) if forward else (start[0], end[0] + _WIDTH)
    return f"M{x1} {start[1] + _HEIGHT // 2} L{x2} {end[1] + _HEIGHT // 2}"
