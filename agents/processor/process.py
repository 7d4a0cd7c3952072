# SPDX-License-Identifier: Apache-2.0
"""What the processor does with an order: fetch layers, run the graph, store, index."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from agents.logs import logger
from agents.processor.indexer import Document, Entry, Indexer, TileLayers
from agents.worker import manifest
from agents.worker.desk import Desk
from agents.worker.graph.engine import StepEngine
from agents.worker.graph.load import load_graph
from agents.worker.graph.model import Context, Graph, OutAction, Position, context
from agents.worker.graph.plan import Fetch, Plan, make_plan
from agents.worker.graph.run import run_plan
from agents.worker.graph.select import Output, select_outputs
from agents.worker.layers import FOLDERS, base_name, object_uri
from agents.worker.loop import Facts
from agents.worker.outputs.keep import Kept, keep
from agents.worker.outputs.provenance import Input, Origin, origin_of
from agents.worker.reply import reply
from agents.worker.saved import LocalLayer, fetch
from agents.worker.secrets import clean
from agents.worker.steplog import StepLog, kept_log
from agents.worker.store import ObjectStore
from agents.worker.workdir import Workshop
from streams.envelope import Envelope
from streams.errors import IndexUnavailable, IngesterError, ObjectNotFound
from streams.events import ProcessDone, ProcessFailed, ProcessStarted
from streams.failures import Failure
from streams.model import PICTURES, Action, Layer
from streams.orders import ProcessOrder, Source

_LOG = logger("processor")

_KEPT = frozenset({OutAction.CREATE, OutAction.INDEX})

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class Processing:
    """The trade of the processor."""

    worker: str
    indexers: Mapping[str, Indexer]
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
    index_patience_s: float = 3600.0
    """Time to wait for an index that is away: another attempt would run the graph once
    more, for hours perhaps, and could do nothing but wait either."""

    def begin(self, order: Envelope[ProcessOrder]) -> Facts:
        """The attempt is started."""
        m = order.message
        started = ProcessStarted(m.area, m.task, m.attempt, self.worker)
        return [reply(order, started, "processor", self.clock())]

    def carry_out(self, order: Envelope[ProcessOrder], desk: Desk) -> Facts:
        """Turn the tile into layers that an index knows."""
        m = order.message
        uri = self._uri(m, manifest.NAME)
        done = manifest.recall(self.store, uri, ProcessDone)
        if done is None:
            done = self._process(m, desk)
            if done.layers:
                done = manifest.record(self.store, uri, done)
        _LOG.info(
            f"processed {m.task}: {len(done.layers)} layers",
            action="tile_processed",
            task=m.task,
            attempt=m.attempt,
        )
        return [reply(order, done, "processor", self.clock())]

    def fail(
        self,
        order: Envelope[ProcessOrder],
        error: Exception,
        failure: Failure,
        desk: Desk,
    ) -> Facts:
        """The attempt failed."""
        m = order.message
        _LOG.warning(
            f"processing of {m.task} failed: {error}",
            action="process_failed",
            task=m.task,
            attempt=m.attempt,
            failure=failure.value,
        )
        notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
        failed = ProcessFailed(
            area=m.area,
            task=m.task,
            attempt=m.attempt,
            worker=self.worker,
            failure=failure,
            message=clean(f"{error}{notes}"),
            duration_s=desk.duration_s(),
            log=desk.log,
        )
        return [reply(order, failed, "processor", self.clock())]

    def _process(self, m: ProcessOrder, desk: Desk) -> ProcessDone:
        name = m.settings.tile_graph
        graph = load_graph(name, self.graph_roots, self.graph_digests)
        with (
            self.workshop.folder() as folder,
            kept_log(folder, partial(self._uri, m), self.store, desk) as said,
        ):
            work = folder / "work"
            work.mkdir()
            settings = context(graph, _positions(m), m.settings.graph_config, work)
            kept, documents = self._layers(m, graph, settings, desk, said)
        return ProcessDone(
            area=m.area,
            task=m.task,
            attempt=m.attempt,
            worker=self.worker,
            layers=(*(one.layer for one in kept), *documents),
            duration_s=desk.duration_s(),
            measures=tuple(one.measure for one in kept if one.measure),
            log=desk.log,
        )

    def _layers(
        self,
        m: ProcessOrder,
        graph: Graph,
        settings: Context,
        desk: Desk,
        said: StepLog,
    ) -> tuple[list[Kept], list[Layer]]:
        """What the graph leaves, stored and indexed, and the documents about it.

        Also when it failed: a graph may keep some files for that case. What goes wrong
        with these does not hide why it failed.
        """
        plan = make_plan(graph, settings)
        desk.step = "fetch"
        inputs = self._fetch_inputs(m, plan, settings)
        origin = origin_of(plan, settings, inputs)
        desk.step = f"graph {graph.name}"
        error = self._run(m, plan, settings, desk, said)
        try:
            outputs = self._outputs(m, graph, settings, error)
            desk.step = "store"
            kept = keep(
                outputs,
                settings.workdir,
                lambda _, name: self._uri(m, name),
                self.store,
                origin,
                said.take,
                failed=error is not None,
            )
            desk.step = "index"
            documents = self._index(m, settings, kept, origin, desk)
        except IngesterError as later:
            if error is None:
                raise
            raise error from later
        if error is not None:
            raise error
        return kept, documents

    def _outputs(
        self,
        m: ProcessOrder,
        graph: Graph,
        settings: Context,
        error: IngesterError | None,
    ) -> list[Output]:
        """The files to be stored: those whose conditions hold and that are wanted."""
        outputs = select_outputs(graph, settings, error, retriable=m.settings.retriable)
        return [
            out
            for out in outputs
            if out.action in _KEPT and _is_wanted(out, m.settings.layers)
        ]

    def _fetch_inputs(
        self, m: ProcessOrder, plan: Plan, settings: Context
    ) -> list[Input]:
        sources = (m.current, m.previous or m.current, m.reference or m.current)
        inputs = []
        for wanted in plan.inputs:
            layer = _find(sources[wanted.position], wanted)
            if layer is not None:
                place = settings.tiles[wanted.position]
                base = base_name(place.scene, place.tile, wanted.file.layer)
                local = LocalLayer(
                    wanted.file.layer, wanted.file.extension, base, settings.workdir
                )
                fetch(layer, local, self.store)
                inputs.append(Input(place, layer))
        return inputs

    def _run(
        self,
        m: ProcessOrder,
        plan: Plan,
        settings: Context,
        desk: Desk,
        said: StepLog,
    ) -> IngesterError | None:
        def log(level: str, line: str) -> None:
            getattr(_LOG, level)(line, task=m.task)
            said.take(level, line)

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
        except IngesterError as error:
            return error
        return None

    def _index(
        self,
        m: ProcessOrder,
        settings: Context,
        kept: Sequence[Kept],
        origin: Origin,
        desk: Desk,
    ) -> list[Layer]:
        """Enter the layers to be indexed, position by position, in every index."""
        documents: list[Layer] = []
        for position, place in enumerate(settings.tiles):
            entries = tuple(
                Entry(
                    one.layer,
                    one.file,
                    one.output.bands,
                    one.output.data_format,
                    one.measure,
                )
                for one in kept
                if one.output.position == position and one.output.is_indexed
            )
            if entries:
                layers = TileLayers(
                    m.area,
                    place.tile,
                    place.scene,
                    m.settings.instances,
                    entries,
                    origin,
                    _pictures(kept, position),
                )
                for indexer in self.indexers.values():
                    for document in self._told(indexer, layers, desk):
                        documents.append(self._store_document(m, document, settings))
        return documents

    def _told(
        self, indexer: Indexer, layers: TileLayers, desk: Desk
    ) -> Sequence[Document]:
        """What an index makes of the layers, once it answers."""
        end = time.monotonic() + self.index_patience_s
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return indexer.index(layers)
            except IndexUnavailable as error:
                if time.monotonic() >= end:
                    raise
                _LOG.warning(f"waiting for the index: {error}", action="index_away")
                if desk.cancelled.wait(pause_s):
                    raise
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _store_document(
        self, m: ProcessOrder, document: Document, settings: Context
    ) -> Layer:
        name = f"{document.name}.{document.extension}"
        file = settings.workdir / f".{name}"
        file.write_bytes(document.content)
        uri = self._uri(m, name)
        size, digest = self.store.put(uri, file)
        return Layer(
            document.name, document.extension, uri, size, digest, Action.DESCRIBE
        )

    def _uri(self, m: ProcessOrder, name: str) -> str:
        root = m.settings.storage_uri or self.storage_uri
        tile = m.current.tile
        return object_uri(root, m.area, tile.scene, tile.name, f"p{m.attempt}", name)


def _positions(m: ProcessOrder) -> tuple[Position, ...]:
    """T0, T1, T2: the tile stands for a previous or a reference that it lacks."""
    sources = (m.current, m.previous or m.current, m.reference or m.current)
    return tuple(Position(source.scene, source.tile) for source in sources)


def _pictures(kept: Sequence[Kept], position: int) -> tuple[Layer, ...]:
    return tuple(
        one.layer
        for one in kept
        if one.output.position == position and one.layer.extension in PICTURES
    )


def _find(source: Source, wanted: Fetch) -> Layer | None:
    """The layer that an in-file names; None when it may be absent, and is.

    Raises:
        ObjectNotFound: the log lists no such layer.
    """
    file = wanted.file
    for layer in source.layers:
        same = layer.extension == file.extension
        folders = layer.extension in FOLDERS and file.extension in FOLDERS
        if layer.name == file.layer and (same or folders):
            return layer
    if file.optional:
        return None
    there = ", ".join(f"{layer.name}.{layer.extension}" for layer in source.layers)
    raise ObjectNotFound(
        f"layer '{file.layer}.{file.extension}' of {source.tile.scene}/"
        f"{source.tile.name}: never made; the log lists: {there or 'none'}"
    )


def _is_wanted(out: Output, wanted: Sequence[str]) -> bool:
    return not out.is_indexed or not wanted or out.layer in wanted
