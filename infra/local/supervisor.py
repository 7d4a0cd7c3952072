# SPDX-License-Identifier: Apache-2.0
"""The process that owns the stack's processes: starts, watches, restarts, stops them.

It is spoken to in JSON lines over a socket in the home folder. Its children have it as
the parent whose death kills them, so that however it ends nothing stays behind.
"""

import asyncio
import importlib
import json
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from infra.local.home import Home
from infra.local.service import Service, Status

_READY_POLL_S = 0.05
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 15.0
# A process that ran for so long has recovered: its next end is a new story.
_RECOVERED_S = 30.0
_LINES_SHOWN = 20


class Child:
    """A service, kept running."""

    def __init__(self, home: Home, service: Service, ready: dict[str, "Child"]) -> None:
        self.service = service
        self._home = home
        self._others = ready
        self._process: asyncio.subprocess.Process | None = None
        self._wanted = True
        self._kicked = asyncio.Event()
        self.ready = asyncio.Event()
        self._state = "starting"
        self._since = time.time()
        self._restarts = 0
        self._problem = ""
        self.task = asyncio.create_task(self._keep())

    def status(self) -> Status:
        """How it stands."""
        process = self._process
        alive = process is not None and process.returncode is None
        return Status(
            self.service.name,
            self._state,
            process.pid if process is not None and alive else 0,
            self.service.port,
            self._since,
            self._restarts,
            self._problem,
        )

    def signal(self, number: int) -> None:
        """Send a signal to it and all that it started."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def restart(self) -> None:
        """Stop it; it is started again at once."""
        self._kicked.set()
        self.signal(self.service.stop_signal)

    async def stop(self) -> None:
        """Stop it for good, kindly, then not."""
        self._wanted = False
        self._enter("stopping")
        self.signal(self.service.stop_signal)
        process = self._process
        if process is not None:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(process.wait(), self.service.stop_timeout_s)
            self.signal(signal.SIGKILL)
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
        self._enter("stopped")

    async def _keep(self) -> None:
        for name in self.service.after:
            await self._others[name].ready.wait()
        pause_s = _FIRST_PAUSE_S
        while self._wanted:
            begin = time.monotonic()
            await self._live()
            self.ready.clear()
            if not self._wanted:
                return
            if time.monotonic() - begin > _RECOVERED_S or self._kicked.is_set():
                pause_s = _FIRST_PAUSE_S
                self._kicked.clear()
            self._restarts += 1
            self._problem = self._last_lines()
            self._enter("restarting")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _live(self) -> None:
        """One life of the process."""
        self._enter("starting")
        with self._home.log(self.service.name).open("ab") as log:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *_guarded(self.service.argv),
                    env={**os.environ, **self.service.environment},
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                log.write(f"cannot start: {error}\n".encode())
                return
        readiness = asyncio.create_task(self._become_ready(self._process.pid))
        await self._process.wait()
        readiness.cancel()

    async def _become_ready(self, pid: int) -> None:
        while not await asyncio.to_thread(self._is_ready, pid):
            await asyncio.sleep(_READY_POLL_S)
        self._problem = ""
        self._enter("ready")
        self.ready.set()

    def _is_ready(self, pid: int) -> bool:
        """Does it, and not a stranger, listen; and does it answer sensibly?"""
        if self.service.port and not _listens(pid, self.service.port):
            return False
        if not self.service.check:
            return True
        module, _, function = self.service.check.partition(":")
        ask = getattr(importlib.import_module(module), function)
        return bool(ask(self.service.environment))

    def _last_lines(self) -> str:
        file = self._home.log(self.service.name)
        lines = file.read_text("utf-8", "replace").splitlines()
        return "\n".join(lines[-_LINES_SHOWN:])

    def _enter(self, state: str) -> None:
        self._state, self._since = state, time.time()


class Supervisor:
    """All the children, and the socket on which they are spoken of."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._children: dict[str, Child] = {}
        self._end = asyncio.Event()

    async def serve(self) -> None:
        """Until told to stop, or signalled."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        server = await asyncio.start_unix_server(
            self._talk, self._home.socket, limit=1 << 22
        )
        os.chmod(self._home.socket, 0o600)
        await self._end.wait()
        await self._stop_all()
        server.close()
        self._home.socket.unlink(missing_ok=True)

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while line := await reader.readline():
            try:
                answer: Any = await self._obey(json.loads(line))
            except (KeyError, ValueError, TypeError) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            with suppress(ConnectionError):
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _obey(self, order: dict[str, Any]) -> Any:
        match order["do"]:
            case "add":
                self._add([_service(entry) for entry in order["services"]])
            case "remove":
                await self._remove(order["names"])
            case "signal":
                self._children[order["name"]].signal(order["number"])
            case "restart":
                self._children[order["name"]].restart()
            case "stop":
                await self._stop_all()
                self._end.set()
            case "ps":
                pass
            case unknown:
                raise ValueError(f"unknown order '{unknown}'")
        return [asdict(child.status()) for child in self._children.values()]

    def _add(self, services: list[Service]) -> None:
        for service in services:
            if service.name not in self._children:
                child = Child(self._home, service, self._children)
                self._children[service.name] = child

    async def _remove(self, names: list[str]) -> None:
        await asyncio.gather(*(self._children[name].stop() for name in names))
        for name in names:
            del self._children[name]

    async def _stop_all(self) -> None:
        """Those that others wait for last."""
        left = dict(self._children)
        while left:
            needed = {name for child in left.values() for name in child.service.after}
            free = [name for name in left if name not in needed] or list(left)
            await asyncio.gather(*(left[name].stop() for name in free))
            for name in free:
                del left[name]


def _service(entry: dict[str, Any]) -> Service:
    entry = {**entry, "argv": tuple(entry["argv"]), "after": tuple(entry["after"])}
    return Service(**entry)


def _guarded(argv: tuple[str, ...]) -> list[str]:
    """The command, to be killed when we die; an own guard is left to it."""
    guard = shutil.which("setpriv")
    if guard is None or "setpriv" in argv[:5]:
        return list(argv)
    return [guard, "--pdeathsig", "KILL", *argv]


def _listens(pid: int, port: int) -> bool:
    """Does the process, or one that it started, listen on the port?"""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            for member in family
            for connection in member.net_connections("tcp")
        )
    except psutil.Error:
        return False


def main() -> None:
    """`python -m infra.local.supervisor HOME CACHE`."""
    home = Home.at(Path(sys.argv[1]), Path(sys.argv[2]))
    asyncio.run(Supervisor(home).serve())


if __name__ == "__main__":
    main()
