# SPDX-License-Identifier: Apache-2.0
"""The workflow as a faust agent: its timers, and its part in the consumer group."""

import asyncio
import gc
import os
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import faust

from agents.health import serve
from agents.logs import logger
from agents.settings import Settings
from agents.workflow.app import task_log
from streams.errors import BrokerError

if TYPE_CHECKING:
    from agents.workflow.agent import Workflow

_LOG = logger("workflow")

# Told to the process manager: software failed, start me again.
_EXIT = 70

_WATCH_EVERY_S = 30.0

# Nothing of a table makes cycles: to look for them often takes a tenth of the time.
_COLLECT_EVERY = 100_000


def start(app: faust.App, workflow: "Workflow", settings: Settings) -> None:
    """Run the app until told to stop."""
    gc.set_threshold(_COLLECT_EVERY)

    async def fold(stream: Any) -> None:
        await _or_die(workflow.gather(stream))

    async def fold_batches() -> None:
        await _or_die(workflow.fold_for_ever())

    async def watch() -> None:
        await _or_die(workflow.resend_overdue())

    async def expire() -> None:
        await _or_die(workflow.expire())

    def follow_progress() -> None:
        try:
            workflow.follow_progress()
        except BrokerError:
            # Without heartbeats every attempt would soon be taken for lost.
            _LOG.exception("cannot follow the progress", action="workflow_failed")
            os._exit(_EXIT)

    async def hand_over(*_: Any, **__: Any) -> None:
        await _or_die(workflow.hand_over())

    taking_over: set[asyncio.Task[None]] = set()

    async def take_over(_: Any, /, *assigned: Any, **__: Any) -> None:
        ours = frozenset(tp.partition for tps in assigned for tp in tps)
        # Not waited for: the group must not wait for us.
        task = asyncio.create_task(_or_die(workflow.take_over(ours)))
        taking_over.add(task)
        task.add_done_callback(taking_over.discard)

    app.on_partitions_assigned.connect(take_over)
    app.on_partitions_revoked.connect(hand_over)
    app.on_before_shutdown.connect(hand_over)
    app.agent(task_log(app, settings), name="workflow", concurrency=1)(fold)
    app.task(fold_batches)
    app.timer(_WATCH_EVERY_S)(watch)
    app.timer(min(_WATCH_EVERY_S, settings.workflow_lease_s / 4))(expire)
    threading.Thread(target=follow_progress, name="progress", daemon=True).start()
    serve(settings.health_listen, workflow.pulse)
    worker = faust.Worker(app, loglevel="WARN", redirect_stdouts=False, quiet=True)
    worker.spinner = None  # it draws on what may be a log file
    worker.execute_from_commandline()


async def _or_die(work: Coroutine[Any, Any, None]) -> None:
    """An agent that cannot go on stops its process, so that nothing is acknowledged.

    Faust would log the error, acknowledge the event and go on with the next.
    """
    try:
        await work
    except Exception:  # noqa: BLE001  (logged, and the process ends)
        _LOG.exception("the workflow cannot go on", action="workflow_failed")
        os._exit(_EXIT)
