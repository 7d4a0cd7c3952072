# SPDX-License-Identifier: Apache-2.0
"""Engine `docker`: an image run by a Docker Engine, `--name=value` arguments.

The image keeps its entry point; the arguments stand for its command. It sees the work
folder, under the same path, as its current folder; nothing else of this machine, no
network, and of the variables only those that the settings name.
"""

import os
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from urllib3.exceptions import HTTPError

from agents.worker.graph.engine import Call
from agents.worker.graph.engines.command import tokens
from agents.worker.graph.engines.process import LineReader, judge
from streams.errors import PluginError, StepFailed, StepFatal, StepTransient

if TYPE_CHECKING:
    import docker

_PINNED = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")

_MISSING = "the package 'docker' is missing: install kafka-geocube-ingester[docker]"

LABEL = "ingester.step"
"""Of every container of ours."""

_ANSWER_S = 60
"""The Docker Engine answers in this time, but for what it streams."""
_GRACE_S = 5
_POLL_S = 0.1

_OURS = "INGESTER_"


def image_problem(image: str, allowed: Sequence[str]) -> str:
    """Why an image may not be run; empty when it may."""
    if _PINNED.fullmatch(image) or image in allowed:
        return ""
    known = ", ".join(allowed) or "none"
    return (
        f"image '{image}' is neither pinned by digest (NAME@sha256:…) nor allowed by "
        f"INGESTER_ENGINE_DOCKER_IMAGES ({known})"
    )


def env_problem(names: Sequence[str], allowed: Sequence[str]) -> str:
    """Why variables of a graph may not be given to its containers."""
    known = ", ".join(allowed) or "none"
    return (
        f"variables {', '.join(names)} of the graph are not among "
        f"INGESTER_ENGINE_DOCKER_ENVS ({known})"
    )


def level_of(line: str) -> str | None:
    """The level that a line names, first in this order; `ERROR` is an error."""
    for word, level in _LEVELS:
        if line.startswith(word) or f"{word}:" in line:
            return level
    return None


_LEVELS = (
    ("INFO", "info"),
    ("DEBUG", None),
    ("ERROR", "error"),
    ("WARNING", "warning"),
)


@dataclass(frozen=True, slots=True)
class ContainerEngine:
    """Runs images."""

    host: str | None
    """Where the Docker Engine is; None: the local one."""
    images: tuple[str, ...]
    """References that may be run although they are not pinned."""
    envs: tuple[str, ...]
    """Names of the variables that a container may see, of ours and of the graph's."""
    volumes: tuple[str, ...]
    """Folders that it may read, under the same path."""
    network: str
    user: str
    pull: bool

    def run(self, call: Call) -> None:
        """Run the image; see `StepEngine.run`."""
        from docker.errors import NotFound

        problem = image_problem(call.command, self.images)
        if problem:
            raise StepFatal(problem)
        environment = self._environment(call)
        with self.reached() as client, _border(call.command):
            self._find_image(client, call)
            container = self._create(client, call, environment)
            try:
                _follow(client, container, call)
            finally:
                with suppress(NotFound):
                    client.remove_container(container, v=True, force=True)

    @contextmanager
    def reached(self) -> Iterator["docker.APIClient"]:
        """A client that speaks the Docker Engine's version.

        Raises:
            StepTransient: no engine answers.
        """
        import docker

        try:
            client = docker.APIClient(
                base_url=self.host, version="auto", timeout=_ANSWER_S
            )
        except docker.errors.DockerException as error:
            where = self.host or "unix:///var/run/docker.sock"
            raise StepTransient(
                f"no Docker engine answers at {where}: {error}"
            ) from error
        with closing(client):
            yield client

    def _environment(self, call: Call) -> dict[str, str]:
        strange = [name for name in call.envs if name not in self.envs]
        if strange:
            raise StepFatal(env_problem(strange, self.envs))
        ours = {name: os.environ[name] for name in self.envs if name in os.environ}
        return {**ours, **call.envs}

    def _find_image(self, client: "docker.APIClient", call: Call) -> None:
        """Bring the image here if it is not, and say which one it is."""
        from docker.errors import ImageNotFound

        try:
            found = client.inspect_image(call.command)
        except ImageNotFound as error:
            if not self.pull:
                raise StepFailed(f"image '{call.command}' is not here") from error
            call.log("info", f"image {call.command} is fetched")
            _pull(client, call)
            found = _pulled(client, call)
        digests = found.get("RepoDigests") or [found["Id"]]
        call.log("info", f"image {call.command} is {digests[0]}")

    def _create(
        self, client: "docker.APIClient", call: Call, environment: Mapping[str, str]
    ) -> str:
        workdir = str(call.workdir)
        binds = {workdir: {"bind": workdir, "mode": "rw"}}
        binds |= {folder: {"bind": folder, "mode": "ro"} for folder in self.volumes}
        limits: dict[str, Any] = {}
        if call.memory_mb:
            limits["mem_limit"] = f"{call.memory_mb}m"
            limits["memswap_limit"] = f"{call.memory_mb}m"
        if call.cpus:
            limits["nano_cpus"] = call.cpus * 1_000_000_000
        made = client.create_container(
            call.command,
            command=tokens(call.arguments),
            environment=dict(environment),
            working_dir=workdir,
            user=self.user,
            labels={LABEL: call.workdir.parent.name},
            host_config=client.create_host_config(
                binds=binds,
                network_mode=self.network,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                init=True,
                **limits,
            ),
        )
        return str(made["Id"])


