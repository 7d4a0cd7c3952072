# SPDX-License-Identifier: Apache-2.0
"""What an audit looks for in the Geocube."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.progress import Progress

from agents.commands.audit.objects import roots
from agents.commands.audit.report import Report
from agents.settings import Settings
from agents.worker.layers import stored_name
from infra.geocube.client import GeocubeClient
from infra.geocube.containers import Dataset
from streams.audit import Place, compare
from streams.model import Action, Layer, Scene
from streams.table import DownloadRow, IngestionRow, ProcessRow, Table, ingestion_key

_FILE = "file://"
"""The Geocube knows paths, the log file URIs."""


def compare_datasets(
    report: Report, settings: Settings, rows: Table, progress: Progress
) -> None:
    """Indexed layers of the log against datasets of the index, by their file."""
    instances = _instances(rows)
    if not instances:
        return
    if not settings.geocube_address:
        report.notes.append("datasets not compared: INGESTER_GEOCUBE_ADDRESS is empty")
        return
    token = settings.geocube_token.get_secret_value() or None
    with GeocubeClient(
        settings.geocube_address, token=token, tls=settings.geocube_tls
    ) as geocube:
        wanted = _wanted(rows, {one: _bands(geocube, one) for one in instances})
        below = tuple(
            f"{root.removeprefix(_FILE)}/{report.area}/"
            for root in roots(settings, rows)
        )
        found = _contained(geocube, wanted)
        for instance in progress.track(sorted(instances), description="datasets"):
            for one in geocube.datasets(instance, _records(rows)):
                if one.uri.startswith(below):
                    found.setdefault(one.uri, []).append(_plain(one.dataset))
    there = {uri: _distinct(datasets) for uri, datasets in found.items()}
    report.add(Place.DATASETS, len(wanted), compare(Place.DATASETS, wanted, there))


def _instances(rows: Table) -> set[str]:
    return {
        instance
        for row in rows.values()
        if isinstance(row, IngestionRow)
        for instance in row.settings.instances.values()
    }


def _records(rows: Table) -> list[str]:
    scenes = {r.scene.record for r in rows.values() if isinstance(r, DownloadRow)}
    return sorted(scenes - {""})


def _wanted(rows: Table, bands: Mapping[str, list[int]]) -> dict[str, Any]:
    """The dataset of each indexed layer, by URI of its file."""
    return {
        layer.uri.removeprefix(_FILE): {
            "record": _shown(rows, row, layer).record,
            "instance": instance,
            "bands": bands[instance],
        }
        for row, layer, instance in _indexed(rows)
    }


def _indexed(rows: Table) -> Iterator[tuple[ProcessRow, Layer, str]]:
    for row in rows.values():
        if isinstance(row, ProcessRow):
            ingestion = rows[ingestion_key(row.area, row.ingestion)]
            assert isinstance(ingestion, IngestionRow)
            for layer in row.layers:
                instance = ingestion.settings.instances.get(layer.name, "")
                if layer.action is Action.INDEX and instance:
                    yield row, layer, instance


def _shown(rows: Table, row: ProcessRow, layer: Layer) -> Scene:
    """The scene that a layer shows: a graph may write those of its neighbours too."""
    name = layer.uri.rpartition("/")[2]
    for task in (row.task, row.previous, row.reference):
        other = rows.get(task)
        if isinstance(other, ProcessRow):
            scene = _scene(rows, other)
            if stored_name(scene, other.tile, layer.name, layer.extension) == name:
                return scene
    return _scene(rows, row)


def _scene(rows: Table, row: ProcessRow) -> Scene:
    download = rows[row.download]
    assert isinstance(download, DownloadRow)
    return download.scene


def _bands(geocube: GeocubeClient, instance: str) -> list[int]:
    """All bands of an instance's variable; none when the index does not know it."""
    variable = geocube.variable_of_instance(instance)
    return [] if variable is None else list(range(1, len(variable.bands) + 1))


def _contained(
    geocube: GeocubeClient, wanted: Mapping[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    """Datasets in the files that are wanted: also of records that are not."""
    return {
        uri: [_plain(dataset) for dataset in container.datasets]
        for uri, container in geocube.containers(list(wanted)).items()
        if container.datasets
    }


def _plain(dataset: Dataset) -> dict[str, Any]:
    return {
        "record": dataset.record_id,
        "instance": dataset.instance_id,
        "bands": list(dataset.bands),
    }


def _distinct(datasets: list[dict[str, Any]]) -> Any:
    """What is in a file: mostly one dataset, seen twice."""
    once = [one for at, one in enumerate(datasets) if one not in datasets[:at]]
    return once[0] if len(once) == 1 else once
