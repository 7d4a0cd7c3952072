# SPDX-License-Identifier: Apache-2.0
"""What becomes of rasters without a valid pixel."""

import numpy as np
import pytest

from streams.failures import Failure
from tests.graphs import an_output
from tests.processes import a_processor, an_index, copied, tile_order
from tests.rasters import a_raster, write
from tests.trades import Index, carried_out, failed, stored


@pytest.fixture
def script(tmp_path):
    """Makes `full`, and `empty` without a valid pixel."""
    empty = write(tmp_path / "empty.tif", np.zeros((16, 16), "uint16"), 0)
    full = a_raster(tmp_path / "full.tif", size=16)
    return copied(full, "full") + copied(empty, "empty")


@pytest.fixture
def index():
    return Index()


@pytest.fixture
def trade(tmp_path, index):
    with a_processor(tmp_path, index) as made:
        yield made


def indexed(index):
    return [entry.layer.name for told in index.told for entry in told.entries]


@pytest.mark.parametrize("said", [{}, {"on_empty": "keep"}])
def test_empty_raster_is_kept_unless_its_graph_says_otherwise(
    said, script, trade, index, tmp_path
):
    order = tile_order(tmp_path, script, an_index("full"), an_index("empty", **said))
    carried_out(trade, order)
    assert indexed(index) == ["full", "empty"]


def test_empty_raster_is_skipped_and_the_log_says_so(script, trade, index, tmp_path):
    outputs = (an_index("empty", on_empty="skip"), an_index("full", on_empty="skip"))
    done = carried_out(trade, tile_order(tmp_path, script, *outputs)).message
    assert [layer.name for layer in done.layers] == ["full", "item-T"]
    assert len(done.measures) == 1
    assert indexed(index) == ["full"]
    log = stored(tmp_path)[done.log.removeprefix(f"file://{tmp_path}/store/")]
    assert (
        b"layer 'empty' has no valid pixel: not stored (on_empty: skip)"
        in log.splitlines()[-1]
    )


def test_tile_of_which_all_is_skipped_is_done(script, trade, index, tmp_path):
    order = tile_order(tmp_path, script, an_index("empty", on_empty="skip"))
    assert carried_out(trade, order).message.layers == ()
    assert index.told == []


def test_empty_raster_fails_the_task_for_good(script, trade, index, tmp_path):
    outputs = (an_index("full"), an_index("empty", on_empty="fail"))
    fact = failed(trade, tile_order(tmp_path, script, *outputs))
    assert fact.failure is Failure.STEP_FATAL
    assert fact.message == (
        "layer 'empty': no valid pixel, expected some (on_empty: fail)"
    )
    assert index.told == []
    assert stored(tmp_path) == {}


def test_raster_with_pixels_does_not_fail(script, trade, index, tmp_path):
    order = tile_order(tmp_path, script, an_index("full", on_empty="fail"))
    carried_out(trade, order)
    assert indexed(index) == ["full"]


def test_raster_that_is_only_stored_is_judged_too(script, trade, tmp_path):
    empty = an_output(layer="empty", extension="tif", on_empty="skip")
    order = tile_order(tmp_path, script, empty)
    assert carried_out(trade, order).message.layers == ()


def test_without_a_tag_the_declared_no_data_counts(trade, index, tmp_path):
    zeros = write(tmp_path / "zeros.tif", np.zeros((16, 16), "uint16"))
    order = tile_order(
        tmp_path, copied(zeros, "empty"), an_index("empty", on_empty="skip")
    )
    assert carried_out(trade, order).message.layers == ()


def test_empty_raster_of_a_failed_graph_is_skipped(script, trade, tmp_path):
    out = an_index("empty", on_empty="skip", error_condition="on_failure")
    fact = failed(trade, tile_order(tmp_path, f"{script}\nsys.exit(1)", out))
    assert fact.failure is Failure.STEP_FAILED
    assert not [key for key in stored(tmp_path) if key.endswith(".tif")]
