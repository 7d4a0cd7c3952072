# SPDX-License-Identifier: Apache-2.0
"""Limits of a step's processes: address space, and the CPUs that it may use."""

import os
import resource
import shutil
from itertools import count

from streams.errors import PluginError

_MB = 1024 * 1024

_turn = count()


def share_of(cpus: int) -> list[int]:
    """The CPUs of one step, other ones for the next; none when it may use all."""
    there = sorted(os.sched_getaffinity(0))
    if not 0 < cpus < len(there):
        return []
    first = next(_turn) * cpus
    return sorted(there[(first + number) % len(there)] for number in range(cpus))


def guarded(memory_mb: int, cpus: list[int]) -> list[str]:
    """Words before a command that limit it and all that it starts.

    Raises:
        PluginError: the program that sets a limit is missing.
    """
    words: list[str] = []
    if memory_mb:
        words += [_tool("prlimit"), f"--as={memory_mb * _MB}"]
    if cpus:
        words += [_tool("taskset"), "-c", ",".join(map(str, cpus))]
    return words


def limit_this_process(memory_mb: int, cpus: list[int]) -> None:
    """Set the limits on this process and all that it starts."""
    if memory_mb:
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * _MB, memory_mb * _MB))
    if cpus:
        os.sched_setaffinity(0, cpus)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise PluginError(f"limits of steps need '{name}' (package util-linux)")
    return found
