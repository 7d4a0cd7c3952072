# SPDX-License-Identifier: Apache-2.0
"""The downloader's door: download orders in, layers and facts out."""

from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from agents import plugins
from agents.downloader.download import Downloading
from agents.settings import Settings
from agents.worker.door import run_worker, worker_name
from agents.worker.equipment import open_stores
from agents.worker.shelf import Sweeper
from agents.worker.workdir import Workshop
from streams.orders import DownloadOrder
from streams.topics import DOWNLOADS

# What an attempt received is of use for as long as its task may be tried again.
_KEPT_S = 3 * 24 * 3600.0


def run(settings: Settings) -> None:
    """Download until told to stop."""
    workshop = Workshop(settings.worker_dir, "downloader")
    sweeper = Sweeper(settings.worker_dir, _KEPT_S)
    trade = Downloading(
        worker=worker_name(),
        providers=plugins.make_all("provider", settings.downloader_providers),
        store=open_stores(settings),
        storage_uri=settings.storage_uri,
        engines=cache(partial(plugins.make, "engine")),
        graph_roots=[Path(root) for root in settings.graph_roots],
        graph_digests=settings.graph_digests,
        workshop=workshop,
        step_timeout_s=settings.step_timeout_s,
        step_memory_mb=settings.step_memory_mb,
        step_cpus=settings.step_cpus,
        clock=lambda: datetime.now(UTC),
    )
    run_worker(
        "downloader",
        DownloadOrder,
        DOWNLOADS,
        trade,
        settings,
        parallel=settings.worker_parallel,
        turned=sweeper.turn,
    )
    workshop.close()
