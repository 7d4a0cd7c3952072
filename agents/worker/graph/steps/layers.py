# SPDX-License-Identifier: Apache-2.0
"""The layers of a product, written side by side."""

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from rasterio.enums import Resampling
from rasterio.errors import RasterioError

from agents.worker.graph.cog import Change, is_readable, write_cog
from streams.errors import NodeExhausted, StepFailed, StepFatal


@dataclass(frozen=True, slots=True)
class Job:
    """One layer to be written."""

    band: str
    """Of the product, for messages."""
    source: Path
    target: Path
    no_data: float | None
    """None: that of the source."""
    overviews: Resampling = Resampling.average
    change: Change | None = None
    dtype: str = ""
    """When pixels are changed; empty: that of the source."""


def threads_of(arguments: Mapping[str, str]) -> int:
    """The argument `threads`, as far as the step has CPUs; empty: all of these.

    Raises:
        StepFatal: it is no number above 0.
    """
    there = len(os.sched_getaffinity(0))
    text = arguments.get("threads", "")
    if not text:
        return there
    if not text.isdecimal() or int(text) < 1:
        raise StepFatal(f"threads '{text}', expected a number above 0")
    return min(int(text), there)


def write_layers(product: str, jobs: Sequence[Job], threads: int) -> None:
    """Write layers, several at a time: what one of them does alone is often single.

    Args:
        product: name, for messages.
        jobs: the layers.
        threads: of all together.

    Raises:
        StepFatal: a band cannot be read.
        StepFailed: a layer cannot be written.
        NodeExhausted: it cannot, and the disk is full.
    """
    # The largest first, so that no long one is left for the end.
    ordered = sorted(jobs, key=_size, reverse=True)
    shares = shares_of([_size(job) for job in ordered], threads)
    pool = ThreadPoolExecutor(threads)
    try:
        waiting = [
            pool.submit(_write, product, job, share)
            for job, share in zip(ordered, shares, strict=True)
        ]
        wait(waiting, return_when=FIRST_EXCEPTION)
    finally:
        pool.shutdown(cancel_futures=True)
    ended = [one for one in waiting if not one.cancelled()]
    errors = [error for one in ended if (error := one.exception())]
    # One that filled the disk gives its room back: the next to fail sees it.
    errors.sort(key=lambda error: not isinstance(error, NodeExhausted))
    if errors:
        raise errors[0]


def shares_of(sizes: Sequence[int], threads: int) -> list[int]:
    """Threads of each layer: the part that it is of the work not begun before it.

    So the last layers, beside which nothing is left to do, have more than one each.
    While two overlap they may have a few more together than `threads`.

    Args:
        sizes: of the layers in the order in which they begin, `threads` of them at
            once and each of the others when one has ended.
        threads: of all together.
    """
    left = [
        sum(sizes[number:] if number >= threads else sizes)
        for number in range(len(sizes))
    ]
    return [
        max(1, math.ceil(threads * size / max(1, rest)))
        for size, rest in zip(sizes, left, strict=True)
    ]


def _size(job: Job) -> int:
    return job.source.stat().st_size


def _write(product: str, job: Job, threads: int) -> None:
    try:
        write_cog(
            job.source,
            job.target,
            no_data=job.no_data,
            overviews=job.overviews,
            threads=threads,
            change=job.change,
            dtype=job.dtype,
        )
    except RasterioError as error:
        if is_readable(job.source):
            raise StepFailed(f"layer '{job.target.name}': {error}") from error
        raise StepFatal(f"product '{product}': band {job.band}: {error}") from error
