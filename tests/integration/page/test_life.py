# SPDX-License-Identifier: Apache-2.0
"""The operator's page over working agents: from a request to its end, and back."""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
import urllib3
from playwright.sync_api import Page, expect

from streams.envelope import Record
from streams.model import download_task, process_task
from streams.topics import DOWNLOADS, TASKS
from tests.areas import a_request, a_script, an_area
from tests.browser import Watched, asked, check_accessible
from tests.landsat import make_product
from tests.system import System

DAYS = ("20230502", "20230518", "20230603")
NAMES = [f"LC08_L1TP_196021_{day}_{day}_02_T1" for day in DAYS]
LATE = NAMES[1]
FAILURES = "1 \N{MULTIPLICATION SIGN} NOT_FOUND"
WORLD = {
    "type": "Polygon",
    "coordinates": [[[8, 54], [11, 54], [11, 57], [8, 57], [8, 54]]],
}
LOOKED = "looked"
ONE_PRODUCT = {
    "geometry": WORLD,
    "end_time": "2023-05-10T00:00:00Z",
    "scene_graph_name": "CopyProductToStorage",
    "tile_graph_name": "ExtractLandsatBands",
    "graph_config": {"bands": "B02,B03,B04"},
}
TILE = process_task(LOOKED, NAMES[0], NAMES[0])
WAITS = """
import pathlib, time
while not pathlib.Path("{go_on}").exists():
    time.sleep(0.05)
print("went on")
"""


@pytest.fixture(scope="module")
def serving(shared_system: System) -> System:
    """Every agent; the provider lacks one of the three products of the catalogue."""
    system = shared_system
    shelf = system.folder / "shelf"
    shelf.mkdir()
    for name in NAMES:
        make_product(system.folder / "products", name, ["B2", "B3", "B4"])
        if name != LATE:
            shutil.copytree(system.folder / "products" / name, shelf / name)
    system.environment |= {
        "INGESTER_PROVIDER_LOCAL_FOLDER": str(shelf),
        "INGESTER_DOWNLOADER_PROVIDERS": "local",
        "INGESTER_PROCESSOR_INDEXERS": "stac",
        "INGESTER_GRAPH_ROOTS": str(system.folder / "graphs"),
        "INGESTER_WORKER_HEARTBEAT_S": "0.5",
    }
    system.write(Record(TASKS.name, b"poison", b"not a fact", ()))
    names = ("workflow", "catalogue", "downloader", "processor", "projector")
    system.start(*names, "gateway")
    system.send(a_request(LOOKED, **ONE_PRODUCT))
    return system


def confirm(page: Page, why: str, act: str) -> None:
    """Fill in the dialog and do it."""
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Why").fill(why)
    dialog.get_by_role("button", name=act, exact=True).click()


def test_an_area_is_published_watched_mended_and_looked_back_at(
    window: Watched, serving: System
) -> None:
    page = window.open("#/new")
    publish(page)
    watch_it_need_somebody(page)
    understand_and_retry(page, serving)
    compare_two_instants(page)


def publish(page: Page) -> None:
    payload = {"name": "walked.json", "mimeType": "application/json"}
    page.get_by_label("GeoJSON files or requests").set_input_files(
        [{**payload, "buffer": json.dumps(WORLD).encode()}]
    )
    expect(page.get_by_text("Read walked.json.")).to_be_visible()
    page.get_by_label("Name", exact=False).first.fill("walked")
    page.get_by_label("Start time").fill("2023-01-01T00:00:00")
    page.get_by_label("End time").fill("2023-12-31T00:00:00")
    page.get_by_label("Constellation").fill("landsat")
    page.get_by_label("Scene graph name").fill("NoSuchGraph")
    page.get_by_label("Tile graph name").fill("Pass")
    page.get_by_label("Is retriable").check()
    page.get_by_role("button", name="Publish", exact=True).click()
    # What is wrong is said where it was asked.
    expect(page.get_by_role("alert").filter(has_text="NoSuchGraph")).to_be_visible()
    page.get_by_label("Scene graph name").fill("Pass")
    page.get_by_role("button", name="Look first").click()
    plan = page.get_by_role("region", name="What it would lead to")
    expect(plan.get_by_text(NAMES[0])).to_be_visible()
    expect(plan).to_contain_text("3 downloads, 3 tiles")
    check_accessible(page)
    page.get_by_role("button", name="Publish", exact=True).click()


