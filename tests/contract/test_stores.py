# SPDX-License-Identifier: Apache-2.0
"""What every object store must do: folders, the embedded S3, and an S3 outside.

INGESTER_TEST_S3_ENDPOINT, _ACCESS_KEY and _SECRET_KEY say which; without them it is not
among the stores.
"""

import hashlib
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen
from uuid import uuid4

import pytest

from agents.worker.store import ObjectStore, Stores
from infra.files.store import FileStore
from infra.local import s3
from infra.minio.client import connect
from infra.minio.provision import provision_bucket
from infra.minio.store import PART, S3Store, place_of
from streams.errors import (
    InvalidRequest,
    ObjectConflict,
    ObjectNotFound,
    StoreError,
    StoreUnavailable,
)
from tests.cable import Cable
from tests.disks import run_on_a_disk
from tests.system import wait_for

OUTSIDE = {
    "endpoint": "INGESTER_TEST_S3_ENDPOINT",
    "access_key": "INGESTER_TEST_S3_ACCESS_KEY",
    "secret_key": "INGESTER_TEST_S3_SECRET_KEY",
}

OF_S3 = ["seaweedfs", *(["outside"] if OUTSIDE["endpoint"] in os.environ else [])]


@dataclass(frozen=True, slots=True)
class Place:
    """A store, and the root of a test's objects in it."""

    store: ObjectStore
    root: str

    def uri(self, name: str) -> str:
        return f"{self.root}/{name}"


@cache
def _bucket(options):
    """One bucket for all tests: most stores are slow to make one."""
    name = f"test-{uuid4().hex[:12]}"
    provision_bucket(name, dict(options))
    return name


def _options(name, request):
    if name == "seaweedfs":
        return s3.options(request.getfixturevalue("stack").environment())
    return {option: os.environ[variable] for option, variable in OUTSIDE.items()}


def _root(options):
    return f"s3://{_bucket(tuple(options.items()))}/{uuid4().hex}"


@pytest.fixture(params=["files", *OF_S3])
def place(request, tmp_path):
    """An empty place in a store of each kind."""
    if request.param == "files":
        return Place(FileStore(), f"file://{tmp_path}/store")
    options = _options(request.param, request)
    return Place(S3Store(connect(options)), _root(options))


@pytest.fixture(params=OF_S3)
def options(request):
    """How to reach each S3."""
    return _options(request.param, request)


@pytest.fixture
def source(tmp_path):
    """Makes files with this content."""

    def make(content):
        file = tmp_path / f"source-{uuid4().hex}"
        file.write_bytes(content)
        return file

    return make


@pytest.fixture(scope="module")
def large():
    """40 MB: three parts of an S3."""
    return os.urandom(40 << 20)


def _measured(content):
    return len(content), hashlib.sha256(content).hexdigest()


def _content(store, uri, folder):
    """The object's bytes, and that the store measured them right."""
    target = folder / uuid4().hex
    found = store.get(uri, target)
    content = target.read_bytes()
    assert found == _measured(content)
    target.unlink()
    return content


# -- one object


@pytest.mark.parametrize("content", [b"", b"x", bytes(100_000)])
def test_object_is_what_was_put(content, place, source, tmp_path):
    uri = place.uri("a/b.tif")
    assert place.store.put(uri, source(content)) == _measured(content)
    assert place.store.stat(uri) == _measured(content)
    assert _content(place.store, uri, tmp_path) == content


def test_large_object_is_what_was_put(place, source, large, tmp_path):
    uri = place.uri("large")
    assert place.store.put(uri, source(large)) == _measured(large)
    assert place.store.stat(uri) == _measured(large)
    assert _content(place.store, uri, tmp_path) == large


@pytest.mark.parametrize("size", [(16 << 20) - 1, 16 << 20, (16 << 20) + 1, 32 << 20])
def test_object_of_about_a_part_is_what_was_put(size, place, source, large, tmp_path):
    uri = place.uri("object")
    assert place.store.put(uri, source(large[:size])) == _measured(large[:size])
    assert _content(place.store, uri, tmp_path) == large[:size]


def test_source_stays_where_it_is(place, source):
    file = source(b"mine")
    place.store.put(place.uri("a"), file)
    assert file.read_bytes() == b"mine"
    assert os.access(file, os.W_OK)


