# SPDX-License-Identifier: Apache-2.0
"""Each provider against a service on the loopback that answers as the real one."""

import hashlib
import json
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from agents.downloader.providers import archives, odata, oneatlas, url
from infra.local import s3
from infra.minio.client import connect
from streams.errors import (
    CredentialsRefused,
    ProductNotFound,
    ProductStaging,
    ProviderError,
    ProviderRefused,
    QuotaExceeded,
)
from tests.errands import QUICK, SCENE, archive, content, errand, found
from tests.origins import certificate, ftp, web

FILES = {"P.SAFE/a": content(30_000), "P.SAFE/b/c": b"2"}
PRODUCT = archive(FILES)
MD5 = hashlib.md5(PRODUCT).hexdigest()


@pytest.fixture
def origin():
    with web() as served:
        yield served


@pytest.fixture
def into(tmp_path):
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


# -- OData: Copernicus and CREODIAS


def _catalogue(origin, *entries):
    def answer(asked):
        query = parse_qs(urlsplit(asked.path).query)
        assert query["$filter"] == ["Name eq 'P.SAFE' or Name eq 'P'"]
        return {"value": list(entries)}

    origin.answers["/odata"] = answer


def _odata(origin, make, **options):
    return make(
        {
            "catalogue": f"{origin.url}/odata",
            "download": f"{origin.url}/Products({{Id}})/$value",
            "token_url": f"{origin.url}/token",
            "user": "me",
            "password": "planted-password",
            **QUICK,
            **options,
        }
    )


ENTRY = {
    "Id": "u-1",
    "Name": "P.SAFE",
    "ContentLength": len(PRODUCT),
    "Checksum": [
        {"Algorithm": "MD5", "Value": MD5},
        {"Algorithm": "BLAKE3", "Value": "0" * 64},
    ],
}


@pytest.mark.parametrize("make", [odata.make_copernicus, odata.make_creodias])
def test_odata_product_is_found_by_name_and_checked(make, origin, into, tmp_path):
    origin.files["Products(u-1)/$value"] = PRODUCT
    _catalogue(origin, {**ENTRY, "Id": "other", "Name": "Q.SAFE"}, ENTRY)
    _odata(origin, make).fetch(SCENE, into, errand(tmp_path))
    assert found(into) == FILES
    asked = {a.path.partition("?")[0]: a.authorization for a in origin.asked}
    assert asked["/Products(u-1)/$value"] == "Bearer secret-token-1"
    assert asked["/odata"] == ""


def test_odata_product_of_another_name_is_not_believed(origin, into, tmp_path):
    _catalogue(origin, {**ENTRY, "Name": "Q.SAFE"})
    with pytest.raises(ProductNotFound):
        _odata(origin, odata.make_copernicus).fetch(SCENE, into, errand(tmp_path))


def test_odata_product_that_is_offline_is_staged(origin, into, tmp_path):
    _catalogue(origin, ENTRY)
    origin.faults = ["202 1800"]
    with pytest.raises(ProductStaging) as caught:
        _odata(origin, odata.make_copernicus).fetch(SCENE, into, errand(tmp_path))
    assert caught.value.retry_after_s == 1800


@pytest.mark.parametrize("status", ["403", "404", "422"])
@pytest.mark.parametrize(
    ("entry", "online"),
    [({**ENTRY, "Online": False}, "true"), (ENTRY, "false")],
)
def test_odata_product_that_is_said_to_be_offline_is_staged_whatever_its_refusal(
    entry, online, status, origin, into, tmp_path
):
    """F4."""
    _catalogue(origin, entry)
    origin.faults = [status]
    scene = replace(SCENE, metadata={"online": online})
    with pytest.raises(ProductStaging) as caught:
        _odata(origin, odata.make_copernicus).fetch(scene, into, errand(tmp_path))
    assert caught.value.retry_after_s == 600


@pytest.mark.parametrize(
    ("online", "status", "error"),
    [
        (True, "403", CredentialsRefused),
        (True, "404", ProductNotFound),
        (False, "401", CredentialsRefused),
        (False, "402", QuotaExceeded),
    ],
)
def test_odata_refusal_that_is_not_of_tape_keeps_its_class(
    online, status, error, origin, into, tmp_path
):
    _catalogue(origin, {**ENTRY, "Online": online})
    origin.faults = [status] * 2
    scene = replace(SCENE, metadata={"online": "false"})
    with pytest.raises(error):
        _odata(origin, odata.make_copernicus).fetch(scene, into, errand(tmp_path))


