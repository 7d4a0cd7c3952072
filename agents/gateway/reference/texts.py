# SPDX-License-Identifier: Apache-2.0
"""The two answers that are text: the summary of an area, and its graph as DOT. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from streams.chains import Links
from streams.model import Status, Tally

_COLOURS = {
    Status.NEW: "gray",
    Status.PENDING: "blue",
    Status.RETRY: "orange",
    Status.DONE: "green",
    Status.FAILED: "red",
}


@dataclass(frozen=True, slots=True)
class Node:
    """A scene or a tile of the graph."""

    number: int
    task: str
    name: str
    status: Status
    scene: str = ""
    """Of a tile: the task that downloads its scene."""


def summary(
    downloads: Tally, processes: Tally, roots: int, begin: date, end: date
) -> str:
    """Counts of an area line by line, as pages split them at the colons.

    Args:
        downloads: tally of the scenes.
        processes: tally of the tiles.
        roots: number of root tiles.
        begin: earliest date of a root tile's scene.
        end: latest date of a leaf tile's scene.
    """
    return (
        f"Scenes:\n{_counts(downloads)}Tiles:\n{_counts(processes)}\n"
        f"Root tiles : {roots}\n  From: {begin}\n  To:   {end}\n"
    )


def _counts(tally: Tally) -> str:
    return (
        f"  new:     {tally.new}\n"
        f"  pending: {tally.pending}\n"
        f"  done:    {tally.done}\n"
        f"  retry:   {tally.retry}\n"
        f"  failed:  {tally.failed}\n"
        f"  Total:   {tally.total}\n"
    )


def dot(
    area: str,
    scenes: Iterable[Node],
    tiles: Iterable[Node],
    linked: Mapping[str, Links],
) -> Iterator[str]:
    """Lines of a graph: scenes as boxes, an edge to each tile and along the chains.

    An edge is dotted while the task that it leads to must wait: its scene is not done,
    or the tile itself is not.
    """
    scenes, tiles = list(scenes), list(tiles)
    downloads = {scene.task: scene for scene in scenes}
    numbers = {tile.task: tile.number for tile in tiles}
    yield f"digraph {_quoted(area)} {{\n"
    for scene in scenes:
        yield f"  s{scene.number} [shape=box,{_look(scene)}];\n"
    for tile in tiles:
        yield f"  t{tile.number} [{_look(tile)}];\n"
    for tile in tiles:
        above = downloads.get(tile.scene)
        if above is not None:
            style = "" if above.status is Status.DONE else ",style=dotted"
            yield f"  s{above.number} -> t{tile.number} [color=gray{style}];\n"
        previous = numbers.get(linked[tile.task].previous)
        if previous is not None:
            style = "" if tile.status is Status.DONE else " [style=dotted]"
            yield f"  t{previous} -> t{tile.number}{style};\n"
    yield "}\n"


def _look(node: Node) -> str:
    label = f"{_escaped(node.name)}\\n(id={node.number})"
    return f'label="{label}",color={_COLOURS[node.status]}'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
