# SPDX-License-Identifier: Apache-2.0
"""`python -m infra.geocube.standin`: serves until SIGTERM or SIGINT.

Settings are variables: INGESTER_GEOCUBE_LISTEN (host:port), INGESTER_GEOCUBE_DSN
(PostgreSQL), INGESTER_GEOCUBE_TOKEN (asked of callers; may be absent), and
INGESTER_S3_ENDPOINT, _ACCESS_KEY, _SECRET_KEY, _REGION for containers on S3.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping

from psycopg import Error

from infra.geocube.standin.database import Database
from infra.geocube.standin.rasters import Rasters
from infra.geocube.standin.service import serve
from streams.errors import StackError

# What is being answered may end; the supervisor kills after 20 s.
_GRACE_S = 10.0


def run(settings: Mapping[str, str]) -> None:
    """Serve until told to stop.

    Raises:
        StackError: a setting is missing, or the database is another Geocube's.
    """
    address = _setting(settings, "INGESTER_GEOCUBE_LISTEN")
    dsn = _setting(settings, "INGESTER_GEOCUBE_DSN")
    rasters, token = Rasters(_s3(settings)), settings.get("INGESTER_GEOCUBE_TOKEN", "")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Database(dsn) as database:
        database.prepare()
        # Listens only now: who can connect is answered.
        server, _ = serve(address, database, rasters, token)
        stop.wait()
        server.stop(_GRACE_S).wait()


def _setting(settings: Mapping[str, str], name: str) -> str:
    if not settings.get(name):
        raise StackError(f"{name} is not set")
    return settings[name]


def _s3(settings: Mapping[str, str]) -> dict[str, str]:
    names = ("endpoint", "access_key", "secret_key", "region")
    return {name: settings.get(f"INGESTER_S3_{name.upper()}", "") for name in names}


if __name__ == "__main__":
    try:
        run(os.environ)
    except (StackError, Error, RuntimeError) as error:
        sys.exit(f"geocube stand-in: {error}")
