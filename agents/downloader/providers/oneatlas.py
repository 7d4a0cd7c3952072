# SPDX-License-Identifier: Apache-2.0
"""OneAtlas: products that are ordered and paid for, each once."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import shapely
from shapely.errors import ShapelyError

from agents.downloader.provider import Errand
from agents.downloader.providers.remote import Lot, RemoteProvider, made
from agents.downloader.providers.service import Service, service_of
from streams.errors import (
    ProductNotFound,
    ProductStaging,
    ProviderError,
    ProviderRefused,
    QuotaExceeded,
)
from streams.model import Scene

_ORDERS: Final = "https://data.api.oneatlas.airbus.com"
_TOKENS: Final = (
    "https://authenticate.foundation.api.oneatlas.airbus.com/auth/realms/IDP/"
    "protocol/openid-connect/token"
)
_SENSORS: Final = frozenset({"spot", "pleiades", "pleiadesneo"})

# An order is made ready in some hours.
_READY_S: Final = 900.0

_PAGE: Final = 100
_MOST_PAGES: Final = 1000

_DELIVERED: Final = "delivered"
_WAITING: Final = frozenset({"ordered", "processing"})

# What makes two products the same.
_SAME: Final = ("crsCode", "productType", "radiometricProcessing")


class Orders:
    """The orders of an account, and where what was meant to be ordered is written down.

    Before anything is ordered a file says so, made in one step that fails if it is
    there: of all downloaders that share the folder one orders, once. When it dies
    before it hears an answer, its order shows up among the account's, or an operator
    looks.
    """

    def __init__(
        self, url: str, service: Service, folder: Path | None, most: float
    ) -> None:
        """The orders at a service.

        Args:
            url: of the service.
            service: asks it.
            folder: of what was ordered; None: nothing may be.
            most: that one product may cost, in the account's unit.
        """
        self._url = url.rstrip("/")
        self._service = service
        self._folder = folder
        self._most = most

    def link(self, scene: Scene, errand: Errand) -> str:
        """Where the ordered product is.

        Raises:
            ProductStaging: it is ordered, and not ready.
            ProviderRefused: it must not be ordered, or its order failed.
            QuotaExceeded: the account has not enough credits.
            ProviderError: the service does not answer, or not sensibly.
        """
        product = _product(scene)
        found = [d for d in self._deliveries(errand) if _is_of(d, product)]
        if found:
            return _delivered(max(reversed(found), key=_worth))
        self._order(scene, product)
        raise ProductStaging(f"'{scene.name}': ordered just now", _READY_S)

    def _deliveries(self, errand: Errand) -> Iterator[Mapping[str, Any]]:
        """Every delivery of every order; all pages, or an error."""
        number, came = 1, 0
        while number <= _MOST_PAGES:
            page = self._service.read(
                f"{self._url}/api/v1/orders?kind=order.data.product"
                f"&itemsPerPage={_PAGE}&page={number}",
                errand.desk,
            )
            items, total = page.get("items"), page.get("totalItems", page.get("total"))
            if not isinstance(items, list) or not isinstance(total, int):
                # Taken for "no orders" it would be paid for once more.
                raise ProviderError(f"{self._url}: an answer that lists no orders")
            came += len(items)
            for order in items:
                yield from order.get("deliveries") or []
            if came >= total:
                return
            if not items:
                raise ProviderError(f"{self._url}: {came} orders of {total} came")
            number += 1

    def _order(self, scene: Scene, product: Mapping[str, Any]) -> None:
        if self._folder is None:
            raise ProviderRefused(
                f"'{scene.name}': not ordered yet, and orders are not allowed "
                "(INGESTER_PROVIDER_ONEATLAS_ORDERS)"
            )
        body = {"kind": "order.data.product", "products": [dict(product)]}
        self._afford(scene, body)
        key = sha256(json.dumps(product, sort_keys=True).encode()).hexdigest()[:32]
        self._write_down(scene, key)
        reference = {"customerRef": f"ingester-{key}"}
        self._service.once(
            "POST", f"{self._url}/api/v1/orders", {**body, **reference}, good=201
        )

    def _afford(self, scene: Scene, body: Mapping[str, Any]) -> None:
        price = self._service.once("POST", f"{self._url}/api/v1/prices", body)
        account = self._service.once("GET", f"{self._url}/api/v1/me")
        try:
            amount = float(price["price"]["amount"])
            balance = float(account["contract"]["balance"])
        except (KeyError, TypeError, ValueError) as error:
            raise ProviderError(f"{self._url}: it names no price") from error
        if amount > self._most:
            raise ProviderRefused(
                f"'{scene.name}': costs {amount:g}, more than {self._most:g} "
                "(INGESTER_PROVIDER_ONEATLAS_MOST)"
            )
        if amount > balance and str(price.get("orderable", "")).lower() != "ok":
            raise QuotaExceeded(f"'{scene.name}': costs {amount:g}, {balance:g} left")

    def _write_down(self, scene: Scene, key: str) -> None:
        assert self._folder is not None
        self._folder.mkdir(parents=True, exist_ok=True)
        note = self._folder / f"{key}.order"
        try:
            file = os.open(note, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError as error:
            raise ProductStaging(
                f"'{scene.name}': ordered before and not listed yet; if it never is, "
                f"remove {note}",
                _READY_S,
            ) from error
        with os.fdopen(file, "w") as opened:
            opened.write(f"{scene.name}\n")
            opened.flush()
            os.fsync(opened.fileno())


class OneAtlasLocate:
    """Where a product is: at the catalogue's link, or at that of its order."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def __call__(self, scene: Scene, errand: Errand) -> Iterator[Sequence[Lot]]:
        """Its archive; errors as of `Orders.link`."""
        if scene.constellation not in _SENSORS:
            raise ProductNotFound(f"'{scene.name}': no SPOT, no Pléiades")
        link = scene.metadata.get("download_link") or self._orders.link(scene, errand)
        yield [Lot(link, f"{scene.name}.zip", archive=True)]


