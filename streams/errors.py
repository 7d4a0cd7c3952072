# SPDX-License-Identifier: Apache-2.0
"""Every error of the ingester.

IngesterError
├── InvalidRequest          a request, a payload or a command line cannot be accepted
├── InvalidGraph            a processing graph cannot be loaded
├── ContractError
│   ├── UnknownMessage      a record names no message of ours
│   ├── UndecodableRecord   a record's bytes do not follow its schema
│   └── IncompatibleSchema  a schema breaks readers of released data
├── BrokerError             Kafka refused or did not answer
├── SearchError             a catalogue search failed or answered nonsense
├── ProviderError
│   ├── NoProviderDelivered every provider was tried, none had a good product
│   ├── ProductNotFound     this provider does not have the product
│   ├── ProductStaging      the product is being brought online
│   ├── CredentialsRefused  the provider does not know us, or not any more
│   │   └── AccessDenied    it may know us, and does not give us this
│   ├── QuotaExceeded       the provider lets us have no more for now
│   ├── RateLimited         the provider asks to slow down
│   │   └── NotOurTurn      we wait by ourselves; the provider said nothing new
│   ├── ProviderPaused      the provider is left alone: it failed again and again
│   ├── ProviderRefused     the provider says that the request is wrong
│   └── DamagedProduct      the product is there but cannot be used
├── StepError
│   ├── StepFailed          a step failed; a retry may help
│   ├── StepFatal           a step said that no retry can help
│   │   └── WrongLayer      a layer is not as its graph declares it
│   │       └── EmptyLayer  a raster has no valid pixel, and its graph wants some
│   └── StepTransient       a step asked to be run again
├── StoreError
│   ├── StoreUnavailable    the object store does not answer
│   ├── ObjectNotFound      no object under that key
│   └── ObjectConflict      other bytes stand under that key already
├── IndexerError
│   ├── IndexUnavailable    the index does not answer
│   ├── IndexRefused        the index says the layer or record is wrong
│   └── IndexConflict       the index holds something else under that name
├── OrderCancelled          an order's area was cancelled
├── OrderKillsWorker        an order's worker died each time it was begun
├── NodeExhausted           the worker's disk or memory is full
├── EngineMissing           the worker has not what a step needs
├── ReadModelError          PostgreSQL refused or did not answer
├── WebhookError            a receiver of notices did not take one
├── PluginError             a plug-in is missing or does not load
└── StackError              the embedded stack cannot start, or a part of it died

A class says what kind of failure it is (`failure`); `streams.failures` says what
happens then. Messages name the thing, what was wrong and what was expected.
"""

import errno
from collections.abc import Sequence
from typing import TYPE_CHECKING

from streams.failures import TREATMENT, Cost, Failure

if TYPE_CHECKING:  # the set-up runs before any package is installed
    from streams.model import Trial


class IngesterError(Exception):
    """Anything the ingester knows how to name."""

    failure = Failure.BUG
    """What kind of failure it is: see `streams.failures`."""


class InvalidRequest(IngesterError):
    """A request cannot be accepted; `problems` lists everything that is wrong."""

    failure = Failure.BAD_INPUT

    def __init__(self, subject: str, problems: Sequence[str]) -> None:
        super().__init__(f"{subject}: " + "; ".join(problems))
        self.subject = subject
        self.problems = tuple(problems)


class InvalidGraph(IngesterError):
    """A processing graph cannot be loaded; each problem starts with its JSON path."""

    failure = Failure.BAD_INPUT

    def __init__(self, graph: str, problems: Sequence[str]) -> None:
        super().__init__(f"graph '{graph}': " + "; ".join(problems))
        self.graph = graph
        self.problems = tuple(problems)


class ContractError(IngesterError):
    """A record or a schema breaks the contract of `schemas/avro`."""


class UnknownMessage(ContractError):
    """A record names no message of ours."""


class UndecodableRecord(ContractError):
    """A record's bytes do not follow the schema they name."""


class IncompatibleSchema(ContractError):
    """A schema breaks readers of released data."""


class BrokerError(IngesterError):
    """Kafka refused or did not answer."""

    failure = Failure.TRANSIENT_NET


class SearchError(IngesterError):
    """A catalogue search failed or answered nonsense."""

    failure = Failure.TRANSIENT_NET


class ProviderError(IngesterError):
    """An image provider could not deliver."""

    failure = Failure.TRANSIENT_NET

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """What it asks to wait; 0: nothing."""


