# SPDX-License-Identifier: Apache-2.0
"""What of the gateway needs no server: tokens, rates, paces, links, patterns."""

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta

import pytest

from agents.gateway.pace import pace
from agents.gateway.patterns import like
from agents.gateway.rate import Rates
from agents.gateway.reference.links import Linked, leaves, links_of, roots
from agents.gateway.reference.texts import Node, dot
from agents.gateway.tokens import Role, identify, read_tokens
from agents.gateway.webhooks import signed_headers, signing_key
from streams.chains import Chain, Links
from streams.errors import InvalidRequest, WebhookError
from streams.model import Status, Tally

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# -- tokens


def test_tokens_are_read_line_by_line():
    text = f"# ours\n\nread  page {digest('a')}\nadminister ann@x {digest('b')} # Ann\n"
    page, ann = read_tokens(text)
    assert (page.identity.name, page.identity.role) == ("page", Role.READ)
    assert (ann.identity.name, ann.identity.role) == ("ann@x", Role.ADMINISTER)


def test_a_wrong_line_is_named_and_not_shown():
    with pytest.raises(InvalidRequest) as caught:
        read_tokens(f"read page the-token-itself\nroot ann {digest('b')}\n")
    assert [p.partition(":")[0] for p in caught.value.problems] == ["line 1", "line 2"]
    assert "the-token-itself" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Bearer secret", "ann"),
        ("bearer secret", "ann"),
        ("Bearer other", None),
        ("Basic secret", None),
        ("secret", None),
        ("", None),
        ("Bearer \udcff", None),
    ],
)
def test_a_token_identifies_its_owner(header, name):
    tokens = read_tokens(f"operate bob {digest('bobs')}\nread ann {digest('secret')}\n")
    found = identify(tokens, header)
    assert (found and found.name) == name


# -- rates


def test_a_client_may_ask_in_bursts_and_then_at_the_rate():
    rates = Rates(per_s=2, burst=3)
    assert [rates.wait_s("a", 0.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert rates.wait_s("a", 0.5) == 0
    assert rates.wait_s("a", 0.5) == 0.5


def test_clients_do_not_share_a_rate():
    rates = Rates(per_s=1, burst=1)
    assert rates.wait_s("a", 0.0) == 0
    assert rates.wait_s("b", 0.0) == 0
    assert rates.wait_s("a", 0.0) == 1


# -- paces


def a_row(**changes):
    return {
        "now": NOON,
        "running": 1,
        "ended": 30,
        "ended_lately": 30,
        "first_started_at": NOON - timedelta(minutes=20),
        "last_ended_at": NOON - timedelta(minutes=1),
    } | changes


def test_a_running_area_goes_on_as_in_the_last_ten_minutes():
    # 30 tasks in 600 s: 0.05 a second; 60 left: 1200 s
    found = pace(Tally(done=30, new=50), Tally(pending=10), a_row())
    assert (found["tasks_per_s"], found["percentage"]) == (0.05, 33.3)
    assert found["estimated_end_at"] == NOON + timedelta(minutes=20)


def test_an_area_that_has_ended_keeps_its_pace():
    # 30 tasks in 19 min
    found = pace(Tally(done=15), Tally(failed=15), a_row(now=NOON + timedelta(days=9)))
    assert (found["tasks_per_s"], found["percentage"]) == (0.026, 100.0)
    assert found["estimated_end_at"] is None


@pytest.mark.parametrize(
    "row", [a_row(ended_lately=0), a_row(first_started_at=None, last_ended_at=None)]
)
def test_an_area_that_stands_still_has_no_estimated_end(row):
    found = pace(Tally(new=5), Tally(new=5), row)
    assert (found["tasks_per_s"], found["estimated_end_at"]) == (0.0, None)


def test_an_empty_area_has_no_progress():
    assert pace(Tally(), Tally(), a_row())["percentage"] == 0.0


# -- links


def day(number: int) -> datetime:
    return datetime(2022, 1, number, tzinfo=UTC)


def a_tile(number: int, status: Status, previous: str = "", reference: str = ""):
    return Linked(f"t{number}", day(number), "cell", status, previous, reference)


def linked(*tiles: Linked) -> dict[str, Links]:
    members = tuple((t.date, t.task) for t in tiles if t.status is not Status.FAILED)
    root = members[0] if members else None
    return {t.task: links_of(t, {"cell": Chain(members, root)}) for t in tiles}


def test_a_tile_that_was_never_ordered_is_linked_as_its_chain_stands():
    tiles = (a_tile(1, Status.DONE), a_tile(2, Status.NEW), a_tile(3, Status.NEW))
    assert linked(*tiles)["t3"] == Links("t2", "t1")


def test_an_ordered_tile_keeps_the_links_it_was_ordered_with():
    tiles = (a_tile(1, Status.DONE), a_tile(2, Status.NEW))
    late = a_tile(3, Status.DONE, "t1", "t1")
    assert linked(*tiles, late)["t3"] == Links("t1", "t1")


def test_a_failed_tile_is_past_its_chain_and_neither_root_nor_leaf():
    tiles = (
        a_tile(1, Status.FAILED),
        a_tile(2, Status.DONE),
        a_tile(3, Status.FAILED, "t2", "t2"),
    )
    found = linked(*tiles)
    assert found["t3"] == Links("", "t2")
    assert [tile.task for tile in roots(tiles, found)] == ["t2"]
    assert [tile.task for tile in leaves(tiles, found)] == ["t2"]


def test_a_tile_without_chain_is_root_and_leaf():
    lone = Linked("t1", day(1), "", Status.NEW, "", "")
    found = {"t1": links_of(lone, {})}
    assert roots([lone], found) == leaves([lone], found) == [lone]


# -- texts


def test_names_are_quoted_in_dot():
    scene = Node(1, "a/s", 'S "1"\\', Status.RETRY)
    lines = list(dot("a-b:c", [scene], [], {}))
    assert lines[0] == 'digraph "a-b:c" {\n'
    assert r'label="S \"1\"\\\n(id=1)",color=orange' in lines[1]


def test_edges_to_what_waits_are_dotted():
    scene = Node(1, "a/s", "S", Status.PENDING)
    first = Node(2, "a/s/t1", "T1", Status.NEW, "a/s")
    second = Node(3, "a/s/t2", "T2", Status.NEW, "a/s")
    links = {"a/s/t1": Links(), "a/s/t2": Links("a/s/t1", "a/s/t1")}
    text = "".join(dot("a", [scene], [first, second], links))
    assert "s1 -> t2 [color=gray,style=dotted];" in text
    assert "t2 -> t3 [style=dotted];" in text


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [("S2?_*", r"S2_\_%"), ("100%", r"100\%"), ("a\\b", r"a\\b")],
)
def test_patterns_become_those_of_sql(pattern, wanted):
    assert like(pattern) == wanted


# -- webhooks


def test_a_post_is_signed_as_standard_webhooks_say():
    headers = signed_headers(b"key", "id-1", NOON, b"{}")
    stamp = str(int(NOON.timestamp()))
    assert headers["webhook-timestamp"] == stamp
    signed = hmac.digest(b"key", f"id-1.{stamp}.{{}}".encode(), "sha256")
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(signed).decode()}"


def test_a_secret_is_text_or_base64():
    assert signing_key("plain") == b"plain"
    assert signing_key("whsec_a2V5") == b"key"
    with pytest.raises(WebhookError, match=re.escape("base64 after 'whsec_'")):
        signing_key("whsec_?")
