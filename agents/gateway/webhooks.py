# SPDX-License-Identifier: Apache-2.0
"""Notices posted to receivers elsewhere: CloudEvents, signed as Standard Webhooks say.

A notice is committed once every receiver took it or was given up; a gateway that dies
leaves it to another, so a receiver may get it twice, under the same id.
"""

import base64
import binascii
import hashlib
import hmac
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import msgspec
import urllib3
from prometheus_client import Counter

from agents.logs import logger
from agents.worker.deadletters import dead_letter
from agents.worker.ports import Sink, Source
from streams.codec import message_type, unpack
from streams.envelope import Envelope, Record
from streams.errors import ContractError, WebhookError

_LOG = logger("gateway")

_POSTS = Counter(
    "ingester_gateway_webhooks_total", "Notices posted, by outcome", ["outcome"]
)

_TIMEOUT = urllib3.Timeout(connect=3, read=10)
_POLL_S = 0.5
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 20.0

# Refusals that may pass: timeout, conflict, too early, too many, and all of 5xx.
_PASSING = frozenset({408, 409, 425, 429})


class _Stopped(Exception):
    """The gateway stops; the notice is not dealt with."""


class Webhooks:
    """Posts every notice to every receiver."""

    def __init__(
        self,
        source: Source,
        sink: Sink,
        receivers: Sequence[str],
        secret: str,
        clock: Callable[[], datetime],
        tries: int,
    ) -> None:
        self._source = source
        self._sink = sink
        self._receivers = receivers
        self._key = signing_key(secret)
        self._clock = clock
        self._tries = tries
        self._stopping = threading.Event()
        self._http = urllib3.PoolManager(timeout=_TIMEOUT, retries=False)

    def stop(self) -> None:
        """Return from `run` soon."""
        self._stopping.set()

    def run(self) -> None:
        """Post notices until `stop`.

        Raises:
            BrokerError: Kafka cannot be read, or does not take a dead letter.
        """
        with ThreadPoolExecutor(len(self._receivers), "webhook") as pool:
            while not self._stopping.is_set():
                record = self._source.poll(_POLL_S)
                if record is not None and self._handle(record, pool):
                    place = (record.topic, record.partition)
                    self._source.commit({place: record.offset + 1})
        self._source.close()

    def _handle(self, record: Record, pool: ThreadPoolExecutor) -> bool:
        """True: the record is dealt with."""
        try:
            notice: Envelope[Any] = unpack(record)
        except ContractError as error:
            self._bury(record, error)
            return True
        body = msgspec.json.encode(cloud_event(notice))
        posts = [
            pool.submit(self._deliver, url, notice.id, body) for url in self._receivers
        ]
        try:
            problems = [post.result() for post in posts]
        except _Stopped:
            return False
        for problem in problems:
            if problem is not None:
                self._bury(record, problem)
        return True

    def _deliver(self, url: str, id: str, body: bytes) -> WebhookError | None:
        """In a thread: why the receiver did not take it; None when it did.

        Raises:
            _Stopped: it is not known yet.
        """
        for attempt in range(self._tries):
            problem, passing = self._post(url, id, body)
            if not problem:
                _POSTS.labels("taken").inc()
                return None
            _POSTS.labels("failed").inc()
            _LOG.warning(
                f"a webhook failed: {problem}", action="webhook_failed", notice=id
            )
            if not passing:
                break
            last = attempt + 1 == self._tries
            if not last and self._stopping.wait(_pause_s(attempt)):
                raise _Stopped
        _POSTS.labels("given up").inc()
        return WebhookError(f"notice '{id}': {problem}")

    def _post(self, url: str, id: str, body: bytes) -> tuple[str, bool]:
        """What is wrong, and whether it may pass; empty: it was taken."""
        headers = signed_headers(self._key, id, self._clock(), body)
        where = urllib3.util.parse_url(url).host
        try:
            answer = self._http.request("POST", url, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            return f"{where}: {type(error).__name__}", True
        if 200 <= answer.status < 300:
            return "", False
        passing = answer.status >= 500 or answer.status in _PASSING
        return f"{where}: HTTP {answer.status}", passing

    def _bury(self, record: Record, error: Exception) -> None:
        _LOG.error(str(error), action="dead_letter", record=str(record))
        self._sink.send(dead_letter(record, error, "webhooks", self._clock()))
        self._sink.flush()


def cloud_event(notice: Envelope[Any]) -> dict[str, Any]:
    """A notice as CloudEvents 1.0 in JSON."""
    return {
        "specversion": "1.0",
        "id": notice.id,
        "type": message_type(notice.message),
        "source": notice.source,
        "subject": notice.subject or notice.message.area,
        "time": notice.time,
        "datacontenttype": "application/json",
        "data": notice.message,
    }


def signed_headers(
    key: bytes, id: str, now: datetime, body: bytes
) -> Mapping[str, str]:
    """Headers of a post.

    Source: https://www.standardwebhooks.com: HMAC-SHA256 of `id.timestamp.body`.
    """
    timestamp = str(int(now.timestamp()))
    signed = b".".join((id.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "content-type": "application/cloudevents+json",
        "user-agent": "kafka-geocube-ingester",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


def signing_key(secret: str) -> bytes:
    """The key in a secret: base64 after `whsec_`, else the text itself."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        # Not the error's text: it may show the secret.
        raise WebhookError("the webhook secret is not base64 after 'whsec_'") from error


def _pause_s(attempt: int) -> float:
    """Doubling, and spread: receivers that come back are not met by all at once."""
    longest = min(_FIRST_PAUSE_S * (1 << attempt), _LONGEST_PAUSE_S)
    return longest * random.uniform(0.5, 1.0)
