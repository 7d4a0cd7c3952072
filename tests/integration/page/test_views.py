# SPDX-License-Identifier: Apache-2.0
"""The operator's page over a read model: its pictures, its frame, what is served."""

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from playwright.sync_api import Page, Route, expect

from streams.codec import pack
from streams.events import (
    DownloadFailed,
    IngestionAccepted,
    IngestionListed,
    TaskCreated,
    TaskFailAsked,
)
from streams.failures import Failure
from streams.model import Kind, Part, Scene, Settings, download_task
from streams.topics import TASKS, key_of
from tests.areas import ORIGIN, SQUARE, an_area, facts
from tests.browser import Watched, asked, check_accessible
from tests.scenery import scenery
from tests.system import System, free_port, is_reached, wait_for

PICTURED = "pictured"
TILE = f"{PICTURED}/LC08_L1TP_196000_20230309_02_T1/197-000"
PLACES = {
    "#/": ".areas .chip.done, .areas .chip.running, .areas .chip.needs-attention",
    "#/search?product=LC08": "tbody .chip.done",
    f"#/area/{PICTURED}/tasks": "tbody .chip.done",
    f"#/area/{PICTURED}/map": ".legend .chip.done",
    f"#/area/{PICTURED}/chains": ".legend .chip.done",
    f"#/area/{PICTURED}/time": ".counts .chip.done",
}
"""Where something is shown in colours, and what."""
MORE_PLACES = {
    "#/new": "form .field",
    "#/machinery": "tbody",
    f"#/area/{PICTURED}/storage": "tbody",
    f"#/task/{PICTURED}/LC08_L1TP_196000_20230301_02_T1": "h2:text('Why it is here')",
}
EVIL = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def serving(shared_system: System) -> System:
    """The read model and who shows it; nobody works."""
    system = shared_system
    told = scenery(PICTURED, 10, 6, told=datetime.now(UTC))
    system.write(*(pack(TASKS.name, key_of(f.message), f) for f in told))
    system.write(*facts(_hostile()))
    system.start("projector", "gateway")
    for area in (PICTURED, "hostile"):
        wait_for(lambda area=area: system.gateway.area(area))
    return system


@pytest.fixture(scope="module", autouse=True)
def guarded(serving: System) -> str:
    """Address of a second gateway, which wants tokens; it starts while others test."""
    tokens = serving.folder / "tokens"
    tokens.write_text(f"read rita {hashlib.sha256(b'reading').hexdigest()}\n")
    address = f"127.0.0.1:{free_port()}"
    serving.start("gateway", gateway_listen=address, gateway_tokens_file=str(tokens))
    return address


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


def test_what_is_shown_in_colours_is_accessible_in_light_and_dark(window):
    for place, shown in PLACES.items():
        window.page.emulate_media(color_scheme="light")
        page = window.open(place)
        expect(page.locator(shown).first).to_be_visible()
        check_accessible(page)
        page.emulate_media(color_scheme="dark")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        # Nothing but colours is otherwise.
        check_accessible(page, runOnly=["color-contrast"])


def test_a_footprint_leads_to_its_tasks(window):
    page = window.open(f"#/area/{PICTURED}/map")
    expect(page.locator(".legend")).to_contain_text("60 tasks in 10 footprints")
    page.locator(".picture canvas").click()
    expect(page.locator(".side .card h2")).to_have_text("6 tasks here")
    page.get_by_label("Acquired from").fill("2023-04-01")
    expect(page.locator(".legend")).to_contain_text("20 tasks")
    page.get_by_role("button", name="Go back in time").click()
    page.get_by_label("Place in the log").fill("8")
    expect(page.locator(".legend")).to_contain_text("0 tasks in 0 footprints")
    page.get_by_role("button", name="Back to now").click()
    expect(page.locator(".legend")).to_contain_text("20 tasks")
    # What was chosen was not there then.
    page.locator(".picture canvas").click()
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


