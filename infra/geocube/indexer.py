# SPDX-License-Identifier: Apache-2.0
"""The Geocube as a plug-in: records for the catalogue, datasets for the processor."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import shapely
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from infra.geocube.client import GeocubeClient
from infra.geocube.containers import Container, Dataset
from infra.geocube.entries import Entry, TileLayers
from infra.geocube.formats import DataFormat, Dtype
from infra.geocube.records import NewRecord
from infra.geocube.variables import Instance, Variable
from streams.errors import IndexRefused, IngesterError, InvalidRequest
from streams.meridian import is_odd, on_earth
from streams.model import LayerTarget, Scene
from streams.tags import DERIVED, LINEAGE

DTYPES = {
    "": Dtype.UNDEFINED,
    "uint8": Dtype.UINT8,
    "uint16": Dtype.UINT16,
    "uint32": Dtype.UINT32,
    "int8": Dtype.INT8,
    "int16": Dtype.INT16,
    "int32": Dtype.INT32,
    "float32": Dtype.FLOAT32,
    "float64": Dtype.FLOAT64,
    "complex64": Dtype.COMPLEX64,
}
"""Numpy's name → the Geocube's; empty: the file's own."""

# Tags that tell of the scene, or of how it was processed: a record that has others is
# still the record of its scene. What the request asked for stays part of its identity.
_NOT_IDENTITY = DERIVED | LINEAGE

_FILE = "file://"

# Each waits for the server, which has five connections to its database.
_AOIS_AT_ONCE = 4

# Names that a message lists.
_LISTED = 20


class GeocubeIndexer:
    """The `Indexer` and `RecordKeeper` of a Geocube. Thread-safe."""

    def __init__(self, client: GeocubeClient) -> None:
        self._client = client

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def instances(self, layers: Mapping[str, LayerTarget]) -> dict[str, str]:
        """Id of the variable instance of each layer; see `RecordKeeper.instances`."""
        found: dict[str, str] = {}
        problems: list[str] = []
        for name, target in layers.items():
            instance = self._instance(target)
            if isinstance(instance, Instance):
                found[name] = instance.id
            else:
                problems.append(f"$.layers.{name}: {instance}")
        if problems:
            raise InvalidRequest("layers", problems)
        return found

    def _instance(self, target: LayerTarget) -> Instance | str:
        """The instance that a target names, or what is wrong."""
        if target.instance_id:
            return self._instance_of_id(target.instance_id)
        if not target.variable or not target.instance:
            return (
                f"variable '{target.variable}' and instance '{target.instance}',"
                " expected both, or an instance_id"
            )
        variable = self._client.variable(target.variable)
        if variable is None:
            known = [one.name for one in self._client.variables()]
            return f"variable '{target.variable}' is unknown; known: {_listed(known)}"
        found = variable.instance(target.instance)
        return found or _no_instance(variable, target.instance)

    def _instance_of_id(self, id: str) -> Instance | str:
        if not _is_id(id):
            return f"instance_id '{id}', expected a UUID in lower case"
        variable = self._client.variable_of_instance(id)
        if variable is None:
            known = [
                f"{one.name}:{instance.name} {instance.id}"
                for one in self._client.variables()
                for instance in one.instances
            ]
            return f"instance_id '{id}' is unknown; known: {_listed(known)}"
        return variable.instances[0]

    def records(
        self, scenes: Sequence[Scene], made: Callable[[Sequence[str]], None]
    ) -> list[str | IngesterError]:
        """Id of each scene's record, or why it has none; see `RecordKeeper.records`."""
        with ThreadPoolExecutor(_AOIS_AT_ONCE) as threads:
            drafts = list(threads.map(self._draft, scenes))
        sound = [draft for draft in drafts if isinstance(draft, NewRecord)]
        places = [
            _place(scene)
            for scene, draft in zip(scenes, drafts, strict=True)
            if isinstance(draft, NewRecord)
        ]
        outcomes = iter(
            self._client.ensure_records(
                sound,
                ignoring_tags=_NOT_IDENTITY,
                near=shapely.GeometryCollection(places),
                made=made,
            )
        )
        return [
            next(outcomes) if isinstance(draft, NewRecord) else draft
            for draft in drafts
        ]

    def remove(self, records: Sequence[str]) -> int:
        """Remove records that no dataset hangs on; see `RecordKeeper.remove`."""
        return self._client.delete_records(records) if records else 0

    def _draft(self, scene: Scene) -> NewRecord | IngesterError:
        """The record of a scene, its AOI made; or what is wrong with its footprint."""
        try:
            footprint = _place(scene)
        except GEOSException as error:
            text = scene.footprint[:80]
            return IndexRefused(f"scene '{scene.name}': footprint '{text}': {error}")
        try:
            aoi_id = self._client.ensure_aoi(footprint)
        except IndexRefused as error:
            return IndexRefused(f"scene '{scene.name}': {error}")
        return NewRecord(scene.name, scene.date, scene.tags, aoi_id)

    def index(self, layers: TileLayers) -> tuple[()]:
        """Enter layers that have an instance; see `Indexer.index`. No documents."""
        for entry in layers.entries:
            instance_id = layers.instances.get(entry.layer.name)
            if instance_id is not None:
                self._client.index(_container(layers, entry, instance_id))
        return ()


