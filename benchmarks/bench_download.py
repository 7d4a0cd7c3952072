# SPDX-License-Identifier: Apache-2.0
"""Downloads: from the object store and from a web server, against raw transfers.

One product of SIZE bytes (1 GiB) and FILES small ones (500 of 64 KiB), from the
embedded object store and from a web server on the loopback, through the provider as the
downloader runs it: received in parts, checksum compared, put in its place. Then the
whole way, with the upload into the store. Peers run in the same minute on the same
files: curl, the minio client, and, where PEERS names a Python that has them, boto3 and
eodag's kind of transfer (requests, one stream).
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

import urllib3

from agents.downloader.provider import Errand
from agents.downloader.providers import url
from agents.worker.desk import Desk
from agents.worker.room import Room
from benchmarks.servers import own_system
from infra.minio.client import connect
from infra.minio.store import S3Store, open_store
from streams.model import Scene

SIZE = int(os.environ.get("SIZE", str(1 << 30)))
FILES = int(os.environ.get("FILES", "500"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SMALL = 64 << 10

SCENE = Scene("product", "x", datetime(2024, 1, 1, tzinfo=UTC))

Way = Callable[[Path], object]


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
    for number in range(FILES):
        (served / "small" / f"{number:04}.bin").write_bytes(block[:SMALL])
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
        with path.open("rb") as file:
            while start < end:
                start += os.sendfile(
                    self.connection.fileno(), file.fileno(), start, end - start
                )


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


def _ours(options: dict[str, str], into: Path, metadata: dict[str, str]) -> None:
    desk, node = Desk(), into.parent / "node"
    errand = Errand("bench", desk, node / ".kept" / "t", node, Room(), "bench")
    scene = replace(SCENE, metadata=metadata)
    url.make(options).fetch(scene, into, errand)


def _curl(source: str, into: Path) -> None:
    subprocess.run(["curl", "-sf", "-o", str(into / "product.bin"), source], check=True)


def _curls(web: str, into: Path) -> None:
    """All small files by one curl, connections kept, eight at a time."""
    lines = [
        f'url = "{web}/small/{n:04}.bin"\noutput = "{into}/{n:04}.bin"\n'
        for n in range(FILES)
    ]
    argv = ["curl", "-sf", "--parallel", "--parallel-max", "8", "-K", "-"]
    subprocess.run(argv, check=True, input="".join(lines), text=True)


def _minio(options: dict[str, str], bucket: str, prefix: str, into: Path) -> None:
    client = connect(options, urllib3.PoolManager)  # bodies as they come
    for item in client.list_objects(bucket, prefix, recursive=True):
        target = into / Path(item.object_name).name
        client.fget_object(bucket, item.object_name, str(target))


def _peer(code: str, *arguments: str) -> None:
    subprocess.run([os.environ["PEERS"], "-c", code, *arguments], check=True)


_BOTO3 = """
import json, sys, boto3
from pathlib import Path
from boto3.s3.transfer import TransferConfig
o = json.loads(sys.argv[1])
s3 = boto3.client("s3", endpoint_url=o["endpoint"], aws_access_key_id=o["access_key"],
    aws_secret_access_key=o["secret_key"], region_name="us-east-1")
s3.download_file(sys.argv[2], "product.bin", sys.argv[3] + "/product.bin",
    Config=TransferConfig(max_concurrency=4, multipart_chunksize=32 << 20))
"""

# As eodag 4.10 reads a body: one stream of requests, blocks of 64 KiB.
_REQUESTS = """
import sys, requests
with requests.get(sys.argv[1], stream=True) as answer, open(sys.argv[2], "wb") as file:
    for block in answer.iter_content(chunk_size=64 * 1024):
        file.write(block)
"""


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
        },
        "store": {
            "ours, MD5 compared": lambda into: _ours(checked, into, object_link),
            "ours, no checksum": lambda into: _ours(of_s3, into, {}),
            "minio client": partial(_minio, options, bucket, "product.bin"),
        },
        "small files of the store": {
            "ours": lambda into: _ours(small, into, {}),
            "minio client": partial(_minio, options, bucket, "small/"),
        },
    }
    if os.environ.get("PEERS"):
        target = "product.bin"
        ways["web"]["requests, one stream"] = lambda into: _peer(
            _REQUESTS, f"{web}/product.bin", str(into / target)
        )
        ways["store"]["boto3, 4 threads"] = lambda into: _peer(
            _BOTO3, json.dumps(options), bucket, str(into)
        )
    return ways


def _compare(
    ways: dict[str, dict[str, Way]], folder: Path
) -> dict[str, dict[str, list[float]]]:
    """Seconds of each round of each way, in turn, so that a slow minute hits all."""
    seconds: dict[str, dict[str, list[float]]] = {}
    for task, some in ways.items():
        seconds[task] = {name: [] for name in some}
        for _ in range(ROUNDS):
            for name, way in some.items():
                into = folder / "into"
                into.mkdir()
                begin = time.monotonic()
                way(into)
                seconds[task][name].append(time.monotonic() - begin)
                _check(task, into)
                shutil.rmtree(into)
    return seconds


def _check(task: str, into: Path) -> None:
    """A way that lost something was not a download."""
    sizes = [file.stat().st_size for file in into.rglob("*.bin")]
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
    results: dict[str, dict[str, list[float]]], whole: tuple[float, float]
) -> None:
    print(f"{'task':28}{'way':24}{'seconds':>9}{'MB/s':>8}{'of the fastest':>16}")
    shares = {}
    for task, some in results.items():
        size = SMALL * FILES if task.startswith("small") else SIZE
        raw = min(median(s) for n, s in some.items() if not n.startswith("ours"))
        for name, seconds in some.items():
            taken = median(seconds)
            print(
                f"{task:28}{name:24}{taken:9.2f}{size / taken / 1e6:8.0f}"
                f"{raw / taken:16.0%}"
            )
            if name.startswith("ours") and name != "ours, no checksum":
                shares[task.split()[0]] = raw / taken
    print(f"fetch, verify, store: {whole[0]:.2f} s; curl and upload: {whole[1]:.2f} s")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"RESULT size={SIZE} files={FILES} web={shares['web']:.2f} "
        f"store={shares['store']:.2f} small={shares['small']:.2f} "
        f"whole={whole[1] / whole[0]:.2f} threads={threading.active_count()} "
        f"peak_mb={peak_mb:.0f}"
    )


if __name__ == "__main__":
    main()
