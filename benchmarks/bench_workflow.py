# SPDX-License-Identifier: Apache-2.0
"""The workflow: facts folded and orders sent, through a real broker by the real agent.

Workload: CHAINS chains of TILES / CHAINS dates, in scenes of nine tiles. Every task is
created first; then simulated workers answer every order at once, FAIL of them saying
that the tile failed (0.01: one in a hundred). What is measured is one workflow agent:
how many tiles end in a second, and what each of them costs it, the broker, and the
simulated workers; how many cores worked in all. Then the agent is killed and comes
back, and a projector reads the whole log.

TILES=900,9000,90000 CHAINS=90 AREAS=1 FAIL=0 AGENTS=1 PROJECTOR=1
RATE=0 (answers in a second; 0: at once) SESSION_S=6 (of the agent; a kill is noticed so
late)
"""

import os
import signal
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any
from zlib import crc32

import psutil

from benchmarks.servers import broker_of, own_system
from infra.kafka.lag import Lag
from infra.kafka.reader import GroupReader
from infra.kafka.writer import Writer
from streams.codec import pack, unpack
from streams.envelope import Envelope, Record
from streams.events import (
    DownloadDone,
    Event,
    IngestionAccepted,
    IngestionListed,
    ProcessDone,
    ProcessFailed,
    TaskCreated,
)
from streams.failures import Failure
from streams.model import (
    Delivery,
    Kind,
    Part,
    Scene,
    Settings,
    Tile,
    download_task,
    process_task,
)
from streams.orders import AreaDone
from streams.topics import DOWNLOADS, NOTICES, PROCESSES, TASKS
from tests.system import System, wait_for

TILES_PER_SCENE = 9

_WARM_UP = 9000, 90
"""Tiles that pass before the clock starts, and their chains. A JVM is slow at first; so
few chains let it see thousands of small requests."""

PROJECTOR = os.environ.get("PROJECTOR", "1") == "1"
RATE = float(os.environ.get("RATE", "0"))
SESSION_S = os.environ.get("SESSION_S", "6")

