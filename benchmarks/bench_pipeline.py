# SPDX-License-Identifier: Apache-2.0
"""The pipeline: 250 Landsat items over the Netherlands, from the request to the end.

Real servers, the real agents as processes, a real STAC API; products are empty and the
graphs do nothing, so that what is measured is the way of facts and orders. Five chains
of up to 62 tiles go through in strict order of date: each tile waits for the whole
round trip of the one before it. State: `.ingester/bench`.
"""

import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, TopicPartition

from benchmarks.servers import own_system
from streams.replay import differences
from streams.topics import DOWNLOADS, PROCESSES, TASKS, Topic
from tests import netherlands
from tests.system import System


@dataclass(frozen=True, slots=True)
class Written:
    """A record, as far as times go."""

    id: str
    type: str
    cause: str
    at_ms: int
    """When its writer handed it to Kafka."""


def main() -> None:
    """Run once, check, print the stages and the result."""
    with (
        tempfile.TemporaryDirectory() as name,
        netherlands.stac_api(Path(name)) as url,
        own_system(Path(name)) as system,
    ):
        begin = time.monotonic()
        system.start(*netherlands.AGENTS, **netherlands.settings(url))
        print(f"agents listen after {time.monotonic() - begin:.1f} s", flush=True)
        before = _cpu(system)
        begin = time.monotonic()
        system.send(netherlands.request())
        system.wait_until_ended(netherlands.NAME)
        seconds = time.monotonic() - begin
        for name, cpu_s in _cpu(system).items():
            begun = f"{before[name]:.2f} CPU s to start"
            print(f"{name:12}{begun}, {cpu_s - before[name]:.2f} for the area")
        tasks = system.gateway.tasks(netherlands.NAME)
        _check(system, tasks)
        _report(system, len(tasks), seconds)


def _cpu(system: System) -> dict[str, float]:
    """CPU seconds that each agent has used."""
    return {
        process.name: sum(psutil.Process(process.popen.pid).cpu_times()[:4])
        for process in system.processes
    }


def _check(system: System, tasks: list[dict[str, Any]]) -> None:
    """A run that lost or disordered something was not the work that is measured."""
    chains: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for task in sorted(tasks, key=lambda task: (task["acquired_at"], task["id"])):
        assert task["status"] == "done", task
        if task["kind"] == "PROCESS":
            chains[task["cell"]].append(task)
    lengths = {cell: len(chain) for cell, chain in chains.items()}
    assert lengths == netherlands.CHAINS, lengths
    for chain in chains.values():
        for before, after in pairwise(chain):
            assert after["previous"] == before["id"], after
            assert after["reference"] == chain[0]["id"], after
            assert _time(after["started_at"]) > _time(before["ended_at"]), after
    assert not differences(system.replayed().table, system.table())
    print(f"chains in strict order of date: {sorted(lengths.values(), reverse=True)}")


def _report(system: System, tasks: int, seconds: float) -> None:
    log = list(_written(system, TASKS))
    orders = [*_written(system, DOWNLOADS), *_written(system, PROCESSES)]
    begin = min(record.at_ms for record in log)
    print(f"{'facts of a type':24}{'number':>8}{'first s':>9}{'last s':>9}")
    for kind in Counter(record.type for record in log):
        times = [(r.at_ms - begin) / 1000 for r in log if r.type == kind]
        print(f"{kind:24}{len(times):8}{min(times):9.2f}{max(times):9.2f}")
    print(f"{'hop':40}{'number':>6}{'p50 ms':>9}{'p99 ms':>9}")
    hops = _hops([*log, *orders])
    for (cause, effect), times in hops.items():
        p50, p99 = _percentiles(times)
        print(f"{f'{cause} → {effect}':40}{len(times):6}{p50:9.0f}{p99:9.0f}")
    p50, p99 = _percentiles(hops["process-done", "process-order"])
    print(
        f"RESULT tasks={tasks} seconds={seconds:.2f} tasks_per_s={tasks / seconds:.1f} "
        f"done_to_order_p50_ms={p50:.0f} done_to_order_p99_ms={p99:.0f}"
    )


def _hops(records: list[Written]) -> Mapping[tuple[str, str], list[int]]:
    """From each record to those that it caused, milliseconds, by the types of both.

    A worker's second fact is counted from its first: from started to done.
    """
    by_id = {record.id: record for record in records}
    started = {r.cause: r for r in records if r.type.endswith("-started")}
    hops: dict[tuple[str, str], list[int]] = defaultdict(list)
    for record in by_id.values():
        cause = by_id.get(record.cause)
        if record.type.endswith("-done"):
            cause = started[record.cause]
        if cause is not None:
            hops[cause.type, record.type].append(record.at_ms - cause.at_ms)
    return hops


def _written(system: System, topic: Topic) -> Iterator[Written]:
    """Every record of a topic; `infra.kafka.reader` has no use for their times."""
    name = system.kafka.prefix + topic.name
    consumer = Consumer(system.kafka.options() | {"group.id": "bench"})
    left = {}
    for number in consumer.list_topics(name).topics[name].partitions:
        place = TopicPartition(name, number, 0)
        left[number] = consumer.get_watermark_offsets(place)[1]
    left = {number: end for number, end in left.items() if end}
    consumer.assign([TopicPartition(name, number, 0) for number in left])
    while left:
        for message in consumer.consume(1000, 1):
            kind, at_ms = message.timestamp()
            assert message.error() is None, message.error()
            assert kind != TIMESTAMP_NOT_AVAILABLE
            headers = {key: value.decode() for key, value in message.headers()}
            cause = headers.get("ce_causationid", "")
            yield Written(headers["ce_id"], headers["ce_type"], cause, at_ms)
            if message.offset() + 1 >= left[message.partition()]:
                del left[message.partition()]
    consumer.close()


def _percentiles(times: list[int]) -> tuple[float, float]:
    cuts = quantiles(times, n=100, method="inclusive")
    return cuts[49], cuts[98]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


if __name__ == "__main__":
    main()