@pytest.mark.parametrize("size", [10, 20 << 20])
def test_same_bytes_again_change_nothing(size, place, source, large):
    uri = place.uri("a")
    place.store.put(uri, source(large[:size]))
    before = list(place.store.list(uri))
    assert place.store.put(uri, source(large[:size])) == _measured(large[:size])
    assert list(place.store.list(uri)) == before


@pytest.mark.parametrize("size", [10, 20 << 20])
def test_other_bytes_are_a_conflict_and_the_first_stay(
    size, place, source, large, tmp_path
):
    uri, first, other = place.uri("a"), large[:size], large[-size:]
    place.store.put(uri, source(first))
    with pytest.raises(ObjectConflict, match="are there already, expected") as caught:
        place.store.put(uri, source(other))
    assert uri in str(caught.value)
    assert _measured(first)[1] in str(caught.value)
    assert _measured(other)[1] in str(caught.value)
    assert _content(place.store, uri, tmp_path) == first


@pytest.mark.parametrize(
    "name",
    [
        "plain.tif",
        "with space and  two",
        "per%2Fcent%20encoded%",
        "plus+and&and=equals",
        "question?and#hash",
        "'quotes\"and`ticks",
        "(round)[square]{curly}<angle>",
        "colon:semi;comma,at@tilde~star*pipe|caret^dollar$bang!",
        ".hidden/..twodots/...",
        "Tiếng Việt/日本語/é",  # composed and more
        "e\u0301 decomposed",
        "\N{EARTH GLOBE EUROPE-AFRICA}.tif",
        "long/" + "n" * 200,
        "deep/" * 30 + "x",
        "T32UNG_20180101/S2A_MSIL1C.SAFE.zip",
    ],
)
def test_key_is_taken_as_it_is(name, place, source, tmp_path):
    uri, neighbour = place.uri(name), place.uri("neighbour")
    place.store.put(neighbour, source(b"neighbour"))
    place.store.put(uri, source(name.encode()))
    assert _content(place.store, uri, tmp_path) == name.encode()
    listed = {uri for uri, _, _ in place.store.list(f"{place.root}/")}
    assert listed == {uri, neighbour}
    assert place.store.delete(uri)
    assert place.store.stat(uri) is None
    assert place.store.stat(neighbour) is not None


# -- no object


def test_object_that_is_missing_has_no_status(place):
    assert place.store.stat(place.uri("gone")) is None
    assert place.store.stat(place.uri("gone/below")) is None


def test_object_that_is_missing_cannot_be_got(place, tmp_path):
    folder = tmp_path / "into"
    folder.mkdir()
    with pytest.raises(ObjectNotFound, match="gone"):
        place.store.get(place.uri("gone"), folder / "target")
    assert list(folder.iterdir()) == []


def test_file_stays_when_its_object_is_missing(place, tmp_path):
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    with pytest.raises(ObjectNotFound):
        place.store.get(place.uri("gone"), target)
    assert target.read_bytes() == b"mine"


def test_file_is_replaced_by_its_object(place, source, tmp_path):
    place.store.put(place.uri("a"), source(b"theirs"))
    target = tmp_path / "target"
    target.write_bytes(b"mine, and longer")
    place.store.get(place.uri("a"), target)
    assert target.read_bytes() == b"theirs"


def test_deleted_object_is_gone_and_its_key_free(place, source, tmp_path):
    uri = place.uri("a")
    place.store.put(uri, source(b"first"))
    assert place.store.delete(uri) is True
    assert place.store.delete(uri) is False
    assert place.store.stat(uri) is None
    assert list(place.store.list(place.root)) == []
    place.store.put(uri, source(b"second"))
    assert _content(place.store, uri, tmp_path) == b"second"


def test_object_can_be_read_by_its_url_without_keys(place, source):
    uri, content = place.uri("a folder/ü+%20.tif"), b"for everybody"
    place.store.put(uri, source(content))
    url = place.store.reading_url(uri, timedelta(minutes=1))
    with urlopen(url) as answer:
        assert answer.read() == content


def test_url_ends_with_its_time(options, source):
    uri, store = f"{_root(options)}/a", S3Store(connect(options))
    store.put(uri, source(b"x"))
    url = store.reading_url(uri, timedelta(seconds=1))
    assert options["secret_key"] not in url

    def is_refused():
        try:
            urlopen(url).close()
        except HTTPError as error:
            return error.code == 403
        return False

    wait_for(is_refused)


