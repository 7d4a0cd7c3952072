# SPDX-License-Identifier: Apache-2.0
"""The embedded stack from outside: up, down, and what runs."""

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra.local import postgres, s3
from infra.local.home import Home
from infra.local.kafka import kafka_service
from infra.local.service import Service, Status
from streams.errors import StackError

_START_S = 20.0
_READY_S = 90.0
_STOP_S = 120.0
_POLL_S = 0.05
# A process that failed so often will not come up by itself.
_HOPELESS_RESTARTS = 4

Progress = Callable[[str, str], None]
"""Told the name of a service and its new state."""


def _silent(name: str, state: str) -> None:
    """Nobody looks."""


class Stack:
    """One stack in its home folder."""

    def __init__(
        self,
        home: Home,
        *,
        durable: bool = True,
        kafka_heap_mb: int = 256,
        progress: Progress = _silent,
    ) -> None:
        self.home = home
        self._durable = durable
        self._heap_mb = kafka_heap_mb
        self._progress = progress

    def up(
        self,
        services: Callable[[], Sequence[Service]] = tuple,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        """Start what does not run, and wait until all is ready. Can be called again.

        Args:
            services: further services, made when the servers are ready.
            prepare: what must be done between the servers and the services.

        Raises:
            StackError: something cannot start; says what its log says.
        """
        with self.home.locked():
            self._supervise()
            self.add(self._servers())
            prepare()
            self.add(list(services()))

    def add(self, services: Sequence[Service]) -> None:
        """Start services and wait until they are ready."""
        self.start(services)
        self._wait([service.name for service in services])

    def start(self, services: Sequence[Service]) -> None:
        """Start services, those that do not run yet; returns at once."""
        self._ask({"do": "add", "services": [asdict(s) for s in services]})

    def remove(self, names: Sequence[str]) -> None:
        """Stop services kindly."""
        self._ask({"do": "remove", "names": list(names)})

    def down(self) -> None:
        """Stop everything; returns when nothing runs any more."""
        with self.home.locked():
            if self.is_up():
                for status in self.ps():
                    self._progress(status.name, "stopping")
                self._ask({"do": "stop"})
                self._wait_for_end()

    def ps(self) -> list[Status]:
        """Every service; none when the stack is down."""
        if not self.is_up():
            return []
        return [Status(**entry) for entry in self._ask({"do": "ps"})]

    def is_up(self) -> bool:
        """Does a supervisor answer?"""
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.home.socket))
            except OSError:
                return False
        return True

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a service; it is started again if it ends."""
        self._ask({"do": "signal", "name": name, "number": number})

    def restart(self, name: str) -> None:
        """Stop a service kindly and start it again; returns when it is ready."""
        self._ask({"do": "restart", "name": name})
        time.sleep(_POLL_S)
        self._wait([name])

    def port(self, name: str) -> int:
        """A free port for a service, the same at every start."""
        return self.home.state().ports(name)[0]

    def environment(self) -> dict[str, str]:
        """Settings by which agents find the servers."""
        port = self.port("kafka")
        return {
            "INGESTER_KAFKA_BOOTSTRAP": f"127.0.0.1:{port}",
            "INGESTER_POSTGRES_DSN": postgres.dsn(self.home, "ingester"),
            **s3.credentials(self.home),
        }

    def _servers(self) -> list[Service]:
        self._progress("kafka", "preparing")
        return [
            kafka_service(self.home, heap_mb=self._heap_mb),
            postgres.postgres_service(self.home, durable=self._durable),
            s3.s3_service(self.home),
        ]

    def _supervise(self) -> None:
        """Start the supervisor, away from this process and its terminal."""
        if self.is_up():
            return
        self.home.socket.unlink(missing_ok=True)
        folders = (str(self.home.root), str(self.home.cache))
        pid = _spawn(
            [sys.executable, "-m", "infra.local.supervisor", *folders],
            self.home.log("supervisor"),
        )
        end = time.monotonic() + _START_S
        while not self.is_up():
            if not _runs(pid) or time.monotonic() > end:
                log_file = self.home.log("supervisor")
                raise StackError(f"the supervisor does not start; see {log_file}")
            time.sleep(_POLL_S)
        self.home.state().remember("supervisor", {"pid": pid})

    def _wait(self, names: Iterable[str]) -> None:
        end = time.monotonic() + _READY_S
        waiting, seen = set(names), dict[str, str]()
        while waiting:
            for status in self.ps():
                if status.name in waiting and seen.get(status.name) != status.state:
                    seen[status.name] = status.state
                    self._progress(status.name, status.state)
                if status.state == "ready":
                    waiting.discard(status.name)
                elif status.name in waiting and status.restarts >= _HOPELESS_RESTARTS:
                    raise self._does_not_come_up(status)
            if waiting and time.monotonic() > end:
                names_left = ", ".join(sorted(waiting))
                raise StackError(
                    f"not ready after {_READY_S:.0f} s: {names_left}; see "
                    f"{self.home.root / 'log'}"
                )
            time.sleep(_POLL_S)

    def _does_not_come_up(self, status: Status) -> StackError:
        return StackError(
            f"{status.name} does not come up; its log ({self.home.log(status.name)}) "
            f"ends with:\n{status.problem}"
        )

    def _wait_for_end(self) -> None:
        pid = self.home.state().read().get("supervisor", {}).get("pid", 0)
        end = time.monotonic() + _STOP_S
        while self.is_up() or (pid and _runs(pid)):
            if time.monotonic() > end:
                raise StackError(f"the supervisor {pid} does not end")
            time.sleep(_POLL_S)

    def _ask(self, order: dict[str, Any]) -> Any:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.home.socket))
            except OSError as error:
                raise StackError("the stack is down; start it: ingester up") from error
            client.sendall(json.dumps(order).encode() + b"\n")
            with client.makefile("rb") as answers:
                line = answers.readline()
        if not line:
            raise StackError(f"the supervisor did not answer to '{order['do']}'")
        answer = json.loads(line)
        if isinstance(answer, dict):
            raise StackError(f"'{order['do']}': {answer['error']}")
        return answer


def _spawn(argv: list[str], log: Path) -> int:
    """Start a process in a session of its own, that outlives us; its id."""
    write = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        argv[0],
        argv,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), write, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def _runs(pid: int) -> bool:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return Path(f"/proc/{pid}").exists() if Path("/proc").exists() else _answers(pid)


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
