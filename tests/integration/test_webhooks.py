# SPDX-License-Identifier: Apache-2.0
"""Notices posted to receivers, over the real broker."""

import base64
import hmac
import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from infra.kafka.lag import Lag
from streams.model import Tally
from streams.orders import AreaDone, CommandRefused
from streams.topics import DEAD_LETTERS, NOTICES
from tests.areas import a_record
from tests.system import free_port, wait_for

SECRET = "whsec_" + base64.b64encode(b"a key of the tests").decode()


@dataclass
class Receiver:
    """A web server that writes down what is posted, and answers as told."""

    answers: deque[int] = field(default_factory=deque)
    """Statuses of the next answers; 204 when there are none left."""
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.posts.append((dict(self.headers), body))
                status = receiver.answers.popleft() if receiver.answers else 204
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def __enter__(self) -> "Receiver":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def events(self) -> list[Any]:
        return [json.loads(body) for _, body in self.posts]


@pytest.fixture
def receiver():
    with Receiver() as one:
        yield one


def a_notice(area: str) -> Any:
    return a_record(NOTICES.name, AreaDone(area, Tally(done=2), Tally(failed=1)))


def posting(system: Any, *urls: str, tries: int = 4) -> None:
    system.start(
        "gateway",
        gateway_webhooks=",".join(urls),
        gateway_webhook_secret=SECRET,
        gateway_webhook_tries=str(tries),
    )


def wait_until_committed(system: Any) -> None:
    def committed() -> bool:
        return not any(Lag(system.kafka).of("ingester-webhooks", NOTICES.name).values())

    wait_for(committed)


def test_a_notice_is_posted_as_a_signed_cloud_event(system, receiver):
    system.write(a_notice("demo"))
    posting(system, receiver.url)
    wait_for(lambda: receiver.posts)
    (event,) = receiver.events()
    assert (event["specversion"], event["type"]) == ("1.0", "area-done")
    assert event["data"]["area"] == "demo"
    assert event["data"]["processes"]["failed"] == 1
    (headers, body) = receiver.posts[0]
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["webhook-id"] == event["id"]
    signed = f"{event['id']}.{headers['webhook-timestamp']}.".encode() + body
    signature = base64.b64encode(hmac.digest(b"a key of the tests", signed, "sha256"))
    assert headers["webhook-signature"] == f"v1,{signature.decode()}"
    wait_until_committed(system)


def test_a_notice_is_posted_again_until_it_is_taken(system, receiver):
    receiver.answers.extend([503, 429])
    system.write(a_notice("demo"))
    posting(system, receiver.url)
    wait_until_committed(system)
    assert len(receiver.posts) == 3
    assert len({event["id"] for event in receiver.events()}) == 1
    assert system.records(DEAD_LETTERS.name) == []


def test_a_notice_that_nobody_takes_goes_to_the_dead_letters(system, receiver):
    nobody = f"http://127.0.0.1:{free_port()}/"
    system.write(a_notice("first"), a_notice("second"))
    posting(system, nobody, receiver.url, tries=2)
    wait_until_committed(system)
    letters = [envelope.message for envelope in system.messages(DEAD_LETTERS.name)]
    assert {letter.key for letter in letters} == {b"first", b"second"}
    assert {(letter.cause, letter.agent) for letter in letters} == {
        ("WebhookError", "webhooks")
    }
    assert {event["data"]["area"] for event in receiver.events()} == {"first", "second"}


def test_a_notice_that_is_refused_for_good_is_not_tried_again(system, receiver):
    receiver.answers.append(410)
    system.write(a_notice("demo"))
    posting(system, receiver.url)
    wait_until_committed(system)
    assert len(receiver.posts) == 1
    (letter,) = system.messages(DEAD_LETTERS.name)
    assert "HTTP 410" in letter.message.message


def test_notices_go_on_after_the_gateway_was_away(system, receiver):
    posting(system, receiver.url)
    system.write(a_notice("before"))
    wait_until_committed(system)
    (gateway,) = system.processes
    gateway.stop()
    system.processes.clear()
    refused = CommandRefused("after", "", "area-paused", "ann", "no such area")
    system.write(a_record(NOTICES.name, refused))
    posting(system, receiver.url)
    wait_for(lambda: len(receiver.posts) == 2)
    types = [event["type"] for event in receiver.events()]
    assert types == ["area-done", "command-refused"]