# -- many objects


def test_objects_are_listed_by_the_beginning_of_their_uri(place, source):
    for name in ("a", "ab/c", "ab/d/e", "b/a", "B"):
        place.store.put(place.uri(name), source(name.encode()))

    def listed(prefix):
        return {
            uri.removeprefix(f"{place.root}/"): size
            for uri, size, _ in place.store.list(place.uri(prefix))
        }

    assert listed("a") == {"a": 1, "ab/c": 4, "ab/d/e": 6}
    assert listed("ab") == listed("ab/") == {"ab/c": 4, "ab/d/e": 6}
    assert listed("ab/d/e") == {"ab/d/e": 6}
    assert listed("") == {"a": 1, "ab/c": 4, "ab/d/e": 6, "b/a": 3, "B": 1}
    assert listed("nothing") == listed("a/below") == {}


def test_objects_are_listed_with_the_time_of_their_creation(place, source):
    # A server's clock may be a little off, and tell whole seconds.
    before = datetime.now(UTC) - timedelta(seconds=5)
    place.store.put(place.uri("a"), source(b"x"))
    ((_, _, at),) = place.store.list(place.root)
    assert before <= at <= datetime.now(UTC) + timedelta(seconds=5)


def test_more_objects_than_a_page_are_listed(place, source):
    file, names = source(b"x"), [f"{number:04}" for number in range(1010)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: place.store.put(place.uri(name), file), names))
    found = sorted(uri for uri, _, _ in place.store.list(f"{place.root}/"))
    assert found == [place.uri(name) for name in names]


# -- several at once


def _at_once(put, contents):
    """What became of writers that start together: their content when they won."""
    start = threading.Barrier(len(contents))

    def write(content):
        start.wait()
        try:
            assert put(content) == _measured(content)
        except ObjectConflict:
            return None
        return content

    with ThreadPoolExecutor(len(contents)) as threads:
        return list(threads.map(write, contents))


@pytest.mark.parametrize("size", [1000, 17 << 20])
def test_of_writers_at_once_one_wins_and_all_agree(
    size, place, source, tmp_path, request
):
    if size > PART and request.node.callspec.params["place"] == "seaweedfs":
        pytest.skip("SeaweedFS 4.48 looks for an object before it completes its parts")
    uri = place.uri("contested")
    contents = [os.urandom(size) for _ in range(4)]
    files = {content: source(content) for content in contents}
    ended = _at_once(lambda content: place.store.put(uri, files[content]), contents)
    winners = [content for content in ended if content is not None]
    assert len(winners) == 1
    assert _content(place.store, uri, tmp_path) == winners[0]
    assert [size for _, size, _ in place.store.list(place.root)] == [size]


@pytest.mark.parametrize("size", [1000, 17 << 20])
def test_writers_of_the_same_bytes_at_once_all_succeed(size, place, source, tmp_path):
    uri, content = place.uri("shared"), os.urandom(size)
    file = source(content)
    ended = _at_once(lambda _: place.store.put(uri, file), [content] * 4)
    assert ended == [content] * 4
    assert _content(place.store, uri, tmp_path) == content


def test_reader_sees_a_whole_object_or_none(place, source, large, tmp_path):
    """F13."""
    uri, file = place.uri("a"), source(large)
    done = threading.Event()
    seen = []

    def read():
        while not done.is_set():
            seen.append(place.store.stat(uri))

    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(read)
        place.store.put(uri, file)
        done.set()
        reading.result()
    assert set(seen) <= {None, _measured(large)}


# -- what is no object


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "relative/path",
        "http://host/bucket/key",
        "{root}/",
        "{root}//a",
        "{root}/a/../b",
        "{root}/./a",
        "{root}/a/..",
    ],
)
def test_uri_that_names_no_object_is_refused(uri, place, source, tmp_path):
    uri, file = uri.format(root=place.root), source(b"x")
    for ask in (
        lambda: place.store.put(uri, file),
        lambda: place.store.get(uri, tmp_path / "target"),
        lambda: place.store.stat(uri),
        lambda: place.store.delete(uri),
        lambda: place.store.reading_url(uri, timedelta(minutes=1)),
    ):
        with pytest.raises(InvalidRequest):
            ask()
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("uri", ["", "relative/path", "http://host/bucket/key"])
def test_prefix_of_another_store_is_refused(uri, place):
    with pytest.raises(InvalidRequest):
        list(place.store.list(uri))


