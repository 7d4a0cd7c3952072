# SPDX-License-Identifier: Apache-2.0
"""The log of the steps as an object."""

import pytest

from agents.worker.desk import Desk
from agents.worker.steplog import StepLog, kept_log
from infra.files.store import FileStore
from streams.errors import StepFailed


def _saved(log, folder):
    folder.mkdir(exist_ok=True)
    uri = log.save(folder, lambda name: f"{folder}/store/{name}", FileStore())
    with open(uri, encoding="utf-8") as file:
        return uri, file.read()


def test_nothing_said_is_no_object(tmp_path):
    assert StepLog().save(tmp_path, str, FileStore()) == ""
    assert list(tmp_path.iterdir()) == []


def test_other_words_have_another_name(tmp_path):
    uris = []
    for word in ("one", "other", "other"):
        log = StepLog()
        log.take("info", word)
        uri, text = _saved(log, tmp_path)
        assert text == f"info: {word}\n"
        uris.append(uri)
    assert uris[0] != uris[1]
    assert uris[1] == uris[2]


def test_endless_log_is_cut(tmp_path):
    log = StepLog()
    for _ in range(11):
        log.take("info", "x" * 1_000_000)
    _, text = _saved(log, tmp_path)
    assert len(text) < 10_000_000
    assert text.endswith("x\n... (the rest was not kept)\n")


def test_log_of_a_failure_is_kept_in_the_room_that_its_files_took(tmp_path):
    desk, work = Desk(), tmp_path / "work"
    (work / "deep").mkdir(parents=True)
    with pytest.raises(StepFailed):
        _fail_in(work, tmp_path, desk)
    assert not (work / "deep").exists()
    with open(desk.log, encoding="utf-8") as file:
        assert file.read() == "error: no room\n"


def _fail_in(work, store, desk):
    with kept_log(work, lambda name: f"{store}/{name}", FileStore(), desk) as said:
        said.take("error", "no room")
        raise StepFailed("x")