def test_an_area_on_both_sides_of_the_180th_meridian_is_one_place(window, serving):
    east, west = ((179, -16), (180, -16), (180, -17)), ((-180, -16), (-178, -16))
    east, west = (*east, (179, -17)), (*west, (-178, -17), (-180, -17))
    rings = (
        ", ".join(f"{x} {y}" for x, y in (*part, part[0])) for part in (east, west)
    )
    cut = ", ".join(f"(({ring}))" for ring in rings)
    serving.write(*an_area("fiji", 2, footprint=f"MULTIPOLYGON ({cut})"))
    wait_for(lambda: serving.gateway.area("fiji"))
    page = window.open("#/area/fiji/map?kind=DOWNLOAD")
    expect(page.locator(".legend")).to_contain_text("2 tasks in 1 footprint")
    page.locator(".picture canvas").click()
    expect(page.locator(".side .card h2")).to_have_text("2 tasks here")


def test_what_is_answered_last_is_not_what_was_asked_first(window):
    held: list[Route] = []
    page = window.page
    page.route("**/footprints?kind=PROCESS*", lambda route: held.append(route))
    window.open(f"#/area/{PICTURED}/map")
    page.get_by_label("Show").select_option("DOWNLOAD")
    scenes = "6 tasks in 1 footprint"
    expect(page.locator(".legend")).to_contain_text(scenes)
    release(page, held)
    # At once: the next look at the read model would mend it.
    assert scenes in page.locator(".legend").inner_text()
    page.route("**/changes?since=3&until=50*", lambda route: held.append(route))
    window.open(f"#/area/{PICTURED}/time")
    line = page.get_by_label("Place in the log")
    for place in ("3", "50", "10"):
        line.fill(place)
        expect(page.get_by_text(f"after {place} facts of")).to_be_visible()
        if place == "3":
            page.get_by_role("button", name="Compare from here").click()
    between = page.get_by_role("heading", name="changed between 3 and 10")
    expect(between).to_be_visible()
    release(page, held)
    expect(between).to_be_visible()


def release(page: Page, held: list[Route]) -> None:
    """Let a request go that was held, until the page has its answer."""
    (route,) = held
    held.clear()
    with page.expect_response(route.request.url) as answered:
        route.continue_()
    answered.value.finished()
    # What is answered after it finds it shown.
    page.evaluate("async () => (await fetch('/me')).json()")
    page.evaluate("() => new Promise(requestAnimationFrame)")


def test_the_first_tiles_of_chains_are_drawn_before_the_others_come(window):
    held: list[Route] = []
    page = window.page
    # The first page is made small, the one after it is held.
    page.route(
        re.compile(r"/grid\?limit=2500$"),
        lambda route: route.continue_(url=route.request.url.replace("2500", "12")),
    )
    page.route("**/grid?after=*", lambda route: held.append(route))
    window.open(f"#/area/{PICTURED}/chains")
    expect(page.locator(".legend")).to_contain_text("2 chains, 6 dates, 12 tiles")
    canvas = page.locator(".picture canvas")
    drawn = (
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
        ".some(Boolean)"
    )
    wait_for(lambda: canvas.evaluate(drawn))
    release(page, held)
    expect(page.locator(".legend")).to_contain_text("10 chains, 6 dates, 60 tiles")


def test_a_tile_is_shown_in_its_chain_and_marked_on_the_board(window):
    page = window.open(f"#/task/{quote(TILE, safe='')}")
    chain = page.get_by_role("region", name="Its place in the chain")
    expect(chain.get_by_role("row")).to_have_count(1 + 3)
    for row, says in enumerate(("before", "this", "after"), 1):
        expect(chain.get_by_role("row").nth(row)).to_contain_text(says)
    expect(chain.get_by_role("row").nth(3)).to_contain_text("2023-03-17")
    check_accessible(page)
    page.get_by_role("link", name="On the board of chains").click()
    expect(page.locator(".says")).to_contain_text("197-000 2023-03-09")


def test_a_task_is_shown_as_it_stood(window):
    page = window.open(f"#/area/{PICTURED}/time")
    page.get_by_label("Place in the log").fill("15")
    expect(page.get_by_text("after 15 facts of")).to_be_visible()
    facts = page.get_by_role("region", name="Facts", exact=True)
    facts.get_by_role("link").first.click()
    note = page.locator(".past")
    expect(note).to_contain_text("After 15 facts")
    expect(note.locator(".chip")).to_have_text("new")
    expect(page.get_by_text("Nothing was tried yet.")).to_be_visible()
    check_accessible(page)
    page.get_by_role("link", name="Now", exact=True).click()
    expect(note).to_have_count(0)
    expect(page.get_by_text("Attempt 1", exact=True)).to_be_visible()
    page = window.open(f"#/task/{quote(TILE, safe='')}?at=14")
    expect(note).to_contain_text("not there")


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


