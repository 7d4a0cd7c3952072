# SPDX-License-Identifier: Apache-2.0
"""The gateway as the command line asks it."""

import getpass
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import urllib3

from agents.settings import Settings
from streams.errors import InvalidRequest, ReadModelError

# Many wishes at once take a while to be written and projected.
_TIMEOUT = urllib3.Timeout(connect=3, read=120)


class Gateway:
    """A client of the gateway's JSON routes."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.gateway_url.rstrip("/")
        self._http = urllib3.PoolManager(timeout=_TIMEOUT)
        self._headers = {
            "Content-Type": "application/json",
            "X-Ingester-By": settings.user or getpass.getuser(),
        }
        token = settings.gateway_token.get_secret_value()
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def area(self, name: str) -> dict[str, Any] | None:
        """An area's status; None when nothing was ever asked of it."""
        found = self._get(f"/areas/{quote(name, safe='')}")
        return None if found is None else dict(found)

    def areas(self) -> list[dict[str, Any]]:
        """Every area's status."""
        return list(self._get("/areas") or [])

    def tasks(self, area: str) -> list[dict[str, Any]]:
        """All tasks of an area."""
        tasks: list[dict[str, Any]] = []
        after = ""
        while True:
            path = f"/areas/{quote(area, safe='')}/tasks"
            page = self._get(f"{path}?limit=1000&after={quote(after)}") or {}
            tasks += page.get("tasks", [])
            if not page.get("next"):
                return tasks
            after = page["next"]

    def stac_items(self, area: str) -> list[dict[str, Any]]:
        """The STAC items of an area's indexed tiles."""
        items: list[dict[str, Any]] = []
        path: str | None = f"/stac/collections/{quote(area, safe='')}/items?limit=500"
        while path is not None:
            page = self._get(path) or {"features": [], "links": []}
            items += page["features"]
            following = [e["href"] for e in page["links"] if e["rel"] == "next"]
            path = following[0].removeprefix(self._url) if following else None
        return items

    def task(self, task: str) -> dict[str, Any] | None:
        """A task with its attempts, wishes and layers; None: there is none."""
        found = self._get(f"/tasks/{quote(task)}")
        return None if found is None else dict(found)

    def ask(self, subject: str, wish: Mapping[str, Any]) -> dict[str, Any]:
        """What became of an operator's wish.

        Args:
            subject: path of a task (`tasks/TASK`), of an area (`areas/AREA`), or of all
                tasks of an area (`areas/AREA/tasks`).
            wish: as the gateway's reference says.

        Raises:
            InvalidRequest: it cannot be understood, or there is no such subject.
        """
        path = f"/{quote(subject)}/wishes"
        answer = self._request("POST", path, json.dumps(wish).encode())
        if answer.status in (200, 202, 409):
            return dict(json.loads(answer.data))
        raise InvalidRequest(subject, _problems(answer))

    def _get(self, path: str) -> Any:
        answer = self._request("GET", path)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise InvalidRequest(f"gateway {path}", _problems(answer))
        return json.loads(answer.data)

    def _request(
        self, method: str, path: str, body: bytes | None = None
    ) -> urllib3.BaseHTTPResponse:
        try:
            return self._http.request(
                method,
                self._url + path,
                body=body,
                headers=self._headers,
                # A wish that was sent may be in the log: never send it again.
                retries=2 if method == "GET" else False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise ReadModelError(
                f"no gateway at {self._url}; start one (`ingester up`) or say where "
                "it is: INGESTER_GATEWAY_URL"
            ) from error


def _problems(answer: urllib3.BaseHTTPResponse) -> list[str]:
    """What the gateway says is wrong."""
    try:
        detail = json.loads(answer.data)["detail"]
    except (ValueError, KeyError, TypeError):
        return [f"HTTP {answer.status}"]
    if not isinstance(detail, list):
        return [f"{detail} (HTTP {answer.status})"]
    return [
        f"{'.'.join(map(str, one.get('loc', [])))}: {one.get('msg')}" for one in detail
    ]