def test_odata_product_that_came_online_meanwhile_is_received(origin, into, tmp_path):
    origin.files["Products(u-1)/$value"] = PRODUCT
    _catalogue(origin, {**ENTRY, "Online": False})
    _odata(origin, odata.make_copernicus).fetch(SCENE, into, errand(tmp_path))
    assert found(into) == FILES


def test_odata_catalogue_that_answers_otherwise_may_pass(origin, into, tmp_path):
    origin.answers["/odata"] = lambda asked: {"error": "maintenance"}
    with pytest.raises(ProviderError, match="no OData"):
        _odata(origin, odata.make_copernicus).fetch(SCENE, into, errand(tmp_path))


# -- ASF


RADAR = replace(
    SCENE,
    constellation="sentinel1",
    fields={
        "PRODUCT_TYPE": "SLC",
        "MISSION_VERSION": "A",
        "POLARISATION": "DV",
        "RESOLUTION": "H",
    },
)


@pytest.mark.parametrize(
    ("kind", "path"), [("SLC", "SLC/SA/P.zip"), ("GRD", "GRD-HD/SA/P.zip")]
)
def test_asf_product_is_in_the_folder_of_its_kind(kind, path, origin, into, tmp_path):
    origin.files[path] = PRODUCT
    scene = replace(RADAR, fields={**RADAR.fields, "PRODUCT_TYPE": kind})
    archives.make_asf({"url": origin.url, "token": "planted-token", **QUICK}).fetch(
        scene, into, errand(tmp_path)
    )
    assert found(into) == FILES
    assert {a.authorization for a in origin.asked} == {"Bearer planted-token"}


# -- S3: any bucket, Landsat, folders and patterns


@pytest.fixture
def objects(stack, bucket, tmp_path):
    """Put objects; options to read them."""
    options = s3.options(stack.environment())

    def put(files):
        for key, body in files.items():
            file = tmp_path / "object"
            file.write_bytes(body)
            connect(options).fput_object(bucket, key, str(file))
        return {**options, **QUICK, "bucket": bucket}

    return put


def test_landsat_folder_is_received_file_by_file(objects, into, tmp_path):
    name = "LC08_L1TP_014031_20240106_20240119_02_T1"
    folder = f"collection02/level-1/standard/oli-tirs/2024/014/031/{name}"
    bands = {f"{name}_B{n}.TIF": content(5000, n) for n in range(1, 12)}
    files = {**bands, f"{name}_MTL.txt": b"MTL"}
    options = objects({f"{folder}/{file}": body for file, body in files.items()})
    facts = {
        "COLLECTION": "oli-tirs",
        "COLLECTION_NUMBER": "02",
        "YEAR": "2024",
        "PATH": "014",
        "ROW": "031",
    }
    scene = replace(SCENE, name=name, constellation="landsat", fields=facts)
    provider = archives.make_landsat_aws(options)
    provider.fetch(scene, into, errand(tmp_path))
    assert found(into) == {f"{name}/{file}": body for file, body in files.items()}


def test_folder_that_is_empty_is_not_found(objects, into, tmp_path):
    options = objects({"Q.SAFE/a": b"1", "P.SAFE.old/a": b"1"})
    urls = f"s3://{options['bucket']}/{{SCENE}}.SAFE"
    with pytest.raises(ProductNotFound, match="nothing there"):
        url.make_s3({**options, "urls": urls}).fetch(SCENE, into, errand(tmp_path))


def test_newest_product_that_matches_is_taken(objects, into, tmp_path):
    options = objects({"x/P_N0100.SAFE/a": b"old", "x/P_N0500.SAFE/a": b"new"})
    urls = f"s3://{options['bucket']}/x/{{SCENE}}_N*.SAFE"
    url.make_s3({**options, "urls": urls}).fetch(SCENE, into, errand(tmp_path))
    assert found(into) == {"P_N0500.SAFE/a": b"new"}


def test_only_some_files_of_a_folder(objects, into, tmp_path):
    files = {"P.SAFE/manifest.safe": b"m", "P.SAFE/annotation/a.xml": b"a"}
    options = objects({**files, "P.SAFE/measurement/a.tiff": content(9000)})
    urls = f"s3://{options['bucket']}/{{SCENE}}.SAFE"
    only = "manifest.safe annotation/*.xml"
    url.make_s3({**options, "urls": urls, "only": only}).fetch(
        SCENE, into, errand(tmp_path)
    )
    assert found(into) == files


