# SPDX-License-Identifier: Apache-2.0
"""The operator's page in a real browser: publish, watch, understand, mend, look back.

Whatever a page does against its policy, or says on the console, fails the test.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import urllib3
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from streams.codec import pack
from streams.envelope import Record
from streams.events import (
    DownloadFailed,
    IngestionAccepted,
    IngestionListed,
    TaskCreated,
    TaskFailAsked,
)
from streams.failures import Failure
from streams.model import Kind, Part, Scene, Settings, download_task, process_task
from streams.topics import DOWNLOADS, TASKS, key_of
from tests.areas import ORIGIN, SQUARE, a_request, a_script, an_area, facts
from tests.browser import Watched, chromium
from tests.cable import Cable
from tests.landsat import make_product
from tests.scenery import scenery
from tests.system import System, wait_for

expect.set_options(timeout=15_000)


DAYS = ("20230502", "20230518", "20230603")
NAMES = [f"LC08_L1TP_196021_{day}_{day}_02_T1" for day in DAYS]
LATE = NAMES[1]
FAILURES = "1 \N{MULTIPLICATION SIGN} NOT_FOUND"
WORLD = {
    "type": "Polygon",
    "coordinates": [[[8, 54], [11, 54], [11, 57], [8, 57], [8, 54]]],
}
PICTURED = "pictured"
LOOKED = "looked"
ONE_PRODUCT = {
    "geometry": WORLD,
    "end_time": "2023-05-10T00:00:00Z",
    "scene_graph_name": "CopyProductToStorage",
    "tile_graph_name": "ExtractLandsatBands",
    "graph_config": {"bands": "B02,B03,B04"},
}
TILE = process_task(LOOKED, NAMES[0], NAMES[0])
SHOWN = {
    "tasks": "tbody",
    "map": ".legend",
    "chains": ".legend",
    "time": ".counts",
}
WAITS = """
import pathlib, time
while not pathlib.Path("{go_on}").exists():
    time.sleep(0.05)
