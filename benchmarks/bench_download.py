# SPDX-License-Identifier: Apache-2.0
"""Downloads: from the object store and from a web server, against raw transfers.

One product of SIZE bytes (1 GiB) and FILES small ones (1,000 of 64 KiB), from the
embedded object store and from a web server on the loopback, through the provider as the
downloader runs it: received in parts, checksum compared, put in its place. Then the
whole way, with the upload into the store. Peers run in the same minute on the same
files: curl, alone and with md5sum, the minio client, and, where PEERS names a Python
that has them, boto3 and eodag. These say themselves how long they took: the start of
their process is not counted. Seconds of processor are told too, of the client alone:
they say more on a machine that others use.
"""

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

import urllib3
from msgspec.structs import replace

from agents.downloader.provider import Errand
from agents.downloader.providers import url
from agents.downloader.providers.remote import Lot, made
from agents.worker.desk import Desk
from agents.worker.room import Room
from benchmarks.servers import own_system
from infra.minio.client import connect
from infra.minio.store import S3Store, open_store
from streams.model import Scene

SIZE = int(os.environ.get("SIZE", str(1 << 30)))
FILES = int(os.environ.get("FILES", "1000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SMALL = 64 << 10

_SMALL_FILES = [f"small/{number:04}.bin" for number in range(FILES)]

SCENE = Scene("product", "x", datetime(2024, 1, 1, tzinfo=UTC))

Spent = tuple[float, float]
"""Seconds, and seconds of processor."""

Way = Callable[[Path], Spent | None]
"""Downloads into a folder; may say itself what it spent."""


def main() -> None:
    """Make the files, run every way ROUNDS times in turn, print the medians."""
    with tempfile.TemporaryDirectory(dir=".ingester") as name:
        folder = Path(name)
        served = folder / "served"
        digest = _make(served)
        with _web(served) as web, own_system(folder) as system:
            settings = system.settings
            options = {
                "endpoint": settings.s3_endpoint,
                "access_key": settings.s3_access_key.get_secret_value(),
                "secret_key": settings.s3_secret_key.get_secret_value(),
            }
            bucket = settings.storage_uri.removeprefix("s3://")
            _upload(served, options, bucket)
            results = _compare(_ways(web, options, bucket, digest), folder)
            store = open_store(options)
            whole = _whole(folder, web, store, bucket, digest)
    _report(results, whole)


def _make(served: Path) -> str:
    served.mkdir()
    (served / "small").mkdir()
    digest = hashlib.md5(usedforsecurity=False)
    block = os.urandom(1 << 20)
    with (served / "product.bin").open("wb") as file:
        for number in range(SIZE >> 20):
            part = number.to_bytes(8) + block[8:]
            digest.update(part)
            file.write(part)
    for name in _SMALL_FILES:
        (served / name).write_bytes(block[:SMALL])
    return digest.hexdigest()


class _Files(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        """A file or a part of one, by the system's own copy."""
        path = self.folder / self.path.lstrip("/")
        size = path.stat().st_size
        wanted = self.headers.get("Range", "").removeprefix("bytes=").split("-")
        start = int(wanted[0]) if wanted[0] else 0
        end = int(wanted[1]) + 1 if len(wanted) > 1 and wanted[1] else size
        end = min(end, size)
        self.send_response(206 if wanted[0] else 200)
        self.send_header("ETag", f'"{size}"')
        self.send_header("Content-Length", str(end - start))
        if wanted[0]:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.end_headers()
        if self.command == "HEAD":
            return
        with path.open("rb") as file:
            while start < end:
                start += os.sendfile(
                    self.connection.fileno(), file.fileno(), start, end - start
                )

    do_HEAD = do_GET  # eodag asks for sizes first


@contextmanager
def _web(folder: Path) -> Iterator[str]:
    """A web server in a process of its own."""
    code = (
        "import sys; from pathlib import Path; "
        "from benchmarks.bench_download import serve; serve(Path(sys.argv[1]))"
    )
    argv = [sys.executable, "-c", code, str(folder)]
    server = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def serve(folder: Path) -> None:
    """Serve files until terminated; says its port first."""
    handler = type("Handler", (_Files,), {"folder": folder})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


def _upload(served: Path, options: dict[str, str], bucket: str) -> None:
    client = connect(options)
    for file in sorted(served.rglob("*.bin")):
        key = file.relative_to(served).as_posix()
        client.fput_object(bucket, key, str(file), part_size=16 << 20)


def _errand(into: Path) -> Errand:
    node = into.parent / "node"
    return Errand("bench", Desk(), node / ".kept" / "t", node, Room(), "bench")


def _ours(options: dict[str, str], into: Path, metadata: dict[str, str]) -> None:
    scene = replace(SCENE, metadata=metadata)
    url.make(options).fetch(scene, into, _errand(into))


def _ours_many(options: dict[str, str], web: str, into: Path) -> None:
    """A product of which a catalogue lists every file, as Landsat's."""
    lots = [Lot(f"{web}/{name}") for name in _SMALL_FILES]

    def locate(scene: Scene, errand: Errand) -> Iterator[Sequence[Lot]]:
        yield lots

    made(locate, options).fetch(SCENE, into, _errand(into))


def _curl(source: str, into: Path) -> None:
    subprocess.run(["curl", "-sf", "-o", str(into / "product.bin"), source], check=True)


def _curl_then_md5(source: str, digest: str, into: Path) -> None:
    """A transfer that is compared when it is over."""
    _curl(source, into)
    argv = ["md5sum", str(into / "product.bin")]
    _compared(subprocess.run(argv, check=True, stdout=subprocess.PIPE), digest)


def _curl_tee_md5(source: str, digest: str, into: Path) -> None:
    """A transfer that is compared while it comes."""
    pipe = subprocess.PIPE
    target = str(into / "product.bin")
    with (
        subprocess.Popen(["curl", "-sf", source], stdout=pipe) as curl,
        subprocess.Popen(["tee", target], stdin=curl.stdout, stdout=pipe) as tee,
    ):
        said = subprocess.run(["md5sum"], check=True, stdin=tee.stdout, stdout=pipe)
    _compared(said, digest)


def _compared(md5sum: subprocess.CompletedProcess[bytes], digest: str) -> None:
    assert md5sum.stdout.split()[0].decode() == digest


def _curls(web: str, into: Path) -> None:
    """All small files by one curl, connections kept, eight at a time."""
    lines = [
        f'url = "{web}/{name}"\noutput = "{into / Path(name).name}"\n'
        for name in _SMALL_FILES
    ]
    argv = ["curl", "-sf", "--parallel", "--parallel-max", "8", "-K", "-"]
    subprocess.run(argv, check=True, input="".join(lines), text=True)


def _minio(options: dict[str, str], bucket: str, prefix: str, into: Path) -> None:
    client = connect(options, urllib3.PoolManager)  # bodies as they come
    for item in client.list_objects(bucket, prefix, recursive=True):
        target = into / Path(item.object_name).name
        client.fget_object(bucket, item.object_name, str(target))


def _peer(code: str, *arguments: str) -> Spent:
    argv = [os.environ["PEERS"], "-c", _CLOCK + code + _SAY, *arguments]
    said = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, processor = map(float, said.split()[-2:])
    return seconds, processor


# What a peer imports is imported before the clock starts: `begin()` is called by it.
_CLOCK = """
import json, sys, time
def begin():
    global t, c
    t, c = time.monotonic(), time.process_time()
"""

_SAY = """
print(time.monotonic() - t, time.process_time() - c)
"""

_BOTO3 = """
import boto3
from boto3.s3.transfer import TransferConfig
o = json.loads(sys.argv[1])
begin()
s3 = boto3.client("s3", endpoint_url=o["endpoint"], aws_access_key_id=o["access_key"],
    aws_secret_access_key=o["secret_key"], region_name="us-east-1")
s3.download_file(sys.argv[2], "product.bin", sys.argv[3] + "/product.bin",
    Config=TransferConfig(max_concurrency=4, multipart_chunksize=32 << 20))
"""

_EODAG = """
from eodag.api.product import EOProduct
from eodag.config import PluginConfig
from eodag.plugins.authentication.aws_auth import AwsAuth
from eodag.plugins.download.aws import AwsDownload
from eodag.plugins.download.http import HTTPDownload
o, into = json.loads(sys.argv[1]), sys.argv[2]
def config(**values):
    made = PluginConfig()
    made.__dict__.update(values, output_dir=into, extract=False)
    return made
product = EOProduct("peer", {"id": "P", "title": "P", "geometry": "POINT (0 0)",
    "eodag:download_link": o["link"]}, collection="X")
product.assets.update({name: {"href": name} for name in o["assets"]})
if o["link"].startswith("s3:"):
    keys = {"aws_access_key_id": o["access_key"],
        "aws_secret_access_key": o["secret_key"]}
    auth = AwsAuth("peer", config(s3_endpoint=o["endpoint"], credentials=keys))
    plugin = AwsDownload("peer", config(products={}))
else:
    auth, plugin = None, HTTPDownload("peer", config(products={}))
begin()
product.register_downloader(plugin, auth)
plugin.download(product, auth=None)
"""


def _eodag(link: str, assets: Sequence[str], more: dict[str, str], into: Path) -> Spent:
    """eodag's own plug-ins, as its users get them."""
    asked = json.dumps({"link": link, "assets": assets, **more})
    return _peer(_EODAG, asked, str(into))


def _ways(
    web: str, options: dict[str, str], bucket: str, digest: str
) -> dict[str, dict[str, Way]]:
    """Task → way → what runs it."""
    link = {"download_link": f"{web}/product.bin", "md5": digest}
    of_web = {"per_second": "100000"}
    of_s3 = {**options, **of_web, "urls": f"s3://{bucket}/product.bin"}
    small = {**options, **of_web, "urls": f"s3://{bucket}/small/", "parallel": "8"}
    object_link = {"download_link": f"s3://{bucket}/product.bin", "md5": digest}
    checked = {**options, **of_web, "urls": "{download_link}"}
    ways: dict[str, dict[str, Way]] = {
        "web": {
            "ours, MD5 compared": lambda into: _ours(of_web, into, link),
            "ours, no checksum": lambda into: _ours(
                {**of_web, "urls": f"{web}/product.bin"}, into, {}
            ),
            "curl": partial(_curl, f"{web}/product.bin"),
            "curl, then md5sum": partial(_curl_then_md5, f"{web}/product.bin", digest),
            "curl | tee | md5sum": partial(_curl_tee_md5, f"{web}/product.bin", digest),
        },
        "store": {
            "ours, MD5 compared": lambda into: _ours(checked, into, object_link),
            "ours, no checksum": lambda into: _ours(of_s3, into, {}),
            "minio client": partial(_minio, options, bucket, "product.bin"),
        },
        "small files of the web": {
            "ours": partial(_ours_many, {**of_web, "parallel": "8"}, web),
            "curl, 8 at once": partial(_curls, web),
        },
        "small files of the store": {
            "ours": lambda into: _ours(small, into, {}),
            "minio client": partial(_minio, options, bucket, "small/"),
        },
    }
    if os.environ.get("PEERS"):
        product, folder = f"{web}/product.bin", f"s3://{bucket}/small/"
        files = [f"{web}/{name}" for name in _SMALL_FILES]
        ways["web"]["eodag"] = partial(_eodag, product, [], {})
        ways["store"]["boto3, 4 threads"] = lambda into: _peer(
            _BOTO3, json.dumps(options), bucket, str(into)
        )
        ways["small files of the web"]["eodag"] = partial(_eodag, web, files, {})
        ways["small files of the store"]["eodag"] = partial(_eodag, folder, [], options)
    return ways


def _compare(
    ways: dict[str, dict[str, Way]], folder: Path
) -> dict[str, dict[str, list[Spent]]]:
    """What each round of each way spent, in turn: a slow minute hits all."""
    spent: dict[str, dict[str, list[Spent]]] = {}
    for task, some in ways.items():
        spent[task] = {name: [] for name in some}
        for _ in range(ROUNDS):
            for name, way in some.items():
                into = folder / "into"
                into.mkdir()
                begin, processor = time.monotonic(), _processor()
                said = way(into)
                here = time.monotonic() - begin, _processor() - processor
                spent[task][name].append(said or here)
                _check(task, into)
                shutil.rmtree(into)
    return spent


def _processor() -> float:
    """Seconds of processor of this process and of those that it waited for."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _check(task: str, into: Path) -> None:
    """A way that lost something was not a download."""
    # eodag gives a product the name of its scene.
    files = [f for f in into.rglob("*") if f.is_file() and f.parent.name[0] != "."]
    sizes = [file.stat().st_size for file in files]
    expected = [SMALL] * FILES if task.startswith("small") else [SIZE]
    assert sizes == expected, (task, sizes[:3])


def _whole(
    folder: Path, web: str, store: S3Store, bucket: str, digest: str
) -> tuple[float, float]:
    """Seconds of fetch, verify and store; and of curl with the store's own upload."""
    taken: dict[str, list[float]] = {"ours": [], "raw": []}
    link = {"download_link": f"{web}/product.bin", "md5": digest}
    for number in range(ROUNDS):
        for name in taken:
            into = folder / "into"
            into.mkdir()
            begin = time.monotonic()
            if name == "ours":
                _ours({"per_second": "100000"}, into, link)
            else:
                _curl(f"{web}/product.bin", into)
            store.put(f"s3://{bucket}/{name}-{number}", into / "product.bin")
            taken[name].append(time.monotonic() - begin)
            shutil.rmtree(into)
    return median(taken["ours"]), median(taken["raw"])


def _report(
    results: dict[str, dict[str, list[Spent]]], whole: tuple[float, float]
) -> None:
    print(
        f"{'task':26}{'way':20}{'seconds':>9}{'MB/s':>7}{'CPU s':>8}"
        f"{'of the fastest':>16}"
    )
    shares = {}
    for task, some in results.items():
        size = SMALL * FILES if task.startswith("small") else SIZE
        taken = {name: median(s for s, _ in spent) for name, spent in some.items()}
        raw = min(s for name, s in taken.items() if not name.startswith("ours"))
        for name, spent in some.items():
            print(
                f"{task:26}{name:20}{taken[name]:9.2f}{size / taken[name] / 1e6:7.0f}"
                f"{median(c for _, c in spent):8.2f}{raw / taken[name]:16.0%}"
            )
        ours = taken.get("ours") or taken["ours, MD5 compared"]
        shares[task.replace(" files of the ", "_")] = raw / ours
        checked = [seconds for name, seconds in taken.items() if "md5sum" in name]
        if checked:
            shares[f"{task}_checked"] = min(checked) / ours
        if "eodag" in taken:
            shares[f"{task.replace(' files of the ', '_')}_eodag"] = (
                taken["eodag"] / ours
            )
    print(f"fetch, verify, store: {whole[0]:.2f} s; curl and upload: {whole[1]:.2f} s")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"RESULT size={SIZE} files={FILES} "
        + "".join(f"{name}={share:.2f} " for name, share in shares.items())
        + f"whole={whole[1] / whole[0]:.2f} threads={threading.active_count()} "
        f"peak_mb={peak_mb:.0f}"
    )


if __name__ == "__main__":
    main()
