# SPDX-License-Identifier: Apache-2.0
"""The faust app: its id, its topic, its table."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import faust

from agents.settings import Settings
from agents.workflow.transport import use_prompt_consumer
from streams.topics import TABLE, TASKS

# The group's name is faust's app id; a new version would be a new group and table.
APP_ID = "ingester-workflow"


def build_app(settings: Settings) -> faust.App:
    """The app, delivering at least once.

    Its exactly-once mode loses and repeats records under kill -9 (measured); the
    journal makes the table exact instead, and orders have the same ids when repeated.
    """
    _quiet_libraries()
    app = faust.App(
        settings.topic_prefix.replace(".", "-") + APP_ID,
        broker=[f"kafka://{broker}" for broker in settings.kafka_bootstrap.split(",")],
        broker_credentials=_credentials(settings),
        broker_commit_interval=1.0,
        broker_session_timeout=settings.kafka_session_timeout_s,
        broker_heartbeat_interval=settings.kafka_session_timeout_s / 5,
        consumer_auto_offset_reset="earliest",
        processing_guarantee="at_least_once",
        store="memory://",
        # A table in memory is read anew from its changelog whoever takes it over.
        table_standby_replicas=0,
        topic_partitions=settings.topics_log_partitions,
        topic_replication_factor=settings.topics_replicas,
        topic_disable_leader=True,
        web_enabled=False,
        stream_wait_empty=False,
        key_serializer="raw",
        value_serializer="raw",
        # Reading alone is twice as fast as with the default of 1 MiB.
        consumer_max_fetch_size=8 * 1024 * 1024,
    )
    use_prompt_consumer(app)
    return app


def task_log(app: faust.App, settings: Settings) -> faust.TopicT:
    """The task log, as bytes: decoding is ours, so that poison cannot crash the app."""
    return app.topic(
        settings.topic_prefix + TASKS.name,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
    )


def dependency_table(
    app: faust.App, settings: Settings, read_back: Callable[[Any], Awaitable[None]]
) -> Any:
    """The table, recovered by faust from its changelog; our journal writes that.

    Args:
        app: whose table it is.
        settings: name and partitions of the changelog.
        read_back: is given each event of the changelog while the table comes back.
    """
    changelog = app.topic(
        settings.topic_prefix + TABLE.name,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        compacting=True,
        partitions=settings.topics_log_partitions,
    )
    return app.Table(
        "tasks",
        key_type=bytes,
        value_type=bytes,
        partitions=settings.topics_log_partitions,
        changelog_topic=changelog,
        on_changelog_event=read_back,
    )


def _credentials(settings: Settings) -> faust.SASLCredentials | None:
    if not settings.kafka_sasl_mechanism:
        return None
    return faust.SASLCredentials(
        username=settings.kafka_username,
        password=settings.kafka_password.get_secret_value(),
        mechanism=settings.kafka_sasl_mechanism,
    )


def _quiet_libraries() -> None:
    """A line for every record costs as much as the record."""
    for name in ("faust", "aiokafka", "mode"):
        logging.getLogger(name).setLevel(logging.WARNING)
