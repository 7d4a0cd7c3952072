# SPDX-License-Identifier: Apache-2.0
"""`ingester demo`: from made-up products to indexed layers, watched on the way."""

import getpass
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.progress import track

from agents.catalogue.agent import open_catalogue
from agents.commands import stack as embedded
from agents.commands.demo.products import PLACES, make_products
from agents.commands.demo.request import make_variables, request_document
from agents.commands.gateway import Gateway
from agents.commands.publish import send_request
from agents.commands.stack import geocube_client
from agents.commands.status import follow_area
from agents.commands.terminal import OUT, status_text, table
from agents.settings import Settings, load_settings
from infra.local.stack import Stack
from streams.errors import StackError
from streams.model import Kind, Status
from streams.payload import read_payload
from streams.progress import AreaStatus

_TIMEOUT_S = 300.0


def demo(
    keep: Annotated[
        bool, typer.Option(help="Leave the stack running when all is done.")
    ] = False,
) -> None:
    """Ingest a small time series that is made up on the spot, from request to index.

    Two places, nine products, one of them damaged: its tile fails, and the next tile of
    the chain is linked past it.
    """
    stack = embedded.open_stack(quiet=True)
    keep = keep or stack.is_up()
    area = f"demo-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    OUT.rule("the stack: Kafka, PostgreSQL, S3, a Geocube stand-in, the agents")
    stack = embedded.start(workers=2, quiet=False)
    try:
        _ingest(stack, area)
    finally:
        if not keep:
            OUT.print("stopping the stack; its data are kept")
            stack.down()
    _say_what_is_next(area, keep=keep)


def _ingest(stack: Stack, area: str) -> None:
    settings = load_settings()
    folder = stack.home.root / "products"
    OUT.rule("products")
    _make_products(folder)
    OUT.rule(f"request for area {area}")
    make_variables(settings)
    file = stack.home.root / "demo-request.json"
    file.write_text(json.dumps(request_document(area), indent=1))
    request = read_payload(file.read_bytes(), request=uuid4().hex, by=getpass.getuser())
    open_catalogue(settings).check(request)
    send_request(settings, request)
    OUT.print(f"sent {file}")
    found = follow_area(settings, area, _TIMEOUT_S)
    OUT.print()
    if found["status"] != AreaStatus.DONE_WITH_FAILURES:
        raise StackError(
            f"the demo ended as '{found['status']}', expected 'done-with-failures' for "
            f"its one damaged product; logs: {stack.home.root / 'log'}"
        )
    OUT.rule("what came of it")
    _show_chains(Gateway(settings), area)
    _show_index(settings, area)


def _make_products(folder: Path) -> None:
    many = sum(len(place.dates) for place in PLACES)
    made = track(
        make_products(folder), "Landsat-like scenes", many, console=OUT, transient=True
    )
    names = [product.name for product in made]
    OUT.print(f"{len(names)} products in {folder}")


def _show_chains(gateway: Gateway, area: str) -> None:
    """Each place's tiles in order of date: on whose results each was built."""
    tasks = {task["id"]: task for task in gateway.tasks(area)}
    tiles = [task for task in tasks.values() if task["kind"] == Kind.PROCESS]
    found = table("Chains", "place", "date", "status", "previous", "reference")
    for tile in sorted(tiles, key=lambda task: (task["cell"], task["acquired_at"])):
        found.add_row(
            tile["cell"],
            _day(tile),
            status_text(Status(tile["status"])),
            _day(tasks.get(tile["previous"])),
            _day(tasks.get(tile["reference"])),
        )
    OUT.print(found)


def _day(task: dict[str, Any] | None) -> str:
    return task["acquired_at"][:10] if task else ""


def _show_index(settings: Settings, area: str) -> None:
    """How many layers readers find: by STAC, and in the Geocube."""
    items = Gateway(settings).stac_items(area)
    found = [asset for item in items for asset in item["assets"].values()]
    assets = [asset for asset in found if "data" in asset["roles"]]
    with geocube_client(settings) as geocube:
        known = geocube.containers([asset["href"] for asset in assets])
    size = sum(asset["file:size"] for asset in assets)
    OUT.print(
        f"{len(assets)} layers of {len(items)} tiles ({size / 1e6:.1f} MB of Cloud "
        f"Optimized GeoTIFF) are found by STAC, {len(known)} of them in the Geocube; "
        "for example"
    )
    OUT.print(f"  {assets[0]['href']}", highlight=False, soft_wrap=True)


def _say_what_is_next(area: str, *, keep: bool) -> None:
    OUT.rule("what to try next")
    begin = [] if keep else [("up", "start the stack again, with these data")]
    for arguments, meaning in (
        *begin,
        (f"status {area}", "the same bars as above"),
        ("topics tail tasks", "the newest facts of the log, decoded"),
        ("replay --compare", "fold the log again, compare with the read model"),
        ("publish .ingester/demo-request.json --dry-run", "scenes and chains"),
        ("ps", "what runs, and where"),
        ("down", "stop it"),
    ):
        OUT.print(f"  # {meaning}", style="dim", highlight=False)
        command = f"  .ingester/venv/bin/ingester {arguments}"
        OUT.print(command, highlight=False, soft_wrap=True)
