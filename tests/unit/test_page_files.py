# SPDX-License-Identifier: Apache-2.0
"""The page's own files: what it carries of others, and what it must never contain."""

import re
from pathlib import Path

import pytest

from agents.gateway.page import vendor
from agents.gateway.page.files import policy

STATIC = vendor.FOLDER.parent
SOURCES = sorted([*STATIC.glob("js/*.js"), *STATIC.glob("css/*.css")])


def test_what_is_carried_is_what_the_manifest_says():
    assert vendor.differences() == []
    assert (vendor.FOLDER / "world-atlas" / "LICENSE").exists()


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_no_source_parses_markup_or_names_another_host(file: Path):
    text = file.read_text("utf-8")
    assert "SPDX-License-Identifier: Apache-2.0" in text.splitlines()[0]
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", text
    )
    assert not re.search(r"\beval\(|new Function|https?://", text)


def test_only_the_set_basemap_may_be_loaded_from_elsewhere():
    assert "img-src 'self';" in policy("")
    tiles = policy("https://tiles.example/{z}/{x}/{y}.png")
    assert "img-src 'self' https://tiles.example;" in tiles
    assert "unsafe" not in tiles
