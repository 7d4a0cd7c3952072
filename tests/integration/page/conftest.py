# SPDX-License-Identifier: Apache-2.0
"""A browser for each module of the page's tests; each has a fixture `serving`.

Whatever a page does against its policy, or says on the console, fails the test.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import Watched, chromium
from tests.system import System

expect.set_options(timeout=15_000)


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
