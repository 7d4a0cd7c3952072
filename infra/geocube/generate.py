# SPDX-License-Identifier: Apache-2.0
"""Regenerates `pb/` from `protos/`: `python -m infra.geocube.generate`."""

import sys
from importlib.resources import files
from pathlib import Path

ROOM = Path(__file__).parent
PACKAGE = "infra/geocube/pb"


def generate(into: Path) -> None:
    """Write the stubs of every proto under `into`/infra/geocube/pb.

    Only messages: calls are made by path, so that the generated code does not tie us
    to one version of grpcio.
    """
    # grpcio-tools is a development dependency; nothing else in this room needs it.
    from grpc_tools import protoc  # type: ignore[import-untyped]  # has none

    protos = [f"{PACKAGE}/{proto.name}" for proto in ROOM.glob("protos/*.proto")]
    status = protoc.main(
        [
            "protoc",
            # protos/ is seen by protoc as the package that the stubs are imported from
            f"-I{PACKAGE}={ROOM / 'protos'}",
            f"-I{files('grpc_tools') / '_proto'}",
            f"--python_out={into}",
            f"--pyi_out={into}",
            *sorted(protos),
        ]
    )
    if status != 0:
        raise SystemExit(status)


if __name__ == "__main__":
    generate(ROOM.parents[1])
    sys.stdout.write(f"wrote {ROOM / 'pb'}\n")