def test_wrong_keys_are_refused(objects, into, tmp_path):
    options = objects({"P.zip": PRODUCT})
    urls = f"s3://{options['bucket']}/{{SCENE}}.zip"
    options |= {"secret_key": "planted-secret-key", "urls": urls}
    with pytest.raises(CredentialsRefused):
        url.make_s3(options).fetch(SCENE, into, errand(tmp_path))


# -- FTP


def test_ftp_folder_and_archive(into, tmp_path):
    with ftp({"a/P.SAFE/x": b"1", "a/P.SAFE/y/z": b"2"}) as server:
        urls = f"{server.url}/b/{{SCENE}}.zip {server.url}/a/{{SCENE}}.SAFE"
        options = {"urls": urls, "user": "me", "password": "planted-password", **QUICK}
        url.make_ftp(options).fetch(SCENE, into, errand(tmp_path))
        assert found(into) == {"P.SAFE/x": b"1", "P.SAFE/y/z": b"2"}
        assert {asked.authorization for asked in server.asked} <= {"me"}
        bad = url.make_ftp({**options, "password": "planted-wrong"})
        with pytest.raises(CredentialsRefused):
            bad.fetch(SCENE, into, errand(tmp_path))


def test_ftps_folder_archive_and_unknown_certificate(into, tmp_path):
    pem = certificate(tmp_path)
    files = {"a/P.SAFE/x": b"1" * 100_000, "a/P.SAFE/y/z": b"2", "c/P.zip": PRODUCT}
    with ftp(files, pem) as server:
        urls = f"{server.url}/b/{{SCENE}}.zip {server.url}/a/{{SCENE}}.SAFE"
        options = {"user": "me", "password": "planted-password", **QUICK}
        known = {**options, "ca_file": str(pem)}
        url.make_ftp({**known, "urls": urls}).fetch(SCENE, into, errand(tmp_path))
        assert found(into) == {"P.SAFE/x": b"1" * 100_000, "P.SAFE/y/z": b"2"}

        archive = tmp_path / "archive"
        archive.mkdir()
        urls = f"{server.url}/c/{{SCENE}}.zip"
        url.make_ftp({**known, "urls": urls}).fetch(SCENE, archive, errand(tmp_path))
        assert found(archive) == FILES

        unknown = url.make_ftp({**options, "urls": urls})
        with pytest.raises(ProviderError, match="certificate is refused"):
            unknown.fetch(SCENE, archive, errand(tmp_path))


# -- file


def test_file_urls_and_paths(into, tmp_path):
    (tmp_path / "mnt/2024").mkdir(parents=True)
    (tmp_path / "mnt/2024/P.zip").write_bytes(PRODUCT)
    urls = f"{tmp_path}/none/{{SCENE}}.zip {tmp_path}/mnt/{{YEAR}}/{{SCENE}}.zip"
    url.make({"urls": urls, **QUICK}).fetch(SCENE, into, errand(tmp_path))
    assert found(into) == FILES


def test_template_that_asks_for_the_unknown_is_refused(into, tmp_path):
    provider = url.make({"urls": "https://example.org/{ROW}.zip"})
    with pytest.raises(ProviderRefused, match=r"\{ROW\}"):
        provider.fetch(SCENE, into, errand(tmp_path))


@pytest.fixture
def machine(tmp_path):
    """A folder of products beside one of secrets."""
    for name in ("products", "secrets"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "P.zip").write_bytes(PRODUCT)
    return tmp_path


STRAY = [
    "file://{0}/secrets/P.zip",
    "{0}/secrets/P.zip",
    "FILE://localhost{0}/secrets/P.zip",
    "file:/{0}/secrets/P.zip",
    "file://{0}/secrets/",
    "file://{0}/secrets/P*.zip",
    "file://{0}/s*/P.zip",
    "file://{0}/products*/P.zip",
    "file://{0}/products/../secrets/P.zip",
    "file://{0}/products/%2e%2e/secrets/P.zip",
]