_ORIGIN = datetime(2020, 1, 1, tzinfo=UTC)
_PATIENCE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Workload:
    """So many tiles in so many chains, dealt out to so many areas."""

    tiles: int
    chains: int
    fail: float
    areas: int
    name: str = "bench"

    @property
    def dates(self) -> int:
        """Tiles of a chain."""
        return self.tiles // self.chains

    @property
    def facts(self) -> int:
        """Created and ended: two of each tile and of each scene, and of the area."""
        return 2 * (self.areas + self.tiles + self.tiles // TILES_PER_SCENE)

    @property
    def names(self) -> list[str]:
        """Of the areas."""
        return [f"{self.name}{number}" for number in range(self.areas)]

    def created(self) -> Iterator[Event]:
        """The facts that create it: scenes in order of date."""
        end = _ORIGIN + timedelta(days=self.dates)
        wanted = Settings("Pass", "Pass")
        scenes = self.chains // TILES_PER_SCENE // self.areas
        for area in self.names:
            yield IngestionAccepted(area, "i1", wanted, "{}", _ORIGIN, end, "bench")
        for day in range(self.dates):
            for area in self.names:
                for group in range(scenes):
                    yield from _scene(area, group, day)
        for area in self.names:
            yield IngestionListed(area, "i1", scenes * self.dates, self.tiles)

    def fails(self, task: str) -> bool:
        """Is this one of the tiles that fail? Always the same ones."""
        return crc32(task.encode()) % 10_000 < self.fail * 10_000


@dataclass(slots=True)
class Answers:
    """What the simulated workers did."""

    tiles: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    ordered: set[tuple[str, int]] = field(default_factory=set)
    """Chain and day of the tiles that were."""
    ended: dict[tuple[str, int], float] = field(default_factory=dict)
    """When each of them was said to have ended."""
    waits_ms: list[float] = field(default_factory=list)
    """From a tile's end to the order of the next one of its chain."""
    done: set[str] = field(default_factory=set)
    """Areas that the agent said to be done."""


def main() -> None:
    """Each number of tiles in turn, then the result of the last."""
    agents = int(os.environ.get("AGENTS", "1"))
    areas = int(os.environ.get("AREAS", "1"))
    print(
        f"{'tiles':>8}{'chains':>8}{'create/s':>10}{'tiles/s':>9}{'agent us':>9}"
        f"{'broker us':>10}{'workers us':>11}{'cores':>7}{'MB':>7}{'p50 ms':>8}"
        f"{'p99 ms':>8}{'recover s':>10}"
        f"{'projected/s':>12}"
    )
    for tiles in map(int, os.environ.get("TILES", "900,9000,90000").split(",")):
        chains = int(os.environ.get("CHAINS", "0")) or min(tiles // 10, 9000)
        fail = float(os.environ.get("FAIL", "0"))
        result = _measure(Workload(tiles, chains, fail, areas), agents)
    told = " ".join(f"{name}={value}" for name, value in result.items())
    print(f"RESULT agents={agents} {told}")


def _measure(load: Workload, agents: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name, own_system(Path(name)) as system:
        system.environment["INGESTER_KAFKA_SESSION_TIMEOUT_S"] = SESSION_S
        workflows = system.start(*["workflow"] * agents)
        for workflow in workflows:
            wait_for(lambda one=workflow: one.says("table recovered"))
        workers = Workers(system)
        warm_up = Workload(*_WARM_UP, fail=0.0, areas=1, name="warm")
        _create(system, warm_up)
        workers.answer_all(warm_up)
        begin = time.monotonic()
        _create(system, load)
        _wait_until_folded(system)
        create_s = time.monotonic() - begin
        used = [psutil.Process(one.popen.pid) for one in workflows]
        parties = {
            "agent": used,
            "broker": [broker_of(system)],
            "workers": [psutil.Process()],
        }
        before, all_before = _cpus_s(parties), _busy_s()
        answers = workers.answer_all(load, RATE)
        after, all_after = _cpus_s(parties), _busy_s()
        workers.close()
        memory = max(one.memory_info().rss for one in used)
        projected_s = _project(system) if PROJECTOR else 0.0
        recover_s = _recovery(system, workflows[0])
        seconds = answers.last_at - answers.first_at
        p50, p99 = _percentiles(answers.waits_ms)
        result = {
            "tiles": load.tiles,
            "chains": load.chains,
            "areas": load.areas,
            "fail": load.fail,
            "created_per_s": round((load.tiles * 10 / 9) / create_s),
            "tiles_per_s": round(load.tiles / seconds),
            **{
                f"{party}_us_per_tile": round(
                    (after[party] - before[party]) / load.tiles * 1e6
                )
                for party in parties
            },
            "cores": round((all_after - all_before) / seconds, 2),
            "memory_mb": round(memory / 1e6),
            "done_to_order_p50_ms": round(p50, 1),
            "done_to_order_p99_ms": round(p99, 1),
            "recovery_s": round(recover_s, 1),
            "projected_facts_per_s": projected_s
            and round((warm_up.facts + load.facts) / projected_s),
        }
        print(
            f"{load.tiles:8}{load.chains:8}{result['created_per_s']:10}"
            f"{result['tiles_per_s']:9}{result['agent_us_per_tile']:9}"
            f"{result['broker_us_per_tile']:10}{result['workers_us_per_tile']:11}"
            f"{result['cores']:7}{result['memory_mb']:7}{p50:8.0f}{p99:8.0f}{recover_s:10.1f}"
            f"{result['projected_facts_per_s']:12}",
            flush=True,
        )
        return result


def _create(system: System, load: Workload) -> None:
    writer = Writer(system.kafka)
    for number, event in enumerate(load.created()):
        writer.send(_fact(event, f"{load.name}-{number}"))
    writer.flush()


def _wait_until_folded(system: System) -> None:
    """Every scene is ordered when the last fact is folded."""
    lag = Lag(system.kafka)
    wait_for(lambda: not _behind(lag, "ingester-workflow"), timeout_s=_PATIENCE_S)


def _behind(lag: Lag, group: str) -> int:
    return sum(lag.of(group, TASKS.name).values())


class Workers:
    """All workers at once, simulated."""

    def __init__(self, system: System) -> None:
        topics = [DOWNLOADS.name, PROCESSES.name, NOTICES.name]
        # It rests while an area is created.
        self._reader = GroupReader(
            system.kafka, "bench-workers", topics, max_poll_interval_s=_PATIENCE_S
        )
        self._writer = Writer(system.kafka, linger_ms=1)

    def answer_all(self, load: Workload, rate: float = 0.0) -> Answers:
        """Answer every order until every area is done, so many in a second."""
        answers = Answers()
        asked: deque[Record] = deque()
        while not answers.done.issuperset(load.names):
            for record in self._reader.poll_many(1000, 0.001):
                if record.topic == NOTICES.name:
                    _note_end(record, answers)
                else:
                    _note(record, answers)
                    asked.append(record)
            for _ in range(min(1, len(asked)) if rate else len(asked)):
                answers.first_at = answers.first_at or time.monotonic()
                self._writer.send(_answer(asked.popleft(), load, answers))
                if rate:
                    time.sleep(1 / rate)
        answers.last_at = time.monotonic()
        self._writer.flush()
        return answers

    def close(self) -> None:
        """No more: a writer that is kept would look for a broker that has stopped."""
        self._reader.close()
        del self._writer


def _answer(record: Record, load: Workload, answers: Answers) -> Record:
    """The fact that ends an order: by its headers alone, as its task is our own."""
    headers = dict(record.headers)
    task = headers["ce_subject"].decode()
    area = task.partition("/")[0]
    attempt = int(headers["ce_id"].decode().rpartition("#")[2])
    event: Event
    if record.topic == DOWNLOADS.name:
        group, day = _numbers(task)
        parts = tuple(Delivery(tile) for tile in _tiles(group, day))
        event = DownloadDone(area, task, attempt, "bench", "null", parts)
    else:
        answers.ended[_place(task)] = time.monotonic()
        if load.fails(task):
            event = ProcessFailed(
                area, task, attempt, "bench", Failure.STEP_FATAL, "as asked"
            )
        else:
            event = ProcessDone(area, task, attempt, "bench", ())
    return _fact(event, f"{headers['ce_id'].decode()}/end")


def _note(record: Record, answers: Answers) -> None:
    """A tile was ordered: how long after the end of the one before it?"""
    if record.topic == DOWNLOADS.name:
        return
    chain, day = _place(dict(record.headers)["ce_subject"].decode())
    if (chain, day) not in answers.ordered:
        answers.ordered.add((chain, day))
        answers.tiles += 1
    before = answers.ended.get((chain, day - 1))
    if before is not None:
        answers.waits_ms.append((time.monotonic() - before) * 1000)


def _place(task: str) -> tuple[str, int]:
    """Chain and day of a tile."""
    area, _, rest = task.partition("/")
    return f"{area}-{rest.rpartition('-')[2]}", _numbers(task)[1]


def _note_end(record: Record, answers: Answers) -> None:
    notice = unpack(record).message
    if isinstance(notice, AreaDone):
        answers.done.add(notice.area)


def _project(system: System) -> float:
    """Seconds that a projector needs for the whole log."""
    begin = time.monotonic()
    system.start("projector")
    lag = Lag(system.kafka)
    wait_for(lambda: not _behind(lag, "ingester-projector"), timeout_s=_PATIENCE_S)
    return time.monotonic() - begin


def _recovery(system: System, workflow: Any) -> float:
    """Seconds from the start of a new agent, after a kill -9, to its whole table."""
    for one in system.processes:
        if one.name == "workflow":
            one.popen.send_signal(signal.SIGKILL)
            one.popen.wait()
    begin = time.monotonic()
    (again,) = system.start("workflow")
    wait_for(lambda: again.says("table recovered"), timeout_s=_PATIENCE_S)
    return time.monotonic() - begin


def _fact(event: Event, id: str) -> Record:
    now = datetime.now(UTC)
    subject = getattr(event, "task", event.area)
    return pack(TASKS.name, event.area, Envelope(event, id, now, "/bench", subject))


def _scene(area: str, group: int, day: int) -> Iterator[Event]:
    date = _ORIGIN + timedelta(days=day)
    name = f"s{group}d{day}"
    tiles = _tiles(group, day)
    scene = Scene(name, "landsat", date, parts=tuple(map(Part, tiles)))
    download = download_task(area, name)
    yield TaskCreated(area, download, Kind.DOWNLOAD, "i1", scene=scene)
    for number, tile in enumerate(tiles):
        cell = f"c{group * TILES_PER_SCENE + number}"
        task = process_task(area, name, tile)
        made = Tile(tile, name, date, cell)
        yield TaskCreated(area, task, Kind.PROCESS, "i1", tile=made)


def _tiles(group: int, day: int) -> list[str]:
    first = group * TILES_PER_SCENE
    return [f"t{day}-{first + number}" for number in range(TILES_PER_SCENE)]


def _numbers(task: str) -> tuple[int, int]:
    """Group and day of a task's scene."""
    group, _, day = task.split("/")[1].removeprefix("s").partition("d")
    return int(group), int(day)


def _busy_s() -> float:
    """Seconds that the machine's cores have worked, for whomever."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest)


def _cpus_s(parties: dict[str, list[psutil.Process]]) -> dict[str, float]:
    """Seconds of a core that each party's processes have worked."""
    return {party: sum(map(_cpu_s, them)) for party, them in parties.items()}


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _percentiles(times: list[float]) -> tuple[float, float]:
    cuts = quantiles(times, n=100, method="inclusive")
    return cuts[49], cuts[98]


if __name__ == "__main__":
    main()