class NoProviderDelivered(ProviderError):
    """Every provider was tried, and none had a good product."""

    def __init__(
        self, scene: str, trials: "Sequence[Trial]", retry_after_s: float = 0.0
    ) -> None:
        tried = "; ".join(f"{t.provider}: {t.message}" for t in trials)
        message = f"scene '{scene}': no provider delivered it: {tried}"
        super().__init__(message, retry_after_s)
        self.trials = tuple(trials)
        self.failure = _common_failure(trials)


def _common_failure(trials: "Sequence[Trial]") -> Failure:
    """The failure to treat: a passing one, else a damaged product, else not found.

    One that may take as long as it will comes first: the task must not be given up
    while a provider is bringing its product online.
    """
    failures = [trial.failure for trial in trials if trial.failure is not None]
    for cost in (Cost.WAIT, Cost.SYSTEM):
        for failure in failures:
            if TREATMENT[failure].cost is cost:
                return failure
    others = [failure for failure in failures if failure is not Failure.NOT_FOUND]
    return others[0] if others else Failure.NOT_FOUND


class ProductNotFound(ProviderError):
    """This provider does not have the product."""

    failure = Failure.NOT_FOUND


class ProductStaging(ProviderError):
    """The product is being brought online; it was asked for."""

    failure = Failure.STAGING


class CredentialsRefused(ProviderError):
    """The provider does not know us, or not any more."""

    failure = Failure.AUTH


class AccessDenied(CredentialsRefused):
    """The provider may know us, and does not give us this product."""


class QuotaExceeded(ProviderError):
    """The provider lets us have no more for now."""

    failure = Failure.QUOTA


class RateLimited(ProviderError):
    """The provider asks to slow down."""

    failure = Failure.RATE_LIMITED


class NotOurTurn(RateLimited):
    """Our own manners keep us waiting; the provider was not asked and said nothing."""


class ProviderPaused(ProviderError):
    """The provider is left alone for a while: it failed again and again."""

    def __init__(self, message: str, failure: Failure, retry_after_s: float) -> None:
        super().__init__(message, retry_after_s)
        self.failure = failure


class ProviderRefused(ProviderError):
    """The provider says that the request is wrong."""

    failure = Failure.BAD_INPUT


class DamagedProduct(ProviderError):
    """The product is there but cannot be used."""

    failure = Failure.INTEGRITY


class StepError(IngesterError):
    """A step of a processing graph did not succeed."""

    failure = Failure.STEP_FAILED


class StepFailed(StepError):
    """A step failed; a retry may help."""


class StepFatal(StepError):
    """A step said that no retry can help."""

    failure = Failure.STEP_FATAL


class WrongLayer(StepFatal):
    """A layer is not as its graph declares it; the same steps would make it again."""


class EmptyLayer(WrongLayer):
    """A raster has no valid pixel, and its graph says that it must (`on_empty`)."""


class StepTransient(StepError):
    """A step asked to be run again."""

    failure = Failure.STEP_TRANSIENT


class StoreError(IngesterError):
    """An object store operation failed."""

    failure = Failure.TRANSIENT_STORAGE


class StoreUnavailable(StoreError):
    """The object store does not answer."""


class ObjectNotFound(StoreError):
    """No object stands under that key."""

    failure = Failure.BAD_INPUT


class ObjectConflict(StoreError):
    """Other bytes stand under that key already; nothing was overwritten."""


class IndexerError(IngesterError):
    """An indexing operation failed."""

    failure = Failure.TRANSIENT_NET


class IndexUnavailable(IndexerError):
    """The index does not answer."""


class IndexRefused(IndexerError):
    """The index says that the layer, the record or the mapping is wrong."""

    failure = Failure.BAD_INPUT


class IndexConflict(IndexerError):
    """The index holds something else under that name."""

    failure = Failure.INDEX_CONFLICT


class OrderCancelled(IngesterError):
    """An order's area was cancelled: it is not carried out."""

    failure = Failure.CANCELLED


class OrderKillsWorker(IngesterError):
    """An order whose worker died again and again: it is not begun once more."""


class NodeExhausted(IngesterError):
    """The worker's disk or memory is full; another worker may have room."""

    failure = Failure.NODE_RESOURCE

    ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.ENOMEM})
    """Numbers of the `OSError`s that mean it."""


class EngineMissing(IngesterError):
    """The worker has not what a step needs; another worker may have it."""

    failure = Failure.NODE_RESOURCE


class ReadModelError(IngesterError):
    """PostgreSQL refused or did not answer."""

    failure = Failure.TRANSIENT_STORAGE


class WebhookError(IngesterError):
    """A receiver of notices did not take one."""

    failure = Failure.TRANSIENT_NET


class PluginError(IngesterError):
    """A plug-in is missing or does not load."""


class StackError(IngesterError):
    """The embedded stack cannot start, or a part of it died."""
