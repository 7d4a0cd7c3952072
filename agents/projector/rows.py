# SPDX-License-Identifier: Apache-2.0
"""Rows of the fold as rows of the read model. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from agents.projector.lives import Parameters, Statements, attempts, number, wishes
from streams.dependencies import Step
from streams.envelope import Envelope
from streams.events import (
    DownloadDone,
    IngestionAccepted,
    IngestionRefused,
    LayerDeleted,
    ProcessDone,
)
from streams.model import Kind, Layer, Measure
from streams.table import (
    AreaRow,
    CellRow,
    DownloadRow,
    IngestionRow,
    PageRow,
    ProcessRow,
    Row,
    TaskRow,
    encode_row,
)

_NOT_MEASURED = Measure("", "")


def statements(rows: Mapping[str, Row]) -> Statements:
    """Names of queries with their parameters, for each changed row."""
    for key, row in rows.items():
        yield "save_row", {"key": key, "value": msgspec.Raw(encode_row(row))}
        match row:
            case AreaRow():
                yield "save_area", _area(row)
            case IngestionRow():
                yield "save_ingestion", _ingestion(row)
            case DownloadRow() | ProcessRow():
                yield "save_task", _task(row)
            case CellRow() | PageRow():
                pass  # a chain is read from its tasks


def told(fact: Envelope[Any], before: Mapping[str, Row], step: Step) -> Statements:
    """What readers want of a fact and the fold does not keep in its rows.

    Args:
        fact: as it stands in the log.
        before: the rows that it changes, as they were; a new one is missing.
        step: what it does; a report that is void changes no row of its task's.
    """
    yield from _listed(fact, step.rows)
    yield from attempts(fact, before, step)
    yield from wishes(fact, step)


def _listed(fact: Envelope[Any], rows: Mapping[str, Row]) -> Statements:
    """Layers, outlines and refusals."""
    match fact.message:
        case IngestionAccepted() as accepted:
            yield (
                "save_outline",
                {
                    "area": accepted.area,
                    "ingestion": accepted.ingestion,
                    "geometry": accepted.geometry,
                    "start_time": accepted.start_time,
                    "end_time": accepted.end_time,
                    "by": accepted.by,
                    "at": fact.time,
                },
            )
        case DownloadDone() as done if _counts(fact, rows):
            for delivery in done.deliveries:
                yield from _layers(done, delivery.tile, delivery.layers)
        case ProcessDone() as done if _counts(fact, rows):
            tile = done.task.rpartition("/")[2]
            yield from _layers(done, tile, done.layers)
        case LayerDeleted() as gone:
            yield "delete_layer", {"uri": gone.uri, "deleted_at": fact.time}
        case IngestionRefused() as refused:
            yield (
                "save_refusal",
                {
                    "area": refused.area,
                    "ingestion": refused.ingestion,
                    "problems": refused.problems,
                    "at": fact.time,
                },
            )


def _counts(fact: Envelope[Any], rows: Mapping[str, Row]) -> bool:
    row = rows.get(fact.message.task)
    return (
        isinstance(row, DownloadRow | ProcessRow) and row.course.ended_at == fact.time
    )


def _area(row: AreaRow) -> Parameters:
    return {
        "name": row.area,
        "state": row.state.value,
        "ingestions": row.ingestions,
        "open_ingestions": row.open_ingestions,
        "ended": bool(row.ended_by),
        "downloads": row.downloads,
        "processes": row.processes,
        "limits": row.limits,
    }


def _ingestion(row: IngestionRow) -> Parameters:
    return {
        "area": row.area,
        "id": row.ingestion,
        "listed": row.listed,
        "settings": row.settings,
    }


def _task(row: TaskRow) -> Parameters:
    course = row.course
    return {
        "id": row.task,
        "area": row.area,
        "status": course.status.value,
        "attempt": course.attempt,
        "countdown": course.countdown,
        "setbacks": course.setbacks,
        "worker": course.worker,
        "failure": course.failure.value if course.failure else "",
        "message": course.message,
        "started_at": course.started_at,
        "ended_at": course.ended_at,
        "not_before": course.not_before,
        "ingestion": row.ingestion,
        "number": number(row.task),
    } | _place(row)


def _place(row: TaskRow) -> Parameters:
    if isinstance(row, DownloadRow):
        return {
            "kind": Kind.DOWNLOAD.value,
            "scene": row.scene.name,
            "tile": "",
            "cell": "",
            "acquired_at": row.scene.date,
            "previous": "",
            "reference": "",
        }
    return {
        "kind": Kind.PROCESS.value,
        "scene": row.tile.scene,
        "tile": row.tile.name,
        "cell": row.tile.cell,
        "acquired_at": row.tile.date,
        "previous": row.previous,
        "reference": row.reference,
    }


def _layers(
    done: DownloadDone | ProcessDone, tile: str, layers: Iterable[Layer]
) -> Statements:
    measures = {measure.uri: measure for measure in done.measures}
    for layer in layers:
        measure = measures.get(layer.uri, _NOT_MEASURED)
        yield (
            "save_layer",
            {
                "uri": layer.uri,
                "task": done.task,
                "area": done.area,
                "tile": tile,
                "name": layer.name,
                "extension": layer.extension,
                "action": layer.action.value,
                "size_bytes": layer.size_bytes,
                "sha256": layer.sha256,
                "footprint": measure.footprint,
                "bands": [msgspec.to_builtins(band) for band in measure.bands],
                "deleted_at": None,
            },
        )