def test_store_is_chosen_by_the_scheme(place, source, tmp_path):
    scheme = place.root.partition("://")[0]
    stores = Stores({scheme: place.store})
    stores.put(place.uri("a"), source(b"x"))
    assert stores.stat(place.uri("a")) == _measured(b"x")
    assert _content(stores, place.uri("a"), tmp_path) == b"x"
    assert len(list(stores.list(place.root))) == 1
    assert stores.delete(place.uri("a"))
    with pytest.raises(InvalidRequest, match=f"no store for 'gs', there is: {scheme}"):
        stores.stat("gs://bucket/key")


# -- folders


def test_path_and_uri_of_a_file_are_one_object(source, tmp_path):
    store = FileStore()
    store.put(f"{tmp_path}/store/a", source(b"x"))
    assert store.stat(f"file://{tmp_path}/store/a") == _measured(b"x")
    assert [uri for uri, _, _ in store.list(f"{tmp_path}/store/")] == [
        f"{tmp_path}/store/a"
    ]


def test_object_of_a_folder_cannot_be_written_to(source, tmp_path):
    FileStore().put(f"{tmp_path}/store/a", source(b"x"))
    assert (tmp_path / "store/a").stat().st_mode & 0o222 == 0


def test_what_a_killed_writer_left_is_no_object(source, tmp_path):
    """F13."""
    (tmp_path / "store/.part-dead").mkdir(parents=True)
    (tmp_path / "store/.part-dead/object").write_bytes(b"half")
    FileStore().put(f"{tmp_path}/store/a", source(b"x"))
    found = [uri for uri, _, _ in FileStore().list(f"{tmp_path}/store")]
    assert found == [f"{tmp_path}/store/a"]


def test_what_a_killed_writer_left_is_found_when_it_is_old(source, tmp_path):
    left = tmp_path / "store/.part-dead"
    left.mkdir(parents=True)
    (left / "object").write_bytes(b"half")
    yesterday = time.time() - 25 * 3600
    os.utime(left, (yesterday, yesterday))
    found = [uri for uri, _, _ in FileStore().list(f"{tmp_path}/store")]
    assert found == [f"{left}/object"]
    assert FileStore().delete(found[0])
    assert list(FileStore().list(f"{tmp_path}/store")) == []


COPIED = """
import sys
from pathlib import Path
from infra.files.store import FileStore
from streams.errors import NodeExhausted
try:
    FileStore().get(sys.argv[1], Path(sys.argv[2], "copy"))
except NodeExhausted as error:
    print(error.failure, list(Path(sys.argv[2]).iterdir()))
"""


def test_disk_that_is_full_while_copying_is_the_nodes_failure(source, tmp_path):
    """F11: the store is well."""
    small = tmp_path / "small"
    small.mkdir()
    uri = f"{tmp_path}/store/a"
    FileStore().put(uri, source(bytes(2 << 20)))
    assert run_on_a_disk(1, small, COPIED, uri, small) == "NODE_RESOURCE []"


def test_folder_that_cannot_be_made_is_named(source, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="file/below: "):
        FileStore().put(f"{tmp_path}/file/below", source(b"x"))


# -- any S3


def test_wrong_secret_is_refused_and_not_shown(options, source, tmp_path):
    uri, wrong = f"{_root(options)}/a", {**options, "secret_key": "wrong-secret"}
    store = S3Store(connect(wrong))
    for ask in (
        lambda: store.put(uri, source(b"x")),
        lambda: store.get(uri, tmp_path / "target"),
        lambda: store.stat(uri),
        lambda: list(store.list(uri)),
        lambda: store.delete(uri),
    ):
        with pytest.raises(StoreError) as caught:
            ask()
        assert type(caught.value) is StoreError
        assert "wrong-secret" not in str(caught.value)
    assert not (tmp_path / "target").exists()
    assert S3Store(connect(options)).stat(uri) is None


def test_unknown_key_is_refused(options, source):
    store = S3Store(connect({**options, "access_key": "nobody"}))
    with pytest.raises(StoreError):
        store.put(f"{_root(options)}/a", source(b"x"))


