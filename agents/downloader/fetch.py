# SPDX-License-Identifier: Apache-2.0
"""Providers one by one, each in a folder of its own, until the product is there."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from agents.downloader.provider import ImageProvider
from streams.errors import IngesterError, NoProviderDelivered
from streams.model import Scene, Trial


def fetch(
    scene: Scene,
    providers: Mapping[str, ImageProvider],
    folder: Path,
    elapsed_s: Callable[[], float],
) -> tuple[Path, list[Trial]]:
    """The product from the first provider that has it whole.

    What a provider left behind that failed is removed: it must not be taken for a part
    of another's product.

    Args:
        scene: whose product it is.
        providers: by name, in order of trial.
        folder: where each gets a folder; exists.
        elapsed_s: a clock that only goes on, in seconds.

    Returns:
        The folder that holds the product, and every trial.

    Raises:
        NoProviderDelivered: with every trial.
    """
    trials: list[Trial] = []
    for name, provider in providers.items():
        into = folder / name
        into.mkdir()
        begin = elapsed_s()
        try:
            provider.fetch(scene, into)
        except IngesterError as error:
            trials.append(_trial(name, error, into, elapsed_s() - begin))
            shutil.rmtree(into)
        else:
            trials.append(_trial(name, None, into, elapsed_s() - begin))
            return into, trials
    raise NoProviderDelivered(scene.name, trials)


def _trial(
    name: str, error: IngesterError | None, into: Path, duration_s: float
) -> Trial:
    return Trial(
        provider=name,
        failure=error.failure if error else None,
        message=str(error) if error else "",
        size_bytes=sum(f.stat().st_size for f in into.rglob("*") if f.is_file()),
        duration_s=round(duration_s, 3),
    )
