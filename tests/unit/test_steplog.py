# SPDX-License-Identifier: Apache-2.0
"""The log of the steps as an object."""

from agents.worker.steplog import StepLog
from infra.files.store import FileStore


def _saved(log, folder):
    layer = log.save(lambda name: f"{folder}/store/{name}", FileStore())
    with open(layer.uri, encoding="utf-8") as file:
        return layer, file.read()


def test_nothing_said_is_no_object(tmp_path):
    assert StepLog(tmp_path / "log").save(str, FileStore()) is None


def test_other_words_have_another_name(tmp_path):
    layers = []
    for word in ("one", "other", "other"):
        log = StepLog(tmp_path / f"log{len(layers)}")
        log.take("info", word)
        layer, text = _saved(log, tmp_path)
        assert text == f"info: {word}\n"
        layers.append(layer)
    assert layers[0].uri != layers[1].uri
    assert layers[1] == layers[2]


def test_endless_log_is_cut(tmp_path):
    log = StepLog(tmp_path / "log")
    for _ in range(11):
        log.take("info", "x" * 1_000_000)
    layer, text = _saved(log, tmp_path)
    assert layer.size_bytes < 10_000_000
    assert text.endswith("x\n... (the rest was not kept)\n")
