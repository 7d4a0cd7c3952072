# SPDX-License-Identifier: Apache-2.0
"""Containers, and the indexing of the datasets in them."""

import math
from collections.abc import Mapping
from typing import Any

from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.standin.answers import Refusal, exists, invalid, not_found
from infra.geocube.standin.database import Database, Transaction
from infra.geocube.standin.grammar import new_id, parsed_id
from infra.geocube.standin.mappings import (
    check_cast,
    check_format,
    check_mapping,
    dtype_name,
    storable,
)
from infra.geocube.standin.rasters import Raster, Rasters, check_uri
from infra.geocube.standin.variables import format_message, of_instance

Columns = dict[str, Any]
"""A dataset as its row holds it."""

_SAME = {
    "of another record": ("record_id",),
    "of another instance": ("instance_id",),
    "with another datamapping": (
        "dtype",
        "no_data",
        "min_value",
        "max_value",
        "real_min_value",
        "real_max_value",
        "exponent",
    ),
    "with a different set of bands": ("bands",),
    "with different overviews": ("overviews",),
    "with different shape": ("crs", "west", "south", "east", "north"),
}
"""What differs, in the order it is looked at → the columns that say so."""


def index(
    rasters: Rasters, database: Database, request: pb.IndexDatasetsRequest
) -> pb.IndexDatasetsResponse:
    """Enter a container and its datasets; what is there already stays as it is.

    Files are read before the transaction begins: no connection waits for a store.
    """
    container = request.container
    for dataset in container.datasets:
        parsed_id(dataset.record_id, "record id")
        parsed_id(dataset.instance_id, "instance id")
        check_mapping(dataset)
    check_uri(container.uri)
    wanted = [
        _columns(rasters, database, container.uri, one) for one in container.datasets
    ]
    with database.transaction() as transaction:
        transaction.row("lock_container", uri=container.uri)
        transaction.do("create_container", uri=container.uri, managed=container.managed)
        found = transaction.rows("datasets_of_containers", uris=[container.uri])
        for columns in wanted:
            if not _is_there(columns, found):
                _insert(transaction, columns)
                found.append({**columns, "status": "ACTIVE"})
    return pb.IndexDatasetsResponse()


def _columns(
    rasters: Rasters, database: Database, uri: str, dataset: pb.Dataset
) -> Columns:
    """A dataset with what its variable allows and its file says."""
    instance_id = parsed_id(dataset.instance_id)
    with database.transaction() as transaction:
        variable = of_instance(transaction, instance_id)
    _check_against(variable, dataset)
    raster = rasters.read(uri, dataset.container_subdir, list(dataset.bands))
    check_format(dataset.dformat, raster.dtype)
    check_cast(raster.dtype, variable["dtype"])
    return {
        "record_id": parsed_id(dataset.record_id),
        "instance_id": instance_id,
        "container_uri": uri,
        "subdir": dataset.container_subdir,
        "bands": list(dataset.bands),
        "dtype": storable(raster.dtype),
        "no_data": dataset.dformat.no_data,
        "min_value": dataset.dformat.min_value,
        "max_value": dataset.dformat.max_value,
        "real_min_value": dataset.real_min_value,
        "real_max_value": dataset.real_max_value,
        "exponent": dataset.exponent,
        **_place(raster),
    }


def _place(raster: Raster) -> Columns:
    west, south, east, north = raster.bounds
    return {
        "overviews": raster.overviews,
        "crs": raster.crs,
        "west": west,
        "south": south,
        "east": east,
        "north": north,
    }


def _check_against(variable: Mapping[str, Any], dataset: pb.Dataset) -> None:
    if len(dataset.bands) != len(variable["bands"]):
        raise invalid("Wrong number of bands in dataset")
    check_cast(dtype_name(dataset.dformat.dtype), variable["dtype"])
    low, high = variable["min_value"], variable["max_value"]
    if dataset.real_min_value >= high or dataset.real_max_value <= low:
        raise invalid(
            "Range of external values of the dataset"
            f" [{dataset.real_min_value:f},{dataset.real_max_value:f}] does not"
            f" intersect the range of values of the variable [{low:f},{high:f}]"
        )


def _is_there(wanted: Columns, found: list[dict[str, Any]]) -> bool:
    """Is the dataset there? Raises a Refusal when another is in its place."""
    for other in found:
        if other["status"] != "ACTIVE":
            status = other["status"]
            raise _taken(wanted, "status", status, f"with the status {status}")
        if other["subdir"] == wanted["subdir"] and _share(other, wanted):
            for reason, names in _SAME.items():
                if any(_key(other[one]) != _key(wanted[one]) for one in names):
                    place = f"{wanted['subdir']}/{_joined(wanted)}"
                    raise _taken(wanted, "subdir/bands", place, reason)
            return True
    return False


def _share(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return not set(one["bands"]).isdisjoint(other["bands"])


def _key(value: Any) -> Any:
    """Equal for equal values; NaN equals NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _joined(columns: Columns) -> str:
    return "-".join(str(band) for band in columns["bands"])


def _taken(wanted: Columns, key: str, value: str, reason: str) -> Refusal:
    message = (
        f"A dataset {reason} already refers to the container"
        f" {wanted['container_uri']}, the subdir '{wanted['subdir']}' and one of the"
        f" bands among: {_joined(wanted)}"
    )
    return exists("dataset", key, value, message)


def _insert(transaction: Transaction, columns: Columns) -> None:
    record_id = columns["record_id"]
    if transaction.row("keep_record", id=record_id) is None:
        raise not_found("Dataset", "record_id", record_id)
    transaction.do("create_dataset", id=new_id(), **columns)


def get(
    database: Database, request: pb.GetContainersRequest
) -> pb.GetContainersResponse:
    """Containers in the order of the request, with all their datasets."""
    uris = list(dict.fromkeys(request.uris))
    with database.transaction() as transaction:
        rows = {row["uri"]: row for row in transaction.rows("containers", uris=uris)}
        datasets = transaction.rows("datasets_of_containers", uris=uris)
    for uri in uris:
        if uri not in rows:
            raise not_found("Container", "uri", uri)
    return pb.GetContainersResponse(
        containers=[
            pb.Container(
                uri=uri,
                managed=rows[uri]["managed"],
                datasets=[_message(d) for d in datasets if d["container_uri"] == uri],
            )
            for uri in uris
        ]
    )


def _message(row: Mapping[str, Any]) -> pb.Dataset:
    return pb.Dataset(
        record_id=row["record_id"],
        instance_id=row["instance_id"],
        container_subdir=row["subdir"],
        bands=row["bands"],
        dformat=format_message(row),
        real_min_value=row["real_min_value"],
        real_max_value=row["real_max_value"],
        exponent=row["exponent"],
    )