print("went on")
"""
EVIL = '<img src=x onerror="document.title=1">'


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
    system.environment["INGESTER_PROVIDER_LOCAL_FOLDER"] = str(shelf)
    system.environment["INGESTER_DOWNLOADER_PROVIDERS"] = "local"
    system.environment |= {
        "INGESTER_PROCESSOR_INDEXERS": "stac",
        "INGESTER_GRAPH_ROOTS": str(system.folder / "graphs"),
        "INGESTER_WORKER_HEARTBEAT_S": "0.5",
    }
    told = scenery(PICTURED, 10, 6, told=datetime.now(UTC))
    system.write(*(pack(TASKS.name, key_of(f.message), f) for f in told))
    system.write(*facts(_hostile()))
    system.write(Record(TASKS.name, b"poison", b"not a fact", ()))
    names = ("workflow", "catalogue", "downloader", "processor", "projector")
    system.start(*names, "gateway")
    system.send(a_request(LOOKED, **ONE_PRODUCT))
    wait_for(lambda: system.gateway.area(PICTURED))
    return system


def _hostile() -> list[Any]:
    """An area whose names and messages are markup."""
    area, name = "hostile", f"S{EVIL}"
    scene = Scene(name, "landsat", ORIGIN, parts=(Part("t"),))
    task = download_task(area, name)
    settings = Settings("Pass", "Pass", retriable=True)
    failed = DownloadFailed(area, task, 1, EVIL, Failure.BAD_INPUT, f"</script>{EVIL}")
    return [
        IngestionAccepted(
            area, "i1", settings, json.dumps(SQUARE), ORIGIN, ORIGIN, EVIL
        ),
        TaskCreated(area, task, Kind.DOWNLOAD, "i1", scene=scene),
        IngestionListed(area, "i1", 1, 0),
        failed,
        TaskFailAsked(area, task, 1, EVIL, EVIL),
    ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with chromium() as found:
        yield found


@pytest.fixture
def window(browser: Browser, serving: System) -> Iterator[Watched]:
    """A fresh window; at its end nothing must have gone wrong in it."""
    opened = Watched(
        browser,
        serving.settings.gateway_url,
        viewport={"width": 1280, "height": 860},
    )
    yield opened
    opened.close()
    assert opened.wrong == []


def check_accessible(page: Page, **options: Any) -> None:
    found = Axe().run(page, options={"resultTypes": ["violations"], **options})
    assert found.violations_count == 0, found.generate_report()


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


def test_each_picture_of_an_area_is_accessible_in_light_and_dark(window):
    for tab, shown in SHOWN.items():
        window.page.emulate_media(color_scheme="light")
        page = window.open(f"#/area/{PICTURED}/{tab}")
        expect(page.locator(shown)).to_contain_text("done")
        check_accessible(page)
        page.emulate_media(color_scheme="dark")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        # Nothing but colours is otherwise.
        check_accessible(page, runOnly=["color-contrast"])


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


def test_a_footprint_leads_to_its_tasks(window):
    page = window.open(f"#/area/{PICTURED}/map")
    expect(page.locator(".legend")).to_contain_text("60 tasks in 10 footprints")
    page.locator(".picture canvas").click()
    expect(page.locator(".side .card h2")).to_have_text("6 tasks here")
    page.get_by_label("Acquired from").fill("2023-04-01")
    expect(page.locator(".legend")).to_contain_text("20 tasks")
    page.get_by_role("button", name="Go back in time").click()
    page.get_by_label("Place in the log").fill("8")
    expect(page.locator(".legend")).to_contain_text("0 tasks")
    page.get_by_role("button", name="Back to now").click()
    expect(page.locator(".legend")).to_contain_text("20 tasks")
    page.locator(".side .card a").first.click()
    expect(page.get_by_role("heading", name="Why it is here")).to_be_visible()


def test_the_list_of_tasks_goes_back_in_time(window):
    page = window.open(f"#/area/{PICTURED}/tasks")
    expect(page.get_by_role("region", name="Tasks", exact=True)).to_be_visible()
    page.get_by_role("button", name="Go back in time").click()
    page.get_by_label("Place in the log").fill("14")
    then = page.get_by_role("region", name="Tasks then")
    # The area was accepted; a scene and its ten tiles were known, and one of the next.
    expect(then.get_by_role("row")).to_have_count(1 + 13)
    expect(page.get_by_role("button", name="Force")).to_be_hidden()
    page.get_by_label("Kind").select_option("DOWNLOAD")
    expect(then.get_by_role("row")).to_have_count(1 + 2)
    expect(then).to_contain_text(re.compile("new|pending"))
    page.get_by_role("button", name="Back to now").click()
    now = page.get_by_role("region", name="Tasks", exact=True)
    expect(now.get_by_role("row")).to_have_count(1 + 6)


def test_storage_is_told_with_its_reasons(window, serving):
    serving.wait_until_ended(LOOKED)
    page = window.open(f"#/area/{LOOKED}/storage")
    table = page.get_by_role("region", name="Storage")
    expect(table).to_contain_text("kept")
    expect(table).to_contain_text("manifest")
    page.get_by_text("Each object").click()
    expect(page.get_by_role("region", name="Objects")).to_contain_text("quicklook")
    check_accessible(page)


def test_what_the_read_model_lacks_of_an_older_area_is_told(window, serving):
    serving.write(*an_area("older", 1))
    wait_for(lambda: serving.gateway.area("older"))
    with psycopg.connect(serving.environment["INGESTER_POSTGRES_DSN"]) as database:
        database.execute("delete from ingester.outline where area = 'older'")
    page = window.open("#/area/older/map")
    expect(page.locator(".note")).to_contain_text("ingester rebuild projector")


def test_chains_are_walked_by_keys(window):
    page = window.open(f"#/area/{PICTURED}/chains")
    expect(page.locator(".legend")).to_contain_text("10 chains, 6 dates, 60 tiles")
    page.locator(".picture canvas").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    expect(page.locator(".says")).to_contain_text("197-000 2023-03-09")
    expect(page.locator(".says")).to_contain_text("previous 2023-03-01 (done)")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="197-000")).to_be_visible()


def test_names_and_messages_are_never_markup(window):
    task = f"hostile/S{EVIL}"
    for place in (
        "#/",
        "#/area/hostile/tasks",
        "#/area/hostile/map",
        "#/area/hostile/time",
        f"#/task/{quote(task, safe='')}",
        f"#/search?product={quote(EVIL)}",
        f"#/area/{quote(EVIL)}",
    ):
        page = window.open(place)
        shown = page.locator("main").get_by_text(EVIL).first
        if not place.endswith("/map"):
            expect(shown).to_be_visible()
        assert page.locator("main img").count() == 0
        assert page.title() != "1"
    page = window.open(f"#/task/{quote(task, safe='')}")
    expect(page.locator(".message")).to_contain_text(f"</script>{EVIL}")


def test_a_lost_connection_is_shown_and_recovers(browser, serving):
    host, _, port = serving.settings.gateway_listen.rpartition(":")
    with Cable(host, int(port)) as cable:
        window = Watched(browser, f"http://127.0.0.1:{cable.port}")
        page = window.open("#/")
        expect(page.locator("#live")).to_have_text("live")
        cable.cut_after(received=1)
        expect(page.get_by_role("alert")).to_contain_text("Connection lost")
        expect(page.locator("body")).to_have_attribute("data-stale", "")
        serving.write(*an_area("meanwhile", 1))
        cable.cut_after()
        expect(page.locator("#live")).to_have_text("live")
        expect(page.get_by_role("alert")).to_be_hidden()
        expect(page.get_by_role("link", name="meanwhile")).to_be_visible()
        window.close()
        assert window.wrong == []


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


def test_a_phone_shows_everything_without_scrolling_sideways(browser, serving):
    window = Watched(
        browser,
        serving.settings.gateway_url,
        viewport={"width": 390, "height": 844},
        is_mobile=True,
        has_touch=True,
    )
    for place in ("#/", "#/new", "#/machinery", f"#/area/{PICTURED}/map"):
        page = window.open(place)
        expect(page.locator("main h1")).to_be_visible()
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= 390, place
    window.close()
    assert window.wrong == []


# -- what is served


def head(system: System, path: str, **headers: str) -> Any:
    url = system.settings.gateway_url + path
    return urllib3.request("GET", url, headers=headers, redirect=False, retries=False)


def test_the_page_may_load_and_run_nothing_but_its_own_files(serving):
    answer = head(serving, "/page/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    again = head(serving, "/page/", **{"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304
    script = head(serving, "/page/js/main.js")
    assert "javascript" in script.headers["Content-Type"]
    assert head(serving, "/page/../agent.py").status == 404


def test_a_picture_is_streamed_as_nothing_but_a_picture(serving):
    serving.wait_until_ended(LOOKED)
    found = head(serving, f"/tasks/{TILE}/picture")
    assert (found.status, found.headers["Content-Type"]) == (200, "image/png")
    assert found.data.startswith(b"\x89PNG")
    assert "sandbox" in found.headers["Content-Security-Policy"]
    tag = {"If-None-Match": found.headers["ETag"]}
    assert head(serving, f"/tasks/{TILE}/picture", **tag).status == 304
    scene = download_task(LOOKED, NAMES[0])
    assert head(serving, f"/tasks/{scene}/picture").status == 204
    foreign = f"/tasks/{scene}/picture?uri=file:///etc/passwd"
    assert head(serving, foreign).status == 204


def test_a_browser_at_the_root_is_led_to_the_page(serving):
    answer = head(serving, "/", Accept="text/html,*/*")
    assert (answer.status, answer.headers["Location"]) == (307, "/page/")
    assert head(serving, "/").data == b"ingester ok"


# -- with tokens; last, for the gateway is another


def test_a_reader_signs_in_and_is_offered_nothing_that_steers(browser, serving):
    (gateway,) = [p for p in serving.processes if p.name == "gateway"]
    gateway.stop()
    serving.processes.remove(gateway)
    tokens = serving.folder / "tokens"
    digest = hashlib.sha256(b"reading").hexdigest()
    tokens.write_text(f"read rita {digest}\n")
    serving.start("gateway", gateway_tokens_file=str(tokens))
    window = Watched(browser, serving.settings.gateway_url)
    page = window.open("#/")
    for token, title in (("wrong", "Sign in"), ("reading", "Areas")):
        page.get_by_label("Token").fill(token)
        page.locator("dialog").get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
        if token == "wrong":
            expect(page.get_by_text("This token is not known here.")).to_be_visible()
    expect(page.locator("#who")).to_have_text("rita · read")
    expect(page.get_by_role("link", name=PICTURED)).to_be_visible()
    expect(page.get_by_role("link", name="New area")).to_be_hidden()
    page.goto(f"{window.url}/page/#/area/{PICTURED}")
    expect(page.get_by_role("heading", name=PICTURED)).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    expect(page.locator("#live")).to_have_text("live")
    window.close()
    assert window.wrong == []
