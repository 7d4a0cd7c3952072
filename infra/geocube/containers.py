# SPDX-License-Identifier: Apache-2.0
"""Containers (files) and the datasets in them: what the index serves pixels from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from grpc import StatusCode

from infra.geocube import formats, records
from infra.geocube.errors import Declined
from infra.geocube.formats import DataFormat, Dtype
from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.records import Record
from infra.geocube.wire import Wire
from streams.errors import IndexConflict, IndexUnavailable

# One unknown URI spoils the answer for all, so a call should not ask for too many.
_ASKED_AT_ONCE = 200

_BEING_DELETED = ("TODELETE", "INACTIVE")


@dataclass(frozen=True, slots=True)
class Dataset:
    """Bands of a file that show one record as one instance of a variable."""

    record_id: str
    instance_id: str
    bands: tuple[int, ...]
    """Numbers from 1, in the order of the variable's bands."""
    data_format: DataFormat
    """Of the stored pixels; the server believes the file for the dtype."""
    real_min_value: float
    """Physical value of `data_format.min_value`."""
    real_max_value: float
    """Physical value of `data_format.max_value`."""
    exponent: float = 1.0
    """Bend between the two ranges; 0, which is proto3's default, is refused."""
    subdir: str = ""
    """GDAL prefix such as `GTIFF_DIR:1`; empty: the whole file."""


@dataclass(frozen=True, slots=True)
class Container:
    """A file and the datasets in it."""

    uri: str
    """`s3://bucket/key` or an absolute path: what the server opens."""
    datasets: tuple[Dataset, ...]
    managed: bool = False
    """True: the index may delete the file. It cannot on S3, and consolidation would
    delete what our log says is there; so ours are not managed."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """An active dataset of the index, where it is and what it shows."""

    uri: str
    record: Record
    dataset: Dataset


def index(wire: Wire, container: Container) -> None:
    """Put a container and its datasets in the index; a second call changes nothing.

    Raises:
        IndexUnavailable: it is being deleted; the same call can succeed later.
        IndexConflict: the index has something else there; says both.
        Declined: any other refusal.
    """
    # Somebody else may have registered the container meanwhile: once more then finds
    # the container there, and says what its datasets are.
    refusal = _send(wire, container)
    if refusal and refusal.resource.kind == "Container":
        refusal = _send(wire, container)
    if refusal is None:
        return
    if refusal.resource.name in _BEING_DELETED:
        raise IndexUnavailable(f"container '{container.uri}': {refusal}") from refusal
    found = containers(wire, [container.uri]).get(container.uri)
    unlike = ["nothing found"] if found is None else differences(container, found)
    # A dataset that differs in nothing that is listed differs in the file's shape or
    # overviews: a conflict as well.
    if unlike or refusal.resource.kind != "Container":
        raise IndexConflict(
            "; ".join([f"container '{container.uri}': {refusal}", *unlike])
        ) from refusal


def _send(wire: Wire, container: Container) -> Declined | None:
    """None, or what was there already."""
    request = pb.IndexDatasetsRequest(container=to_pb(container))
    try:
        wire.call("IndexDatasets", request, pb.IndexDatasetsResponse)
    except Declined as refusal:
        if refusal.code is not StatusCode.ALREADY_EXISTS:
            raise
        return refusal
    return None


def differences(wanted: Container, found: Container) -> list[str]:
    """Datasets wanted that the container found does not have, with what it has there.

    A dtype that was left to the server agrees with every dtype.
    """
    return [
        f"wanted {dataset}, found {_rivals(dataset, found) or 'nothing'}"
        for dataset in wanted.datasets
        if not any(_same(dataset, other) for other in found.datasets)
    ]


def _same(wanted: Dataset, found: Dataset) -> bool:
    free = wanted.data_format.dtype is Dtype.UNDEFINED
    return wanted == (_without_dtype(found) if free else found)


def _without_dtype(dataset: Dataset) -> Dataset:
    data_format = replace(dataset.data_format, dtype=Dtype.UNDEFINED)
    return replace(dataset, data_format=data_format)


def _rivals(wanted: Dataset, found: Container) -> list[Dataset]:
    return [
        other
        for other in found.datasets
        if other.subdir == wanted.subdir and set(other.bands) & set(wanted.bands)
    ]


def containers(wire: Wire, uris: Sequence[str]) -> dict[str, Container]:
    """Containers by URI; what the index does not know is left out.

    All datasets are listed, also those that are being deleted.
    """
    found: dict[str, Container] = {}
    for start in range(0, len(uris), _ASKED_AT_ONCE):
        found |= _known(wire, uris[start : start + _ASKED_AT_ONCE])
    return found


def _known(wire: Wire, uris: Sequence[str]) -> dict[str, Container]:
    request = pb.GetContainersRequest(uris=uris)
    try:
        answer = wire.call("GetContainers", request, pb.GetContainersResponse)
    except Declined as refusal:
        if refusal.code is not StatusCode.NOT_FOUND:
            raise
        if len(uris) == 1:
            return {}
        middle = len(uris) // 2
        return _known(wire, uris[:middle]) | _known(wire, uris[middle:])
    return {one.uri: from_pb(one) for one in answer.containers}


def datasets(wire: Wire, instance_id: str, record_ids: Sequence[str]) -> list[Indexed]:
    """Active datasets of an instance for these records, in order of time.

    No record gives no dataset (the server would take it for all records).
    """
    if not record_ids:
        return []
    request = pb.ListDatasetsRequest(
        instance_id=instance_id, records=pb.RecordIdList(ids=record_ids)
    )
    answer = wire.call("ListDatasets", request, pb.ListDatasetsResponse)
    return [
        Indexed(
            meta.container_uri,
            records.from_pb(record),
            _of_meta(meta, record.id, instance_id),
        )
        for record, metas in zip(answer.records, answer.dataset_metas, strict=True)
        for meta in metas.internalsMeta
    ]


def to_pb(container: Container) -> pb.Container:
    """The message for a container."""
    return pb.Container(
        uri=container.uri,
        managed=container.managed,
        datasets=[
            pb.Dataset(
                record_id=one.record_id,
                instance_id=one.instance_id,
                container_subdir=one.subdir,
                bands=one.bands,
                dformat=formats.to_pb(one.data_format),
                real_min_value=one.real_min_value,
                real_max_value=one.real_max_value,
                exponent=one.exponent,
            )
            for one in container.datasets
        ],
    )


def from_pb(message: pb.Container) -> Container:
    """The container of a message."""
    return Container(
        uri=message.uri,
        managed=message.managed,
        datasets=tuple(
            Dataset(
                record_id=one.record_id,
                instance_id=one.instance_id,
                bands=tuple(one.bands),
                data_format=formats.from_pb(one.dformat),
                real_min_value=one.real_min_value,
                real_max_value=one.real_max_value,
                exponent=one.exponent,
                subdir=one.container_subdir,
            )
            for one in message.datasets
        ),
    )


def _of_meta(meta: pb.InternalMeta, record_id: str, instance_id: str) -> Dataset:
    return Dataset(
        record_id=record_id,
        instance_id=instance_id,
        bands=tuple(meta.bands),
        data_format=formats.from_pb(meta.dformat),
        real_min_value=meta.range_min,
        real_max_value=meta.range_max,
        exponent=meta.exponent,
        subdir=meta.container_subdir,
    )
