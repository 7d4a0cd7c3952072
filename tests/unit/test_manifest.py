# SPDX-License-Identifier: Apache-2.0
"""Manifests: the first one speaks for its attempt."""

import threading

import pytest
from msgspec.structs import replace

from agents.worker import manifest
from infra.files.store import FileStore
from streams.errors import ObjectConflict, StoreUnavailable
from streams.events import DownloadDone, ProcessDone
from streams.failures import Failure
from streams.model import Action, Delivery, Layer, Trial

LAYER = Layer("B01", "tif", "file:///x", 3, "0" * 64, Action.INDEX)

DOWNLOAD = DownloadDone(
    area="demo",
    task="demo/S",
    attempt=2,
    worker="w1",
    provider="local",
    deliveries=(Delivery("T", (LAYER,)), Delivery("U")),
    trials=(
        Trial("url", Failure.NOT_FOUND, "no", 0, 0.25),
        Trial("local", None, "", 3, 1.5),
    ),
    duration_s=1.25,
)

PROCESS = ProcessDone("demo", "demo/S/T", 1, "w1", (LAYER,), 0.5)


@pytest.fixture
def uri(tmp_path):
    """Of a manifest."""
    return f"file://{tmp_path}/d1/{manifest.NAME}"


@pytest.mark.parametrize("fact", [DOWNLOAD, PROCESS])
def test_fact_is_recalled_as_it_was_recorded(fact, uri):
    assert manifest.record(FileStore(), uri, fact) == fact
    assert manifest.recall(FileStore(), uri, type(fact)) == fact


def test_nothing_is_recalled_where_nothing_was_recorded(uri):
    assert manifest.recall(FileStore(), uri, DownloadDone) is None


def test_second_fact_gives_way_to_the_first(uri):
    manifest.record(FileStore(), uri, DOWNLOAD)
    later = replace(DOWNLOAD, worker="w2", duration_s=9)
    assert manifest.record(FileStore(), uri, later) == DOWNLOAD
    assert manifest.recall(FileStore(), uri, DownloadDone) == DOWNLOAD


def test_of_workers_at_once_one_speaks_for_all(uri):
    told = []
    start = threading.Barrier(8)

    def work(number):
        start.wait()
        fact = replace(PROCESS, worker=f"w{number}")
        told.append(manifest.record(FileStore(), uri, fact))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 8
    assert set(told) == {manifest.recall(FileStore(), uri, ProcessDone)}


def test_manifest_that_vanished_is_a_conflict(uri):
    class Forgetful(FileStore):
        def put(self, uri, source):
            raise ObjectConflict(uri)

    with pytest.raises(ObjectConflict):
        manifest.record(Forgetful(), uri, PROCESS)


def test_store_that_does_not_answer_is_no_missing_manifest(uri):
    class Silent(FileStore):
        def get(self, uri, target):
            raise StoreUnavailable(uri)

    with pytest.raises(StoreUnavailable):
        manifest.recall(Silent(), uri, ProcessDone)
