# SPDX-License-Identifier: Apache-2.0
"""Deletion of datasets, and the jobs that tell how it went."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from grpc import StatusCode

from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.pb import status_pb2
from infra.geocube.standin import filters
from infra.geocube.standin.answers import Refusal, exists, not_found
from infra.geocube.standin.database import Database, Transaction
from infra.geocube.standin.grammar import new_id, parsed_id


def delete_datasets(
    database: Database, request: pb.DeleteDatasetsRequest
) -> pb.DeleteDatasetsResponse:
    """Delete the active datasets that all selectors select; without any, every one.

    It has ended when this answers; the job in the answer says NEW all the same, as the
    reference's does.
    """
    if request.execution_level != pb.ExecutionSynchronous:
        raise Refusal(StatusCode.UNIMPLEMENTED, "only synchronous deletions are known")
    id, begun = new_id(), _now()
    name = request.job_name or id
    with database.transaction() as transaction:
        managed = _delete_rows(transaction, request, id, name, begun)
    # Files last: when it is killed here, a file is left that nothing refers to.
    problems = _delete_files(managed)
    with database.transaction() as transaction:
        transaction.do(
            "end_job",
            id=id,
            state="DONEBUTUNTIDY" if problems else "DONE",
            failed=len(problems),
            logs=problems,
            now=_now(),
        )
    stamp = filters.stamp_of(begun)
    job = pb.Job(
        id=id,
        name=name,
        type="DELETION",
        state="NEW",
        creation_time=stamp,
        last_update_time=stamp,
    )
    return pb.DeleteDatasetsResponse(job=job)


def _delete_rows(
    transaction: Transaction,
    request: pb.DeleteDatasetsRequest,
    job_id: str,
    job_name: str,
    now: datetime,
) -> list[str]:
    """Delete datasets and the containers left empty; URIs of those that are managed."""
    rows = transaction.rows(
        "datasets_to_delete",
        record_ids=list(request.record_ids),
        instance_ids=list(request.instance_ids),
        **filters.uri_filters(request.dataset_patterns),
    )
    if not rows:
        message = "No dataset found for these records, instances and/or pattern"
        raise Refusal(StatusCode.NOT_FOUND, message, status_pb2.ResourceInfo())
    logs = [f"Remove {row['container_uri']} {row['id']}" for row in rows]
    job = {"id": job_id, "name": job_name, "state": "DELETIONEFFECTIVE", "now": now}
    if transaction.row("create_job", **job, logs=logs) is None:
        raise exists("Job", "name", job_name)
    for row in rows:
        if row["locked_by"] is not None:
            message = f"Dataset is already locked: {row['id']}"
            raise exists("dataset", "id", row["id"], message)
    uris = sorted({row["container_uri"] for row in rows})
    for uri in uris:
        transaction.row("lock_container", uri=uri)
    transaction.do("delete_datasets", ids=[row["id"] for row in rows])
    emptied = transaction.rows("delete_empty_containers", uris=uris)
    return sorted(row["uri"] for row in emptied if row["managed"])


def _delete_files(uris: Iterable[str]) -> list[str]:
    """Delete managed files; why some are still there.

    As in the reference, objects stay: of `s3://` it is said, of `/vsis3/` it is not.
    """
    problems = []
    for uri in uris:
        if not uri.startswith("/"):
            problems.append(f"{uri}: deletion is not supported yet")
        elif not uri.startswith("/vsi"):
            try:
                Path(uri).unlink(missing_ok=True)
            except OSError as error:
                problems.append(f"{uri}: {error}")
    return problems


def get(database: Database, request: pb.GetJobRequest) -> pb.GetJobResponse:
    """A job by its id; lines of its log only when a limit for them is given."""
    id = parsed_id(request.id)
    with database.transaction() as transaction:
        row = transaction.row("job", id=id)
    if row is None:
        raise not_found("Job", "id", id)
    start = request.log_page * request.log_limit
    job = pb.Job(
        id=row["id"],
        name=row["name"],
        type="DELETION",
        state=row["state"],
        creation_time=filters.stamp_of(row["created"]),
        last_update_time=filters.stamp_of(row["updated"]),
        logs=row["logs"][start : start + request.log_limit],
        failed_tasks=row["failed_tasks"],
    )
    return pb.GetJobResponse(job=job)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
