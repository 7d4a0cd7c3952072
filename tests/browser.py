# SPDX-License-Identifier: Apache-2.0
"""A real browser on the operator's page; it notes everything that a page does wrong."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.system import System


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a screen.

    Raises:
        FileNotFoundError: it is not installed: `apt-get install chromium`.
    """
    path = os.environ.get("INGESTER_TEST_CHROMIUM") or shutil.which("chromium")
    if path is None:
        raise FileNotFoundError("chromium: `apt-get install chromium`")
    # In containers there is no sandbox to be had; the pages are our own.
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


class Watched:
    """Pages of one browser window, and what went wrong on them."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.wrong: list[str] = []
        self.context: BrowserContext = browser.new_context(**options)
        self.context.set_default_timeout(20_000)
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("console", self._heard)
        self.page.on("request", self._asked)

    def open(self, place: str) -> Page:
        """The page at this place, `#/…`."""
        self.page.goto(f"{self.url}/page/{place}")
        return self.page

    def close(self) -> None:
        """Close the window."""
        self.context.close()

    def _heard(self, message: Any) -> None:
        # What the gateway refuses is told by the page; the browser tells it again.
        told = message.text.startswith("Failed to load resource")
        if message.type in ("error", "warning") and not told:
            self.wrong.append(f"{message.type}: {message.text}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.wrong.append(f"asked elsewhere: {request.url}")


def check_accessible(page: Page, **options: Any) -> None:
    """No rule of axe is broken."""
    found = Axe().run(page, options={"resultTypes": ["violations"], **options})
    assert found.violations_count == 0, found.generate_report()


def asked(system: System, path: str, **headers: str) -> Any:
    """What the gateway answers, outside of a browser."""
    url = system.settings.gateway_url + path
    return urllib3.request("GET", url, headers=headers, redirect=False, retries=False)
