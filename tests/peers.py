# SPDX-License-Identifier: Apache-2.0
"""HTTP servers on the loopback that answer as told, and badly when told."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import shapely
from shapely.geometry import shape


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    time: float


Answer = Callable[[Asked], Any]
"""The JSON of an answer; raises `Refused` for another status."""


class Refused(Exception):
    """An answer with another status than 200."""

    def __init__(self, status: int, text: str = "", **headers: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = headers


@dataclass
class Peer:
    """A server, what it was asked, and what it does wrong next."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """One for each request to come; empty text: none."""


@contextmanager
def peer(answer: Callable[[Peer], Answer]) -> Iterator[Peer]:
    """A server with the answers that are made for its URL."""
    served = Peer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served, answer(served)))
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()


def _handler(served: Peer, answer: Answer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, *_: object) -> None:
            pass

        def _serve(self) -> None:
            asked = self._asked()
            served.asked.append(asked)
            fault = served.faults.pop(0) if served.faults else ""
            try:
                self._answer(asked, fault)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _asked(self) -> Asked:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", "0"))
            body = self.rfile.read(length)
            return Asked(
                self.command,
                parts.path,
                {key: values[-1] for key, values in parse_qs(parts.query).items()},
                dict(self.headers.items()),
                json.loads(body) if body else None,
                time.monotonic(),
            )

        def _answer(self, asked: Asked, fault: str) -> None:
            name, _, value = fault.partition(" ")
            if name.isdigit():
                headers = {"Retry-After": value} if value else {}
                self._send(int(name), b"not now", **headers)
                return
            try:
                body = json.dumps(answer(asked)).encode()
            except Refused as refused:
                self._send(refused.status, refused.text.encode(), **refused.headers)
                return
            match name:
                case "":
                    self._send(200, body)
                case "html":
                    self._send(200, b"<html>Down for maintenance</html>")
                case "cut":
                    self._begin(200, len(body))
                    self.wfile.write(body[: len(body) // 2])
                    self.close_connection = True
                case "cut-unannounced":
                    self.send_response(200)
                    self.send_header("Connection", "close")
                    self.end_headers()
                    self.wfile.write(body[: len(body) // 2])
                    self.close_connection = True
                case "slow":
                    self._begin(200, len(body))
                    for byte in body:
                        self.wfile.write(bytes([byte]))
                        time.sleep(0.02)
                case _:
                    raise AssertionError(f"no fault is called '{fault}'")

        def _begin(self, status: int, length: int, **headers: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            for key, text in headers.items():
                self.send_header(key, text)
            self.end_headers()

        def _send(self, status: int, body: bytes, **headers: str) -> None:
            self._begin(status, len(body), **headers)
            self.wfile.write(body)

    return Handler


# -- OData


_TERMS = (
    r"Collection/Name eq '(?P<collection>[A-Z0-9-]+)'",
    r"\(?(?:OData\.CSC\.Intersects\(area=geography'SRID=4326;[A-Z0-9 .,()-]+'\)"
    r"(?: or )?)+\)?",
    r"ContentDate/Start (?:ge|le) \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    r"contains\(Name,'(?:[^']|'')*'\)",
    r"Attributes/OData\.CSC\.(?P<kind>Double|Integer|String)Attribute/any\("
    r"att:att/Name "
    r"eq '\w+' and att/OData\.CSC\.(?P=kind)Attribute/Value (?:eq|ge|le) "
    r"(?:'[^']*'|[\d.]+)\)",
)


def odata(entries: list[dict[str, Any]], **manners: Any) -> Callable[[Peer], Answer]:
    """A service with these products, that understands the filters it is asked.

    Args:
        entries: as the real one gives them.
        manners: `reach`: most products that can be skipped; `short`: products that go
            missing on every last page; `again`: the next page is always the first.
    """

    def made(served: Peer) -> Answer:
        def answer(asked: Asked) -> Any:
            keep = _terms(asked.query["$filter"])
            kept = [entry for entry in entries if all(term(entry) for term in keep)]
            kept.sort(key=lambda entry: (entry["ContentDate"]["Start"], entry["Id"]))
            top, skip = int(asked.query["$top"]), int(asked.query["$skip"])
            if skip > manners.get("reach", 10_000):
                raise Refused(422, '{"detail": "skip is too large"}')
            page = kept[skip : skip + top]
            document: dict[str, Any] = {"value": page}
            if asked.query.get("$count") == "True":
                document["@odata.count"] = len(kept)
            following = 0 if manners.get("again") else skip + top
            if following < len(kept):
                document["@odata.nextLink"] = _link(served, asked, following)
            elif short := manners.get("short"):
                document["value"] = page[:-short]
            return document

        return answer

    return made


def _link(served: Peer, asked: Asked, skip: int) -> str:
    query = {**asked.query, "$skip": skip}
    return f"{served.url}{asked.path}?{urlencode(query)}"


def _terms(text: str) -> list[Callable[[dict[str, Any]], bool]]:
    found, rest = [], text
    while rest:
        matches = (re.match(pattern, rest) for pattern in _TERMS)
        match = next((m for m in matches if m), None)
        if match is None:
            raise Refused(400, f"not understood: {rest[:60]}")
        found.append(_term(match[0]))
        rest = rest[match.end() :]
        if rest and not rest.startswith(" and "):
            raise Refused(400, f"expected 'and': {rest[:60]}")
        rest = rest.removeprefix(" and ")
    return found


def _term(text: str) -> Callable[[dict[str, Any]], bool]:
    if text.startswith("Collection/"):
        prefix = {"SENTINEL-1": "S1", "SENTINEL-2": "S2"}[text.split("'")[1]]
        return lambda entry: entry["Name"].startswith(prefix)
    if "Intersects" in text:
        areas = [shapely.from_wkt(wkt) for wkt in re.findall(r"4326;([^']+)'", text)]
        return lambda entry: any(
            a.intersects(shape(entry["GeoFootprint"])) for a in areas
        )
    if text.startswith("ContentDate/"):
        _, relation, value = text.split(" ")
        limit = datetime.fromisoformat(value)
        sign = 1 if relation == "ge" else -1

        def dated(entry: dict[str, Any]) -> bool:
            start = datetime.fromisoformat(entry["ContentDate"]["Start"])
            return (start - limit).total_seconds() * sign >= 0

        return dated
    if text.startswith("contains"):
        part = text[len("contains(Name,'") : -2].replace("''", "'")
        return lambda entry: part in entry["Name"]
    match = re.search(r"Name eq '(\w+)' and .*Value (eq|ge|le) (.*)\)$", text)
    assert match is not None
    name, relation, value = match[1], match[2], match[3]

    def attributed(entry: dict[str, Any]) -> bool:
        said = {a["Name"]: a["Value"] for a in entry["Attributes"]}.get(name)
        if said is None:
            return False
        if value.startswith("'"):
            return bool(said == value.strip("'"))
        difference = float(said) - float(value)
        return {"eq": difference == 0, "ge": difference >= 0, "le": difference <= 0}[
            relation
        ]

    return attributed


# -- STAC


def stac_api(
    items: list[dict[str, Any]], page_size: int = 10, **manners: Any
) -> Callable[[Peer], Answer]:
    """A STAC API with these items in their order, that ignores what is asked.

    Args:
        items: as GeoJSON features.
        page_size: of its pages.
        manners: `matched`: the number it announces; `again`: every next page leads to
            the first; `endless`: new links to the same page; `gaps`: an empty page
            between two; `method`: of its search.
    """

    def made(served: Peer) -> Answer:
        def answer(asked: Asked) -> Any:
            if asked.path == "/":
                return {
                    "type": "Catalog",
                    "id": "peer",
                    "description": "of a test",
                    "stac_version": "1.0.0",
                    "conformsTo": [
                        "https://api.stacspec.org/v1.0.0/core",
                        "https://api.stacspec.org/v1.0.0/collections",
                        "https://api.stacspec.org/v1.0.0/item-search",
                        "https://api.stacspec.org/v1.0.0/item-search#query",
                    ],
                    "links": [
                        {"rel": "data", "href": f"{served.url}/collections"},
                        {
                            "rel": "search",
                            "href": f"{served.url}/search",
                            "type": "application/geo+json",
                            "method": manners.get("method", "POST"),
                        },
                    ],
                }
            assert asked.path == "/search", asked.path
            token = int((asked.body or asked.query).get("token", 0))
            gap = manners.get("gaps") and token % 2 == 1
            begin = (token // 2 if manners.get("gaps") else token) * page_size
            if manners.get("endless"):
                begin = 0
            page = [] if gap else items[begin : begin + page_size]
            more = begin + page_size < len(items) or manners.get("endless")
            links = []
            if more:
                following = 0 if manners.get("again") else token + 1
                href = f"{served.url}/search"
                if asked.method == "GET":
                    query = urlencode({**asked.query, "token": following})
                    links = [{"rel": "next", "href": f"{href}?{query}"}]
                else:
                    body = {"token": following}
                    links = [
                        {
                            "rel": "next",
                            "href": href,
                            "method": "POST",
                            "body": body,
                            "merge": True,
                        }
                    ]
            return {
                "type": "FeatureCollection",
                "features": page,
                "numberMatched": manners.get("matched", len(items)),
                "links": links,
            }

        return answer

    return made
