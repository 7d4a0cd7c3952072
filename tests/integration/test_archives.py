# SPDX-License-Identifier: Apache-2.0
"""Archives that are damaged or mean harm, from the provider to the fact: none is kept.

Scenario 6, F7 and F9: zips and tars, plain and compressed.
"""

import io
import stat
import tarfile
import warnings
import zipfile

import pytest

from agents.downloader.download import Downloading
from agents.downloader.providers import local, url
from infra.files.store import path_of
from streams.events import DownloadDone
from streams.failures import Failure
from streams.model import Part, Scene
from streams.orders import DownloadOrder
from tests.disks import run_on_a_disk
from tests.errands import QUICK, content
from tests.origins import web
from tests.trades import (
    AREA,
    NOW,
    carried_out,
    equipment,
    failed,
    left_behind,
    ordered,
    some_settings,
    stored,
)

GOOD = {"S.SAFE/a": content(40_000), "S.SAFE/b": b"2"}

# How each kind is written, and how its name ends.
TARS = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2"} | {
    ".tar.xz": "w:xz"
}
KINDS = [".zip", *TARS]


def packed(kind, entries):
    """An archive of entries: name, content, and where a link leads to."""
    made = io.BytesIO()
    if kind == ".zip":
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as zipped:
            for name, text, link in entries:
                entry = zipfile.ZipInfo("placeholder")
                entry.filename = name  # as it is: the class itself would mend some
                entry.compress_type = zipfile.ZIP_DEFLATED
                if link:
                    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
                with warnings.catch_warnings(action="ignore"):
                    zipped.writestr(entry, link or text)
        return made.getvalue()
    with tarfile.open(fileobj=made, mode=TARS[kind]) as tar:
        for name, text, link in entries:
            entry = tarfile.TarInfo(name)
            if link:
                entry.type, entry.linkname = tarfile.SYMTYPE, link
            else:
                entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    return made.getvalue()


def good(kind):
    return packed(kind, [(name, text, "") for name, text in GOOD.items()])


def beside(name, text=b"x", link=""):
    """A good product, and one entry more."""
    return [*((n, t, "") for n, t in GOOD.items()), (name, text, link)]


HARMS = {
    "above": beside("../outside"),
    "far above": beside("S.SAFE/../../../outside"),
    "absolute": beside("/tmp/ingester-outside"),
    "backslashes": beside("S.SAFE\\..\\..\\outside"),
    "link": beside("S.SAFE/link", link="/etc/passwd"),
    "link to a folder": [
        ("S.SAFE/link", b"", ".."),
        ("S.SAFE/link/outside", b"x", ""),
    ],
    "twice": beside("S.SAFE/a"),
    "file as a folder": beside("S.SAFE/a/b"),
    "bomb": beside("S.SAFE/bomb", bytes(30 << 20)),
    "many bombs": [(f"S.SAFE/{n}", bytes(2 << 20), "") for n in range(15)],
    "many small bombs": [(f"S.SAFE/{n}", bytes(1 << 20), "") for n in range(30)],
    "empty": [],
}


@pytest.fixture
def trade(tmp_path):
    """A downloader whose work folder is empty in the end."""
    common = equipment(tmp_path)

    def make(provider):
        return Downloading(**common, providers={"p": provider})

    yield make
    common["workshop"].close()
    # Nothing came out of the work folder, whatever its archive asked for.
    assert {path.name for path in tmp_path.iterdir()} <= {"work", "store", "folder"}


def an_order():
    scene = Scene("S", "x", NOW, parts=(Part("S"),))
    order = DownloadOrder(AREA, f"{AREA}/S", 1, "i", some_settings(), scene)
    return ordered(order)


def product_of(done):
    """The files of the product that was stored."""
    assert isinstance(done, DownloadDone)
    (layer,) = done.deliveries[0].layers
    with zipfile.ZipFile(path_of(layer.uri)) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def of_product(folder):
    """What is left in the work folder, beside what is known of providers."""
    left = left_behind(folder)
    return [path for path in left if ".providers" not in path.parts]


def refused(trade, kind, body, tmp_path):
    """The fact about a product that a server has so."""
    with web({f"S{kind}": body}) as origin:
        one = trade(url.make({"urls": f"{origin.url}/S{kind}", **QUICK}))
        fact = failed(one, an_order())
    assert of_product(tmp_path) == []
    assert stored(tmp_path) == {}
    return fact


@pytest.mark.parametrize("kind", KINDS)
def test_product_is_unpacked_and_stored(kind, trade, tmp_path):
    with web({f"S{kind}": good(kind)}) as origin:
        one = trade(url.make({"urls": f"{origin.url}/S{kind}", **QUICK}))
        done = carried_out(one, an_order()).message
    assert product_of(done) == GOOD


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("kind", [".zip", ".tar.gz"])
def test_scenario_6_hostile_archive_is_refused(kind, harm, trade, tmp_path):
    """F9."""
    fact = refused(trade, kind, packed(kind, HARMS[harm]), tmp_path)
    assert fact.failure is Failure.INTEGRITY
    assert "archive" in fact.trials[0].message


