# SPDX-License-Identifier: Apache-2.0
"""What the tests of the workers' trades share: orders, providers, indexes, stores."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from agents import plugins
from agents.downloader.provider import Errand
from agents.processor.indexer import Document, TileLayers
from agents.worker.desk import Desk
from agents.worker.workdir import Workshop
from infra.files.store import FileStore
from streams.envelope import Envelope
from streams.errors import IngesterError
from streams.model import Layer, Scene, Settings, order_id
from streams.orders import DownloadOrder, ProcessOrder

NOW = datetime(2024, 1, 1, tzinfo=UTC)

AREA = "demo"


class Provider:
    """Copies files made by the test, after failing as often as told."""

    def __init__(
        self, files: dict[str, bytes], errors: Sequence[IngesterError] = ()
    ) -> None:
        self.files = files
        self.errors = list(errors)
        self.asked = 0

    def fetch(self, scene: Scene, into: Path, errand: Errand) -> None:
        self.asked += 1
        for name, content in self.files.items():
            path = into / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            if self.errors:
                raise self.errors.pop(0)


class Index:
    """Keeps what it is told, and gives a document for each tile."""

    def __init__(self, error: IngesterError | None = None) -> None:
        self.told: list[TileLayers] = []
        self.error = error

    def index(self, layers: TileLayers) -> Sequence[Document]:
        for entry in layers.entries:
            assert entry.layer.sha256 == sha256(entry.file.read_bytes())
        if self.error is not None:
            raise self.error
        self.told.append(layers)
        content = json.dumps([entry.layer.name for entry in layers.entries])
        return [Document(f"item-{layers.tile.name}", "json", content.encode())]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def equipment(folder: Path) -> dict[str, object]:
    """What both trades are given; `work` must be empty after each order."""
    return {
        "worker": "w1",
        "store": FileStore(),
        "storage_uri": f"file://{folder}/store",
        "engines": cache(partial(plugins.make, "engine")),
        "graph_roots": [folder / "graphs"],
        "workshop": Workshop(folder / "work", "worker"),
        "step_timeout_s": 60,
        "clock": lambda: NOW,
    }


def ordered(
    message: DownloadOrder | ProcessOrder,
) -> Envelope[DownloadOrder | ProcessOrder]:
    """The order as the workflow sends it."""
    order = order_id(message.task, message.attempt)
    return Envelope(message, order, NOW, "/agents/workflow", subject=message.task)


def carried_out(trade: object, order: Envelope[object], desk: Desk | None = None):
    """The one fact that an order led to, in its envelope."""
    (fact,) = trade.carry_out(order, desk or Desk())
    return fact


def failed(trade: object, order: Envelope[object]):
    """The fact that an order failed, as the worker's loop tells it."""
    desk = Desk()
    try:
        trade.carry_out(order, desk)
    except IngesterError as error:
        (fact,) = trade.fail(order, error, error.failure, desk)
        return fact.message
    raise AssertionError("the order did not fail")


def some_settings(**changes: object) -> Settings:
    """Settings of a request."""
    return Settings(
        **{"scene_graph": "CopyProductToStorage", "tile_graph": "Pass"} | changes
    )


def stored(folder: Path) -> dict[str, bytes]:
    """Key below the root → content, of every object."""
    store = folder / "store"
    return {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file()
    }


def left_behind(folder: Path) -> list[Path]:
    """What is in the work folder beside the worker's lock."""
    return [
        path
        for path in (folder / "work").rglob("*")
        if path.name != ".lock" and path.parent != folder / "work"
    ]


def write_graph(folder: Path, **document: object) -> str:
    """A graph below the root; its name."""
    (folder / "graphs").mkdir(exist_ok=True)
    (folder / "graphs/graph.json").write_text(json.dumps(document))
    return "graph.json"


def write_script(folder: Path, text: str) -> dict[str, object]:
    """A step that runs a Python script; its `args` are the caller's."""
    (folder / "graphs").mkdir(exist_ok=True)
    number = len(list((folder / "graphs").glob("*.py")))
    name = f"script{number}.py"
    (folder / "graphs" / name).write_text(text)
    return {"engine": "python", "command": name}


def put_layer(folder: Path, key: str, content: bytes, name: str, extension: str):
    """A layer in the store, as an earlier fact would list it."""
    file = folder / "object"
    file.write_bytes(content)
    uri = f"file://{folder}/store/{key}"
    size, digest = FileStore().put(uri, file)
    return Layer(name, extension, uri, size, digest)
