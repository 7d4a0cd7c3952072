# SPDX-License-Identifier: Apache-2.0
"""The table of topics: what each holds, under which key, for how long, for whom."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, get_args

from streams.codec import MESSAGES, Message
from streams.events import Event
from streams.orders import (
    AreaStanding,
    DeadLetter,
    DownloadOrder,
    Heartbeat,
    IngestionRequest,
    InventoryProgress,
    InventoryRequest,
    LayerReleased,
    Notice,
    ProcessOrder,
)


class Cleanup(StrEnum):
    """What Kafka may throw away."""

    KEEP = "keep"
    """Nothing, ever: the log is the truth."""
    EXPIRE = "expire"
    """Records older than the retention."""
    COMPACT = "compact"
    """All but the newest record of each key."""
    COMPACT_EXPIRE = "compact+expire"


class Scale(StrEnum):
    """How many partitions a topic gets: each scale is one setting."""

    LOG = "log"
    """As the task log. Never changed on a living cluster: areas would move."""
    ORDERS = "orders"
    """As many as the largest group of workers."""
    FEW = "few"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic, without the prefix that a deployment may put before its name."""

    name: str
    holds: str
    key: str
    messages: tuple[str, ...]
    """Types of the messages; empty: the bytes are faust's own."""
    scale: Scale
    cleanup: Cleanup
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    retention: timedelta | None = None


def _types(union: Any) -> tuple[str, ...]:
    members = set(get_args(union)) or {union}
    return tuple(sorted(name for name, cls in MESSAGES.items() if cls in members))


_FORTNIGHT = timedelta(days=14)

REQUESTS = Topic(
    "ingester.requests",
    "requests for an area to be ingested",
    "area",
    _types(IngestionRequest),
    Scale.LOG,
    Cleanup.KEEP,
    writers=("cli", "gateway", "any client"),
    readers=("catalogue",),
)
TASKS = Topic(
    "ingester.tasks",
    "all facts: the log, of which every state is a projection",
    "area",
    _types(Event),
    Scale.LOG,
    Cleanup.KEEP,
    writers=(
        "catalogue",
        "downloader",
        "processor",
        "janitor",
        "workflow",
        "cli",
        "gateway",
    ),
    readers=("workflow", "projector", "any subscriber"),
)
DOWNLOADS = Topic(
    "ingester.orders.download",
    "scenes to download",
    "task id",
    _types(DownloadOrder),
    Scale.ORDERS,
    Cleanup.EXPIRE,
    writers=("workflow",),
    readers=("downloader",),
    retention=_FORTNIGHT,
)
PROCESSES = Topic(
    "ingester.orders.process",
    "tiles to process",
    "task id",
    _types(ProcessOrder),
    Scale.ORDERS,
    Cleanup.EXPIRE,
    writers=("workflow",),
    readers=("processor",),
    retention=_FORTNIGHT,
)
RELEASES = Topic(
    "ingester.orders.release",
    "layers that nobody will read any more",
    "area",
    _types(LayerReleased),
    Scale.LOG,
    Cleanup.EXPIRE,
    writers=("workflow",),
    readers=("janitor",),
    retention=_FORTNIGHT,
)
NOTICES = Topic(
    "ingester.notices",
    "what people want to be told",
    "area",
    _types(Notice),
    Scale.LOG,
    Cleanup.EXPIRE,
    writers=("workflow",),
    readers=("gateway", "any subscriber"),
    retention=_FORTNIGHT,
)
AREAS = Topic(
    "ingester.areas",
    "how areas stand that an operator paused, resumed or cancelled",
    "area",
    _types(AreaStanding),
    Scale.FEW,
    Cleanup.COMPACT,
    writers=("workflow",),
    readers=("downloader", "processor", "janitor"),
)
PROGRESS = Topic(
    "ingester.progress",
    "heartbeats of running attempts",
    "task id",
    _types(Heartbeat),
    Scale.LOG,
    Cleanup.COMPACT_EXPIRE,
    writers=("downloader", "processor"),
    readers=("gateway", "workflow", "any subscriber"),
    retention=timedelta(days=1),
)
INVENTORIES = Topic(
    "ingester.inventories",
    "requests to show what an ingestion would lead to",
    "inventory",
    _types(InventoryRequest),
    Scale.LOG,
    Cleanup.EXPIRE,
    writers=("gateway", "any client"),
    readers=("catalogue",),
    retention=_FORTNIGHT,
)
INVENTORY_PROGRESS = Topic(
    "ingester.inventories.progress",
    "how far inventories are, and where their results are",
    "inventory",
    _types(InventoryProgress),
    Scale.FEW,
    Cleanup.COMPACT_EXPIRE,
    writers=("gateway", "catalogue"),
    readers=("gateway", "any subscriber"),
    retention=_FORTNIGHT,
)
DEAD_LETTERS = Topic(
    "ingester.dead-letters",
    "records that could not be decoded or handled, with the cause",
    "key of the record",
    _types(DeadLetter),
    Scale.FEW,
    Cleanup.KEEP,
    writers=("all agents",),
    readers=("operators",),
)
TABLE = Topic(
    "ingester-workflow-tasks-changelog",
    "rows of the dependency table, as JSON",
    "row key",
    (),
    Scale.LOG,
    Cleanup.COMPACT,
    writers=("workflow",),
    readers=("workflow",),
)

TOPICS = (
    REQUESTS,
    TASKS,
    DOWNLOADS,
    PROCESSES,
    RELEASES,
    NOTICES,
    AREAS,
    PROGRESS,
    INVENTORIES,
    INVENTORY_PROGRESS,
    DEAD_LETTERS,
    TABLE,
)

_OF: dict[type[Any], Topic] = {
    MESSAGES[name]: topic for topic in TOPICS for name in topic.messages
}

_KEYS: dict[type[Any], str] = {
    IngestionRequest: "name",
    InventoryRequest: "inventory",
    InventoryProgress: "inventory",
    DownloadOrder: "task",
    ProcessOrder: "task",
    Heartbeat: "task",
}
"""Field with the key; of other messages it is `area`."""


def topic_of(message: Message) -> Topic:
    """Where a message goes."""
    return _OF[type(message)]


def key_of(message: Message) -> str:
    """The key that keeps what must stay in order on one partition."""
    if isinstance(message, DeadLetter):
        return (message.key or b"").decode("utf-8", "replace")
    key: str = getattr(message, _KEYS.get(type(message), "area"))
    return key
