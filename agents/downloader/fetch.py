# SPDX-License-Identifier: Apache-2.0
"""Providers one by one, each in a folder of its own, until the product is there."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from prometheus_client import Counter, Gauge

from agents.downloader.provider import Errand, ImageProvider
from agents.downloader.transfer.gate import Breakers
from agents.logs import logger
from agents.worker.secrets import clean
from streams.errors import IngesterError, NoProviderDelivered, OrderCancelled
from streams.failures import TREATMENT, Cost
from streams.model import Scene, Trial

_LOG = logger("downloader")

_BYTES = Counter("ingester_downloader_bytes", "Bytes received", ["provider"])
_TRIALS = Counter(
    "ingester_downloader_trials", "Trials, by how they ended", ["provider", "result"]
)
_SECONDS = Counter("ingester_downloader_seconds", "Time in trials", ["provider"])
_ALONE = Gauge(
    "ingester_downloader_provider_left_alone", "1: not asked for now", ["provider"]
)


def fetch(
    scene: Scene,
    providers: Mapping[str, ImageProvider],
    folder: Path,
    elapsed_s: Callable[[], float],
    errand: Errand,
    breakers: Breakers,
) -> tuple[Path, list[Trial]]:
    """The product from the first provider that has it whole.

    What a provider left behind that failed is removed: it must not be taken for a part
    of another's product.

    Args:
        scene: whose product it is.
        providers: by name, in order of trial.
        folder: where each gets a folder; exists.
        elapsed_s: a clock that only goes on, in seconds.
        errand: what the providers may need; each gets a shelf of its own.
        breakers: which providers are left alone.

    Returns:
        The folder that holds the product, and every trial.

    Raises:
        NoProviderDelivered: with every trial.
        OrderCancelled: it was told to stop.
    """
    trials: list[Trial] = []
    errors: list[IngesterError] = []
    for name, provider in providers.items():
        into = folder / name
        into.mkdir()
        mine = replace(errand, name=name, shelf=errand.shelf / name)
        desk = mine.desk
        desk.done_bytes = desk.total_bytes = desk.received_bytes = 0
        desk.step = f"fetch {name}"
        mine.room.clear()
        begin = elapsed_s()
        error = _tried(scene, provider, into, mine, breakers)
        trials.append(_counted(_trial(error, into, mine, elapsed_s() - begin)))
        _ALONE.labels(name).set(breakers.of(name).is_open)
        if error is None:
            return into, trials
        shutil.rmtree(into)
        errors.append(error)
        if isinstance(error, OrderCancelled):
            raise error
    raise NoProviderDelivered(scene.name, trials, _asked_s(errors))


def _tried(
    scene: Scene,
    provider: ImageProvider,
    into: Path,
    errand: Errand,
    breakers: Breakers,
) -> IngesterError | None:
    """Why a provider did not deliver."""
    breaker = breakers.of(errand.name)
    try:
        breaker.check()
    except IngesterError as error:
        return error
    try:
        provider.fetch(scene, into, errand)
    except IngesterError as error:
        if breaker.told(error):
            _LOG.error(
                f"provider {errand.name} is left alone: {error}",
                action="provider_left_alone",
                provider=errand.name,
                failure=error.failure.value,
            )
        return error
    breaker.told(None)
    return None


def _asked_s(errors: list[IngesterError]) -> float:
    """How long to wait: until the first of them may have something new to say."""
    asked = [
        float(getattr(error, "retry_after_s", 0.0))
        for error in errors
        if TREATMENT[error.failure].cost in (Cost.SYSTEM, Cost.WAIT)
    ]
    return min(asked, default=0.0)


def _trial(
    error: IngesterError | None, into: Path, errand: Errand, duration_s: float
) -> Trial:
    desk = errand.desk
    received = desk.received_bytes
    if not (received or desk.done_bytes):  # of a provider that does not count
        received = sum(f.stat().st_size for f in into.rglob("*") if f.is_file())
    return Trial(
        provider=errand.name,
        failure=error.failure if error else None,
        message=clean(str(error)) if error else "",
        size_bytes=received,
        duration_s=round(duration_s, 3),
    )


def _counted(trial: Trial) -> Trial:
    _BYTES.labels(trial.provider).inc(trial.size_bytes)
    _SECONDS.labels(trial.provider).inc(trial.duration_s)
    result = trial.failure.value if trial.failure else "DELIVERED"
    _TRIALS.labels(trial.provider, result).inc()
    return trial
