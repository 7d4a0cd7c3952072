# SPDX-License-Identifier: Apache-2.0
"""What an audit looks for in the object store."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.progress import Progress

from agents.commands.audit.report import Report
from agents.settings import Settings
from agents.worker import manifest
from agents.worker.equipment import open_stores
from agents.worker.store import ObjectStore
from streams.audit import Expected, Place, compare_objects, strays
from streams.errors import ObjectNotFound
from streams.table import IngestionRow, Table

# Each look waits for the store, not for us.
_AT_ONCE = 16


def compare_store(
    report: Report,
    settings: Settings,
    whole: Expected,
    progress: Progress,
    *,
    deep: bool,
) -> None:
    """Layers and manifests that the log lists, and objects that it does not."""
    store, objects = open_stores(settings), whole.objects
    look = _read_whole if deep else _look
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        layers = threads.map(lambda uri: (uri, look(store, uri)), objects.layers)
        held = threads.map(
            lambda item: (item[0], manifest.recall(store, item[0], type(item[1]))),
            objects.manifests.items(),
        )
        found = dict(progress.track(layers, len(objects.layers), description="objects"))
        manifests = dict(
            progress.track(held, len(objects.manifests), description="manifests")
        )
    checked = len(found) + len(manifests)
    report.add(Place.OBJECTS, checked, compare_objects(objects, found, manifests))
    listed = (
        uri
        for root in sorted(roots(settings, whole.table))
        for uri, _, _ in store.list(f"{root}/{report.area}/")
    )
    seen = progress.track(listed, description="strays")
    orphans, report.left_over = strays(objects, seen, whole.table, report.area)
    report.add(Place.OBJECTS, 0, orphans)


def roots(settings: Settings, rows: Table) -> set[str]:
    """Where the area's requests keep layers."""
    return {
        (row.settings.storage_uri or settings.storage_uri).rstrip("/")
        for row in rows.values()
        if isinstance(row, IngestionRow)
    }


def _look(store: ObjectStore, uri: str) -> tuple[int, str] | None:
    return store.stat(uri)


def _read_whole(store: ObjectStore, uri: str) -> tuple[int, str] | None:
    with TemporaryDirectory() as folder:
        try:
            return store.get(uri, Path(folder, "object"))
        except ObjectNotFound:
            return None