def _follow(client: "docker.APIClient", container: str, call: Call) -> None:
    """Start the container, read what it says, judge how it ended."""
    client.start(container)
    reader = _read(client, container, call)
    ending = _wait(client, container, call)
    reader.join()
    if ending:
        raise ending
    state = client.inspect_container(container)["State"]
    if state.get("OOMKilled"):
        limit = f" than {call.memory_mb} MB" if call.memory_mb else " than there is"
        raise StepFailed(f"image '{call.command}' needed more memory{limit}")
    judge(
        f"image '{call.command}'",
        int(state["ExitCode"]),
        reader,
        is_fatal=lambda line: "FATAL ERROR:" in line,
        is_transient=lambda line: "TEMPORARY ERROR:" in line,
    )


def _read(client: "docker.APIClient", container: str, call: Call) -> LineReader:
    """Its output by lines: frames of the stream hold parts of lines, or several."""
    frames = client.logs(container, stream=True, follow=True)
    inlet, outlet = os.pipe()

    def carry() -> None:
        with os.fdopen(outlet, "wb", buffering=0) as pipe:
            # The connection may break: how the container ended is asked for.
            try:
                for frame in frames:
                    pipe.write(frame)
            except (OSError, HTTPError) as error:
                call.log("warning", f"what it says is lost from here on: {error}")

    threading.Thread(target=carry, daemon=True).start()
    return LineReader(os.fdopen(inlet, "rb"), call.log, level_of)


def _wait(
    client: "docker.APIClient", container: str, call: Call
) -> StepFailed | StepTransient | None:
    """Wait for its end; the error when it had to be ended."""
    end = time.monotonic() + call.timeout_s
    while client.inspect_container(container)["State"]["Running"]:
        call.cancelled.wait(_POLL_S)
        if ending := _is_over(call, end):
            client.stop(container, timeout=_GRACE_S)
            return ending
    return None


def _is_over(call: Call, end: float) -> StepFailed | StepTransient | None:
    """The error when a step must not go on."""
    if call.cancelled.is_set():
        return StepTransient(f"step '{call.command}' was cancelled")
    if time.monotonic() > end:
        return StepFailed(
            f"step '{call.command}' took longer than {call.timeout_s:g} s"
        )
    return None


def _pull(client: "docker.APIClient", call: Call) -> None:
    """Fetch the image, in the time that the step has."""
    end = time.monotonic() + call.timeout_s
    said: SimpleQueue[dict[str, Any] | Exception | None] = SimpleQueue()

    def listen() -> None:
        try:
            for item in client.pull(call.command, stream=True, decode=True):
                said.put(item)
            said.put(None)
        # Raised below, by whoever waits.
        except Exception as error:  # noqa: BLE001
            said.put(error)

    # A registry may say nothing for ever. Nobody waits for the thread then; it ends
    # with the Docker Engine's answer.
    threading.Thread(target=listen, daemon=True).start()
    while True:
        if ending := _is_over(call, end):
            raise ending
        with suppress(Empty):
            item = said.get(timeout=_POLL_S)
            if item is None:
                return
            if isinstance(item, Exception):
                raise item
            if "error" in item:
                raise StepTransient(
                    f"image '{call.command}' cannot be fetched: {item['error']}"
                )


def _pulled(client: "docker.APIClient", call: Call) -> dict[str, Any]:
    """What the image is that has been fetched."""
    from docker.errors import ImageNotFound

    try:
        found: dict[str, Any] = client.inspect_image(call.command)
    except ImageNotFound as error:
        raise StepTransient(
            f"image '{call.command}' was fetched, and is not here"
        ) from error
    return found


@contextmanager
def _border(image: str) -> Iterator[None]:
    """Errors of the SDK as ours."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except APIError as error:
        # 4xx: what we ask for is wrong, and is tomorrow; but for "too many" and time.
        passing = error.status_code in (408, 429) or error.status_code >= 500
        kind = StepTransient if passing else StepFailed
        said = error.explanation or error
        raise kind(f"image '{image}': the Docker engine says: {said}") from error
    except (DockerException, RequestException, OSError) as error:
        raise StepTransient(
            f"image '{image}': no answer of the Docker engine: {error}"
        ) from error


def make(options: Mapping[str, str]) -> ContainerEngine:
    """The engine.

    Options: `images`, references that may be run although they have no digest; `envs`,
    names of variables that containers may see; `volumes`, absolute folders that they
    may read; `network` (none); `user`, `uid:gid` (ours); `pull`, `missing` or `never`
    (missing); `host`, where the Docker Engine is (`DOCKER_HOST`, else the local one).
    Lists are separated by commas. Registries are logged in to by `docker login`.

    Raises:
        PluginError: the extra `docker` is not installed.
        ValueError: an option is wrong.
    """
    try:
        import docker  # noqa: F401 (is it there?)
    except ImportError as error:
        raise PluginError(_MISSING) from error
    envs, volumes = listed(options, "envs"), listed(options, "volumes")
    secret = [name for name in envs if name.startswith(_OURS)]
    if secret:
        raise ValueError(f"envs: {', '.join(secret)} may hold secrets of the ingester")
    relative = [folder for folder in volumes if not folder.startswith("/")]
    if relative:
        raise ValueError(f"volumes: {', '.join(relative)}, expected absolute paths")
    pull = options.get("pull", "missing")
    if pull not in ("missing", "never"):
        raise ValueError(f"pull: '{pull}', expected missing or never")
    return ContainerEngine(
        host=options.get("host") or os.environ.get("DOCKER_HOST"),
        images=listed(options, "images"),
        envs=envs,
        volumes=volumes,
        network=options.get("network", "none"),
        user=options.get("user", f"{os.getuid()}:{os.getgid()}"),
        pull=pull == "missing",
    )


def listed(options: Mapping[str, str], name: str) -> tuple[str, ...]:
    """The items of an option that is a list."""
    return tuple(i.strip() for i in options.get(name, "").split(",") if i.strip())
