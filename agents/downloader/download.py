# SPDX-License-Identifier: Apache-2.0
"""What the downloader does with an order: fetch, cut, store."""

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from agents.downloader.fetch import fetch
from agents.downloader.provider import Errand, ImageProvider
from agents.downloader.transfer.gate import Breakers
from agents.logs import logger
from agents.worker import manifest
from agents.worker.desk import Desk
from agents.worker.graph.check import scene_graph_problems
from agents.worker.graph.engine import StepEngine
from agents.worker.graph.load import load_graph
from agents.worker.graph.model import (
    Graph,
    OutAction,
    Position,
    context,
)
from agents.worker.graph.plan import make_plan
from agents.worker.graph.run import run_plan
from agents.worker.graph.select import select_outputs
from agents.worker.layers import object_uri
from agents.worker.loop import Facts
from agents.worker.outputs.keep import Kept, keep
from agents.worker.outputs.provenance import origin_of
from agents.worker.reply import reply
from agents.worker.room import Room
from agents.worker.secrets import clean
from agents.worker.shelf import clear, shelf_of
from agents.worker.steplog import StepLog, kept_log
from agents.worker.store import ObjectStore
from agents.worker.workdir import Workshop
from streams.envelope import Envelope
from streams.errors import (
    IngesterError,
    InvalidGraph,
    NoProviderDelivered,
    ProviderError,
)
from streams.events import DownloadDone, DownloadFailed, DownloadStarted
from streams.failures import Failure
from streams.model import Delivery, Part, Tile
from streams.orders import DownloadOrder

_LOG = logger("downloader")


