# SPDX-License-Identifier: Apache-2.0
"""Datasets of an instance, by record."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.standin import filters, records
from infra.geocube.standin.database import Database
from infra.geocube.standin.variables import format_message


def list_(
    database: Database, request: pb.ListDatasetsRequest
) -> pb.ListDatasetsResponse:
    """Active datasets of an instance; no record is no condition on records.

    Ids go to PostgreSQL as they are: one that is no UUID is its error, UNKNOWN.
    """
    with database.transaction() as transaction:
        rows = transaction.rows(
            "list_datasets",
            instance_id=request.instance_id,
            record_ids=list(request.records.ids),
            **filters.tag_filters(request.filters.tags),
            **filters.interval(request.filters),
        )
    answer = pb.ListDatasetsResponse()
    for _, group in groupby(rows, key=lambda row: row["record_id"]):
        found = list(group)
        answer.records.append(
            records.message({**found[0], "id": found[0]["record_id"]})
        )
        meta = pb.DatasetMeta(internalsMeta=[_message(row) for row in found])
        answer.dataset_metas.append(meta)
    return answer


def _message(row: Mapping[str, Any]) -> pb.InternalMeta:
    return pb.InternalMeta(
        container_uri=row["container_uri"],
        container_subdir=row["subdir"],
        bands=row["bands"],
        dformat=format_message(row),
        range_min=row["real_min_value"],
        range_max=row["real_max_value"],
        exponent=row["exponent"],
    )
