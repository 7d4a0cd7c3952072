# SPDX-License-Identifier: Apache-2.0
"""One call to the Geocube: deadline, bearer, bounded retries."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from infra.geocube.errors import declined

Answer = TypeVar("Answer", bound=Message)
Got = TypeVar("Got")

SERVICE = "geocube.Geocube"

# A request over it is refused (grpc-go's default, not configurable in the server).
REQUEST_LIMIT_BYTES = 4 * 1024 * 1024

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0

_OPTIONS = (
    # The server sends answers of any size; grpcio's own default would refuse 4 MiB.
    ("grpc.max_receive_message_length", 512 * 1024 * 1024),
    ("grpc.max_send_message_length", -1),
    # Retries are counted here, by our table.
    ("grpc.enable_retries", 0),
    # A server that returns is found again within seconds, not within two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5000),
)


class Wire:
    """A channel to one Geocube. Thread-safe; every request may be sent twice.

    That is what makes retries safe: callers send only requests whose repetition
    changes nothing, or whose ALREADY_EXISTS they can explain.
    """

    def __init__(
        self, address: str, token: str | None, tls: bool, timeout_s: float, tries: int
    ) -> None:
        self._channel = (
            grpc.secure_channel(address, grpc.ssl_channel_credentials(), _OPTIONS)
            if tls
            else grpc.insecure_channel(address, _OPTIONS)
        )
        # grpcio refuses call credentials on cleartext, the reference client does not.
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._timeout_s = timeout_s
        self._tries = tries

    def close(self) -> None:
        """Close the channel; calls under way end with an error."""
        self._channel.close()

    def call(self, method: str, request: Message, answer: type[Answer]) -> Answer:
        """The answer to a unary call.

        Raises:
            Declined: a final status, or one that was still there after every try.
        """
        send = self._channel.unary_unary(
            f"/{SERVICE}/{method}", _bytes, answer.FromString
        )
        return self._tried(
            lambda: send(request, timeout=self._timeout_s, metadata=self._metadata)
        )

    def stream(self, method: str, request: Message, item: type[Answer]) -> list[Answer]:
        """All items of a server stream; a stream that breaks is asked for again.

        Raises:
            Declined: as `call`.
        """
        send = self._channel.unary_stream(
            f"/{SERVICE}/{method}", _bytes, item.FromString
        )
        return self._tried(
            lambda: list(
                send(request, timeout=self._timeout_s, metadata=self._metadata)
            )
        )

    def _tried(self, ask: Callable[[], Got]) -> Got:
        failures = 0
        while True:
            try:
                return ask()
            except grpc.RpcError as error:
                answer = declined(error)
                failures += 1
                if not answer.may_pass or failures >= self._tries:
                    raise answer from error
            time.sleep(pause_s(failures))


def pause_s(failures: int) -> float:
    """Pause after so many failures (≥ 1): doubling, ± half, to spread the crowd."""
    usual = min(FIRST_PAUSE_S * 2.0 ** (failures - 1), LONGEST_PAUSE_S)
    return usual * random.uniform(0.5, 1.5)


def _bytes(request: Message) -> bytes:
    # Maps in order of key: the same request is the same bytes.
    return request.SerializeToString(deterministic=True)
