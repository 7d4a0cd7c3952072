# SPDX-License-Identifier: Apache-2.0
"""How a provider is treated: time-outs, tries, and how much of it is used at once."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Manners:
    """Towards one provider. Each is an option of that name."""

    stall_s: float = 30.0
    """Silence that ends a connection; also the time over which its pace is measured."""
    least_bytes_per_s: float = 1000.0
    """A connection that is slower for `stall_s` has stalled."""
    total_s: float = 21_600.0
    """Of one product. What is there by then is kept for the next attempt."""
    tries: int = 5
    """Of one file in a row without a byte of progress."""
    longest_pause_s: float = 60.0
    """Longest `Retry-After` that is waited for while the order runs; after a longer one
    the task waits, and the worker does something else."""
    connections: int = 8
    """At once to the provider, of all workers that share `INGESTER_WORKER_DIR`."""
    parallel: int = 4
    """Connections for one product, if so many are free."""
    part_bytes: int = 32 << 20
    """What one connection is asked for at a time, where files come in parts."""
    per_second: float = 0.0
    """Requests for files begun at the provider, by all workers that share
    `INGESTER_WORKER_DIR`; 0: as many as there are, of a web server 50 by this process.
    """
    bytes_per_s: float = 0.0
    """Received from the provider by this process; 0: as fast as they come."""


USUAL = Manners()

_UNLIMITED: Final = ("per_second", "bytes_per_s")
"""Of which 0 sets no limit."""


def manners_of(options: Mapping[str, str], usual: Manners = USUAL) -> Manners:
    """The manners in a provider's options.

    Raises:
        ValueError: an option is no number, or not above 0.
    """
    found: dict[str, Any] = {}
    for field in fields(Manners):
        value = getattr(usual, field.name)
        if field.name in options:
            value = type(value)(options[field.name])
        if value < 0 or (value == 0 and field.name not in _UNLIMITED):
            raise ValueError(f"{field.name}: {value:g}, expected a number above 0")
        found[field.name] = value
    return Manners(**found)
