# SPDX-License-Identifier: Apache-2.0
"""What the operator's page shows is of now, or it says that it is not."""

import re

import pytest
from playwright.sync_api import Route, expect

from streams.events import AreaCancelled, AreaPaused, AreaResumed
from tests.areas import an_area, facts
from tests.browser import Watched
from tests.cable import Cable
from tests.system import System, wait_for

AREA = "watched"


@pytest.fixture(scope="module")
def serving(shared_system: System) -> System:
    """An area that nobody works on, its read model and who shows it."""
    shared_system.write(*an_area(AREA, 2))
    shared_system.start("projector", "gateway", gateway_wait_s="1")
    wait_for(lambda: shared_system.gateway.area(AREA))
    return shared_system


@pytest.fixture
def cable(serving):
    """What the gateway is reached by, to be cut."""
    host, _, port = serving.settings.gateway_listen.rpartition(":")
    with Cable(host, int(port)) as made:
        yield made


@pytest.fixture
def cabled(browser, cable):
    """A window behind the cable."""
    window = Watched(browser, f"http://127.0.0.1:{cable.port}")
    yield window
    window.close()
    assert window.wrong == []


def refuse(route: Route) -> None:
    """The answer of a proxy whose gateway is away."""
    route.fulfill(status=503, body="nobody here")


def move(system: System) -> None:
    """Have the read model move on, to where it was."""
    system.write(*facts([of(AREA, "tests", "") for of in (AreaPaused, AreaResumed)]))


def test_a_lost_connection_is_shown_and_recovers(cabled, cable, serving):
    page = cabled.open("#/")
    expect(page.locator("#live")).to_have_text("live")
    cable.cut_after(received=1)
    expect(page.get_by_role("alert")).to_contain_text("Connection lost")
    expect(page.locator("body")).to_have_attribute("data-stale", "")
    serving.write(*an_area("meanwhile", 1))
    cable.cut_after()
    expect(page.locator("#live")).to_have_text("live")
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_role("link", name="meanwhile")).to_be_visible()


def test_a_stream_that_is_back_is_not_ended_by_what_waited_for_the_one_before(
    cabled, cable, serving
):
    clock = cabled.page.clock
    clock.install(time=0)
    clock.pause_at(1)
    page = cabled.open("#/")
    expect(page.locator("#live")).to_have_text("live")
    cable.cut_after(received=1)
    move(serving)
    expect(page.get_by_role("alert")).to_contain_text("Connection lost")
    cable.cut_after()
    clock.run_for(5000)
    expect(page.locator("#live")).to_have_text("live")
    # The silence that ends a stream is over since the first was heard, not since the
    # second was; one that is lost would stay so, for no time passes.
    clock.run_for(7200)
    move(serving)
    expect(page.locator("#live")).to_have_attribute("title", "Heard at 00:00:13Z")
    expect(page.locator("#live")).to_have_text("live")


def test_a_read_model_that_lacks_what_was_told_is_shown_so(window, serving):
    page = window.open(f"#/area/{AREA}/tasks?status=pending")
    expect(page.locator("#live")).to_have_text("live")
    projector = next(p for p in serving.processes if p.name == "projector")
    projector.stop()
    serving.processes.remove(projector)
    page.get_by_label(re.compile(f"Choose {AREA}/")).first.check()
    page.get_by_role("button", name="Give up").click()
    page.locator("dialog").get_by_label("Why").fill("by a test")
    page.locator("dialog").get_by_role("button", name="Give up").click()
    said = "0 granted, 1 written, and not projected yet"
    expect(page.locator(".toast")).to_have_text(said)
    expect(page.get_by_role("alert")).to_contain_text("1 fact of the log not projected")
    serving.start("projector")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_what_one_part_of_a_view_lacks_is_told_though_another_has_all(window, serving):
    page, alert = window.open(f"#/area/{AREA}/tasks"), window.page.get_by_role("alert")
    expect(page.get_by_role("region", name="Tasks", exact=True)).to_be_visible()
    head, tasks = f"**/areas/{AREA}", f"**/areas/{AREA}/tasks?*"
    held: list[Route] = []
    page.route(head, refuse)
    page.route(tasks, lambda route: held.append(route))
    with page.expect_request(tasks):
        move(serving)
    expect(alert).to_contain_text("Not up to date: nobody here")
    page.route(head, lambda route: held.append(route))
    held[0].continue_()
    # The tasks are asked for again: they were shown. The head was not.
    with page.expect_request(head), page.expect_request(tasks):
        move(serving)
    expect(alert).to_contain_text("Not up to date: nobody here")
    # What is held goes on.
    page.unroute_all()
    expect(alert).to_be_hidden()


def test_back_to_now_ends_what_was_being_read_of_then(window):
    page = window.open(f"#/area/{AREA}/tasks")
    now = page.get_by_role("region", name="Tasks", exact=True)
    expect(now).to_be_visible()
    held: list[Route] = []
    page.route("**/history", lambda route: held.append(route))
    with page.expect_request("**/history"):
        page.get_by_role("button", name="Go back in time").click()
    with page.expect_event("requestfailed"):
        page.get_by_role("button", name="Back to now").click()
    expect(now).to_be_visible()
    page.unroute("**/history")
    page.get_by_role("button", name="Go back in time").click()
    expect(page.get_by_role("region", name="Tasks then")).to_be_visible()


def test_a_card_shows_no_rate_of_when_its_area_still_went_on(window, serving):
    serving.write(*an_area("ending", 1))
    page = window.open("#/")
    card = page.locator(".areas > li").filter(has_text="ending")
    expect(card).to_contain_text("0 attempts running")
    serving.write(*facts([AreaCancelled("ending", "tests", "")]))
    expect(card.locator(".chip")).to_have_text("cancelled")
    expect(card).not_to_contain_text("attempts running")


def test_areas_of_every_page_are_listed_in_one_order(window, serving):
    names = [area["name"] for area in serving.gateway.areas()]
    page = window.page
    page.route("**/areas?limit=1000*", one_at_once)
    window.open("#/")
    expect(page.locator(".areas > li")).to_have_count(len(names))
    expect(page.get_by_text(f"{len(names)} areas", exact=True)).to_be_visible()


def one_at_once(route: Route) -> None:
    route.continue_(url=route.request.url.replace("limit=1000", "limit=1"))


def test_a_gateway_that_is_not_ready_is_asked_again_who_asks(window):
    window.page.route("**/me", refuse, times=1)
    page = window.open("#/")
    expect(page.get_by_role("alert")).to_contain_text("nobody here")
    expect(page.get_by_role("link", name=AREA)).to_be_visible()
    expect(page.locator("#who")).to_have_text("no sign-in")
