# SPDX-License-Identifier: Apache-2.0
"""The compose file, as far as it can be judged without an engine."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from ruamel.yaml import YAML

from agents import plugins
from agents.commands.run import Agent
from agents.settings import PREFIX, Settings
from infra.kafka.writer import MAX_RECORD_BYTES

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.kafka.yml"

Document = dict[str, Any]

# Read by `python -m infra.geocube.standin` itself.
_STAND_IN = {"INGESTER_GEOCUBE_LISTEN", "INGESTER_GEOCUBE_DSN"}


@pytest.fixture
def compose() -> Document:
    return YAML(typ="safe").load(FILE.read_text("utf-8"))


def services(compose: Document) -> Iterator[tuple[str, Document]]:
    yield from compose["services"].items()


def is_one_shot(service: Document) -> bool:
    return service.get("restart") == "on-failure"


def unready(compose: Document) -> list[str]:
    """Services that another one waits for, of which it cannot know when to go on."""
    expected = {True: "service_completed_successfully", False: "service_healthy"}
    return [
        f"{name} after {target}"
        for name, service in services(compose)
        for target, wait in service.get("depends_on", {}).items()
        if wait["condition"] != expected[is_one_shot(compose["services"][target])]
        or not (
            is_one_shot(compose["services"][target])
            or "healthcheck" in compose["services"][target]
        )
    ]


def open_ports(compose: Document) -> list[str]:
    """Ports published to more than this machine."""
    return [
        f"{name}: {port}"
        for name, service in services(compose)
        for port in service.get("ports", [])
        if not str(port).startswith("127.0.0.1:")
    ]


def loose_images(compose: Document) -> list[str]:
    """Images whose content changes under the same name."""
    pinned = re.compile(r"[^:@]+:[\w.-]*\d[\w.-]*")
    return [
        f"{name}: {service['image']}"
        for name, service in services(compose)
        if not pinned.fullmatch(service["image"]) or ":latest" in service["image"]
    ]


def known_variables() -> set[str]:
    own = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    return own | _STAND_IN | {"INGESTER_SECRETS_DIR", "INGESTER_CONFIG"}


def plugin_prefixes() -> tuple[str, ...]:
    return tuple(
        f"{PREFIX}{kind}_{name}_".upper()
        for kind in plugins.KINDS
        for name in plugins.names(kind)
    )


def unknown_variables(compose: Document) -> list[str]:
    """Settings that nobody reads."""
    return [
        f"{name}: {variable}"
        for name, service in services(compose)
        for variable in service.get("environment", {})
        if variable.startswith(PREFIX)
        and variable not in known_variables()
        and not variable.startswith(plugin_prefixes())
    ]


def secret_settings() -> set[str]:
    return {
        f"{PREFIX}{name}".upper()
        for name, field in Settings.model_fields.items()
        if field.annotation is SecretStr
    }


def told_secrets(compose: Document) -> list[str]:
    """Secrets in variables, which every `docker inspect` shows."""
    word = re.compile(r"(PASSWORD|SECRET|TOKEN|DSN|ACCESS_KEY|ROOT_USER)$")
    return [
        f"{name}: {variable}"
        for name, service in services(compose)
        for variable in service.get("environment", {})
        if variable in secret_settings() or word.search(variable)
    ]


def schema_check(file: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "check_jsonschema"]
    argv += ["--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60)


def test_the_file_follows_the_compose_specification():
    checked = schema_check(FILE)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_misspelt_key_is_refused(tmp_path):
    text = FILE.read_text("utf-8")
    wrong = tmp_path / "compose.yml"
    wrong.write_text(text.replace("healthcheck:", "heathcheck:", 1), "utf-8")
    checked = schema_check(wrong)
    assert checked.returncode == 1
    assert "heathcheck" in checked.stdout


CHECKS: list[tuple[Callable[[Document], list[str]], str, str, Any]] = [
    (unready, "postgres", "healthcheck", None),
    (open_ports, "gateway", "ports", ["8080:8080"]),
    (loose_images, "postgres", "image", "postgres"),
    (loose_images, "postgres", "image", "postgres:latest"),
    (unknown_variables, "workflow", "environment", {"INGESTER_KAFKA_BOOTSTRAPS": "x"}),
    (told_secrets, "workflow", "environment", {"INGESTER_POSTGRES_DSN": "x"}),
    (told_secrets, "postgres", "environment", {"POSTGRES_PASSWORD": "x"}),
]


@pytest.mark.parametrize(("check", "service", "key", "value"), CHECKS)
def test_the_file_passes_a_check_that_finds_what_it_looks_for(
    compose, check, service, key, value
):
    assert check(compose) == []
    wrong = deepcopy(compose)
    wrong["services"][service][key] = value
    if value is None:
        del wrong["services"][service][key]
    found = check(wrong)
    assert found
    assert all(service in problem for problem in found)


def test_every_agent_is_a_service_of_its_name(compose):
    commands = {name: s.get("command") for name, s in services(compose)}
    for agent in Agent:
        assert commands[agent.value] == ["run", agent.value]


def test_agents_can_be_scaled(compose):
    for agent in set(Agent) - {Agent.GATEWAY}:
        service = compose["services"][agent.value]
        assert not {"container_name", "ports"} & service.keys()


def test_every_secret_of_the_agents_is_a_setting_and_comes_from_the_script(compose):
    script = (ROOT / "infra/docker/secrets.sh").read_text("utf-8")
    for name, secret in compose["secrets"].items():
        assert f"\n{secret['environment']}=" in script
        if name != "postgres_password":
            assert name.upper() in secret_settings()


def test_kafka_takes_the_largest_record_that_we_write(compose):
    environment = compose["services"]["kafka"]["environment"]
    assert int(environment["KAFKA_MESSAGE_MAX_BYTES"]) == MAX_RECORD_BYTES
    assert int(environment["KAFKA_REPLICA_FETCH_MAX_BYTES"]) == MAX_RECORD_BYTES
