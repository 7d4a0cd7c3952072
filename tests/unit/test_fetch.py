# SPDX-License-Identifier: Apache-2.0
"""Providers one by one until the product is there."""

from datetime import UTC, datetime
from itertools import count

import pytest

from agents.downloader.fetch import fetch
from agents.downloader.transfer.gate import Breakers
from streams.errors import (
    DamagedProduct,
    NodeExhausted,
    NoProviderDelivered,
    ProductNotFound,
    ProviderError,
)
from streams.failures import Failure
from streams.model import Scene, Trial
from tests.errands import errand

SCENE = Scene("S", "landsat", datetime(2024, 1, 1, tzinfo=UTC))


class Provider:
    """Leaves files, then fails when told to."""

    def __init__(self, *files, error=None):
        self.files = files
        self.error = error
        self.asked = 0

    def fetch(self, scene, into, errand):
        assert list(into.iterdir()) == []
        self.asked += 1
        for name in self.files:
            (into / name).parent.mkdir(exist_ok=True)
            (into / name).write_bytes(b"12345")
        if self.error is not None:
            raise self.error


def _fetch(folder, **providers):
    ticks = count()
    return fetch(
        SCENE,
        providers,
        folder,
        lambda: float(next(ticks)),
        errand(folder),
        Breakers(),
    )


def test_first_provider_that_has_the_product_is_the_last_asked(tmp_path):
    last = Provider("x")
    found, trials = _fetch(tmp_path, one=Provider("S/a", "S/b"), two=last)
    assert found == tmp_path / "one"
    assert trials == [Trial("one", None, "", 10, 1.0)]
    assert last.asked == 0


def test_every_trial_is_listed_with_its_failure_and_bytes(tmp_path):
    found, trials = _fetch(
        tmp_path,
        refuses=Provider(error=ProviderError("no connection")),
        lacks=Provider(error=ProductNotFound("no such product")),
        breaks=Provider("half", error=DamagedProduct("cut off")),
        has=Provider("S/whole"),
    )
    assert found == tmp_path / "has"
    assert trials == [
        Trial("refuses", Failure.TRANSIENT_NET, "no connection", 0, 1.0),
        Trial("lacks", Failure.NOT_FOUND, "no such product", 0, 1.0),
        Trial("breaks", Failure.INTEGRITY, "cut off", 5, 1.0),
        Trial("has", None, "", 5, 1.0),
    ]


def test_what_a_failed_provider_left_is_removed(tmp_path):
    _fetch(
        tmp_path,
        breaks=Provider("half", "a/b", error=DamagedProduct("cut off")),
        has=Provider("whole"),
    )
    assert [path.name for path in tmp_path.rglob("*")] == ["has", "whole"]


def test_nothing_is_left_when_nobody_delivers(tmp_path):
    with pytest.raises(NoProviderDelivered) as caught:
        _fetch(
            tmp_path,
            one=Provider("half", error=DamagedProduct("cut off")),
            two=Provider(error=ProductNotFound("unknown")),
        )
    assert str(caught.value) == (
        "scene 'S': no provider delivered it: one: cut off; two: unknown"
    )
    assert [trial.provider for trial in caught.value.trials] == ["one", "two"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("errors", "failure"),
    [
        ([ProductNotFound("")], Failure.NOT_FOUND),
        ([ProductNotFound(""), DamagedProduct("")], Failure.INTEGRITY),
        # What may pass is worth waiting for.
        ([DamagedProduct(""), ProviderError("")], Failure.TRANSIENT_NET),
        ([NodeExhausted(""), ProductNotFound("")], Failure.NODE_RESOURCE),
        ([], Failure.NOT_FOUND),
    ],
)
def test_failure_of_all_is_the_one_worth_treating(errors, failure, tmp_path):
    providers = {str(n): Provider(error=error) for n, error in enumerate(errors)}
    with pytest.raises(NoProviderDelivered) as caught:
        _fetch(tmp_path, **providers)
    assert caught.value.failure is failure
