# SPDX-License-Identifier: Apache-2.0
"""How searches speak HTTP, with hosts that are slow, busy, broken or curious."""

import time
from threading import Thread

import pytest

from agents.catalogue.searches.web import (
    Ask,
    Manners,
    Web,
    credentials_of,
    manners_of,
    post_json,
)
from streams.errors import SearchError
from tests.peers import Refused, peer

QUICK = Manners(timeout_s=5, tries=3, per_second=10_000)


@pytest.fixture
def host():
    with peer(lambda _: lambda asked: {"path": asked.path, "body": asked.body}) as host:
        yield host


def test_answer_is_its_json(host):
    assert Web(QUICK).json(Ask(f"{host.url}/a"))["path"] == "/a"


@pytest.mark.parametrize(
    "fault",
    ["429", "500", "502", "503", "504", "408", "cut", "cut-unannounced", "html"],
)
def test_failure_that_may_pass_is_tried_again(host, fault):
    host.faults = [fault]
    assert Web(QUICK).json(Ask(f"{host.url}/a"))["path"] == "/a"
    assert len(host.asked) == 2


def test_body_of_a_post_is_sent_again_with_it(host):
    host.faults = ["503", "cut"]
    answer = Web(QUICK).json(post_json(f"{host.url}/a", {"page": 1}))
    assert answer["body"] == {"page": 1}
    assert [asked.body for asked in host.asked] == [{"page": 1}] * 3


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("503", "status 503: not now .after 3 tries"),
        ("cut", "IncompleteRead.*after 3 tries"),
        ("html", "the answer is no JSON.*after 3 tries"),
    ],
)
def test_failure_that_does_not_pass_is_an_error(host, fault, says):
    host.faults = [fault] * 9
    with pytest.raises(SearchError, match=says):
        Web(QUICK).json(Ask(f"{host.url}/a"))
    assert len(host.asked) == 3


@pytest.mark.parametrize("status", ["400", "401", "403", "404", "422"])
def test_refusal_is_not_tried_again(host, status):
    host.faults = [status]
    with pytest.raises(SearchError, match=f"status {status}: not now"):
        Web(QUICK).json(Ask(f"{host.url}/a"))
    assert len(host.asked) == 1


def test_retry_after_is_waited_for_by_every_search_of_the_host(host):
    host.faults = ["429 1"]
    others = Thread(target=lambda: Web(QUICK).json(Ask(f"{host.url}/other")))
    refused = Thread(target=lambda: Web(QUICK).json(Ask(f"{host.url}/refused")))
    refused.start()
    while not host.asked:
        time.sleep(0.001)
    time.sleep(0.2)  # until the refusal has been read
    others.start()
    refused.join()
    others.join()
    first, *later = host.asked
    assert len(later) == 2
    assert all(asked.time - first.time >= 1 for asked in later)


def test_date_to_retry_after_is_understood(host):
    host.faults = ["503 Wed, 21 Oct 2015 07:28:00 GMT"]
    assert Web(QUICK).json(Ask(f"{host.url}/a"))["path"] == "/a"


def test_pause_that_is_too_long_is_an_error(host):
    host.faults = ["429 3600"]
    with pytest.raises(SearchError, match="asks to wait 3600 s, more than 120 s"):
        Web(QUICK).json(Ask(f"{host.url}/a"))


def test_answer_that_does_not_end_in_time_is_an_error(host):
    host.faults = ["slow", "slow"]
    manners = Manners(timeout_s=0.2, tries=2, per_second=10_000)
    with pytest.raises(SearchError, match=r"no complete answer in 0\.2 s"):
        Web(manners).json(Ask(f"{host.url}/a"))


def test_answer_that_is_too_large_is_an_error(host):
    with pytest.raises(SearchError, match="an answer of more than"):
        Web(Manners(body_bytes=5)).json(Ask(f"{host.url}/a"))


def test_host_that_is_not_there_is_an_error():
    with pytest.raises(SearchError, match=r"http://127\.0\.0\.1:9/a: .*after 3 tries"):
        Web(QUICK).json(Ask("http://127.0.0.1:9/a"))


def test_two_searches_of_a_process_share_the_pace_of_a_host(host):
    slow = Manners(per_second=20)
    one, other = Web(slow), Web(slow)
    for _ in range(3):
        one.json(Ask(f"{host.url}/one"))
        other.json(Ask(f"{host.url}/other"))
    # Six requests have five gaps of 50 ms.
    assert host.asked[-1].time - host.asked[0].time >= 0.95 * 5 / 20


# -- credentials


SIGNED = {"user": "me", "password": "hush-hush"}


def test_credentials_go_to_their_host(host):
    web = Web(QUICK, credentials_of(f"{host.url}/api", SIGNED))
    web.json(Ask(f"{host.url}/a"))
    assert host.asked[0].headers["Authorization"].startswith("Basic ")


def test_credentials_go_to_no_other_host(host):
    def leads_away(_):
        def answer(asked):
            raise Refused(302, Location=f"{host.url}/elsewhere")

        return answer

    with peer(leads_away) as first:
        web = Web(QUICK, credentials_of(first.url, {"api_key": "hush-hush"}))
        assert web.json(Ask(f"{first.url}/a"))["path"] == "/elsewhere"
        assert first.asked[0].headers["X-API-Key"] == "hush-hush"
    assert "X-API-Key" not in host.asked[0].headers


def test_error_shows_neither_credentials_nor_query():
    def repeats(_):
        def answer(asked):
            raise Refused(403, f"wrong: {asked.headers['Authorization']}")

        return answer

    with peer(repeats) as host:
        web = Web(QUICK, credentials_of(host.url, {"token": "hush-hush"}))
        with pytest.raises(SearchError) as caught:
            web.json(Ask(f"{host.url}/a?key=query-key"))
    assert "wrong: ***" in str(caught.value)
    assert "hush-hush" not in str(caught.value)
    assert "query-key" not in str(caught.value)


def test_password_that_a_host_repeats_is_not_shown():
    def repeats(_):
        def answer(asked):
            raise Refused(401, "wrong password hush-hush")

        return answer

    with peer(repeats) as host:
        web = Web(QUICK, credentials_of(host.url, SIGNED))
        with pytest.raises(SearchError, match=r"wrong password \*\*\*"):
            web.json(Ask(f"{host.url}/a"))


def test_proxy_of_the_environment_is_used(host, monkeypatch):
    monkeypatch.setenv("http_proxy", host.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    Web(QUICK).json(Ask("http://catalogue.example/a"))
    assert host.asked[0].headers["Host"] == "catalogue.example"


def test_redirects_end():
    def around(served):
        def answer(asked):
            raise Refused(302, Location=f"{served.url}/again")

        return answer

    with (
        peer(around) as host,
        pytest.raises(SearchError, match="redirects without end"),
    ):
        Web(QUICK).json(Ask(f"{host.url}/a"))


@pytest.mark.parametrize(
    "name", ["timeout_s", "tries", "per_second", "longest_pause_s"]
)
def test_manners_are_above_zero(name):
    with pytest.raises(ValueError, match=f"{name}: 0, expected a number above 0"):
        manners_of({name: "0"})
