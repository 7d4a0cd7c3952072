# SPDX-License-Identifier: Apache-2.0
"""The workflow agent through crashes: its table is the fold, and no order is lost."""

import urllib.request

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from agents.workflow import journal
from agents.workflow.app import APP_ID
from agents.workflow.batch import View, fold_batch
from infra.kafka.writer import MAX_RECORD_BYTES
from streams.events import DownloadDone, DownloadStarted
from streams.model import Delivery
from streams.replay import digest
from streams.table import encode_row
from streams.topics import DOWNLOADS, PROCESSES, TABLE, TASKS
from tests.areas import an_area, facts
from tests.system import System, free_port, wait_for
from tests.tables import changelog_table, wait_until_folded

AREA = "demo"


def orders(system: System, topic: str) -> set[str]:
    return {envelope.id for envelope in system.messages(topic)}


def deliver(scene: int) -> list:
    """A worker says that it began and ended a scene's download."""
    task = f"{AREA}/s{scene:03}"
    return facts(
        [
            DownloadStarted(AREA, task, 1, "w"),
            DownloadDone(AREA, task, 1, "w", "null", (Delivery(f"t{scene:03}"),)),
        ]
    )


def test_crash_between_journal_and_rows_loses_neither_rows_nor_orders(system):
    (first,) = system.start("workflow")
    system.write(*an_area(AREA, 3, cells=1))
    wait_until_folded(system)
    assert first.stop() == 0

    # The next batch: its journal is written, and then the power fails.
    system.write(*deliver(0), *deliver(1))
    there = changelog_table(system.records(TABLE.name))
    stored = {key: encode_row(row) for key, row in there.items()}
    records = system.records(TASKS.name)
    rows, entry = journal.encoded(fold_batch(View(stored.get), records[-4:]))
    written, *lost = journal.changelog(records[-1].partition, rows, entry)
    system.write(written)
    assert len(lost) > 2
    assert orders(system, PROCESSES.name) == set()

    system.start("workflow")
    wait_until_folded(system)
    wait_for(lambda: orders(system, PROCESSES.name), every_s=0.5)
    assert orders(system, PROCESSES.name) == {f"{AREA}/s000/t000#1"}
    # And it goes on from there.
    system.write(*deliver(2))
    wait_until_folded(system)


def test_rows_that_are_too_large_for_one_record_are_written_in_several(system):
    footprint = f"POLYGON (({', '.join(['4.123456 52.123456'] * 4000)}))"
    assert 300 * len(footprint) > MAX_RECORD_BYTES
    system.write(*an_area(AREA, 300, footprint=footprint))

    system.start("workflow")
    wait_until_folded(system)
    assert len(orders(system, DOWNLOADS.name)) == 300


def test_table_behind_the_committed_offset_reads_the_log_again(system):
    (first,) = system.start("workflow")
    system.write(*an_area(AREA, 2), *deliver(0))
    wait_until_folded(system)
    assert first.stop() == 0

    # These count as folded, but no changelog holds what they did.
    system.write(*deliver(1))
    commit_everything(system)
    (second,) = system.start("workflow")
    wait_for(lambda: second.says("action=recovered"))
    system.write(*an_area(AREA, 3))
    wait_until_folded(system)
    assert second.says("action=rewound")


def commit_everything(system: System) -> None:
    """Say for the workflow's group that it has handled the whole log."""
    group = system.kafka.prefix.replace(".", "-") + APP_ID
    last = system.records(TASKS.name)[-1]
    topic = system.kafka.prefix + TASKS.name
    end = TopicPartition(topic, last.partition, last.offset + 1)
    admin = AdminClient({"bootstrap.servers": system.kafka.bootstrap})
    asked = [ConsumerGroupTopicPartitions(group, [end])]
    admin.alter_consumer_group_offsets(asked)[group].result()


def test_idle_agent_is_alive_and_its_log_is_plain_text(system):
    port = free_port()
    (agent,) = system.start("workflow", health_listen=f"127.0.0.1:{port}")
    wait_for(lambda: agent.says("action=recovered"))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
        assert answer.read() == b"alive\n"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert b"process_cpu_seconds_total" in answer.read()
    assert agent.stop() == 0
    assert "\x1b" not in agent.log.read_text()
    assert "\b" not in agent.log.read_text()


def test_agent_that_was_overtaken_and_writes_late_changes_nothing(system):
    (first,) = system.start("workflow")
    system.write(*an_area(AREA, 3, cells=1))
    wait_until_folded(system)
    early = system.records(TABLE.name)
    system.write(*deliver(0), *deliver(1))
    wait_until_folded(system)
    assert first.stop() == 0

    # Everything that the first batches wrote comes again, behind all later rows.
    system.write(*early)
    system.start("workflow")
    system.write(*deliver(2))
    wait_until_folded(system)
    last = {record.key: record for record in system.records(TABLE.name)}
    assert digest(changelog_table(last.values())) == digest(system.replayed().table)
    assert orders(system, PROCESSES.name) == {f"{AREA}/s000/t000#1"}
