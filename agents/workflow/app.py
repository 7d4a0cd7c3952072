# SPDX-License-Identifier: Apache-2.0
"""The faust app: its id, its topic, its settings."""

import logging
import os
import tempfile
from pathlib import Path

import faust

from agents.settings import Settings
from agents.workflow.transport import Untouched, use_batch_consumer
from streams.topics import TASKS

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
        topic_partitions=settings.topics_log_partitions,
        topic_replication_factor=settings.topics_replicas,
        topic_disable_leader=True,
        web_enabled=False,
        stream_wait_empty=False,
        # Batches, each of a fetch: a few are enough to have the next one at hand.
        stream_buffer_maxsize=8,
        # Made by faust whether or not there is anything to keep in it.
        datadir=Path(tempfile.gettempdir()) / f"ingester-workflow-{os.getuid()}",
        # One fetch may hold hundreds of thousands of facts. Handed out at once, they
        # keep the thread from telling the group that we live.
        broker_max_poll_records=5000,
        # Reading alone is twice as fast as with the default of 1 MiB.
        consumer_max_fetch_size=8 * 1024 * 1024,
    )
    use_batch_consumer(app)
    return app


def task_log(app: faust.App, settings: Settings) -> faust.TopicT:
    """The task log in batches: decoding is ours, so poison cannot crash the app."""
    return app.topic(
        settings.topic_prefix + TASKS.name,
        key_serializer=Untouched(),
        value_serializer=Untouched(),
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