@pytest.mark.parametrize("link", STRAY)
@pytest.mark.parametrize("options", [{}, {"folders": "{0}/products, /nowhere"}])
def test_link_to_any_file_of_the_worker_is_refused(link, options, machine, into):
    options = {key: text.format(machine) for key, text in options.items()}
    scene = replace(SCENE, metadata={"download_link": link.format(machine)})
    with pytest.raises(ProviderRefused, match="expected a place below a folder"):
        url.make({**QUICK, **options}).fetch(scene, into, errand(machine))
    assert found(into) == {}


@pytest.mark.parametrize("link", ["file://{0}/products/P.zip", "{0}/products/P*.zip"])
def test_link_to_a_folder_that_was_allowed_is_followed(link, machine, into):
    scene = replace(SCENE, metadata={"download_link": link.format(machine)})
    options = {"folders": f"{machine}/products", **QUICK}
    url.make(options).fetch(scene, into, errand(machine))
    assert found(into) == FILES


@pytest.mark.parametrize("path", ["/../secrets/P.zip", "/x/../../secrets/P.zip"])
def test_path_of_a_catalogue_does_not_leave_its_template(path, machine, into):
    provider = url.make({"urls": f"{machine}/products{{s3_path}}", **QUICK})
    with pytest.raises(ProviderRefused, match="expected a place below a folder"):
        provider.fetch(
            replace(SCENE, metadata={"s3_path": path}), into, errand(machine)
        )
    scene = replace(SCENE, metadata={"s3_path": "/P.zip"})
    provider.fetch(scene, into, errand(machine))
    assert found(into) == FILES


# -- GEODES


def test_geodes_product_is_that_of_its_identifier(origin, into, tmp_path):
    asset = {"href": f"{origin.url}/data", "roles": ["data"], "type": "application/zip"}
    item = {"properties": {"identifier": "P"}, "assets": {"zip": asset}}
    origin.answers["/search"] = lambda asked: {"features": [item]}
    origin.files["data"] = PRODUCT
    options = {"url": f"{origin.url}/search", "api_key": "planted-key", **QUICK}
    archives.make_geodes(options).fetch(SCENE, into, errand(tmp_path))
    assert found(into) == FILES
    item["properties"]["identifier"] = "Q"
    with pytest.raises(ProductNotFound):
        archives.make_geodes(options).fetch(SCENE, into, errand(tmp_path))


# -- OneAtlas


class Shop:
    """The order service: prices, an account, orders."""

    def __init__(self, origin):
        self.origin = origin
        self.orders = []
        self.made = 0
        self.listed = True
        self.fails = False
        origin.answers["/api/v1/orders"] = self.answer
        origin.answers["/api/v1/prices"] = lambda asked: {"price": {"amount": 12}}
        origin.answers["/api/v1/me"] = lambda asked: {"contract": {"balance": 100}}
        origin.answers["/ready"] = lambda asked: None

    def answer(self, asked):
        if "page=" not in asked.path:
            self.made += 1
            # What is asked is not seen by this server: it knows of one product.
            if self.listed:
                self.orders.append({"deliveries": [self.delivery("ordered")]})
            return (500, {}) if self.fails else (201, {"id": "o"})
        return {"items": self.orders, "totalItems": len(self.orders)}

    def delivery(self, status):
        corners = [[0, 0], [0, 1], [1, 1], [0, 0]]
        return {
            "status": status,
            "datas": {
                "id": "U-1",
                "crsCode": "urn:ogc:def:crs:EPSG::4326",
                "productType": "Bundle",
                "radiometricProcessing": "BASIC16",
                "aoi": {"type": "Polygon", "coordinates": [corners]},
            },
            "_links": {"download": {"href": f"{self.origin.url}/P.zip"}},
        }


SPOT = replace(
    SCENE,
    constellation="spot",
    footprint="POLYGON ((1 1, 0 0, 0 1, 1 1))",
    metadata={"uuid": "u-1"},
)


@pytest.fixture
def shop(origin):
    origin.files["P.zip"] = PRODUCT
    return Shop(origin)


def _oneatlas(shop, tmp_path, **options):
    return oneatlas.make(
        {
            "url": shop.origin.url,
            "token_url": f"{shop.origin.url}/token",
            "password": "planted-key",
            "orders": str(tmp_path / "orders"),
            "most": "20",
            **QUICK,
            **options,
        }
    )


