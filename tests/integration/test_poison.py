# SPDX-License-Identifier: Apache-2.0
"""Records that cannot be handled: put aside whole, and the next one is handled."""

import json

from msgspec.structs import replace

from streams.envelope import Record
from streams.events import DownloadDone, DownloadStarted, IngestionAccepted
from streams.model import Part, Scene, Settings, Tile
from streams.orders import DeadLetter, DownloadOrder, ProcessOrder, Source
from streams.topics import DEAD_LETTERS, DOWNLOADS, PROCESSES, REQUESTS, TASKS
from tests.areas import ORIGIN, a_record, a_request_record, an_area
from tests.system import System, wait_for
from tests.tables import wait_until_ended

AREA = "demo"
SETTINGS = Settings("Pass", "Pass")
SCENE = Scene("s000", "landsat", ORIGIN, parts=(Part("t000"),))
TILE = Tile("t000", "s000", ORIGIN)

REQUEST = a_request_record("asked")
FACT = a_record(TASKS.name, DownloadStarted(AREA, f"{AREA}/s000", 1, "w"))
DOWNLOAD = a_record(
    DOWNLOADS.name, DownloadOrder(AREA, f"{AREA}/s000", 1, "i1", SETTINGS, SCENE)
)
PROCESS = a_record(
    PROCESSES.name,
    ProcessOrder(AREA, f"{AREA}/s000/t000", 1, "i1", SETTINGS, Source(TILE, SCENE, ())),
)

READ_BY = {
    REQUESTS.name: (REQUEST, "catalogue"),
    TASKS.name: (FACT, "workflow"),
    DOWNLOADS.name: (DOWNLOAD, "downloader"),
    PROCESSES.name: (PROCESS, "processor"),
}


def poisons(good: Record) -> dict[str, Record]:
    """Records that cannot be handled, under the key of one that can."""
    value = good.value
    assert value is not None
    other = FACT if good.topic != TASKS.name else DOWNLOAD
    return {
        "random bytes": replace(good, value=b"\x9f\x00\xff\x17garbage"),
        "empty": replace(good, value=b""),
        "tombstone": replace(good, value=None),
        "wrong magic": replace(good, value=b"\x01" + value[1:]),
        "unknown schema": replace(good, value=value[:1] + b"\0\0\x7f\x7f" + value[5:]),
        "cut off": replace(good, value=value[:-3]),
        "bytes left over": replace(good, value=value + b"more"),
        "another message": replace(good, value=other.value),
        "no headers": replace(good, headers=()),
        "no time": replace(
            good, headers=tuple(h for h in good.headers if h[0] != "ce_time")
        ),
    }


def test_poison_is_put_aside_whole_and_what_follows_is_handled(system):
    """Scenario 13, F23."""
    system.environment["INGESTER_DOWNLOADER_PROVIDERS"] = "null"
    for good, _ in READ_BY.values():
        system.write(*poisons(good).values())
    unknown = DownloadDone(AREA, f"{AREA}/nobody", 1, "w", "null", ())
    system.write(a_record(TASKS.name, unknown))
    system.write(replace(REQUEST, key=b"\xff\xfe", value=b"key is not UTF-8"))
    system.write(replace(REQUEST, key=None, value=b"no key"))
    system.start("catalogue", "workflow", "downloader", "processor", "projector")
    system.write(REQUEST, *an_area(AREA, 1))
    wait_until_ended(system, AREA, "asked")

    found = letters(system)
    assert len(found) == len(READ_BY) * len(poisons(REQUEST)) + 3
    for topic, (good, agent) in READ_BY.items():
        of_topic = [letter for letter in found if letter.topic == topic]
        for poison in poisons(good).values():
            check(poison, of_topic, agent)
        places = {(letter.partition, letter.offset) for letter in of_topic}
        assert len(places) == len(of_topic)
    (stranger,) = [letter for letter in found if letter.cause == "UnknownSubject"]
    assert f"{AREA}/nobody" in stranger.message
    assert {b"\xff\xfe", None} <= {letter.key for letter in found}


def check(poison: Record, found: list[DeadLetter], agent: str) -> None:
    """It is there with its bytes, its headers and its cause."""
    same = [
        letter
        for letter in found
        if (letter.key, letter.value) == (poison.key, poison.value)
        and letter.headers == dict(poison.headers)
    ]
    assert same, poison
    assert {letter.agent for letter in same} == {agent}
    assert {letter.cause for letter in same} == {"UndecodableRecord"}


def letters(system: System) -> list[DeadLetter]:
    return [envelope.message for envelope in system.messages(DEAD_LETTERS.name)]


def test_mended_dead_letter_is_sent_again_and_handled(system, tmp_path):
    damaged = replace(REQUEST, value=(REQUEST.value or b"")[:-3])
    system.write(damaged)
    system.start("catalogue")
    wait_for(lambda: letters(system), every_s=0.5)
    listed = json.loads(system.command("dead-letters", "list", "--json").stdout)
    (letter,) = listed
    assert (letter["topic"], letter["key"]) == (REQUESTS.name, "asked")
    assert letter["cause"] == "UndecodableRecord"

    file = tmp_path / "value"
    done = system.command("dead-letters", "save", letter["place"], str(file))
    assert done.returncode == 0
    assert file.read_bytes() == damaged.value
    file.write_bytes(REQUEST.value or b"")
    done = system.command(
        "dead-letters", "replay", letter["place"], "--value", str(file)
    )
    assert done.returncode == 0, done.stderr
    wait_for(lambda: system.records(TASKS.name), every_s=0.5)
    accepted = system.messages(TASKS.name)[0].message
    assert isinstance(accepted, IngestionAccepted)
    assert accepted.area == "asked"


def test_dead_letter_that_is_not_there_is_said_so(system):
    done = system.command("dead-letters", "replay", "0@7")
    assert done.returncode == 2
    assert "0@7" in done.stderr
    assert "dead-letters list" in done.stderr
    assert "Traceback" not in done.stderr
