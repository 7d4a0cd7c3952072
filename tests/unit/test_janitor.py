# SPDX-License-Identifier: Apache-2.0
"""What the janitor deletes, and what it refuses to, in a folder."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agents.janitor.clean import Cleaning, Policy, Stopped, check_uri, expire
from agents.workflow.batch import outgoing_record
from infra.files.store import FileStore
from streams.codec import unpack
from streams.envelope import Record
from streams.errors import InvalidRequest, StoreUnavailable
from streams.events import LayerDeleted
from streams.model import AreaState
from streams.orders import AreaStanding, DeadLetter, LayerReleased
from tests.trades import AREA, NOW, put_layer

KEY = f"{AREA}/s1/tiles/t/d1/a.tif"


class Written:
    """A sink that keeps what it is given."""

    def __init__(self):
        self.records = []
        self.acknowledged = 0

    def send(self, record):
        self.records.append(record)

    def flush(self):
        self.acknowledged = len(self.records)

    @property
    def messages(self):
        return [unpack(record).message for record in self.records]


class Away:
    """A store that does not answer."""

    def delete(self, uri):
        raise StoreUnavailable(f"{uri}: no answer")


@pytest.fixture
def layer(tmp_path):
    return put_layer(tmp_path, KEY, b"content", "a", "tif")


@pytest.fixture
def janitor(tmp_path):
    """Makes one; its facts are in `sink`."""

    def make(policy=Policy.DELETE, layers=(), store=None):
        return Cleaning(
            store=store or FileStore(),
            roots=[f"file://{tmp_path}/store"],
            policy=policy,
            layers_of=lambda area: layers,
            sink=Written(),
            clock=lambda: NOW,
            stopping=threading.Event(),
        )

    return make


def release_of(uri):
    return outgoing_record(LayerReleased(AREA, f"{AREA}/s1", uri), NOW)


def test_released_layer_is_deleted_and_said_so(janitor, layer):
    one = janitor()
    one.handle([release_of(layer.uri)])
    assert FileStore().stat(layer.uri) is None
    assert one.sink.messages == [LayerDeleted(AREA, f"{AREA}/s1", layer.uri)]
    assert one.sink.acknowledged == 1


def test_release_that_comes_again_is_said_again_under_the_same_id(janitor, layer):
    one = janitor()
    one.handle([release_of(layer.uri)])
    one.handle([release_of(layer.uri)])
    first, second = map(unpack, one.sink.records)
    assert first.id == second.id


def test_nothing_else_is_deleted(janitor, layer, tmp_path):
    beside = put_layer(tmp_path, f"{KEY}.aux", b"x", "b", "tif")
    janitor().handle([release_of(layer.uri)])
    assert FileStore().stat(beside.uri) is not None


@pytest.mark.parametrize("policy", [Policy.DRY_RUN, Policy.KEEP])
def test_policy_can_be_to_delete_nothing(policy, janitor, layer):
    one = janitor(policy)
    one.handle([release_of(layer.uri)])
    assert FileStore().stat(layer.uri) is not None
    assert one.sink.records == []


@pytest.mark.parametrize(
    "uri",
    [
        f"file:///elsewhere/{KEY}",
        "file://{root}/other/s1/tiles/t/d1/a.tif",
        f"file://{{root}}/{AREA}/../other/s1/tiles/t/d1/a.tif",
        f"file://{{root}}/{AREA}/s1/tiles/../d1/a.tif",
        f"file://{{root}}/{AREA}/s1/tiles/t/d1/manifest.json",
        f"file://{{root}}/{AREA}/s1/tiles/t/x1/a.tif",
        f"file://{{root}}/{AREA}/s1",
        f"file://{{root}}/{AREA}",
        f"file://{{root}}-more/{KEY}",
        "file://{root}/.documents/a.json",
        "",
    ],
)
def test_release_of_what_is_no_layer_below_the_root_is_refused(uri, janitor, tmp_path):
    one = janitor()
    asked = uri.format(root=f"{tmp_path}/store")
    one.handle([release_of(asked)])
    (letter,) = one.sink.messages
    assert isinstance(letter, DeadLetter)
    assert letter.cause == "InvalidRequest"
    with pytest.raises(InvalidRequest, match="expected a layer of area"):
        check_uri(LayerReleased(AREA, "t", asked), one.roots)


def test_what_cannot_be_read_goes_to_the_dead_letters_and_the_rest_goes_on(
    janitor, layer
):
    one = janitor()
    poison = Record("ingester.orders.release", b"demo", b"poison")
    one.handle([poison, release_of(layer.uri)])
    assert [type(m) for m in one.sink.messages] == [DeadLetter, LayerDeleted]


def test_cancelled_area_loses_all_that_is_intermediate(janitor, layer):
    one = janitor(layers=[LayerReleased(AREA, f"{AREA}/s1", layer.uri)])
    standing = AreaStanding(AREA, AreaState.CANCELLED, "me", "")
    one.handle([outgoing_record(standing, NOW, "fact-1")])
    assert one.sink.messages == [LayerDeleted(AREA, f"{AREA}/s1", layer.uri)]


def test_area_that_is_paused_loses_nothing(janitor, layer):
    one = janitor(layers=[LayerReleased(AREA, f"{AREA}/s1", layer.uri)])
    standing = AreaStanding(AREA, AreaState.PAUSED, "me", "")
    one.handle([outgoing_record(standing, NOW, "fact-1")])
    assert FileStore().stat(layer.uri) is not None


def test_nothing_is_said_while_the_store_is_away(janitor, layer):
    one = janitor(store=Away())
    one.stopping.set()
    with pytest.raises(Stopped):
        one.handle([release_of(layer.uri)])
    assert one.sink.records == []


def test_janitor_shows_that_it_lives_while_the_store_is_away(janitor, layer):
    class AwayOnce(FileStore):
        asked = 0

        def delete(self, uri):
            self.asked += 1
            if self.asked == 1:
                raise StoreUnavailable(f"{uri}: no answer")
            return super().delete(uri)

    beats = []
    one = replace(janitor(store=AwayOnce()), beat=lambda: beats.append(1))
    one.handle([release_of(layer.uri)])
    assert len(beats) == 2
    assert FileStore().stat(layer.uri) is None


@pytest.mark.parametrize(
    ("policy", "removed", "said"),
    [(Policy.KEEP, 0, 0), (Policy.DRY_RUN, 0, 1), (Policy.DELETE, 1, 0)],
)
def test_old_results_of_inventories_expire(policy, removed, said, tmp_path, capfd):
    old = put_layer(tmp_path, ".inventories/i1/a.json", b"{}", "a", "json")
    prefix = f"file://{tmp_path}/store/.inventories/"
    now = datetime.now(UTC)
    assert expire(FileStore(), prefix, now - timedelta(days=1), policy) == 0
    later = now + timedelta(days=1)
    assert expire(FileStore(), prefix, later, policy) == removed
    assert (FileStore().stat(old.uri) is None) is (policy is Policy.DELETE)
    told = capfd.readouterr()
    assert (told.out + told.err).count("would delete") == said
