# SPDX-License-Identifier: Apache-2.0
"""The page's own files: what it carries of others, and what it must never contain."""

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from agents.gateway.page import vendor
from agents.gateway.page.files import PLACE, PageFiles, policy

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


def client() -> TestClient:
    return TestClient(Starlette(routes=[Mount(PLACE, PageFiles(""))]))


def imports(module: str) -> set[str]:
    """What a module needs before it runs, and what that needs."""
    text = (STATIC / "js" / module).read_text("utf-8")
    found = set(re.findall(r'^import .* from "\./(.*)";', text, re.MULTILINE))
    return found.union(*map(imports, found))


def test_what_every_area_is_made_of_is_asked_for_with_the_page():
    text = (STATIC / "index.html").read_text("utf-8")
    preloaded = set(re.findall(r'rel="modulepreload" href="js/(.*)"', text))
    assert preloaded == {"area.js", "when.js"}.union(
        *map(imports, ("main.js", "areas.js", "area.js", "when.js"))
    )


def test_a_file_is_compressed_for_those_who_take_it_and_kept_while_it_is_right():
    page = client()
    plain = page.get("/page/js/main.js", headers={"Accept-Encoding": "identity"})
    packed = page.get("/page/js/main.js", headers={"Accept-Encoding": "br, gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content == (STATIC / "js/main.js").read_bytes()
    kept = {"If-None-Match": packed.headers["etag"]}
    assert page.get("/page/js/main.js", headers=kept).status_code == 304
    assert page.get("/page/js/area.js", headers=kept).status_code == 200


@pytest.mark.parametrize("path", ["none.js", "js", "%2e%2e/files.py", "js/%00"])
def test_nothing_but_the_files_is_served(path):
    assert client().get(f"/page/{path}").status_code == 404


def test_only_the_set_basemap_may_be_loaded_from_elsewhere():
    assert "img-src 'self';" in policy("")
    tiles = policy("https://tiles.example/{z}/{x}/{y}.png")
    assert "img-src 'self' https://tiles.example;" in tiles
    assert "unsafe" not in tiles