def _product(scene: Scene) -> dict[str, Any]:
    if not scene.metadata.get("uuid"):
        raise ProductNotFound(f"'{scene.name}': the catalogue gave no id of it")
    try:
        area = shapely.geometry.mapping(shapely.from_wkt(scene.footprint))
    except ShapelyError as error:
        raise ProviderRefused(f"'{scene.name}': no footprint to order") from error
    return {
        "crsCode": "urn:ogc:def:crs:EPSG::4326",
        "productType": "bundle",
        "radiometricProcessing": "BASIC16",
        "imageFormat": "image/geotiff",
        "id": scene.metadata["uuid"],
        "aoi": area,
    }


def _is_of(delivery: Mapping[str, Any], product: Mapping[str, Any]) -> bool:
    datas = delivery.get("datas") or {}
    if str(datas.get("id", "")).lower() != str(product["id"]).lower():
        return False
    ours = {name: str(product[name]).lower() for name in _SAME}
    theirs = {name: str(datas.get(name, "")).lower() for name in _SAME}
    return ours == theirs and _corners(datas.get("aoi")) == _corners(product["aoi"])


def _corners(area: Any) -> frozenset[tuple[float, ...]]:
    """Corners of an area whatever the first one and the order of its rings."""
    found: set[tuple[float, ...]] = set()

    def look(node: Any) -> None:
        if isinstance(node, list | tuple):
            if node and all(isinstance(number, int | float) for number in node):
                found.add(tuple(round(float(number), 6) for number in node[:2]))
            else:
                for inner in node:
                    look(inner)

    look(area.get("coordinates") if isinstance(area, Mapping) else None)
    return frozenset(found)


def _worth(delivery: Mapping[str, Any]) -> int:
    """Which of several deliveries of one product is of use: failed ones least."""
    status = _status(delivery)
    return 2 if status == _DELIVERED else 1 if status in _WAITING else 0


def _status(delivery: Mapping[str, Any]) -> str:
    return str(delivery.get("status", "")).lower()


def _delivered(delivery: Mapping[str, Any]) -> str:
    status = _status(delivery)
    if status in _WAITING:
        raise ProductStaging(f"its order is {status}", _READY_S)
    link = delivery.get("_links", {}).get("download", {}).get("href", "")
    if status != _DELIVERED or not link:
        raise ProviderRefused(f"its order is '{status}'")
    return str(link)


def make(options: Mapping[str, str]) -> RemoteProvider:
    """OneAtlas; option `password`, the key of the account.

    `orders` is a folder shared by all downloaders of the account; without it nothing is
    ordered. `most` is what one product may cost; nothing unless it says.
    """
    key = options["password"]
    url = options.get("url", _ORDERS)
    asks = {"grant": "api_key", "client_id": "IDP", "apikey": key, "token_url": _TOKENS}
    asks |= {name: options[name] for name in ("token_url",) if name in options}
    folder = Path(options["orders"]).absolute() if options.get("orders") else None
    service = service_of(asks, url)
    orders = Orders(url, service, folder, float(options.get("most", "0")))
    downloads = {"user": "APIKEY", "hosts": "*.oneatlas.airbus.com", "urls": url}
    downloads |= options
    # Tokens are for the orders; links to products take the key itself.
    downloads.pop("token_url", None)
    return made(OneAtlasLocate(orders), downloads)
