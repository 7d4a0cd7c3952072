# SPDX-License-Identifier: Apache-2.0
"""`ingester up`, `down`, `ps`: the embedded stack with all the agents."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from agents.commands.provision import prepare
from agents.commands.terminal import OUT, AsJson, say_json, table
from agents.settings import Settings, load_settings
from infra.geocube.client import GeocubeClient
from infra.local import postgres
from infra.local.home import Home
from infra.local.service import Service, Status
from infra.local.stack import Stack

# A laptop's share of what `streams.topics` gives a cluster.
_PARTITIONS = {
    "INGESTER_TOPICS_LOG_PARTITIONS": "4",
    "INGESTER_TOPICS_ORDERS_PARTITIONS": "8",
    "INGESTER_TOPICS_FEW_PARTITIONS": "1",
}

_STYLE = {"ready": "green", "failed": "red", "restarting": "yellow"}

Workers = Annotated[
    int, typer.Option(help="Downloaders, and as many processors.", min=1, max=8)
]


def up(workers: Workers = 2, as_json: AsJson = False) -> None:
    """Start Kafka, PostgreSQL, S3, a Geocube stand-in and the agents; on loopback.

    What was started before keeps its data and its ports. Returns when all is ready.
    """
    stack = start(workers, quiet=as_json)
    if as_json:
        say_json({"services": stack.ps(), "gateway": gateway_url(stack)})
        return
    OUT.print(f"ready; status and schemas: {gateway_url(stack)}/docs")
    OUT.print("stop it with: ingester down")


def down() -> None:
    """Stop the stack; its data stay for the next start."""
    open_stack(quiet=False).down()
    OUT.print("stopped; the data are kept")


def ps(as_json: AsJson = False) -> None:
    """What runs."""
    found = open_stack(quiet=True).ps()
    if as_json:
        say_json(found)
    elif not found:
        OUT.print("nothing runs; start it: ingester up")
    else:
        OUT.print(_picture({status.name: status for status in found}))


def home() -> Home:
    """The home that the settings name; jars are kept with the checkout's."""
    root = load_settings().home
    cache = os.environ.get("INGESTER_CACHE")
    return Home.at(root, Path(cache) if cache else None)


def open_stack(*, quiet: bool) -> Stack:
    """The stack of the home; not started."""
    return Stack(home(), progress=_say_nothing if quiet else _say)


def start(workers: int, *, quiet: bool, extra: dict[str, str] | None = None) -> Stack:
    """The stack with all agents, ready.

    Args:
        workers: downloaders, and as many processors.
        quiet: say nothing.
        extra: further settings of the agents.
    """
    stack = open_stack(quiet=quiet)
    environment = agent_environment(stack) | (extra or {})
    stack.up(
        services=lambda: agent_services(stack, environment, workers),
        prepare=lambda: _prepare(stack, environment),
    )
    return stack


def geocube_client(settings: Settings) -> GeocubeClient:
    """A client of the Geocube that the settings name."""
    return GeocubeClient(
        settings.geocube_address,
        token=settings.geocube_token.get_secret_value() or None,
        tls=settings.geocube_tls,
    )


def gateway_url(stack: Stack) -> str:
    """Where the gateway answers."""
    return f"http://127.0.0.1:{stack.port('gateway')}"


def agent_environment(stack: Stack) -> dict[str, str]:
    """Settings of the embedded agents; those of our own environment win."""
    root = stack.home.root
    defaults = {
        **_PARTITIONS,
        **stack.environment(),
        "INGESTER_STORAGE_URI": "s3://ingester",
        "INGESTER_GEOCUBE_ADDRESS": f"127.0.0.1:{stack.port('geocube')}",
        "INGESTER_CATALOGUE_RECORDS": "geocube",
        "INGESTER_PROCESSOR_INDEXERS": "geocube,stac",
        "INGESTER_SEARCH_LOCAL_FOLDER": str(root / "products"),
        "INGESTER_PROVIDER_LOCAL_FOLDER": str(root / "products"),
        "INGESTER_WORKER_DIR": str(root / "work"),
        "INGESTER_GATEWAY_LISTEN": f"127.0.0.1:{stack.port('gateway')}",
        "INGESTER_GATEWAY_URL": gateway_url(stack),
        "INGESTER_KAFKA_SESSION_TIMEOUT_S": "10",
    }
    ours = {k: v for k, v in os.environ.items() if k.startswith("INGESTER_")}
    return {**defaults, **ours}


def use_running_stack() -> None:
    """Point this process at the embedded stack, if it runs."""
    stack = open_stack(quiet=True)
    if stack.is_up():
        os.environ.update(agent_environment(stack))


def agent_services(
    stack: Stack, environment: dict[str, str], workers: int
) -> Sequence[Service]:
    """The Geocube stand-in and the agents."""
    numbers = range(1, workers + 1)
    return [
        _geocube(stack, environment),
        _agent(stack, "workflow", environment),
        _agent(stack, "catalogue", environment, after=("geocube",)),
        *(_agent(stack, "downloader", environment, number=n) for n in numbers),
        *(
            _agent(stack, "processor", environment, number=n, after=("geocube",))
            for n in numbers
        ),
        _agent(stack, "projector", environment),
        _agent(stack, "janitor", environment),
        _gateway(stack, environment),
    ]


def _agent(
    stack: Stack,
    agent: str,
    environment: dict[str, str],
    *,
    number: int = 0,
    after: tuple[str, ...] = (),
) -> Service:
    name = f"{agent}-{number}" if number else agent
    port = stack.port(f"{name}-health")
    return Service(
        name=name,
        argv=(sys.executable, "-m", "agents", "run", agent),
        environment={**environment, "INGESTER_HEALTH_LISTEN": f"127.0.0.1:{port}"},
        port=port,
        after=after,
        stop_timeout_s=90.0,
    )


def _gateway(stack: Stack, environment: dict[str, str]) -> Service:
    return Service(
        name="gateway",
        argv=(sys.executable, "-m", "agents", "run", "gateway"),
        environment=environment,
        port=stack.port("gateway"),
    )


def _geocube(stack: Stack, environment: dict[str, str]) -> Service:
    port = stack.port("geocube")
    return Service(
        name="geocube",
        argv=(sys.executable, "-m", "infra.geocube.standin"),
        environment={
            **environment,
            "INGESTER_GEOCUBE_LISTEN": f"127.0.0.1:{port}",
            "INGESTER_GEOCUBE_DSN": postgres.dsn(stack.home, "geocube"),
        },
        port=port,
    )


def _prepare(stack: Stack, environment: dict[str, str]) -> None:
    """Topics, tables and the bucket: what the agents find when they start."""
    os.environ.update(environment)
    prepare(load_settings())
    (stack.home.root / "products").mkdir(exist_ok=True)


def _say(name: str, state: str) -> None:
    style = _STYLE.get(state, "dim")
    OUT.print(f"  [{style}]{state:10}[/] {name}", highlight=False)


def _say_nothing(name: str, state: str) -> None:
    pass


def _picture(found: dict[str, Status]) -> object:
    picture = table("Services", "service", "state", "pid", "port", "for", "restarts")
    for status in found.values():
        style = _STYLE.get(status.state, "dim")
        picture.add_row(
            status.name,
            f"[{style}]{status.state}[/]",
            str(status.pid or ""),
            str(status.port or ""),
            f"{time.time() - status.since:.0f} s",
            str(status.restarts or ""),
        )
    return picture
