# SPDX-License-Identifier: Apache-2.0
"""Deletion of datasets by the URI of their container, and the job that tells of it."""

import re
from dataclasses import dataclass

from grpc import StatusCode

from infra.geocube.errors import Declined
from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.wire import Wire
from streams.errors import IndexRefused, IndexUnavailable

_FAILED = ("INITIALISATIONFAILED", "DELETIONFAILED")


@dataclass(frozen=True, slots=True)
class Deletion:
    """A deletion that was carried out."""

    job_id: str
    state: str
    """DONE, or DONEBUTUNTIDY: datasets are gone, some managed file is not."""
    untidy_files: int


def delete_datasets(wire: Wire, pattern: str) -> Deletion | None:
    """Delete the active datasets of containers whose URI matches; None: none matched.

    Args:
        wire: the index.
        pattern: a whole URI; `*` any run, `?` one character, suffix `(?i)` any case.

    Raises:
        IndexRefused: the pattern is empty or matches everything.
        IndexUnavailable: another job has the datasets, or this one failed midway.
        Declined: any other refusal.
    """
    # Without any selector the server deletes every dataset of the catalogue.
    if not re.search(r"[^*?%_\s]", pattern.removesuffix("(?i)")):
        raise IndexRefused(f"pattern '{pattern}' would delete the whole catalogue")
    request = pb.DeleteDatasetsRequest(
        dataset_patterns=[pattern],
        # Any other level kills a reference server that has no messaging.
        execution_level=pb.ExecutionSynchronous,
    )
    try:
        answer = wire.call("DeleteDatasets", request, pb.DeleteDatasetsResponse)
    except Declined as refusal:
        if refusal.code is StatusCode.NOT_FOUND:
            return None
        if refusal.code is StatusCode.ALREADY_EXISTS:
            raise IndexUnavailable(f"datasets of '{pattern}': {refusal}") from refusal
        raise
    return _ended(wire, answer.job.id, pattern)


def _ended(wire: Wire, job_id: str, pattern: str) -> Deletion:
    """How the job ended; its own answer always says NEW."""
    job = wire.call("GetJob", pb.GetJobRequest(id=job_id), pb.GetJobResponse).job
    if job.state in _FAILED:
        raise IndexUnavailable(
            f"datasets of '{pattern}': job {job_id} is {job.state}, expected DONE"
        )
    return Deletion(job_id, job.state, job.failed_tasks)
