# SPDX-License-Identifier: Apache-2.0
"""The state folder: everything of the embedded stack is below it."""

import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

from streams.errors import StackError

_SOCKET = "supervisor.sock"

# Of a socket's path: 108 bytes on Linux, 104 elsewhere, with the zero at its end.
_LONGEST_SOCKET = 103


@dataclass(frozen=True, slots=True)
class Home:
    """Where a stack keeps its data, and where stacks share what was fetched."""

    root: Path
    cache: Path
    """Kafka's jars and start-up caches; the same for all stacks of a checkout."""

    @staticmethod
    def at(root: Path, cache: Path | None = None) -> "Home":
        """The home in a folder; made if it is not there, for this user alone."""
        root = root.absolute()
        if len(os.fsencode(root / _SOCKET)) > _LONGEST_SOCKET:
            raise StackError(
                f"folder '{root}': its path is too long for a socket in it, expected "
                f"{_LONGEST_SOCKET - len(_SOCKET)} bytes at most; set INGESTER_HOME to "
                "a shorter one"
            )
        cache = (cache or root / "cache").absolute()
        for folder in (root, root / "data", root / "log", cache):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Home(root, cache)

    @property
    def socket(self) -> Path:
        """Where the supervisor listens."""
        return self.root / _SOCKET

    def data(self, name: str) -> Path:
        """Data folder of a service."""
        return self.root / "data" / name

    def log(self, name: str) -> Path:
        """Log file of a service."""
        return self.root / "log" / f"{name}.log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One `up` or `down` at a time."""
        with (self.root / "lock").open("w") as lock:
            flock(lock, LOCK_EX)
            yield

    def state(self) -> "State":
        """What the home remembers: ports, secrets, identities."""
        return State(self.root / "state.json")


class State:
    """One small JSON file, readable by its owner alone, written whole or not at all."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> dict[str, Any]:
        """Everything remembered."""
        if not self._file.exists():
            return {}
        found: dict[str, Any] = json.loads(self._file.read_text("utf-8"))
        return found

    def remember(self, section: str, values: dict[str, Any]) -> None:
        """Add to a section."""
        state = self.read()
        state[section] = {**state.get(section, {}), **values}
        aside = self._file.with_suffix(".new")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(state, file, indent=1, sort_keys=True)
        aside.rename(self._file)

    def secret(self, name: str) -> str:
        """A secret, made when it is asked for first."""
        known = self.read().get("secrets", {})
        if name not in known:
            self.remember("secrets", {name: secrets.token_urlsafe(24)})
        found: str = self.read()["secrets"][name]
        return found

    def ports(self, *names: str) -> list[int]:
        """Ports for names: those remembered, and free ones for new names."""
        known = self.read().get("ports", {})
        fresh = [name for name in names if name not in known]
        if fresh:
            self.remember(
                "ports", dict(zip(fresh, _free_ports(len(fresh)), strict=True))
            )
        known = self.read()["ports"]
        return [known[name] for name in names]


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those that clients are given."""
    with ExitStack() as stack:
        sockets: list[socket.socket] = []
        while len(sockets) < count:
            one = stack.enter_context(socket.socket())
            port = 20_000 + secrets.randbelow(12_000)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            sockets.append(one)
        return [one.getsockname()[1] for one in sockets]