@dataclass(frozen=True, slots=True)
class Downloading:
    """The trade of the downloader."""

    worker: str
    providers: Mapping[str, ImageProvider]
    store: ObjectStore
    storage_uri: str
    engines: Callable[[str], StepEngine]
    graph_roots: Sequence[Path]
    workshop: Workshop
    step_timeout_s: float
    clock: Callable[[], datetime]
    step_memory_mb: int = 0
    step_cpus: int = 0
    graph_digests: Sequence[str] = ()
    room: Room = field(default_factory=Room)
    breakers: Breakers = field(default_factory=Breakers)

    def begin(self, order: Envelope[DownloadOrder]) -> Facts:
        """The attempt is started."""
        m = order.message
        started = DownloadStarted(m.area, m.task, m.attempt, self.worker)
        return [reply(order, started, "downloader", self.clock())]

    def carry_out(self, order: Envelope[DownloadOrder], desk: Desk) -> Facts:
        """Fetch the product, cut it in its tiles, store their layers."""
        m = order.message
        uri = self._uri(m, m.scene.name, manifest.NAME)
        done = manifest.recall(self.store, uri, DownloadDone)
        if done is None:
            done = self._download(m, desk)
            if any(delivery.layers for delivery in done.deliveries):
                done = manifest.record(self.store, uri, done)
        clear(shelf_of(self.workshop.node, m.task))
        _LOG.info(
            f"downloaded {m.scene.name} from {done.provider}",
            action="product_downloaded",
            task=m.task,
            attempt=m.attempt,
        )
        return [reply(order, done, "downloader", self.clock())]

    def fail(
        self,
        order: Envelope[DownloadOrder],
        error: Exception,
        failure: Failure,
        desk: Desk,
    ) -> Facts:
        """The attempt failed."""
        m = order.message
        trials = error.trials if isinstance(error, NoProviderDelivered) else ()
        _LOG.warning(
            f"download of {m.scene.name} failed: {error}",
            action="download_failed",
            task=m.task,
            attempt=m.attempt,
            failure=failure.value,
        )
        notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
        failed = DownloadFailed(
            area=m.area,
            task=m.task,
            attempt=m.attempt,
            worker=self.worker,
            failure=failure,
            message=clean(f"{error}{notes}"),
            trials=trials,
            duration_s=desk.duration_s(),
            log=desk.log,
            retry_after_s=_pause(error),
        )
        return [reply(order, failed, "downloader", self.clock())]

    def _download(self, m: DownloadOrder, desk: Desk) -> DownloadDone:
        graph = self._graph(m.settings.scene_graph)
        uri_of = partial(self._uri, m, m.scene.name)
        node = self.workshop.node
        with (
            self.workshop.folder() as folder,
            closing(self.room.promise(folder, lambda: desk.done_bytes)) as room,
            kept_log(folder, uri_of, self.store, desk) as said,
        ):
            desk.step = "fetch"
            errand = Errand(m.area, desk, shelf_of(node, m.task), node, room)
            product, trials = fetch(
                m.scene, self.providers, folder, time.monotonic, errand, self.breakers
            )
            cut = {
                part.tile: self._cut(m, part, graph, work, desk, said)
                for part, work in _work_folders(m.scene.parts, product)
            }
        return DownloadDone(
            area=m.area,
            task=m.task,
            attempt=m.attempt,
            worker=self.worker,
            provider=trials[-1].provider,
            deliveries=tuple(
                Delivery(tile, tuple(one.layer for one in kept))
                for tile, kept in cut.items()
            ),
            trials=tuple(trials),
            duration_s=desk.duration_s(),
            measures=tuple(
                one.measure for kept in cut.values() for one in kept if one.measure
            ),
            log=desk.log,
        )

    def _graph(self, name: str) -> Graph:
        """A graph that can be run on a scene: it may be another than the catalogue saw.

        Raises:
            InvalidGraph: it cannot.
        """
        graph = load_graph(name, self.graph_roots, self.graph_digests)
        problems = scene_graph_problems(graph)
        if problems:
            raise InvalidGraph(name, problems)
        return graph

    def _cut(
        self,
        m: DownloadOrder,
        part: Part,
        graph: Graph,
        work: Path,
        desk: Desk,
        said: StepLog,
    ) -> list[Kept]:
        """Run the scene graph for one tile and store what it creates.

        Also when it failed: a graph may keep some files for that case. What goes wrong
        with these does not hide why it failed.
        """
        tile = Tile(part.tile, m.scene.name, m.scene.date, "", part.swath, part.number)
        here = Position(m.scene, tile)
        settings = context(graph, (here,), m.settings.graph_config, work)
        plan = make_plan(graph, settings)
        desk.step = f"graph {graph.name}"

        def log(level: str, line: str) -> None:
            getattr(_LOG, level)(line, task=m.task)
            # The tiles of a scene share its log.
            about = f"{part.tile}: " if len(m.scene.parts) > 1 else ""
            said.take(level, about + line)

        error: IngesterError | None = None
        try:
            run_plan(
                plan,
                settings,
                self.engines,
                timeout_s=self.step_timeout_s,
                memory_mb=self.step_memory_mb,
                cpus=self.step_cpus,
                cancelled=desk.cancelled,
                log=log,
            )
        except IngesterError as failure:
            error = failure
        retriable = m.settings.retriable
        try:
            outputs = select_outputs(graph, settings, error, retriable=retriable)
            desk.step = "store"
            kept = keep(
                [out for out in outputs if out.action is OutAction.CREATE],
                work,
                lambda place, name: self._uri(m, place.tile.name, name),
                self.store,
                origin_of(plan, settings, ()),
                log,
                failed=error is not None,
            )
        except IngesterError as later:
            if error is None:
                raise
            raise error from later
        if error is not None:
            raise error
        return kept

    def _uri(self, m: DownloadOrder, tile: str, name: str) -> str:
        root = m.settings.storage_uri or self.storage_uri
        return object_uri(root, m.area, m.scene.name, tile, f"d{m.attempt}", name)


def _work_folders(parts: Sequence[Part], product: Path) -> list[tuple[Part, Path]]:
    """A folder with the product for each tile: no tile sees what another one left."""
    if len(parts) == 1:
        return [(parts[0], product)]
    folders = []
    for number, part in enumerate(parts):
        work = product.with_name(f"{product.name}-tile-{number}")
        # Links: a product of gigabytes is not copied for each of its bursts. A step
        # writes new files, never into those of the product.
        shutil.copytree(product, work, copy_function=os.link)
        folders.append((part, work))
    return folders


def _pause(error: Exception) -> float:
    """Seconds that a provider asks for before the next attempt; 0: none."""
    return error.retry_after_s if isinstance(error, ProviderError) else 0
