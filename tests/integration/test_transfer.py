# SPDX-License-Identifier: Apache-2.0
"""Products from servers that cut, stall, lie and refuse: whole, or a failure."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from msgspec.structs import replace

from agents.downloader.fetch import fetch
from agents.downloader.providers import url
from agents.downloader.transfer.gate import Breakers
from agents.worker.room import Room
from streams.errors import (
    AccessDenied,
    CredentialsRefused,
    DamagedProduct,
    NodeExhausted,
    NoProviderDelivered,
    OrderCancelled,
    ProductNotFound,
    ProductStaging,
    ProviderError,
    ProviderRefused,
    QuotaExceeded,
    RateLimited,
)
from streams.failures import Failure
from tests.errands import QUICK, SCENE, archive, content, errand, found
from tests.origins import web
from tests.system import wait_for

BODY = content(100_000)


@pytest.fixture
def origin():
    with web({"P.bin": BODY}) as served:
        yield served


@pytest.fixture
def into(tmp_path):
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def provider(origin, name="P.bin", **options):
    return url.make({"urls": f"{origin.url}/{name}", **QUICK, **options})


# -- whole


@pytest.mark.parametrize("parallel", ["1", "4"])
@pytest.mark.parametrize("part", ["1000", "33333", "100000", "1000000"])
def test_file_is_received_in_parts(parallel, part, origin, into, tmp_path):
    here = errand(tmp_path)
    provider(origin, parallel=parallel, part_bytes=part).fetch(SCENE, into, here)
    assert found(into) == {"P.bin": BODY}
    assert origin.sent == len(BODY)
    assert (here.desk.done_bytes, here.desk.total_bytes) == (len(BODY), len(BODY))
    assert not here.shelf.exists()


@pytest.mark.parametrize("ranged", [True, False])
@pytest.mark.parametrize("tagged", [True, False])
@pytest.mark.parametrize("size", [0, 1, 20_000, 20_001])
def test_any_size_from_any_server(size, tagged, ranged, origin, into, tmp_path):
    origin.ranged, origin.tagged = ranged, tagged
    origin.files["P.bin"] = BODY[:size]
    provider(origin).fetch(SCENE, into, errand(tmp_path))
    assert found(into) == {"P.bin": BODY[:size]}


@pytest.mark.parametrize("name", ["P.zip", "P.SAFE.zip"])
def test_archive_is_unpacked(name, origin, into, tmp_path):
    origin.files[name] = archive({"P.SAFE/a": b"1", "P.SAFE/b/c": b"2"})
    provider(origin, name).fetch(SCENE, into, errand(tmp_path))
    assert found(into) == {"P.SAFE/a": b"1", "P.SAFE/b/c": b"2"}


# -- faults that pass (scenario 1)


@pytest.mark.parametrize("parallel", ["1", "3"])
@pytest.mark.parametrize("share", ["0.3", "0.6", "0.9"])
@pytest.mark.parametrize("fault", ["cut", "stall"])
def test_cut_body_is_resumed_and_nothing_is_sent_twice(
    fault, share, parallel, origin, into, tmp_path
):
    """Scenario 1, F5, F6."""
    origin.faults = [f"{fault} {share}"]
    provider(origin, parallel=parallel, part_bytes="200000").fetch(
        SCENE, into, errand(tmp_path)
    )
    assert found(into) == {"P.bin": BODY}
    assert origin.sent == len(BODY)


@pytest.mark.parametrize("fault", ["reset 0.5", "503", "500", "408", "429", "drip"])
def test_what_passes_is_tried_again(fault, origin, into, tmp_path):
    origin.faults = [fault]
    provider(origin, stall_s="0.2", least_bytes_per_s="1000").fetch(
        SCENE, into, errand(tmp_path)
    )
    assert found(into) == {"P.bin": BODY}


def test_trial_tells_what_came_in_it_alone(origin, tmp_path):
    one, breakers = {"p": provider(origin, parallel="1")}, Breakers()

    def tried(folder):
        folder.mkdir()
        return fetch(
            SCENE, one, folder, time.monotonic, errand(tmp_path, name="-"), breakers
        )[1]

    origin.faults = ["cut 0.9"] + ["503"] * 9
    with pytest.raises(NoProviderDelivered) as caught:
        tried(tmp_path / "first")
    origin.faults = []
    trials = [*caught.value.trials, *tried(tmp_path / "second")]
    assert [trial.size_bytes for trial in trials] == [90_000, 10_000]


def test_bandwidth_is_that_of_the_provider(origin, tmp_path):
    origin.files["P.bin"] = b"1"
    one, begin = provider(origin, bytes_per_s="10"), time.monotonic()
    for order in range(4):
        into = tmp_path / f"into-{order}"
        into.mkdir()
        one.fetch(SCENE, into, errand(tmp_path, task=f"t{order}"))
    assert time.monotonic() - begin > 0.25  # the fourth byte waits for three tenths


def test_requests_are_limited_of_any_source(into, tmp_path):
    folder = tmp_path / "P.SAFE"
    folder.mkdir()
    for name in "abcd":
        (folder / name).write_bytes(b"1")
    one = url.make({**QUICK, "urls": f"{tmp_path}/{{SCENE}}.SAFE", "per_second": "20"})
    begin = time.monotonic()
    one.fetch(SCENE, into, errand(tmp_path))
    # A list and four files: the fifth waits for four twentieths.
    assert time.monotonic() - begin > 0.15


def test_retry_after_is_obeyed(origin, into, tmp_path):
    """F2."""
    origin.faults = ["429 1"]
    provider(origin, longest_pause_s="5").fetch(SCENE, into, errand(tmp_path))
    first, second = origin.asked[:2]
    assert second.at - first.at >= 1


def test_retry_after_that_is_too_long_is_for_the_task(origin, into, tmp_path):
    origin.faults = ["429 100"]
    with pytest.raises(RateLimited) as caught:
        provider(origin).fetch(SCENE, into, errand(tmp_path))
    assert caught.value.retry_after_s == 100
    # Nobody else of this machine asks until then.
    with pytest.raises(RateLimited):
        provider(origin).fetch(SCENE, into, errand(tmp_path, task="u"))
    assert len(origin.asked) == 1


@pytest.mark.parametrize("scheme", ["http", "s3"])
@pytest.mark.parametrize(
    ("asked", "least_s", "most_s"),
    [
        ("9" * 40, 86_400, 86_400),
        ("9" * 5000, 0, 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400, 86_400),
        ("Fri, 31 Dec 9999 23:59:59 -1200", 86_400, 86_400),
        ("in two hours", 3600, 7200),
        ("Mon, 01 Jan 2024 00:00:00 GMT", 0, 0),
        ("soon", 0, 0),
    ],
)
def test_retry_after_is_believed_for_a_day_at_most(
    asked, least_s, most_s, scheme, origin, into, tmp_path
):
    """F2."""
    if asked == "in two hours":
        asked = format_datetime(datetime.now(UTC) + timedelta(hours=2))
    origin.faults = [f"429 {asked}"] * 5
    urls = f"{origin.url}/P.bin" if scheme == "http" else "s3://bucket/P.bin"
    with pytest.raises(RateLimited) as caught:
        url.make_s3({"urls": urls, "endpoint": origin.url, **QUICK}).fetch(
            SCENE, into, errand(tmp_path)
        )
    assert least_s <= caught.value.retry_after_s <= most_s


def test_next_attempt_goes_on_where_the_last_one_ended(origin, into, tmp_path):
    origin.faults = ["cut 0.5"] + ["503"] * 9
    with pytest.raises(ProviderError):
        provider(origin, parallel="1").fetch(SCENE, into, errand(tmp_path))
    origin.faults = []
    provider(origin, parallel="1").fetch(SCENE, into, errand(tmp_path))
    assert found(into) == {"P.bin": BODY}
    assert origin.sent == len(BODY)


def test_file_that_does_not_come_leaves_no_thread_behind(origin, into, tmp_path):
    large = content(6 << 20)
    origin.files["P.bin"] = large
    origin.faults = ["cut 0.9"] + ["503"] * 9
    link = {"download_link": f"{origin.url}/P.bin"}
    scene = replace(SCENE, metadata={**link, "md5": hashlib.md5(large).hexdigest()})
    before = set(threading.enumerate())
    with pytest.raises(ProviderError):
        url.make({**QUICK, "part_bytes": str(8 << 20)}).fetch(
            scene, into, errand(tmp_path)
        )
    left = set(threading.enumerate()) - before
    assert not [thread for thread in left if thread.name == "checksum"]


def test_file_that_changed_meanwhile_is_begun_anew(origin, into, tmp_path):
    origin.faults = ["cut 0.5"] + ["503"] * 9
    with pytest.raises(ProviderError):
        provider(origin).fetch(SCENE, into, errand(tmp_path))
    origin.faults, other = [], content(90_000, seed=1)
    origin.files["P.bin"] = other
    provider(origin).fetch(SCENE, into, errand(tmp_path))
    assert found(into) == {"P.bin": other}


def test_parts_of_several_versions_are_not_put_together(origin, into, tmp_path):
    origin.faults = ["changed"] * 1000
    provider(origin).fetch(SCENE, into, errand(tmp_path))
    assert found(into) == {"P.bin": BODY}
    assert {asked.range for asked in origin.asked} >= {"bytes=0-19999"}
    assert origin.sent > len(BODY)


# -- refusals


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("400", ProviderRefused),
        ("401", CredentialsRefused),
        ("402", QuotaExceeded),
        ("403", AccessDenied),
        ("404", ProductNotFound),
        ("410", ProductNotFound),
        ("202", ProductStaging),
        ("429", RateLimited),
        ("500", ProviderError),
        ("503", ProviderError),
        ("509", QuotaExceeded),
        ("html", CredentialsRefused),
        ("page", CredentialsRefused),
    ],
)
def test_refusal_has_its_class(fault, error, origin, into, tmp_path):
    """F2, F3, F4, F8, F26."""
    origin.faults = [fault] * 5
    with pytest.raises(error) as caught:
        provider(origin).fetch(SCENE, into, errand(tmp_path))
    assert type(caught.value) is error
    assert found(into) == {}


def test_server_that_is_not_there_may_come_back(into, tmp_path):
    """F1."""
    gone = url.make({"urls": "http://127.0.0.1:9/{SCENE}.zip", **QUICK})
    with pytest.raises(ProviderError) as caught:
        gone.fetch(SCENE, into, errand(tmp_path))
    assert caught.value.failure is Failure.TRANSIENT_NET


def test_time_of_a_product_is_bounded_and_what_came_is_kept(origin, into, tmp_path):
    origin.faults = ["delay 0.2"] * 50
    with pytest.raises(ProviderError, match="not there in"):
        provider(origin, total_s="1", part_bytes="5000", parallel="2").fetch(
            SCENE, into, errand(tmp_path)
        )
    origin.faults, before = [], origin.sent
    provider(origin).fetch(SCENE, into, errand(tmp_path))
    assert found(into) == {"P.bin": BODY}
    assert origin.sent - before < len(BODY)


def test_order_that_is_cancelled_stops(origin, into, tmp_path):
    here = errand(tmp_path)
    origin.faults = ["delay 0.3"] * 50
    threading.Timer(0.1, here.desk.cancelled.set).start()
    with pytest.raises(OrderCancelled):
        provider(origin, part_bytes="5000").fetch(SCENE, into, here)


# -- integrity


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_flipped_byte_is_found_by_the_checksum(algorithm, origin, into, tmp_path):
    """F7."""
    digits = hashlib.new(algorithm, BODY).hexdigest().upper()
    metadata = {"download_link": f"{origin.url}/P.bin", algorithm: digits}
    scene = replace(SCENE, metadata=metadata)
    linked = url.make(dict(QUICK))
    origin.faults = ["flip"]
    with pytest.raises(DamagedProduct, match=f"{algorithm} is"):
        linked.fetch(scene, into, errand(tmp_path))
    assert found(into) == {}
    linked.fetch(scene, into, errand(tmp_path))
    assert found(into) == {"P.bin": BODY}


def _goog(content):
    return {"x-goog-hash": f"md5={b64encode(hashlib.md5(content).digest()).decode()}"}


@pytest.mark.parametrize("told", [[_goog(BODY), {}], [{}, _goog(BODY)]])
def test_checksum_need_not_be_told_with_each_part(told, origin, into, tmp_path):
    origin.faults, origin.told = ["cut 0.5"], told
    provider(origin, parallel="1", part_bytes="200000").fetch(
        SCENE, into, errand(tmp_path)
    )
    assert found(into) == {"P.bin": BODY}
    assert origin.sent == len(BODY)  # nothing was taken for damaged


@pytest.mark.parametrize("told", [[_goog(b"x"), {}], [{}, _goog(b"x")]])
def test_checksum_that_was_told_with_any_part_is_verified(told, origin, into, tmp_path):
    origin.faults, origin.told = ["cut 0.5"], [*told, _goog(b"x")]
    with pytest.raises(DamagedProduct, match="md5 is"):
        provider(origin, parallel="1", part_bytes="200000").fetch(
            SCENE, into, errand(tmp_path)
        )


def test_other_size_than_the_catalogue_said_is_damage(origin, into, tmp_path):
    metadata = {"download_link": f"{origin.url}/P.bin", "size_bytes": "100001"}
    with pytest.raises(DamagedProduct, match="100000 bytes, expected 100001"):
        url.make(dict(QUICK)).fetch(
            replace(SCENE, metadata=metadata), into, errand(tmp_path)
        )


def test_damaged_archive_is_not_kept(origin, into, tmp_path):
    origin.files["P.zip"] = archive({"a": BODY})
    origin.faults = ["flip"] * 10
    with pytest.raises(DamagedProduct, match=r"archive '\w+.whole'"):
        provider(origin, "P.zip").fetch(SCENE, into, errand(tmp_path))
    origin.faults = []
    provider(origin, "P.zip").fetch(SCENE, into, errand(tmp_path))
    assert found(into) == {"a": BODY}


# -- the machine (scenarios 12 and 14)


def test_product_without_room_is_refused_before_it_is_received(origin, into, tmp_path):
    """F10; scenario 12 has the disk."""
    metadata = {"download_link": f"{origin.url}/P.bin", "size_bytes": str(1 << 60)}
    with pytest.raises(NodeExhausted, match="needed"):
        url.make(dict(QUICK)).fetch(
            replace(SCENE, metadata=metadata), into, errand(tmp_path)
        )
    assert origin.asked == []


def errand_without_room(folder):
    """Another order of the worker takes what room there is."""
    room, disk = Room(), os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    room.promise(folder, lambda: 0).need(free, margin=-(1 << 30))
    return errand(folder, room=room.promise(folder, lambda: 0))


@pytest.mark.parametrize("whole", [False, True])
def test_product_that_is_gone_on_with_needs_room_too(whole, origin, into, tmp_path):
    """F10: nobody said how large it is but the server, to an earlier attempt."""
    origin.faults = [] if whole else ["cut 0.5", *["503"] * 9]
    one = provider(origin, parallel="1")
    first = errand(tmp_path)
    if whole:
        (into / "P.bin").mkdir()  # it cannot be put in its place
    with pytest.raises((ProviderError, OSError)):
        one.fetch(SCENE, into, first)
    origin.faults, origin.asked = [], []
    here = errand_without_room(tmp_path)
    with pytest.raises(NodeExhausted, match="200000 bytes needed"):
        one.fetch(SCENE, into, here)
    assert origin.asked == []


def test_account_has_no_more_connections_than_allowed(origin, tmp_path):
    """Scenario 14, F2: fifty orders, three workers of one machine, four connections."""
    origin.pace_s = 0.02
    origin.faults = ["", "", "429 1"]

    def worker(number):
        one = provider(origin, connections="4", longest_pause_s="5", part_bytes="30000")
        for order in range(number, 50, 6):
            into = tmp_path / f"into-{order}"
            into.mkdir()
            one.fetch(SCENE, into, errand(tmp_path, "account", f"t{order}"))
            assert found(into) == {"P.bin": BODY}

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(worker, range(6)))
    assert 2 <= origin.peak <= 4


KILLED = """
import sys, json
from pathlib import Path
from agents.downloader.providers import url
from agents.worker.room import Room
from tests.errands import SCENE, errand
folder = Path(sys.argv[1])
(folder / "first").mkdir()
url.make(json.loads(sys.argv[2])).fetch(SCENE, folder / "first", errand(folder))
"""


def test_download_of_a_killed_worker_is_resumed(origin, into, tmp_path):
    """F19."""
    body = content(2_000_000)
    origin.files["P.bin"], origin.pace_s = body, 0.05
    options = {"urls": f"{origin.url}/P.bin", **QUICK, "part_bytes": "200000"}
    options["parallel"] = "2"
    argv = [sys.executable, "-c", KILLED, str(tmp_path), json.dumps(options)]
    first = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while origin.sent < 800_000:
        assert first.poll() is None, "it ended before it was killed"
        assert time.monotonic() < end
        time.sleep(0.005)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    origin.pace_s, before = 0, origin.sent
    url.make(options).fetch(SCENE, into, errand(tmp_path))
    assert found(into) == {"P.bin": body}
    assert origin.sent - before < len(body)


# -- credentials


def test_credentials_go_to_their_own_hosts_alone(origin, into, tmp_path):
    with web({"P.bin": BODY}) as elsewhere:
        origin.redirects["/P.bin"] = f"{elsewhere.url}/P.bin"
        provider(origin, token="planted-token").fetch(SCENE, into, errand(tmp_path))
    assert {asked.authorization for asked in origin.asked} == {"Bearer planted-token"}
    assert {asked.authorization for asked in elsewhere.asked} == {""}


def test_token_is_asked_for_and_renewed_once(origin, into, tmp_path):
    """Scenario 5: refused once, then good after a new token."""
    options = {
        "token_url": f"{origin.url}/token",
        "client_id": "c",
        "user": "me",
        "password": "planted-password",
    }
    one = provider(origin, **options)
    one.fetch(SCENE, into, errand(tmp_path))
    assert origin.given == 1
    origin.tokens = {"another"}  # the server forgot ours
    one.fetch(SCENE, into, errand(tmp_path))
    assert origin.given == 2
    assert found(into) == {"P.bin": BODY}


def test_token_is_renewed_before_its_end(origin, into, tmp_path):
    """F30: nobody has to refuse it first."""
    origin.lifetime_s = 0.5
    one = provider(
        origin,
        token_url=f"{origin.url}/token",
        client_id="c",
        user="me",
        password="planted-password",
    )

    def renewed():
        one.fetch(SCENE, into, errand(tmp_path))
        return origin.given > 2

    wait_for(renewed)
    used = [asked.authorization for asked in origin.asked if asked.authorization]
    # Never an older one than the newest that was given.
    assert used == sorted(used, key=lambda text: int(text.rpartition("-")[2]))


def test_wrong_password_is_no_fault_of_the_product(origin, into, tmp_path):
    options = {
        "token_url": f"{origin.url}/token",
        "client_id": "c",
        "user": "me",
        "password": "wrong",
    }
    with pytest.raises(CredentialsRefused) as caught:
        provider(origin, **options).fetch(SCENE, into, errand(tmp_path))
    assert "wrong" not in str(caught.value)


OAUTH = {"client_id": "c", "user": "me", "password": "planted-password"}


@pytest.mark.parametrize("answer", [(503, {}), (500, {}), (200, {"odd": 1})])
def test_server_of_tokens_that_fails_may_come_back(answer, origin, into, tmp_path):
    """F27: it says nothing of our credentials, nor of the product."""
    with web() as tokens:
        tokens.answers["/tokens"] = lambda asked: answer
        one = provider(origin, token_url=f"{tokens.url}/tokens", **OAUTH)
        with pytest.raises(ProviderError) as caught:
            one.fetch(SCENE, into, errand(tmp_path))
        assert caught.value.failure is Failure.TRANSIENT_NET
        assert len(tokens.asked) == 5
        good = {"access_token": "secret-token-9", "expires_in": 600}
        tokens.answers["/tokens"] = lambda asked: good
        one.fetch(SCENE, into, errand(tmp_path))
    assert found(into) == {"P.bin": BODY}
    assert {a.authorization for a in origin.asked} == {"Bearer secret-token-9"}


def test_server_of_tokens_that_is_gone_may_come_back(origin, into, tmp_path):
    """F27."""
    with web() as tokens:
        gone = f"{tokens.url}/token"
    one = provider(origin, token_url=gone, **OAUTH)
    with pytest.raises(ProviderError) as caught:
        one.fetch(SCENE, into, errand(tmp_path))
    assert caught.value.failure is Failure.TRANSIENT_NET
    assert origin.asked == []


# -- some files of an archive


def test_annotations_cost_what_they_have(origin, into, tmp_path):
    files = {
        "P.SAFE/manifest.safe": b"m" * 2000,
        "P.SAFE/measurement/a.tiff": content(3_000_000),
        "P.SAFE/annotation/a.xml": b"a" * 3000,
        "P.SAFE/annotation/b.xml": b"b" * 3000,
    }
    origin.files["P.zip"] = archive(files)
    provider(origin, "P.zip", only="manifest.safe annotation/*.xml").fetch(
        SCENE, into, errand(tmp_path)
    )
    del files["P.SAFE/measurement/a.tiff"]
    assert found(into) == files
    assert origin.sent < 60_000


def test_large_file_of_an_archive_is_read_block_by_block(origin, into, tmp_path):
    files = {
        "P.SAFE/T31TDH_B04_10m.jp2": content(70 << 20),
        "P.SAFE/T31TDH_B08_10m.jp2": content(1 << 20),
    }
    origin.files["P.zip"] = archive(files)
    here = errand(tmp_path)
    provider(origin, "P.zip", only="*_B04_10m.jp2", stall_s="5").fetch(
        SCENE, into, here
    )
    del files["P.SAFE/T31TDH_B08_10m.jp2"]
    assert found(into) == files
    assert origin.sent < (71 << 20)
    assert here.desk.total_bytes == 70 << 20


def test_files_of_an_archive_without_room_are_refused_before_they_are_read(
    origin, into, tmp_path
):
    """F10."""
    origin.files["P.zip"] = archive({"P.SAFE/a.jp2": BODY, "P.SAFE/b.jp2": BODY})
    here = errand_without_room(tmp_path)
    with pytest.raises(NodeExhausted, match="200000 bytes needed"):
        provider(origin, "P.zip", only="a.jp2").fetch(SCENE, into, here)
    assert found(into) == {}


def test_many_small_files_of_an_archive_do_not_grow_as_they_like(
    origin, into, tmp_path
):
    """F9."""
    bombs = {f"P.SAFE/{number}.xml": bytes(1 << 20) for number in range(100)}
    origin.files["P.zip"] = archive(bombs, packed=True)
    with pytest.raises(DamagedProduct, match="grows beyond the limit"):
        provider(origin, "P.zip", only="*.xml").fetch(SCENE, into, errand(tmp_path))
    assert found(into) == {}


@pytest.mark.parametrize("fault", ["503", "reset 0.5", "cut 0.5", "429"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_reading_in_an_archive_is_tried_again(number, fault, origin, into, tmp_path):
    """F2, F5: of its size, its directory, and a file."""
    files = {"P.SAFE/a.xml": content(200_000), "P.SAFE/b": BODY}
    origin.files["P.zip"] = archive(files)
    origin.faults = [*[""] * number, fault]
    provider(origin, "P.zip", only="a.xml").fetch(SCENE, into, errand(tmp_path))
    assert found(into) == {"P.SAFE/a.xml": files["P.SAFE/a.xml"]}
    assert origin.faults == []


def test_reading_in_an_archive_is_not_tried_for_ever(origin, into, tmp_path):
    origin.files["P.zip"] = archive({"P.SAFE/a.xml": BODY})
    origin.faults = ["503"] * 50
    with pytest.raises(ProviderError) as caught:
        provider(origin, "P.zip", only="a.xml", tries="3").fetch(
            SCENE, into, errand(tmp_path)
        )
    assert caught.value.failure is Failure.TRANSIENT_NET
    assert len(origin.faults) == 47