def test_what_the_read_model_lacks_of_an_older_area_is_told(window, serving):
    serving.write(*an_area("older", 1))
    wait_for(lambda: serving.gateway.area("older"))
    with psycopg.connect(serving.environment["INGESTER_POSTGRES_DSN"]) as database:
        database.execute("delete from ingester.outline where area = 'older'")
    page = window.open("#/area/older/map")
    expect(page.locator(".note")).to_contain_text("ingester rebuild projector")


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


def test_a_phone_shows_everything_without_scrolling_sideways(browser, serving):
    window = Watched(
        browser,
        serving.settings.gateway_url,
        viewport={"width": 390, "height": 844},
        is_mobile=True,
        has_touch=True,
    )
    for place, shown in {**PLACES, **MORE_PLACES}.items():
        page = window.open(place)
        expect(page.locator(shown).first).to_be_visible()
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= 390, place
    window.close()
    assert window.wrong == []


# -- wishes


def confirm(page: Page, act: str) -> None:
    """Say why, and do it."""
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Why").fill("by a test")
    dialog.get_by_role("button", name=act, exact=True).click()


def test_all_that_match_are_those_that_stand_as_the_filter_says(window, serving):
    serving.write(*an_area("mixed", 3))
    page = window.open("#/area/mixed/tasks?status=pending")
    expect(page.get_by_label(re.compile("Choose mixed/"))).to_have_count(3)
    page.get_by_role("button", name="Force").click()
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text("3 tasks can be forced to pending")
    # Tiles that wait for their scenes could be forced so too.
    dialog.get_by_label("Status").select_option("failed")
    expect(dialog).to_contain_text("3 tasks can be forced to failed")
    confirm(page, "Force")
    expect(page.locator(".toast")).to_have_text("3 granted")


def test_more_than_the_gateway_takes_at_once_is_asked_in_turns(window, serving):
    serving.write(*an_area("lots", 5))
    page = window.open("#/area/lots/tasks?kind=DOWNLOAD")
    expect(page.get_by_label(re.compile("Choose lots/"))).to_have_count(5)
    page.route("**/areas/lots/tasks/wishes", two_at_once)
    page.get_by_role("button", name="Give up").click()
    expect(page.locator("dialog")).to_contain_text("5 tasks")
    confirm(page, "Give up")
    expect(page.locator(".toast")).to_have_text("5 granted")


def two_at_once(route: Route) -> None:
    route.continue_(post_data={**route.request.post_data_json, "limit": 2})


def test_an_area_is_cancelled_only_when_its_very_name_is_typed(window, serving):
    serving.write(*an_area("to-be-sure", 1))
    page = window.open("#/area/to-be-sure")
    page.get_by_role("button", name="Cancel area").click()
    dialog = page.locator("dialog")
    for typed in ("to-be-surf", "to.be.sure"):
        dialog.get_by_label("The area's name").fill(typed)
        confirm(page, "Cancel area")
        expect(dialog.locator("input:invalid")).to_be_visible()
    dialog.get_by_label("The area's name").fill("to-be-sure")
    confirm(page, "Cancel area")
    expect(page.locator(".head .chip")).to_have_text("cancelled")


# -- what is served, and to whom


def test_the_page_may_load_and_run_nothing_but_its_own_files(serving):
    answer = asked(serving, "/page/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    again = asked(serving, "/page/", **{"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304
    script = asked(serving, "/page/js/main.js")
    assert "javascript" in script.headers["Content-Type"]
    assert asked(serving, "/page/../agent.py").status == 404


def test_a_browser_at_the_root_is_led_to_the_page(serving):
    answer = asked(serving, "/", Accept="text/html,*/*")
    assert (answer.status, answer.headers["Location"]) == (307, "/page/")
    assert asked(serving, "/").data == b"ingester ok"


def test_a_reader_signs_in_and_is_offered_nothing_that_steers(browser, guarded):
    wait_for(lambda: is_reached(guarded))
    window = Watched(browser, f"http://{guarded}")
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
