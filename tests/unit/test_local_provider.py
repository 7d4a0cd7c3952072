# SPDX-License-Identifier: Apache-2.0
"""Products of a folder, as archives and as folders."""

import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.downloader.providers import local, null
from agents.downloader.providers.local import LocalProvider
from streams.errors import (
    DamagedProduct,
    NodeExhausted,
    ProductNotFound,
    ProviderError,
)
from streams.model import Scene
from tests.errands import errand

NAME = "S2A_MSIL1C_20180101"
SCENE = Scene(
    NAME,
    "sentinel2",
    datetime(2018, 1, 1, tzinfo=UTC),
    fields={"YEAR": "2018", "MONTH": "01", "DAY": "01"},
)


@pytest.fixture
def into(tmp_path):
    """Where the product is wanted."""
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


@pytest.fixture
def products(tmp_path):
    """The provider's folder."""
    folder = tmp_path / "products"
    folder.mkdir()
    return folder


def _found(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _folder(path):
    (path / "GRANULE").mkdir(parents=True)
    (path / "GRANULE/B01.jp2").write_bytes(b"1")


def _archive(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr(f"{NAME}.SAFE/GRANULE/B01.jp2", b"1")


@pytest.mark.parametrize("day", ["", "2018/01/01/"])
@pytest.mark.parametrize("suffix", ["", ".SAFE"])
def test_folder_is_copied_under_its_name(day, suffix, products, into):
    _folder(products / f"{day}{NAME}{suffix}")
    LocalProvider(products).fetch(SCENE, into, errand(into))
    assert _found(into) == {f"{NAME}{suffix}/GRANULE/B01.jp2": b"1"}


@pytest.mark.parametrize("day", ["", "2018/01/01/"])
@pytest.mark.parametrize("suffix", [".zip", ".SAFE.zip"])
def test_archive_is_unpacked(day, suffix, products, into):
    _archive(products / f"{day}{NAME}{suffix}")
    LocalProvider(products).fetch(SCENE, into, errand(into))
    assert _found(into) == {f"{NAME}.SAFE/GRANULE/B01.jp2": b"1"}


def test_product_stays_as_it_is(products, into):
    _folder(products / NAME)
    LocalProvider(products).fetch(SCENE, into, errand(into))
    (into / NAME / "GRANULE/B01.jp2").write_bytes(b"changed by a step")
    assert _found(products) == {f"{NAME}/GRANULE/B01.jp2": b"1"}


def test_scene_without_a_day_is_looked_for_at_the_top(products, into):
    _folder(products / NAME)
    LocalProvider(products).fetch(Scene(NAME, "spot", SCENE.date), into, errand(into))
    assert len(_found(into)) == 1


def test_product_that_is_not_there_is_not_found(products, into):
    _folder(products / f"{NAME}_other")
    with pytest.raises(ProductNotFound, match=f"no product '{NAME}' below {products}"):
        LocalProvider(products).fetch(SCENE, into, errand(into))


def test_damaged_archive_is_named(products, into):
    (products / f"{NAME}.zip").write_bytes(b"no archive")
    with pytest.raises(DamagedProduct, match=rf"archive '{NAME}\.zip'"):
        LocalProvider(products).fetch(SCENE, into, errand(into))
    assert _found(into) == {}


def test_full_disk_is_the_nodes_failure(products, into, monkeypatch):
    _folder(products / NAME)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(local.shutil, "copy2", full)
    with pytest.raises(NodeExhausted, match="No space left on device"):
        LocalProvider(products).fetch(SCENE, into, errand(into))


def test_file_that_cannot_be_read_may_be_readable_later(products, into, monkeypatch):
    _folder(products / NAME)

    def denied(source, target):
        raise PermissionError(13, "Permission denied", source)

    monkeypatch.setattr(local.shutil, "copy2", denied)
    with pytest.raises(ProviderError, match=r"B01\.jp2.*Permission denied"):
        LocalProvider(products).fetch(SCENE, into, errand(into))


def test_folder_is_an_option(tmp_path, monkeypatch, into):
    monkeypatch.chdir(tmp_path)
    _folder(tmp_path / "products" / NAME)
    provider = local.make({"folder": "products"})
    monkeypatch.chdir("/")
    provider.fetch(SCENE, into, errand(into))
    assert len(_found(into)) == 1


def test_null_provider_has_every_product_empty(into):
    null.make({}).fetch(SCENE, into, errand(into))
    assert list(into.iterdir()) == []


REAL = Path("../shared/data/sentinel2")


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real products: {REAL} is not there")
def test_real_archive_without_a_top_folder_is_unpacked(into):
    (archive,) = REAL.glob("S2A_MSIL1C_*.zip")
    LocalProvider(REAL).fetch(
        Scene(archive.stem, "sentinel2", SCENE.date), into, errand(into)
    )
    assert {"MTD_MSIL1C.xml", "GRANULE"} <= set(os.listdir(into))
