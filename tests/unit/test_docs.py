# SPDX-License-Identifier: Apache-2.0
"""Documents say what the code does: pages, links, commands, examples."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from agents.catalogue.agent import open_catalogue
from agents.cli import VERBS, build
from agents.settings import PREFIX, Settings
from streams.payload import _Payload, read_payload

ROOT = Path(__file__).parents[2]

PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")]
)

# Read by other parts than `Settings`.
_ELSEWHERE = {
    "INGESTER_CONFIG",
    "INGESTER_SECRETS_DIR",
    "INGESTER_CACHE",
    "INGESTER_JAVA_HOME",
}

pages = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def links(page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if not target.startswith("http"):
            yield target


def commands(page: Path) -> Iterator[list[str]]:
    """Every `ingester …` in code, as words without what the shell reads itself."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^ {4,}(?:.*-T )?(?:\S+ )*?(ingester .*)$", text, re.MULTILINE)
    for line in [*blocks, *re.findall(r"`(ingester [^`]+)`", text)]:
        words = shlex.split(re.sub(r"[<>|;].*", "", line), comments=True)
        yield words[1:]


def misused(words: list[str]) -> str:
    """What is wrong with the words of a command; empty when it can be run so."""
    command: Any = typer.main.get_command(build(list(VERBS)))
    left = list(words)
    while hasattr(command, "commands"):
        if not left:
            return "not a whole command"
        name = left.pop(0)
        if name not in command.commands:
            return f"no command '{name}'"
        command = command.commands[name]
    options = {
        o for param in command.params for o in (*param.opts, *param.secondary_opts)
    }
    unknown = [w for w in left if w.startswith("--") and w not in options]
    return f"no option {', '.join(unknown)}" if unknown else ""


def test_generated_pages_are_fresh():
    argv = [sys.executable, ROOT / "docs/generate.py", "--check"]
    checked = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stderr


@pages
def test_links_lead_somewhere(page):
    for link in links(page):
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
            anchors = {
                re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
                for title in titles
            }
            assert anchor in anchors, link


@pages
def test_commands_can_be_typed(page):
    for words in commands(page):
        assert misused(words) == "", words


def test_a_command_that_is_not_there_is_found():
    assert misused(["ingest"]) == "no command 'ingest'"
    assert misused(["replay", "--util", "x"]) == "no option --util"
    assert misused(["topics"]) == "not a whole command"


@pages
def test_settings_are_spelt_right(page):
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields} | _ELSEWHERE
    kinds = ("SEARCH_", "SENSOR_", "PROVIDER_", "STORE_", "ENGINE_", "INDEXER_")
    for variable in re.findall(r"INGESTER_\w+\b(?!{)", page.read_text("utf-8")):
        plugin = variable.removeprefix(PREFIX).startswith(kinds)
        assert variable in known or plugin, variable


def test_every_member_of_a_request_is_described():
    described = (ROOT / "docs/reference/payload.md").read_text("utf-8")
    for name in _Payload.model_fields:
        assert f"\n| `{name}` |" in described


def test_every_document_is_listed():
    index = {(ROOT / "docs" / link).resolve() for link in links(ROOT / "docs/index.md")}
    unlisted = set(ROOT.glob("docs/**/*.md")) - index - {ROOT / "docs/index.md"}
    assert not unlisted


@pytest.mark.parametrize(
    "file", sorted(ROOT.glob("examples/*.json")), ids=lambda p: p.name
)
def test_example_is_a_request_that_the_catalogue_accepts(file, tmp_path):
    request = read_payload(file.read_bytes(), request="r", by="tests")
    assert open_catalogue(Settings(catalogue_searches=())).check(request) == []
