# SPDX-License-Identifier: Apache-2.0
"""What the janitor does with releases: check, delete, record. Never more than asked.

Releases of a batch are carried out together; their facts are acknowledged before their
offsets are committed. A release that comes again finds nothing and is recorded again,
under the same id.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from prometheus_client import Counter

from agents.logs import logger
from agents.worker.deadletters import dead_letter
from agents.worker.manifest import NAME as MANIFEST
from agents.worker.ports import Sink
from agents.worker.reply import reply
from agents.worker.store import ObjectStore
from streams.codec import pack, unpack
from streams.envelope import Envelope, Record
from streams.errors import ContractError, InvalidRequest, StoreError, StoreUnavailable
from streams.events import LayerDeleted
from streams.model import AreaState
from streams.orders import AreaStanding, LayerReleased
from streams.topics import key_of, topic_of

_LOG = logger("janitor")

_DELETED = Counter(
    "ingester_janitor_layers_total", "Layers released, by outcome", ["outcome"]
)

# Each deletion waits for the store, not for us.
_AT_ONCE = 16

# Shorter than the time after which a pulse has stopped.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0

# What follows the root: AREA/SCENE/tiles/TILE/ATTEMPT/NAME.
_OBJECT = re.compile(r"/[^/]+/[^/]+/tiles/[^/]+/[dp][0-9]+/(?P<name>[^/]+)")


class Policy(StrEnum):
    """What the janitor does with what was released."""

    DELETE = "delete"
    DRY_RUN = "dry-run"
    """Say what would be deleted, delete nothing."""
    KEEP = "keep"
    """Delete nothing, say nothing."""


class Stopped(Exception):
    """The janitor was told to stop; what is in hand is left to the next."""


@dataclass(frozen=True, slots=True)
class Cleaning:
    """The trade of the janitor."""

    store: ObjectStore
    roots: Sequence[str]
    """Where it may delete: nothing outside of these is ever touched."""
    policy: Policy
    layers_of: Callable[[str], Iterable[LayerReleased]]
    """Everything intermediate of an area, as the log has it."""
    sink: Sink
    clock: Callable[[], datetime]
    stopping: threading.Event
    beat: Callable[[], None] = lambda: None
    """Called before each deletion, also of one that is tried again: the store may be
    away for long, and the janitor lives."""

    def handle(self, records: Sequence[Record]) -> None:
        """Deal with records; returns when all that they led to is acknowledged.

        Raises:
            Stopped: told to stop before that.
            BrokerError: Kafka does not take what was done.
        """
        releases = [one for record in records for one in self._releases(record)]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            for done in threads.map(self._carry_out, releases):
                if done is not None:
                    self.sink.send(done)
        self.sink.flush()

    def _releases(
        self, record: Record
    ) -> Iterator[tuple[Record, Envelope[LayerReleased]]]:
        """What a record releases: a layer, or all of an area that was cancelled."""
        try:
            order: Envelope[Any] = unpack(record)
        except ContractError as error:
            self.sink.send(self._buried(record, error))
            return
        match order.message:
            case LayerReleased():
                yield record, order
            case AreaStanding(state=AreaState.CANCELLED) as standing:
                for release in self.layers_of(standing.area):
                    yield record, _as_order(release, order)

    def _carry_out(self, item: tuple[Record, Envelope[LayerReleased]]) -> Record | None:
        record, order = item
        released = order.message
        try:
            check_uri(released, self.roots)
        except InvalidRequest as error:
            _DELETED.labels("refused").inc()
            return self._buried(record, error)
        if self.policy is not Policy.DELETE:
            self._leave(released)
            return None
        try:
            there = self._delete(released.uri)
        except StoreError as error:
            _DELETED.labels("failed").inc()
            return self._buried(record, error)
        _DELETED.labels("deleted" if there else "absent").inc()
        _LOG.info(
            f"deleted {released.uri}",
            action="layer_deleted",
            task=released.task,
            there=there,
        )
        fact = LayerDeleted(released.area, released.task, released.uri)
        told = reply(order, fact, "janitor", self.clock())
        return pack(topic_of(fact).name, key_of(fact), told)

    def _leave(self, released: LayerReleased) -> None:
        _DELETED.labels("left").inc()
        if self.policy is Policy.DRY_RUN:
            _LOG.info(
                f"would delete {released.uri}", action="layer_left", task=released.task
            )

    def _delete(self, uri: str) -> bool:
        """Remove an object, waiting for a store that does not answer.

        Raises:
            StoreError: it refuses.
            Stopped: told to stop meanwhile.
        """
        pause_s = _FIRST_PAUSE_S
        while True:
            self.beat()
            try:
                return self.store.delete(uri)
            except StoreUnavailable as error:
                _LOG.warning(str(error), action="store_away")
            if self.stopping.wait(pause_s):
                raise Stopped
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _buried(self, record: Record, error: Exception) -> Record:
        _LOG.error(str(error), action="dead_letter", record=str(record))
        return dead_letter(record, error, "janitor", self.clock())


def check_uri(released: LayerReleased, roots: Iterable[str]) -> None:
    """See that a release is about a layer of its area, below a root that is ours.

    Raises:
        InvalidRequest: it is not; nothing may be deleted.
    """
    for root in roots:
        start = f"{root.rstrip('/')}/{released.area}"
        if released.uri.startswith(f"{start}/"):
            found = _OBJECT.fullmatch(released.uri.removeprefix(root.rstrip("/")))
            if (
                found
                and found["name"] != MANIFEST
                and ".." not in released.uri.split("/")
            ):
                return
    raise InvalidRequest(
        f"release of '{released.uri}'",
        [f"expected a layer of area '{released.area}' below {' or '.join(roots)}"],
    )


def expire(
    store: ObjectStore,
    prefix: str,
    before: datetime,
    policy: Policy,
    beat: Callable[[], None] = lambda: None,
) -> int:
    """Remove objects below a prefix that were made before an instant.

    Args:
        store: has them.
        prefix: of their URIs.
        before: when they must have been made.
        policy: whether they are removed at all.
        beat: called between two objects.

    Returns:
        How many were removed.
    """
    if policy is Policy.KEEP:
        return 0
    old = [uri for uri, _, at in store.list(prefix) if at < before]
    if policy is Policy.DRY_RUN:
        for uri in old:
            _LOG.info(f"would delete {uri}", action="inventory_left")
        return 0
    for uri in old:
        store.delete(uri)
        beat()
    return len(old)


def _as_order(
    release: LayerReleased, standing: Envelope[AreaStanding]
) -> Envelope[LayerReleased]:
    return Envelope(
        release,
        id=f"{release.uri}/layer-released",
        time=standing.time,
        source=standing.source,
        subject=release.task,
        cause=standing.id,
    )