def test_bucket_that_is_missing_holds_no_object(options, tmp_path):
    store = S3Store(connect(options))
    with pytest.raises(ObjectNotFound, match="no-such-bucket"):
        store.get("s3://no-such-bucket/a", tmp_path / "target")


def test_server_that_is_gone_is_unavailable(source, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = S3Store(connect({"endpoint": f"http://127.0.0.1:{port}"}, retries=0))
    for ask in (
        lambda: store.put("s3://bucket/a", source(b"x")),
        lambda: store.get("s3://bucket/a", tmp_path / "target"),
        lambda: list(store.list("s3://bucket/a")),
    ):
        with pytest.raises(StoreUnavailable, match="s3://bucket/a: "):
            ask()
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(
    "endpoint", ["", "127.0.0.1:9000", "ftp://host", "http://user:hidden@host/path"]
)
def test_endpoint_that_is_no_address_is_refused_and_not_shown(endpoint):
    with pytest.raises(InvalidRequest, match="expected http") as caught:
        connect({"endpoint": endpoint})
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "uri", ["s3://", "s3://b/key", "s3://Bucket/key", "s3://bucket", "s3://bucket/a\\b"]
)
def test_uri_that_no_s3_has_is_refused(uri):
    with pytest.raises(InvalidRequest):
        place_of(uri)


def test_object_of_another_writer_is_measured_by_its_bytes(options, large):
    client, uri = connect(options), f"{_root(options)}/foreign"
    client.put_object(*place_of(uri), BytesIO(large), len(large))
    assert S3Store(client).stat(uri) == _measured(large)


def test_bucket_is_provisioned_as_often_as_asked(options):
    name = f"test-{uuid4().hex[:12]}"
    for _ in range(2):
        provision_bucket(name, options)
    assert connect(options).bucket_exists(name)


def test_uploads_that_nobody_ends_have_an_end(options):
    """The rule of a bucket as the embedded store keeps it; MinIO has one by itself."""
    name = f"test-{uuid4().hex[:12]}"
    provision_bucket(name, options)
    found = connect(options).get_bucket_lifecycle(name)
    if found is None:
        assert "seaweedfs" not in options["endpoint"]
        return
    (rule,) = found.rules
    assert rule.status == "Enabled"
    assert rule.abort_incomplete_multipart_upload.days_after_initiation == 7
    # Layers are never thrown away by the store: what a fact lists is there.
    assert rule.expiration is None


@pytest.fixture
def cable(options):
    """A cable to the server, to be cut, and a store at its end that tries once."""
    address = urlsplit(options["endpoint"])
    with Cable(address.hostname, address.port) as cable:
        endpoint = f"http://127.0.0.1:{cable.port}"
        yield cable, S3Store(connect({**options, "endpoint": endpoint}, retries=0))


def test_transfer_that_breaks_leaves_no_file(cable, options, source, large, tmp_path):
    cable, store = cable
    uri = f"{_root(options)}/a"
    S3Store(connect(options)).put(uri, source(large))
    folder = tmp_path / "into"
    folder.mkdir()
    cable.cut_after(received=20 << 20)
    with pytest.raises(StoreUnavailable):
        store.get(uri, folder / "target")
    assert list(folder.iterdir()) == []


def test_upload_that_breaks_leaves_no_object(cable, options, source, large, tmp_path):
    """F12, F13."""
    cable, store = cable
    uri = f"{_root(options)}/a"
    cable.cut_after(sent=20 << 20)
    with pytest.raises(StoreUnavailable):
        store.put(uri, source(large))
    healthy = S3Store(connect(options))
    assert healthy.stat(uri) is None
    assert healthy.put(uri, source(large)) == _measured(large)
    assert _content(healthy, uri, tmp_path) == large


def test_cable_that_breaks_once_is_survived(cable, options, source, large, tmp_path):
    """F12."""
    cable, _ = cable
    endpoint = f"http://127.0.0.1:{cable.port}"
    store = S3Store(connect({**options, "endpoint": endpoint}, retries=3))
    uri = f"{_root(options)}/a"
    cable.cut_after(sent=20 << 20, heal=True)
    assert store.put(uri, source(large)) == _measured(large)
    cable.cut_after(received=20 << 20, heal=True)
    assert _content(store, uri, tmp_path) == large
    assert cable.cuts == 2
