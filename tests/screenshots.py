# SPDX-License-Identifier: Apache-2.0
"""`make screenshots`: each page of the operator's page, light, dark and on a phone.

They go to `.ingester/screenshots`; those that the documentation shows, also there.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Page

from agents.commands.demo.products import make_products
from agents.commands.demo.request import request_document
from benchmarks.servers import own_system
from infra.kafka.writer import Writer
from streams.codec import pack
from streams.events import AreaPaused, Event, IngestionRefused
from streams.model import process_task
from streams.payload import read_payload
from streams.topics import TASKS, key_of
from tests.areas import facts
from tests.browser import Watched, chromium
from tests.scenery import scenery
from tests.system import System
from tests.tables import wait_until_projected

_ROOT = Path(__file__).parents[1]
_FOLDER = _ROOT / ".ingester" / "screenshots"
_SHOWN = _ROOT / "docs" / "images"

AREA = "denmark-2023"
FAILED = f"{AREA}/LC08_L1TP_196000_20230402_02_T1"

REAL = "funen"
"""An area that is truly ingested, of the demo's products."""
_PRODUCT = "LC08_L1TP_196021_20230603_20230603_02_T1"

PLACES = {
    "areas": "#/",
    "tasks": f"#/area/{AREA}/tasks",
    "map": f"#/area/{AREA}/map",
    "chains": f"#/area/{AREA}/chains",
    "time": f"#/area/{AREA}/time",
    "storage": f"#/area/{REAL}/storage",
    "task": "#/task/" + quote(FAILED, safe=""),
    "tile": "#/task/" + quote(process_task(REAL, _PRODUCT, _PRODUCT), safe=""),
    "machinery": "#/machinery",
    "new": f"#/new?from={REAL}",
}

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 390, "height": 1000},
        "color_scheme": "light",
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
}

_IN_DOCS = {"areas", "map", "chains", "task", "tile", "time"}


@contextmanager
def furnished() -> Iterator[System]:
    """A system with areas to look at."""
    with TemporaryDirectory() as folder, own_system(Path(folder)) as system:
        _ingest(system)
        now = datetime.now(UTC)
        told = [
            *scenery(AREA, 40, 14, told=now),
            *scenery("baltic-winter", 10, 6, told=now - timedelta(hours=5), until=1),
            *scenery("jutland", 20, 10, told=now, until=0.3),
        ]
        writer = Writer(system.kafka)
        writer.write(pack(TASKS.name, key_of(fact.message), fact) for fact in told)
        refusal = "$.scene_graph_name: 'MyGraph', expected one of the shipped graphs"
        others: list[Event] = [
            AreaPaused("jutland", "ann", "provider in maintenance"),
            IngestionRefused("alps", "i7", (refusal,), "ann"),
        ]
        writer.write(facts(others))
        wait_until_projected(system)
        yield system


def _ingest(system: System) -> None:
    """Ingest the demo's products; the workflow then ends, and lets made-up areas be."""
    list(make_products(system.folder / "products"))
    system.environment["INGESTER_PROCESSOR_INDEXERS"] = "stac"
    system.start("workflow", "catalogue", "downloader", "processor")
    system.start("projector", "gateway")
    document = json.dumps(request_document(REAL))
    system.send(read_payload(document, request="i1", by="ann"))
    system.wait_until_ended(REAL, timeout_s=600)
    (workflow,) = [p for p in system.processes if p.name == "workflow"]
    workflow.stop()
    system.processes.remove(workflow)


def _settle(page: Page, name: str) -> None:
    page.wait_for_selector("#live[data-state=live]")
    page.wait_for_selector("main h1")
    if name == "storage":
        page.wait_for_selector("tbody")
    if name == "tile":
        page.wait_for_selector(".quicklook canvas")
        page.get_by_text("Measures", exact=True).click()
        page.get_by_text("Where they come from").click()
        page.get_by_text("Lineage", exact=True).wait_for()
        page.evaluate("scrollTo(0, 0)")
    if name == "chains":
        page.wait_for_selector(".legend .chip")
        page.locator("canvas").first.focus()
        for _ in range(8):
            page.keyboard.press("ArrowRight")
    if name == "map":
        page.wait_for_selector(".legend .chip")
        box = page.locator(".picture canvas").bounding_box()
        if box:
            page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    if name == "time":
        page.wait_for_selector(".when input[type=range]")
        page.locator(".when input[type=range]").fill("700")
        page.get_by_text("after 700 facts").wait_for()
        page.get_by_role("button", name="Compare from here").click()
        page.locator(".when input[type=range]").fill("1400")
        page.wait_for_selector("text=tasks changed between")
    page.wait_for_timeout(700)


def main() -> None:
    """Take them."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = set(sys.argv[1:]) or set(PLACES)
    with furnished() as system, chromium() as browser:
        url = system.settings.gateway_url
        for look, options in LOOKS.items():
            window = Watched(browser, url, **options)
            for name, place in PLACES.items():
                if name not in wanted:
                    continue
                page = window.open(place)
                _settle(page, name)
                file = _FOLDER / f"{name}-{look}.png"
                page.screenshot(path=str(file))
                if look == "light" and name in _IN_DOCS:
                    _SHOWN.mkdir(exist_ok=True)
                    page.screenshot(
                        path=str(_SHOWN / f"page-{name}.jpg"), type="jpeg", quality=60
                    )
                print(file)  # noqa: T201
            for one in window.wrong:
                print(f"wrong: {one}", file=sys.stderr)  # noqa: T201
            window.close()


if __name__ == "__main__":
    main()