@pytest.mark.parametrize("harm", ["above", "absolute", "link", "twice", "empty"])
@pytest.mark.parametrize("kind", [".tar", ".tar.bz2", ".tar.xz"])
def test_no_other_kind_of_tar_is_trusted_more(kind, harm, trade, tmp_path):
    """F9, scenario 6."""
    fact = refused(trade, kind, packed(kind, HARMS[harm]), tmp_path)
    assert fact.failure is Failure.INTEGRITY


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("kind", KINDS)
def test_scenario_6_cut_archive_is_refused(kind, share, trade, tmp_path):
    """F7: it was cut before the server had it, so its length looks right."""
    body = good(kind)
    # A plain tar is filled up with zeros that nobody needs.
    size = len(body) - 10_240 if kind == ".tar" else len(body)
    fact = refused(trade, kind, body[: int(size * share)], tmp_path)
    assert fact.failure is Failure.INTEGRITY


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != ".tar"])
def test_scenario_6_flipped_byte_is_refused(kind, trade, tmp_path):
    """F7. A plain tar has no checksum of its files: the catalogue's is needed."""
    body = bytearray(good(kind))
    body[len(body) // 2] ^= 0xFF
    fact = refused(trade, kind, bytes(body), tmp_path)
    assert fact.failure is Failure.INTEGRITY


@pytest.mark.parametrize("kind", ["fifo", "device", "hard link"])
def test_what_is_no_file_is_refused(kind, trade, tmp_path):
    """F9."""
    types = {"fifo": tarfile.FIFOTYPE, "device": tarfile.CHRTYPE}
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        entry = tarfile.TarInfo("S.SAFE/x")
        entry.type, entry.linkname = types.get(kind, tarfile.LNKTYPE), "/etc/passwd"
        tar.addfile(entry)
    fact = refused(trade, ".tar", made.getvalue(), tmp_path)
    assert fact.failure is Failure.INTEGRITY
    assert "is no file, no folder" in fact.trials[0].message


def test_bomb_in_a_header_is_refused_before_it_is_in_memory(trade, tmp_path):
    """F9: a tar may say things about an entry, of any length."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        entry = tarfile.TarInfo("header")
        entry.type, entry.size = tarfile.XHDTYPE, 60 << 20
        tar.addfile(entry, io.BytesIO(bytes(60 << 20)))
    fact = refused(trade, ".tar.gz", made.getvalue(), tmp_path)
    assert fact.failure is Failure.INTEGRITY
    assert "grows beyond" in fact.trials[0].message


REFUSED = """
import sys
from pathlib import Path
from agents.worker.archive import unpack
from streams.errors import DamagedProduct
try:
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
except DamagedProduct as error:
    print(error)
"""


def test_bomb_is_stopped_before_it_fills_the_disk(tmp_path):
    """F9: a disk of 20 MB; 200 times what is packed are 12, and 60 are in it."""
    small, bomb = tmp_path / "small", tmp_path / "bomb.tgz"
    small.mkdir()
    bomb.write_bytes(packed(".tgz", [("S.SAFE/bomb", bytes(60 << 20), "")]))
    said = run_on_a_disk(20, small, REFUSED, bomb, small)
    assert said == "archive 'bomb.tgz': it grows beyond the limit"


@pytest.mark.parametrize("harm", ["above", "link", "bomb"])
def test_archive_of_the_local_folder_is_trusted_no_more(harm, trade, tmp_path):
    """F9."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "S.zip").write_bytes(packed(".zip", HARMS[harm]))
    fact = failed(trade(local.make({"folder": str(folder)})), an_order())
    assert fact.failure is Failure.INTEGRITY
    assert of_product(tmp_path) == []


def test_next_provider_delivers_what_the_first_one_has_damaged(trade, tmp_path):
    """F7: nothing of the first is in what is stored."""
    with web({"S.zip": packed(".zip", HARMS["twice"])}) as bad, web() as fine:
        fine.files["S.tgz"] = good(".tgz")
        one = trade(url.make({"urls": f"{bad.url}/S.zip", **QUICK}))
        one.providers["q"] = url.make({"urls": f"{fine.url}/S.tgz", **QUICK})
        done = carried_out(one, an_order()).message
    assert [trial.failure for trial in done.trials] == [Failure.INTEGRITY, None]
    assert product_of(done) == GOOD


def test_task_that_is_done_leaves_nothing_on_any_shelf(trade, tmp_path):
    """What a provider began that did not deliver is of no more use."""
    with web({"S.zip": good(".zip")}) as slow, web({"S.zip": good(".zip")}) as fine:
        slow.faults = ["cut 0.5", *["503"] * 50]
        one = trade(url.make({"urls": f"{slow.url}/S.zip", **QUICK}))
        failed(one, an_order())
        assert list((tmp_path / "work/.kept").rglob("*.body"))
        one.providers["q"] = url.make({"urls": f"{fine.url}/S.zip", **QUICK})
        carried_out(one, an_order())
    assert of_product(tmp_path) == []
