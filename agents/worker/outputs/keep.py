# SPDX-License-Identifier: Apache-2.0
"""The files that a graph left: all of them judged, then all of them stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rasterio.errors import RasterioError

from agents.worker.graph.model import OnEmpty, Position, is_raster
from agents.worker.graph.select import Output
from agents.worker.layers import base_name, stored_name
from agents.worker.outputs.measure import is_empty, measure
from agents.worker.outputs.provenance import Origin
from agents.worker.outputs.tiff import BadTiff, write_tagged
from agents.worker.outputs.verify import DRIVERS, unreadable, verify
from agents.worker.saved import LocalLayer, missing, save
from agents.worker.store import ObjectStore
from streams.errors import EmptyLayer
from streams.model import Action, Layer, Measure

_TIFFS = frozenset(name for name, drivers in DRIVERS.items() if "GTiff" in drivers)

UriOf = Callable[[Position, str], str]
"""URI of an object of that name of a tile."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An output of a graph, stored."""

    output: Output
    layer: Layer
    file: Path
    """The stored bytes, in the work folder; of a folder, the folder."""
    measure: Measure | None
    """None: it is no raster."""


def keep(
    outputs: Sequence[Output],
    workdir: Path,
    uri_of: UriOf,
    store: ObjectStore,
    origin: Origin,
    log: Callable[[str, str], None],
    *,
    failed: bool,
) -> list[Kept]:
    """Judge, measure and mark the files, then store them: none when one is wrong.

    Args:
        outputs: the files, to be created or indexed.
        workdir: where they lie.
        uri_of: URI of an object.
        store: takes them.
        origin: written into those that are TIFFs.
        log: takes level and line.
        failed: the graph did not end well; what it left to be looked at may be
            anything.

    Raises:
        WrongLayer: a file is not as the graph declares it.
        EmptyLayer: a raster that may not be empty is.
        StepFailed: a file was not made.
        NodeExhausted: the disk is full.
        StoreError: the store did not take it.
    """
    found = [_measured(out, workdir, uri_of, origin, failed) for out in outputs]
    return [
        Kept(out, save(local, uri, store, _action(out)), local.path, measured)
        for out, local, uri, measured in found
        if not _is_skipped(out, measured, log)
    ]


def _is_skipped(
    out: Output, measured: Measure | None, log: Callable[[str, str], None]
) -> bool:
    """Is it not to be stored, having no valid pixel?"""
    if measured is None or out.on_empty is not OnEmpty.SKIP or not is_empty(measured):
        return False
    log("info", f"layer '{out.layer}' has no valid pixel: not stored (on_empty: skip)")
    return True


def _measured(
    out: Output, workdir: Path, uri_of: UriOf, origin: Origin, failed: bool
) -> tuple[Output, LocalLayer, str, Measure | None]:
    place = out.place
    base = base_name(place.scene, place.tile, out.layer)
    local = LocalLayer(out.layer, out.extension, base, workdir)
    name = stored_name(place.scene, place.tile, out.layer, out.extension)
    uri = uri_of(place, name)
    if not is_raster(out.extension, out.action) or (failed and not out.is_indexed):
        return out, local, uri, None
    file = local.path
    if not file.is_file():
        raise missing(local, file.name)
    verify(out, file)
    try:
        measured = measure(
            file, uri, out.data_format.no_data if out.is_indexed else None
        )
        if out.on_empty is OnEmpty.FAIL and is_empty(measured):
            raise EmptyLayer(
                f"layer '{out.layer}': no valid pixel, expected some (on_empty: fail)"
            )
        if out.extension.lower() in _TIFFS:
            # A new file: this one may be a link to one of the product's.
            marked = file.with_name(f".{file.name}")
            write_tagged(file, marked, origin.tags(place))
            marked.replace(file)
    except (RasterioError, BadTiff) as error:
        raise unreadable(out, file, error) from error
    return out, local, uri, measured


def _action(out: Output) -> Action:
    return Action.INDEX if out.is_indexed else Action.CREATE
