# SPDX-License-Identifier: Apache-2.0
"""Layers between a work folder and a store that is a folder."""

import hashlib
import zipfile
from pathlib import Path

import pytest
from msgspec.structs import replace

from agents.worker.saved import LocalLayer, fetch, save
from infra.files.store import FileStore
from streams.errors import DamagedProduct, ObjectNotFound, StepFailed
from streams.model import Action


@pytest.fixture
def place(tmp_path):
    """Makes layers in work folders: name, extension, folder."""

    def make(extension, base="x", folder="work"):
        work = tmp_path / folder / "folder"
        work.mkdir(parents=True, exist_ok=True)
        return LocalLayer("layer", extension, base, work)

    return make


@pytest.fixture
def uri(tmp_path):
    """Of an object."""
    return f"file://{tmp_path}/store/object"


def _found(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_file_is_stored_with_its_size_and_digest(place, uri):
    local = place("tif")
    local.path.write_bytes(b"pixels")
    layer = save(local, uri, FileStore(), Action.INDEX)
    digest = hashlib.sha256(b"pixels").hexdigest()
    assert (layer.name, layer.extension, layer.uri) == ("layer", "tif", uri)
    assert (layer.size_bytes, layer.sha256) == (6, digest)
    assert layer.action is Action.INDEX


@pytest.mark.parametrize("extension", ["tif", "", "zip"])
def test_file_comes_back_as_it_was(extension, place, uri):
    local = place(extension)
    local.path.write_bytes(b"PK pixels")
    layer = save(local, uri, FileStore(), Action.CREATE)
    fetch(layer, place(extension, folder="other"), FileStore())
    assert _found(place(extension, folder="other").folder) == _found(local.folder)


def _dimap(folder, content=b"1"):
    (folder / "x.dim").write_bytes(b"<dim/>")
    (folder / "x.data").mkdir()
    (folder / "x.data/band.img").write_bytes(content)


def test_dimap_is_a_file_with_a_folder(place, uri):
    local = place("dim")
    _dimap(local.folder)
    (local.folder / "other").touch()
    layer = save(local, uri, FileStore(), Action.CREATE)
    fetch(layer, place("dim", folder="other"), FileStore())
    found = _found(place("dim", folder="other").folder)
    assert found == {"x.dim": b"<dim/>", "x.data/band.img": b"1"}


def test_folder_of_zeros_comes_back(place, uri):
    # A burst is empty at its border: zeros pack a thousand times smaller.
    local = place("dim")
    _dimap(local.folder, bytes(8 << 20))
    layer = save(local, uri, FileStore(), Action.CREATE)
    assert layer.size_bytes < 100_000
    fetch(layer, place("dim", folder="other"), FileStore())
    found = _found(place("dim", folder="other").folder)
    assert len(found["x.data/band.img"]) == 8 << 20


@pytest.mark.parametrize("extension", ["SAFE", "data"])
def test_folder_comes_back_under_its_name(extension, place, uri):
    local = place(extension)
    local.path.mkdir()
    (local.path / "manifest").write_bytes(b"1")
    layer = save(local, uri, FileStore(), Action.CREATE)
    fetch(layer, place(extension, folder="other"), FileStore())
    found = _found(place(extension, folder="other").folder)
    assert found == {f"x.{extension}/manifest": b"1"}


def test_everything_of_the_work_folder_is_read_back_as_the_product(place, uri):
    # What `*` stored: the product with a folder of its name, or loose files.
    local = place("*")
    (local.folder / "x.SAFE").mkdir()
    (local.folder / "x.SAFE/manifest").write_bytes(b"1")
    layer = save(local, uri, FileStore(), Action.CREATE)
    fetch(layer, place("SAFE", folder="as-safe"), FileStore())
    fetch(layer, place("*", folder="as-all"), FileStore())
    assert _found(place("*", folder="as-safe").folder) == {"x.SAFE/manifest": b"1"}
    assert _found(place("*", folder="as-all").folder) == {"x/x.SAFE/manifest": b"1"}


def test_folder_of_the_products_name_is_the_product(place, uri):
    local = place("*")
    (local.folder / "x").mkdir()
    (local.folder / "x/B1.TIF").write_bytes(b"1")
    layer = save(local, uri, FileStore(), Action.CREATE)
    fetch(layer, place("*", folder="other"), FileStore())
    assert _found(place("*", folder="other").folder) == {"x/B1.TIF": b"1"}


@pytest.mark.parametrize(
    ("extension", "missing"),
    [("tif", "x.tif"), ("SAFE", "x.SAFE"), ("dim", "x.dim"), ("data", "x.data")],
)
def test_layer_that_the_graph_did_not_make_is_named(extension, missing, place, uri):
    with pytest.raises(
        StepFailed, match=f"layer 'layer': the graph made no '{missing}'"
    ):
        save(place(extension), uri, FileStore(), Action.CREATE)


def test_dimap_without_its_folder_is_not_stored(place, uri):
    local = place("dim")
    local.path.touch()
    with pytest.raises(StepFailed, match=r"the graph made no 'x\.data'"):
        save(local, uri, FileStore(), Action.CREATE)
    assert FileStore().stat(uri) is None


def test_folder_named_like_a_file_is_no_file(place, uri):
    local = place("tif")
    local.path.mkdir()
    with pytest.raises(StepFailed, match=r"the graph made no 'x\.tif'"):
        save(local, uri, FileStore(), Action.CREATE)


@pytest.mark.parametrize("wrong", [{"size_bytes": 7}, {"sha256": "0" * 64}])
def test_object_that_is_not_the_listed_one_is_damaged(wrong, place, uri):
    local = place("tif")
    local.path.write_bytes(b"pixels")
    layer = save(local, uri, FileStore(), Action.CREATE)
    other = place("tif", folder="other")
    with pytest.raises(DamagedProduct, match=r"6 bytes with SHA-256 \w+, the log says"):
        fetch(replace(layer, **wrong), other, FileStore())
    assert list(other.folder.iterdir()) == []


def test_object_that_is_gone_is_named(place, uri):
    local = place("tif")
    local.path.write_bytes(b"pixels")
    layer = save(local, uri, FileStore(), Action.CREATE)
    FileStore().delete(uri)
    with pytest.raises(ObjectNotFound, match="store/object"):
        fetch(layer, place("tif", folder="other"), FileStore())


def test_nothing_is_left_beside_the_work_folder(place, uri, tmp_path):
    local = place("*")
    (local.folder / "x").write_bytes(b"1")
    layer = save(local, uri, FileStore(), Action.CREATE)
    fetch(layer, place("*", folder="other"), FileStore())
    for folder in ("work", "other"):
        assert [p.name for p in (tmp_path / folder).iterdir()] == ["folder"]


def test_same_folder_is_the_same_object(place, uri):
    for work in ("one", "two"):
        local = place("*", folder=work)
        for name in sorted("ab", reverse=work == "two"):
            (local.folder / name).write_bytes(name.encode())
        save(local, uri, FileStore(), Action.CREATE)
    with zipfile.ZipFile(Path(uri.removeprefix("file://"))) as zipped:
        assert zipped.namelist() == ["a", "b"]
