# SPDX-License-Identifier: Apache-2.0
"""The processor's door: process orders in, indexed layers and facts out."""

from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from agents import plugins
from agents.processor.process import Processing
from agents.settings import Settings
from agents.worker.door import run_worker, worker_name
from agents.worker.equipment import make_indexer, open_stores
from agents.worker.workdir import Workshop
from streams.orders import ProcessOrder
from streams.topics import PROCESSES


def run(settings: Settings) -> None:
    """Process until told to stop."""
    workshop = Workshop(settings.worker_dir, "processor")
    trade = Processing(
        worker=worker_name(),
        indexers={
            name: make_indexer(name, settings) for name in settings.processor_indexers
        },
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
        "processor",
        ProcessOrder,
        PROCESSES,
        trade,
        settings,
        parallel=settings.worker_parallel,
    )
    workshop.close()
