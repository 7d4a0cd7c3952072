# SPDX-License-Identifier: Apache-2.0
"""Asking again, where another answer may come: as often as a provider's manners say."""

from collections.abc import Callable
from typing import Final, TypeVar

from agents.downloader.transfer.gate import Gate
from agents.downloader.transfer.manners import Manners
from agents.worker.desk import Desk
from agents.worker.hosts import pause
from streams.errors import OrderCancelled, ProviderError
from streams.failures import Failure

T = TypeVar("T")

_AGAIN: Final = frozenset({Failure.TRANSIENT_NET, Failure.RATE_LIMITED})
"""Failures after which it is asked again while the order runs."""


class Patience:
    """Of one order with one provider."""

    def __init__(self, gate: Gate, manners: Manners, desk: Desk) -> None:
        self._gate = gate
        self._manners = manners
        self._desk = desk

    def ask(self, question: Callable[[], T]) -> T:
        """The answer to a question that can be asked twice, through the gate.

        Raises:
            OrderCancelled: it was told to stop.
            ProviderError: as the question, after all tries.
        """
        longest_s, failures = self._manners.longest_pause_s, 0
        while True:
            # Beyond the `try`: waiting for a connection is no word of the provider.
            with self._gate.connection(self._desk.cancelled, longest_s):
                self._gate.turn(self._desk.cancelled)
                try:
                    return question()
                except ProviderError as error:
                    failed = error
            failures += 1
            self._wait(failed, failures)

    def _wait(self, error: ProviderError, failures: int) -> None:
        """Wait before it is asked again, after so many failures in a row."""
        longest_s, asked_s = self._manners.longest_pause_s, error.retry_after_s
        if error.failure not in _AGAIN:
            raise error
        if asked_s:
            self._gate.hold(asked_s)
        if failures >= self._manners.tries or asked_s > longest_s:
            raise error
        if self._desk.cancelled.wait(pause(failures, longest_s, asked_s)):
            raise OrderCancelled("told to stop") from error