def watch_it_need_somebody(page: Page) -> None:
    """Nothing is reloaded: it comes by itself."""
    expect(page.get_by_role("heading", name="walked")).to_be_visible()
    expect(page.locator(".head .chip")).to_have_text("needs attention", timeout=60_000)
    expect(page.get_by_text(FAILURES)).to_be_visible()
    page.get_by_role("link", name="Areas", exact=True).click()
    first = page.locator(".areas > li").filter(has_text="walked")
    expect(first).to_contain_text("NOT_FOUND")


def understand_and_retry(page: Page, system: System) -> None:
    page.get_by_role("link", name=FAILURES).click()
    page.get_by_role("link", name=LATE, exact=True).click()
    expect(page.locator(".head .chip")).to_have_text("retry")
    expect(page.get_by_text("it waits for an operator")).to_be_visible()
    expect(page.get_by_role("region", name="Trials of attempt 1")).to_contain_text(
        "local"
    )
    check_accessible(page)
    folder = Path(system.environment["INGESTER_PROVIDER_LOCAL_FOLDER"])
    shutil.copytree(system.folder / "products" / LATE, folder / LATE)
    page.get_by_role("button", name="Retry", exact=True).click()
    check_accessible(page)
    confirm(page, "the product is there now", "Retry")
    expect(page.locator(".head .chip")).to_have_text("done", timeout=60_000)
    expect(page.get_by_text("the product is there now")).to_be_visible()
    page.get_by_role("link", name="walked", exact=True).click()
    expect(page.locator(".head .chip")).to_have_text("done", timeout=60_000)


def compare_two_instants(page: Page) -> None:
    page.get_by_role("link", name="Time machine").click()
    line = page.get_by_label("Place in the log")
    expect(page.get_by_text(re.compile(r"after \d+ facts of"))).to_be_visible()
    line.fill("3")
    expect(page.get_by_text("after 3 facts of")).to_be_visible()
    page.get_by_role("button", name="Compare from here").click()
    line.fill("1000")
    expect(page.get_by_role("heading", name="tasks changed between")).to_be_visible()
    changed = page.get_by_role("region", name="Changed tasks")
    expect(changed.get_by_role("row").filter(has_text=LATE).first).to_contain_text(
        "done"
    )
    told = page.get_by_role("region", name="Facts", exact=True)
    page.get_by_label("Type").select_option("task-retry-asked")
    expect(told.get_by_role("row")).to_have_count(2)
    expect(told).to_contain_text("the product is there now")
    told.get_by_role("button").first.click()
    expect(page.locator("dialog pre")).to_contain_text('"why": "the product is there')
    page.get_by_role("button", name="Close").click()
    check_accessible(page)


def test_a_done_tile_shows_its_picture_measures_and_provenance(window, serving):
    serving.wait_until_ended(LOOKED)
    page = window.open(f"#/task/{quote(TILE, safe='')}")
    picture = page.get_by_role("img", name=f"Quick-look of {NAMES[0]}")
    expect(picture).to_be_visible()
    # The ramp of the product was drawn, not an empty canvas.
    shades = picture.evaluate(
        "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"
        ".size"
    )
    assert shades > 10
    page.get_by_text("Measures", exact=True).click()
    measures = page.get_by_role("region", name="Measures of the layers")
    expect(measures.get_by_role("row")).to_have_count(4)
    page.get_by_text("Where they come from").click()
    expect(page.locator("main")).to_contain_text("Graph 'ExtractLandsatBands'")
    check_accessible(page)


def test_a_layer_is_read_from_the_store(window, serving):
    serving.wait_until_ended(LOOKED)
    page = window.open(f"#/task/{quote(TILE, safe='')}")
    button = page.get_by_role("button", name="Open B02.tif")
    # Another window, which asks the store and not the gateway.
    with page.context.expect_event(
        "request", lambda asked: not asked.url.startswith(window.url)
    ) as opened:
        button.click()
    content = urllib3.request("GET", opened.value.url).data
    assert content.startswith(b"II*\0")


