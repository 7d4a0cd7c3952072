# SPDX-License-Identifier: Apache-2.0
"""The gateway as the command line asks it."""

import json
from typing import Any
from urllib.parse import quote

import urllib3

from agents.settings import Settings
from streams.errors import InvalidRequest, ReadModelError

_TIMEOUT = urllib3.Timeout(connect=3, read=30)


class Gateway:
    """A client of the gateway's JSON routes."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.gateway_url.rstrip("/")
        self._http = urllib3.PoolManager(timeout=_TIMEOUT, retries=2)

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

    def _get(self, path: str) -> Any:
        try:
            answer = self._http.request("GET", self._url + path)
        except urllib3.exceptions.HTTPError as error:
            raise ReadModelError(
                f"no gateway at {self._url}; start one (`ingester up`) or say where "
                "it is: INGESTER_GATEWAY_URL"
            ) from error
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise InvalidRequest(f"gateway {path}", [f"HTTP {answer.status}"])
        return json.loads(answer.data)