def test_product_is_ordered_once_and_then_received(shop, into, tmp_path):
    provider = _oneatlas(shop, tmp_path)
    for _ in range(3):
        with pytest.raises(ProductStaging):
            provider.fetch(SPOT, into, errand(tmp_path))
    shop.orders[0]["deliveries"] = [shop.delivery("delivered")]
    shop.origin.tokens = set()  # the file has another way in
    provider.fetch(SPOT, into, errand(tmp_path))
    assert found(into) == FILES
    assert shop.made == 1
    used = {asked.path: asked.authorization for asked in shop.origin.asked}
    assert used["/P.zip"] == "Basic " + b64encode(b"APIKEY:planted-key").decode()


@pytest.mark.parametrize(
    ("statuses", "taken"),
    [
        (["delivered", "failed"], "0"),
        (["failed", "delivered", "processing"], "1"),
        (["delivered", "delivered"], "1"),  # the last one listed
    ],
)
def test_delivery_that_is_there_is_taken_of_several(
    statuses, taken, shop, into, tmp_path
):
    products = {f"{n}.zip": archive({f"P/{n}": b"1"}) for n in range(len(statuses))}
    with web(products) as files:
        for name, status in zip(products, statuses, strict=True):
            delivery = shop.delivery(status)
            delivery["_links"]["download"]["href"] = f"{files.url}/{name}"
            shop.orders.append({"deliveries": [delivery]})
        _oneatlas(shop, tmp_path).fetch(SPOT, into, errand(tmp_path))
    assert found(into) == {f"P/{taken}": b"1"}
    assert shop.made == 0


@pytest.mark.parametrize("statuses", [["failed", "ordered"], ["processing", "error"]])
def test_order_that_failed_does_not_hide_one_that_is_made(
    statuses, shop, into, tmp_path
):
    shop.orders += [{"deliveries": [shop.delivery(status)]} for status in statuses]
    with pytest.raises(ProductStaging):
        _oneatlas(shop, tmp_path).fetch(SPOT, into, errand(tmp_path))
    assert shop.made == 0


def test_link_of_a_catalogue_to_a_file_is_no_order(shop, machine, into):
    link = {"download_link": f"file://{machine}/secrets/P.zip"}
    with pytest.raises(ProviderRefused, match="expected a place below a folder"):
        _oneatlas(shop, machine).fetch(
            replace(SPOT, metadata=link), into, errand(machine)
        )


def test_order_that_is_not_listed_yet_is_not_paid_again(shop, into, tmp_path):
    shop.listed = False
    with ThreadPoolExecutor(4) as pool:
        tries = [
            pool.submit(
                _oneatlas(shop, tmp_path).fetch,
                SPOT,
                into,
                errand(tmp_path, task=str(n)),
            )
            for n in range(4)
        ]
    assert {type(t.exception()) for t in tries} == {ProductStaging}
    assert shop.made == 1


def test_order_whose_answer_was_lost_is_not_paid_again(shop, into, tmp_path):
    """F28."""
    shop.fails, shop.listed = True, False
    with pytest.raises(ProviderError):
        _oneatlas(shop, tmp_path).fetch(SPOT, into, errand(tmp_path))
    with pytest.raises(ProductStaging, match="remove"):
        _oneatlas(shop, tmp_path).fetch(SPOT, into, errand(tmp_path))
    assert shop.made == 1


def test_list_of_orders_that_is_an_error_is_not_taken_for_none(shop, into, tmp_path):
    shop.origin.answers["/api/v1/orders"] = lambda asked: {"error": "maintenance"}
    with pytest.raises(ProviderError, match="lists no orders"):
        _oneatlas(shop, tmp_path).fetch(SPOT, into, errand(tmp_path))
    assert shop.made == 0


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"orders": ""}, ProviderRefused), ({"most": "5"}, ProviderRefused)],
)
def test_nothing_is_ordered_that_was_not_allowed(changes, error, shop, into, tmp_path):
    """F28."""
    with pytest.raises(error):
        _oneatlas(shop, tmp_path, **changes).fetch(SPOT, into, errand(tmp_path))
    assert shop.made == 0


def test_account_without_credits_has_no_quota(shop, into, tmp_path):
    shop.origin.answers["/api/v1/me"] = lambda asked: {"contract": {"balance": 1}}
    with pytest.raises(QuotaExceeded):
        _oneatlas(shop, tmp_path).fetch(SPOT, into, errand(tmp_path))
    assert shop.made == 0
    assert json.dumps(shop.orders) == "[]"