def test_a_picture_is_streamed_as_nothing_but_a_picture(serving):
    serving.wait_until_ended(LOOKED)
    found = asked(serving, f"/tasks/{TILE}/picture")
    assert (found.status, found.headers["Content-Type"]) == (200, "image/png")
    assert found.data.startswith(b"\x89PNG")
    assert "sandbox" in found.headers["Content-Security-Policy"]
    tag = {"If-None-Match": found.headers["ETag"]}
    assert asked(serving, f"/tasks/{TILE}/picture", **tag).status == 304
    scene = download_task(LOOKED, NAMES[0])
    assert asked(serving, f"/tasks/{scene}/picture").status == 204
    foreign = f"/tasks/{scene}/picture?uri=file:///etc/passwd"
    assert asked(serving, foreign).status == 204


def test_storage_is_told_with_its_reasons(window, serving):
    serving.wait_until_ended(LOOKED)
    page = window.open(f"#/area/{LOOKED}/storage")
    table = page.get_by_role("region", name="Storage")
    expect(table).to_contain_text("kept")
    expect(table).to_contain_text("manifest")
    page.get_by_text("Each object").click()
    expect(page.get_by_role("region", name="Objects")).to_contain_text("quicklook")
    check_accessible(page)


def test_a_running_attempt_says_how_far_it_is_and_leaves_a_log(window, serving):
    go_on = serving.folder / "go-on"
    graph = a_script(serving.folder / "graphs", "Waits", WAITS.format(go_on=go_on))
    serving.send(a_request("busy", **ONE_PRODUCT | {"tile_graph_name": graph}))
    page = window.open("#/machinery")
    running = page.get_by_role("region", name="What runs")
    line = running.get_by_role("row").filter(has_text="busy")
    expect(line).to_contain_text(f"graph {graph}", timeout=60_000)
    line.get_by_role("link", name=NAMES[0]).click()
    expect(page.get_by_text(re.compile(r"graph .*, heard .* ago"))).to_be_visible()
    go_on.touch()
    expect(page.locator(".head .chip")).to_have_text("done", timeout=60_000)
    page.get_by_text("Log", exact=True).click()
    expect(page.get_by_label("Log of attempt 1")).to_contain_text("went on")
    check_accessible(page)


def test_what_runs_and_what_died_is_shown(window, serving):
    page = window.open("#/machinery")
    groups = page.get_by_role("region", name="Groups")
    expect(groups).to_contain_text("ingester-downloader")
    letters = page.get_by_role("region", name="Dead letters")
    expect(letters).to_contain_text("ingester.tasks")
    expect(page.get_by_role("region", name="Topics")).to_contain_text(DOWNLOADS.name)
    check_accessible(page)
    letters.get_by_role("button", name="Send again").click()
    page.locator("dialog").get_by_role("button", name="Send again").click()
    # It is no better than before: it comes back.
    expect(letters.get_by_role("row")).to_have_count(3, timeout=30_000)


def test_many_tasks_are_steered_at_once(window, serving):
    serving.write(*an_area("many", 4, scene_graph="NoSuchGraph"))
    page = window.open("#/area/many/tasks?kind=DOWNLOAD&status=failed")
    boxes = page.get_by_label(re.compile("Choose many/"))
    expect(boxes).to_have_count(4, timeout=60_000)
    boxes.nth(0).check()
    boxes.nth(2).check()
    expect(page.get_by_text("2 tasks chosen")).to_be_visible()
    page.get_by_role("button", name="Reopen").click()
    confirm(page, "again", "Reopen")
    expect(page.locator(".toast")).to_contain_text("2 granted")
    boxes.nth(0).uncheck()
    boxes.nth(2).uncheck()
    expect(boxes).to_have_count(4, timeout=60_000)
    page.get_by_role("button", name="Reopen").click()
    expect(page.locator("dialog")).to_contain_text("4 tasks")
    confirm(page, "all of them", "Reopen")
    expect(page.locator(".toast").last).to_contain_text("4 granted")
