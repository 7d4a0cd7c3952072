# SPDX-License-Identifier: Apache-2.0
"""`manifest.safe` of a Sentinel-1 product: its orbits and its annotations."""

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from agents.catalogue.bursts.ids import ORBITS, Orbits
from agents.worker.markup import parse
from streams.errors import DamagedProduct

NAME = "manifest.safe"

# Calibration, noise and interference are in folders below.
_ANNOTATION = re.compile(r"(?:\./)?(annotation/s1[^/]*\.xml)")

_POLARISATION = re.compile(r"annotation/(s1.-[ie]w\d)-slc-([vh]{2})-.*")

# One product has bursts of one place and time whatever was received: read one file.
_PREFERRED = ("vv", "hh", "vh", "hv")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What bursts need of a manifest."""

    orbit: int
    """Absolute orbit in which the product begins; its name has it too."""
    orbits: Orbits
    annotations: tuple[str, ...]
    """Paths of all of them in the product."""

    def one_of_each_swath(self) -> list[str]:
        """The annotations to read: one polarisation of every sub-swath, sorted."""
        chosen: dict[str, tuple[int, str]] = {}
        for path in self.annotations:
            found = _POLARISATION.fullmatch(path)
            if found is not None:
                rank = _PREFERRED.index(found[2])
                swath = found[1]
                chosen[swath] = min(chosen.get(swath, (rank, path)), (rank, path))
        return sorted(path for _, path in chosen.values())


def read_manifest(document: bytes) -> Manifest:
    """What a manifest says.

    Raises:
        DamagedProduct: it is none of a Sentinel-1 product.
    """
    root = parse(NAME, document)
    try:
        orbit = _orbits(root, "orbitNumber")["start"]
        relative = _orbits(root, "relativeOrbitNumber")
        start, stop = relative["start"], relative["stop"]
    except (KeyError, ValueError) as error:
        raise DamagedProduct(f"{NAME}: no orbits of start and stop") from error
    if not (1 <= start <= ORBITS and 1 <= stop <= ORBITS):
        raise DamagedProduct(
            f"{NAME}: relative orbits {start} and {stop}, expected 1 to {ORBITS}"
        )
    paths = (element.get("href", "") for element in root.iter("fileLocation"))
    annotations = (_ANNOTATION.fullmatch(path) for path in paths)
    return Manifest(
        orbit,
        Orbits(start, stop),
        tuple(sorted({match[1] for match in annotations if match})),
    )


def _orbits(root: Element, name: str) -> dict[str, int]:
    """Orbits by what they are of: `start` and `stop` of the product."""
    return {e.get("type", ""): int((e.text or "").strip()) for e in root.iter(name)}