def _place(scene: Scene) -> BaseGeometry:
    """A scene's footprint, cut where it crosses the 180th meridian.

    The Geocube knows longitudes from -180 to 180, and straight edges between them.
    """
    footprint = shapely.from_wkt(scene.footprint)
    return on_earth(footprint, mend=True) if is_odd(footprint) else footprint


def _container(layers: TileLayers, entry: Entry, instance_id: str) -> Container:
    """A layer as the index knows it: one file, one dataset of all its bands."""
    if not layers.scene.record:
        raise IndexRefused(
            f"layer '{entry.layer.name}': scene '{layers.scene.name}' has no record"
        )
    stored = entry.data_format
    dataset = Dataset(
        record_id=layers.scene.record,
        instance_id=instance_id,
        bands=tuple(range(1, entry.bands + 1)),
        data_format=DataFormat(
            DTYPES[stored.dtype], stored.no_data, stored.min_value, stored.max_value
        ),
        real_min_value=stored.ext_min_value,
        real_max_value=stored.ext_max_value,
        exponent=stored.exponent,
    )
    # The Geocube opens paths, not file URIs.
    return Container(entry.layer.uri.removeprefix(_FILE), (dataset,))


def _no_instance(variable: Variable, name: str) -> str:
    known = _listed([one.name for one in variable.instances])
    return f"variable '{variable.name}' has no instance '{name}'; it has: {known}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(sorted(names)[:_LISTED]) or "none"
    return f"{shown}, …" if len(names) > _LISTED else shown


def _is_id(text: str) -> bool:
    """Is it an id as the index gives them? Other spellings are mistaken for others."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def make(options: Mapping[str, str]) -> GeocubeIndexer:
    """The Geocube that the options name; nothing is sent yet.

    Args:
        options: `address` (host:port), `token` (bearer; may be empty), `tls` (`true`
            or `false`, the default).

    Raises:
        InvalidRequest: an option is missing or wrong.
    """
    address, tls = options.get("address", ""), options.get("tls", "false")
    problems = []
    if not address.rpartition(":")[0] or not address.rpartition(":")[2].isdigit():
        problems.append(f"address '{address}', expected host:port")
    if tls not in ("true", "false"):
        problems.append(f"tls '{tls}', expected true or false")
    if problems:
        raise InvalidRequest("geocube", problems)
    token = options.get("token") or None
    return GeocubeIndexer(GeocubeClient(address, token=token, tls=tls == "true"))
