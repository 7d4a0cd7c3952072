# SPDX-License-Identifier: Apache-2.0
"""What docs/how-to/read-results.md shows is run as it stands there."""

import json
import re
import textwrap
from collections import Counter
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from agents.commands.demo.products import make_products
from agents.commands.demo.request import INSTANCE, make_variables, request_document

PAGE = Path(__file__).parents[2] / "docs/how-to/read-results.md"

AREA = "denmark-2023"


def examples(heading):
    """The indented blocks below a heading, as code."""
    text = PAGE.read_text("utf-8")
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    assert section, heading
    blocks = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", section, re.MULTILINE)
    return [textwrap.dedent(block) for block in blocks]


def with_ours(code, replacements):
    """The example with the addresses of this system in the place of its own."""
    for shown, ours in replacements.items():
        assert shown in code, shown
        code = code.replace(shown, ours)
    return code


@pytest.fixture(scope="module")
def denmark(shared_system):
    """The scenes of the demo, in the store and in both indexes."""
    system = shared_system
    list(make_products(system.folder / "products"))
    system.environment |= {
        "INGESTER_CATALOGUE_RECORDS": "geocube",
        "INGESTER_PROCESSOR_INDEXERS": "geocube,stac",
    }
    system.start("geocube", "gateway")
    make_variables(system.settings)
    system.start("workflow", "catalogue", "downloader", "processor", "projector")
    file = system.folder / "request.json"
    file.write_text(json.dumps(request_document(AREA)))
    sent = system.command("publish", str(file), "--json")
    assert sent.returncode == 0, sent.stderr
    system.wait_until_ended(AREA)
    return system


# odc-geo 0.5 calls what shapely 2.2 calls old
@pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform:DeprecationWarning")
def test_layers_are_loaded_drawn_and_found_by_both_indexes(
    denmark, tmp_path, monkeypatch
):
    settings = denmark.settings
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    for name in ("S3_ENDPOINT", "HTTPS", "VIRTUAL_HOSTING"):
        monkeypatch.setenv(f"AWS_{name}", "")  # put back at the end
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "")
    by_stac, _ = examples("Layers, by STAC")
    (by_geocube,) = examples("Layers, by the Geocube")
    names = {}
    stac_here = {
        "http://127.0.0.1:8080": denmark.environment["INGESTER_GATEWAY_URL"],
        "127.0.0.1:9000": settings.s3_endpoint.partition("://")[2],
        '"AWS_ACCESS_KEY_ID": "…"': '"AWS_ACCESS_KEY_ID": '
        + repr(settings.s3_access_key.get_secret_value()),
        '"AWS_SECRET_ACCESS_KEY": "…"': '"AWS_SECRET_ACCESS_KEY": '
        + repr(settings.s3_secret_key.get_secret_value()),
        "denmark-2023": AREA,
    }
    exec(with_ours(by_stac, stac_here), names)
    assert (tmp_path / "ndvi.png").stat().st_size > 10_000
    items, ndvi = names["items"], names["ndvi"]
    times = Counter(item.datetime for item in items)
    assert ndvi.sizes["time"] == len(times) >= 2
    assert -1 <= float(ndvi.min()) <= float(ndvi.max()) <= 1
    geocube_here = {
        "127.0.0.1:8081": settings.geocube_address,
        '"demo"': repr(INSTANCE),
    }
    exec(with_ours(by_geocube, geocube_here), names)
    physical = names["physical"]
    assert set(physical) == {item.assets["B04"].href for item in items}
    for item in items:
        found = physical[item.assets["B04"].href]
        statistics = item.assets["B04"].extra_fields["statistics"]
        # The variable's physical values are the numbers themselves.
        assert found.mean() == pytest.approx(statistics["mean"], abs=1e-6)
        if times[item.datetime] == 1:  # else two places share a time of the cube
            time = np.datetime64(item.datetime.replace(tzinfo=None))
            loaded = names["cube"]["B04"].sel(time=time)
            assert int(loaded.max()) == int(found.max()) == statistics["maximum"]


def test_values_of_layers_are_shown_with_their_task(denmark):
    done = [t for t in denmark.gateway.tasks(AREA) if t["status"] == "done"]
    (task, *_) = [t["id"] for t in done if t["kind"] == "PROCESS"]
    life = denmark.gateway.task(task)
    layers = {layer["name"]: layer for layer in life["layers"]}
    (band,) = layers["B04"]["bands"]
    assert 0 < band["minimum"] < band["mean"] < band["maximum"] < 65536
    assert 50 < band["valid_pct"] < 100
    assert layers["B04"]["footprint"].startswith("POLYGON ((")
    shown = denmark.command("task", task).stdout
    assert f"{band['valid_pct']:g} % valid" in " ".join(shown.split())
