# SPDX-License-Identifier: Apache-2.0
"""Archives: the same files give the same bytes, and none can do harm."""

import os
import stat
import struct
import warnings
import zipfile
from math import inf

import pytest

from agents.worker.archive import Limits, pack, unpack
from streams.errors import DamagedProduct


def _tree(folder, **files):
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def _found(folder):
    """Path → content of every file below."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _zip(path, entries, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as zipped:
        for name, content in entries:
            zipped.writestr(name, content)
    return path


@pytest.fixture
def into(tmp_path):
    """Where to unpack."""
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


# -- pack


def test_what_was_packed_is_unpacked(tmp_path, into):
    folder = _tree(tmp_path / "f", a_xml=b"<a/>" * 1000, d__e__b_tif=b"\0\1", d__c=b"")
    pack(tmp_path / "a.zip", folder, ["a.xml", "d"])
    unpack(tmp_path / "a.zip", into)
    assert _found(into) == {"a.xml": b"<a/>" * 1000, "d/e/b.tif": b"\0\1", "d/c": b""}


def test_same_files_give_the_same_bytes(tmp_path):
    archives = set()
    for number, names in enumerate((["a", "b"], ["b", "a"])):
        # Written in another order, at other times, with other rights.
        folder = tmp_path / str(number)
        for name in names:
            _tree(folder, **{name: b"x" * 5000})
            os.utime(folder / name, (number * 10**9, number * 10**9))
            (folder / name).chmod(0o600 if number else 0o755)
        pack(tmp_path / f"{number}.zip", folder, names)
        archives.add((tmp_path / f"{number}.zip").read_bytes())
    assert len(archives) == 1


def test_only_what_was_named_is_packed(tmp_path):
    folder = _tree(tmp_path / "f", a=b"1", b=b"2")
    pack(folder / "a.zip", folder, ["a", "a.zip"])
    with zipfile.ZipFile(folder / "a.zip") as zipped:
        assert zipped.namelist() == ["a"]


def test_rasters_are_stored_and_other_files_compressed(tmp_path):
    folder = _tree(tmp_path / "f", a_tif=bytes(9000), b_xml=bytes(9000))
    pack(tmp_path / "a.zip", folder, ["a.tif", "b.xml"])
    with zipfile.ZipFile(tmp_path / "a.zip") as zipped:
        sizes = [entry.compress_size for entry in zipped.infolist()]
    assert sizes[0] == 9000
    assert sizes[1] < 100


def test_archive_that_is_there_is_not_replaced(tmp_path):
    folder = _tree(tmp_path / "f", a=b"1")
    (tmp_path / "a.zip").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        pack(tmp_path / "a.zip", folder, ["a"])
    assert (tmp_path / "a.zip").read_bytes() == b"mine"


# -- unpack


def test_folders_of_an_archive_are_made(tmp_path, into):
    archive = _zip(tmp_path / "a.zip", [("./", ""), ("./d/", ""), ("d/f", "1")])
    unpack(archive, into)
    assert _found(into) == {"d/f": b"1"}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../x", "would land outside"),
        ("a/../../x", "would land outside"),
        ("/tmp/x", "would land outside"),
        ("..", "would land outside"),
        ("a\\..\\..\\x", "would land outside"),
        ("c:/x", "would land outside"),
        ("c:x", "would land outside"),
        (".", "(Is a directory|File exists)"),
        ("x" * 300, "File name too long"),
    ],
)
def test_n20_entry_with_a_bad_name_is_refused(name, problem, tmp_path, into):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("good", "1")
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = name  # as it is: the class itself would mend some
        zipped.writestr(entry, "2")
    with pytest.raises(DamagedProduct, match=rf"archive 'a\.zip': .*{problem}"):
        unpack(archive, into)
    assert list(into.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip", "into"}


def test_link_is_refused(tmp_path, into):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        zipped.writestr(entry, "/etc")
        zipped.writestr("link/passwd", "x")
    with pytest.raises(DamagedProduct, match="entry 'link' is a link"):
        unpack(archive, into)
    assert list(into.iterdir()) == []


@pytest.mark.parametrize("names", [("a", "a"), ("a/b", "a/./b"), ("a", "A")])
def test_entry_that_comes_twice_is_refused(names, tmp_path, into):
    archive = tmp_path / "a.zip"
    with warnings.catch_warnings(action="ignore"):
        _zip(archive, [(name, "1") for name in names])
    with pytest.raises(DamagedProduct, match="comes twice"):
        unpack(archive, into)


@pytest.mark.parametrize("names", [("a", "a/b"), ("a", "a/"), ("a/b", "a")])
def test_file_that_is_a_folder_too_is_refused(names, tmp_path, into):
    archive = _zip(tmp_path / "a.zip", [(name, "") for name in names])
    with pytest.raises(DamagedProduct, match=r"archive 'a\.zip'"):
        unpack(archive, into)
    assert list(into.iterdir()) == []


def test_entry_that_grows_too_much_is_refused(tmp_path, into):
    zeros = bytes(20 << 20)  # 1000 times smaller when packed
    archive = _zip(tmp_path / "a.zip", [("bomb", zeros)], zipfile.ZIP_DEFLATED)
    with pytest.raises(DamagedProduct, match="'bomb' grows more than 200 times"):
        unpack(archive, into)
    unpack(archive, into, Limits(ratio=2000))
    assert (into / "bomb").stat().st_size == len(zeros)


def test_small_entry_may_grow_as_it_likes(tmp_path, into):
    archive = _zip(tmp_path / "a.zip", [("x", bytes(1 << 20))], zipfile.ZIP_DEFLATED)
    unpack(archive, into)
    assert (into / "x").stat().st_size == 1 << 20


def test_many_small_entries_may_not_grow_as_they_like(tmp_path, into):
    zeros = [(f"S.SAFE/{n}", bytes(1 << 20)) for n in range(100)]
    archive = _zip(tmp_path / "a.zip", zeros, zipfile.ZIP_DEFLATED)
    with pytest.raises(DamagedProduct, match="grows beyond the limit"):
        unpack(archive, into)
    assert list(into.iterdir()) == []
    unpack(archive, into, Limits(ratio=2000))
    assert len(_found(into)) == 100


def test_archive_of_our_own_may_grow_without_a_ratio(tmp_path, into):
    archive = _zip(tmp_path / "a.zip", [("x", bytes(20 << 20))], zipfile.ZIP_DEFLATED)
    unpack(archive, into, Limits(ratio=inf))
    assert (into / "x").stat().st_size == 20 << 20


def test_archive_that_grows_beyond_the_limit_is_refused(tmp_path, into):
    archive = _zip(tmp_path / "a.zip", [("a", bytes(600)), ("b", bytes(600))])
    with pytest.raises(DamagedProduct, match="grows beyond the limit"):
        unpack(archive, into, Limits(total_bytes=1000))
    assert list(into.iterdir()) == []


def test_size_is_counted_and_not_believed(tmp_path, into):
    archive = _zip(tmp_path / "a.zip", [("a", bytes(5000))], zipfile.ZIP_DEFLATED)
    content = bytearray(archive.read_bytes())
    directory = content.index(b"PK\x01\x02")
    struct.pack_into("<I", content, directory + 24, 10)  # the size it claims
    archive.write_bytes(content)
    with pytest.raises(DamagedProduct):
        unpack(archive, into, Limits(total_bytes=1000))
    assert list(into.iterdir()) == []


def test_archive_of_too_many_entries_is_refused(tmp_path, into):
    archive = _zip(tmp_path / "a.zip", [(str(n), "") for n in range(11)])
    with pytest.raises(DamagedProduct, match="more than 10 entries"):
        unpack(archive, into, Limits(entries=10))


def test_empty_archive_is_refused(tmp_path, into):
    with pytest.raises(DamagedProduct, match="it is empty"):
        unpack(_zip(tmp_path / "a.zip", []), into)


@pytest.mark.parametrize("kept", [0, 0.1, 0.3, 0.6, 0.9, 0.999])
def test_archive_that_is_cut_off_is_refused(kept, tmp_path, into):
    random = os.urandom(200_000)
    archive = _zip(tmp_path / "a.zip", [("a", random), ("b", b"2")])
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(DamagedProduct, match=r"archive 'a\.zip'"):
        unpack(archive, into)
    assert list(into.iterdir()) == []


@pytest.mark.parametrize(
    "method",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
)
def test_flipped_byte_is_refused(method, tmp_path, into):
    archive = _zip(tmp_path / "a.zip", [("a", os.urandom(1000) * 3)], method)
    content = bytearray(archive.read_bytes())
    content[200] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(DamagedProduct, match=r"archive 'a\.zip'"):
        unpack(archive, into)
    assert list(into.iterdir()) == []


def test_archive_with_a_password_is_refused(tmp_path, into):
    archive = _zip(tmp_path / "a.zip", [("a", b"1")])
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag for encryption
    archive.write_bytes(content)
    with pytest.raises(DamagedProduct, match="password"):
        unpack(archive, into)


def test_what_is_there_already_stays(tmp_path, into):
    _tree(into, a=b"mine")
    archive = _zip(tmp_path / "a.zip", [("a", b"theirs"), ("b", b"theirs")])
    with pytest.raises(DamagedProduct, match="'a' is there already"):
        unpack(archive, into)
    assert _found(into) == {"a": b"mine"}


def test_archive_that_is_not_there_is_no_damaged_product(tmp_path, into):
    with pytest.raises(FileNotFoundError):
        unpack(tmp_path / "gone.zip", into)
