# SPDX-License-Identifier: Apache-2.0
"""The operator's page with 100,000 tasks: what each view asks, and how long it takes.

Three areas: 30,000 tiles in 100 chains of 300 dates, 10,000 tiles in 1,000 places, and
the rest. Each route is asked ten times, each view opened three times in Chromium. Told
are milliseconds, the median and the slowest, and the milliseconds of a core: in the
gateway and the database, or in the process that draws the page. Neighbours on the
machine change the former, and hardly the latter.
"""

import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import psutil
import urllib3
from playwright.sync_api import Browser

from benchmarks.servers import own_system
from infra.kafka.writer import Writer
from streams.codec import pack
from streams.topics import TASKS, key_of
from tests.browser import Watched, chromium
from tests.scenery import scenery
from tests.system import System, wait_for

AREAS = {"board": (100, 300), "places": (1000, 10), "rest": (200, 260)}
"""Area → chains, and dates of each; a tenth as many downloads come on top."""

_TASKS = sum(cells * dates * 11 // 10 for cells, dates in AREAS.values())
_TASK = quote("board/LC08_L1TP_196000_20230301_02_T1/196-000", safe="/")

ROUTES = {
    "areas": "/areas?limit=1000",
    "area": "/areas/board",
    "tasks, first page": "/areas/board/tasks?limit=50",
    "tasks of a status": "/areas/rest/tasks?limit=50&status=failed",
    "tasks with a text": "/areas/rest/tasks?limit=50&text=snap",
    "outline": "/areas/places/outline",
    "footprints, 1,500": "/areas/places/footprints",
    "chains, 2,500": "/areas/board/grid",
    "task": f"/tasks/{_TASK}",
    "explanation": f"/tasks/{_TASK}/explanation",
    "search": "/search?product=*196003_2024*&limit=200",
    "workers": "/workers",
    "groups": "/groups",
    "topics": "/topics",
    "providers": "/providers",
    "dead letters": "/dead-letters",
    "history": "/areas/places/history",
    "an instant": "/areas/places/history/at?place=20000",
    "two instants": "/areas/places/history/changes?since=15000&until=25000",
    "facts": "/areas/places/facts?type=process-failed",
}

VIEWS = {
    "areas": ("#/", ".area"),
    "tasks": ("#/area/board/tasks", "tbody tr"),
    "map, 10,000 footprints": ("#/area/places/map", "text=10,000 tasks in"),
    "chains, 30,000 tiles": ("#/area/board/chains", "text=30,000 tiles"),
    "time machine": ("#/area/places/time", "text=/after .* facts of/"),
    "task": (f"#/task/{_TASK}", "text=Why it is here"),
    "workers": ("#/machinery", "text=ingester-projector"),
    "new area": ("#/new", "text=Publish"),
}


def main() -> None:
    """Measure, and print."""
    with TemporaryDirectory() as folder, own_system(Path(folder)) as system:
        started = time.monotonic()
        _write(system)
        system.start("projector", "gateway")
        wait_for(lambda: _abreast(system), timeout_s=1500, every_s=1)
        print(f"{_TASKS} tasks projected after {time.monotonic() - started:.0f} s")
        url = system.settings.gateway_url
        started = time.monotonic()
        wait_for(lambda: _get(url, ROUTES["history"]) == 200, timeout_s=300)
        print(f"history of 'places' read in {time.monotonic() - started:.1f} s")
        routes = list(_measured(ROUTES, lambda path: _asked(system, path), 10))
        with chromium() as browser:
            views = list(_measured(VIEWS, lambda view: _opened(browser, url, *view), 3))
    print(f"RESULT tasks={_TASKS} {_worst('route', routes)} {_worst('view', views)}")


def _write(system: System) -> None:
    writer = Writer(system.kafka)
    now = datetime.now(UTC)
    told = chain.from_iterable(
        scenery(area, cells, dates, told=now) for area, (cells, dates) in AREAS.items()
    )
    writer.write(pack(TASKS.name, key_of(fact.message), fact) for fact in told)


def _abreast(system: System) -> bool:
    url = system.settings.gateway_url
    groups = urllib3.request("GET", f"{url}/groups", timeout=30).json()
    projector = [g for g in groups if g["name"] == "ingester-projector"]
    lags = [one["lag"] for g in projector for one in g["lags"]]
    return bool(lags) and not sum(lags)


def _get(url: str, path: str) -> int:
    answer = urllib3.request("GET", url + path, timeout=60)
    if answer.status not in (200, 202):
        sys.exit(f"{path}: {answer.status}")
    return answer.status


def _asked(system: System, path: str) -> tuple[float, float]:
    """Seconds of an answer, and of a core in the gateway and in the database."""
    before = _cpu_s(system)
    begin = time.perf_counter()
    _get(system.settings.gateway_url, path)
    elapsed = time.perf_counter() - begin
    after = _cpu_s(system)
    # A connection that ended meanwhile takes its seconds with it.
    return elapsed, sum(spent - before.get(pid, 0) for pid, spent in after.items())


def _cpu_s(system: System) -> dict[int, float]:
    """Seconds of a core by process: the gateway's, and those of the database."""
    (gateway,) = [p for p in system.processes if p.name == "gateway"]
    database = system.settings.postgres_dsn.get_secret_value().rpartition("/")[2]
    spent = {}
    for process in psutil.process_iter(["name", "cmdline", "cpu_times"]):
        # Its connections bear the database's name.
        serves = "postgres" in process.info["name"] and database in " ".join(
            process.info["cmdline"] or ()
        )
        if serves or process.pid == gateway.popen.pid:
            spent[process.pid] = sum(process.info["cpu_times"][:2])
    return spent


def _opened(browser: Browser, url: str, place: str, shown: str) -> tuple[float, float]:
    """Seconds until a view shows what it is about, and of a core for drawing it."""
    window = Watched(browser, url, viewport={"width": 1280, "height": 860})
    session = window.context.new_cdp_session(window.page)
    session.send("Performance.enable")
    begin = time.perf_counter()
    window.open(place).wait_for_selector(shown, timeout=60_000)
    elapsed = time.perf_counter() - begin
    metrics = session.send("Performance.getMetrics")["metrics"]
    window.close()
    (spent,) = [one["value"] for one in metrics if one["name"] == "ProcessTime"]
    return elapsed, spent


def _measured(
    cases: dict[str, Any], call: Callable[[Any], tuple[float, float]], times: int
) -> Iterator[tuple[float, float]]:
    """Milliseconds of each case, and of a core for it, told as they come."""
    for name, case in cases.items():
        call(case)
        found = [call(case) for _ in range(times)]
        taken = [elapsed * 1000 for elapsed, _ in found]
        cpu = sum(spent * 1000 for _, spent in found) / times
        print(f"| {name} | {median(taken):.0f} | {max(taken):.0f} | {cpu:.0f} |")
        yield median(taken), cpu


def _worst(what: str, found: list[tuple[float, float]]) -> str:
    elapsed, cpu = (max(column) for column in zip(*found, strict=True))
    return f"{what}_ms={elapsed:.0f} {what}_cpu_ms={cpu:.0f}"


if __name__ == "__main__":
    main()
