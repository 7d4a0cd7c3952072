# SPDX-License-Identifier: Apache-2.0
"""The task log as a file, and in another cluster."""

import gzip
import json
from dataclasses import replace

import pytest
from msgspec.structs import replace as replaced

from streams.logfile import read_line
from streams.replay import Positioned, replay
from tests.areas import an_area, facts
from tests.system import System


@pytest.fixture
def source(system):
    """A log of two areas."""
    system.write(*an_area("one", 6), *an_area("two", 3))
    return system


@pytest.fixture
def elsewhere(stack, database, bucket, tmp_path):
    """Another cluster."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    other = System.on(stack, database, bucket, folder)
    other.environment["INGESTER_TOPICS_LOG_PARTITIONS"] = "3"
    other.provision()
    return other


def done(system, *arguments):
    ended = system.command(*arguments, "--json")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def read(file):
    opened = gzip.open(file) if file.suffix == ".gz" else file.open("rb")
    with opened as lines:
        return [read_line(line) for line in lines]


def without_offsets(table):
    return {key: replaced(row, at=-1) for key, row in table.items()}


def test_a_log_in_another_cluster_folds_to_the_same_table(source, elsewhere, tmp_path):
    file = tmp_path / "log.jsonl.gz"
    assert done(source, "log", "export", str(file))["facts"] == 22
    report = done(elsewhere, "log", "import", str(file))
    assert report == {"facts": 22, "areas": ["one", "two"]}
    here, there = source.replayed().table, elsewhere.replayed().table
    assert without_offsets(there) == without_offsets(here)
    assert {e.fact for e in map(plain, elsewhere.facts())} == {
        e.fact for e in map(plain, source.facts())
    }


def plain(entry: Positioned):
    """A fact by what tells it from others."""
    return replace(entry, fact=(entry.fact.id, entry.fact.time, entry.fact.source))


def test_one_area_is_exported_alone(source, tmp_path):
    file = tmp_path / "two.jsonl"
    assert done(source, "log", "export", "two", str(file))["facts"] == 8
    assert {entry.fact.message.area for entry in read(file)} == {"two"}
    assert len(replay(read(file)).table) == len(
        [row for row in source.replayed().table.values() if row.area == "two"]
    )


def test_an_unknown_area_leaves_no_file(source, tmp_path):
    file = tmp_path / "none.jsonl"
    ended = source.command("log", "export", "nowhere", str(file))
    assert ended.returncode == 2
    assert "the log has no fact of it" in ended.stderr
    assert list(tmp_path.glob("*none*")) == []


def test_an_import_over_facts_that_are_there_is_refused(source, tmp_path):
    file = tmp_path / "log.jsonl"
    done(source, "log", "export", str(file))
    before = len(list(source.facts()))
    ended = source.command("log", "import", str(file))
    assert ended.returncode == 2
    assert "area 'one': the log has 14 facts of it already" in ended.stderr
    assert len(list(source.facts())) == before


def test_an_interrupted_import_goes_on_when_it_is_resumed(source, elsewhere, tmp_path):
    file = tmp_path / "one.jsonl"
    done(source, "log", "export", "one", str(file))
    half = tmp_path / "half.jsonl"
    half.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:5]))
    done(elsewhere, "log", "import", str(half))
    assert done(elsewhere, "log", "import", str(file), "--resume")["facts"] == 9
    assert [e.fact.id for e in elsewhere.facts()] == [e.fact.id for e in read(file)]


def test_a_resumed_import_of_another_history_is_refused(source, elsewhere, tmp_path):
    file = tmp_path / "one.jsonl"
    done(source, "log", "export", "one", str(file))
    elsewhere.write(*facts([next(source.facts()).fact.message]))
    elsewhere.write(*an_area("one", 1))
    ended = elsewhere.command("log", "import", str(file), "--resume")
    assert ended.returncode == 2
    assert "its facts there are not the first ones of the file" in ended.stderr


def test_a_file_that_is_no_log_is_refused_with_its_line(source, tmp_path):
    file = tmp_path / "log.jsonl"
    done(source, "log", "export", str(file))
    with file.open("a") as out:
        out.write("{}\n")
    ended = source.command("log", "import", str(file))
    assert ended.returncode == 2
    assert "line 23" in ended.stderr
