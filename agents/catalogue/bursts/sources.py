# SPDX-License-Identifier: Apache-2.0
"""Where the annotations of a product may lie, tried one after the other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agents.catalogue.bursts.burst import Burst
from agents.catalogue.bursts.product import Archive, Folder, Product, read_bursts
from agents.worker.ranges import Ranges, file_name, shown
from agents.worker.templates import filled
from streams.errors import DamagedProduct, ProductNotFound, ProviderError, SearchError
from streams.model import Scene

EODATA = "eodata"
"""The source that is the Copernicus archive, and the name of its bucket."""

# Products moved from folders of the short type to folders of the long one.
_EODATA = tuple(
    "s3://eodata/Sentinel-1/SAR/" + kind + "/{YEAR}/{MONTH}/{DAY}/{SCENE}.SAFE"
    for kind in ("{MODE}_{PRODUCT_TYPE}__1S", "{PRODUCT_TYPE}")
)

_NONE = (
    "no source of annotations is set up (INGESTER_CATALOGUE_ANNOTATIONS, "
    "INGESTER_EODATA_ACCESS_KEY, or annotations_urls of the request)"
)

_PUBLIC_GS = "https://storage.googleapis.com/"


@dataclass(frozen=True, slots=True)
class Found:
    """The bursts of a product."""

    bursts: tuple[Burst, ...]
    of_service: bool
    """They are from a source of the service, not one that a request named."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Every place that annotations can be read from."""

    ranges: Mapping[str, Ranges]
    """What reads files, by the beginning of their URI: a scheme, or one bucket."""
    service: Sequence[str] = ()
    """URL templates tried for every request, and `eodata`, in order."""

    def read(self, scene: Scene, area: str, of_request: Sequence[str] = ()) -> Found:
        """The bursts of a scene, from the first source that has its annotations.

        Args:
            scene: an IW or EW SLC product.
            area: name, for templates.
            of_request: its own templates, tried last.

        Raises:
            ProductNotFound: no source has them, or what it has cannot be used.
            SearchError: a source that may have them does not answer; ask again.
            InvalidRequest: a template asks for what is not known of the scene.
        """
        problems: list[str] = []
        passing: list[str] = []
        orbit = int(scene.fields["ABSOLUTE_ORBIT"])
        for number, template in enumerate((*self.service, *of_request)):
            for uri in _uris(template, scene, area):
                try:
                    bursts = read_bursts(self._open(uri, scene), orbit)
                    return Found(bursts, of_service=number < len(self.service))
                except ProductNotFound:
                    problems.append(f"{shown(uri)}: not there")
                except DamagedProduct as error:
                    problems.append(f"{shown(uri)}: {error}")
                except ProviderError as error:
                    passing.append(str(error))
        if passing:
            raise SearchError(f"annotations of '{scene.name}': {'; '.join(passing)}")
        raise ProductNotFound("; ".join(problems) or _NONE)

    def _open(self, uri: str, scene: Scene) -> Product:
        ranges = self._reader(uri)
        if file_name(uri).endswith(".zip"):
            return Archive(ranges, uri, scene.name)
        return Folder(ranges, uri)

    def _reader(self, uri: str) -> Ranges:
        found = [start for start in self.ranges if uri.startswith(start)]
        if not found:
            raise DamagedProduct("this catalogue is not set up to read such URLs")
        return self.ranges[max(found, key=len)]


def _uris(template: str, scene: Scene, area: str) -> Iterator[str]:
    """Where a product may be, as a template says: itself, or what it is in."""
    if template == EODATA:
        yield from _in_eodata(scene, area)
        return
    uri = filled(template, scene, area)
    if uri.startswith("gs://"):
        uri = _PUBLIC_GS + uri.removeprefix("gs://")
    if file_name(uri).endswith((".zip", ".SAFE")):
        yield uri
    else:
        for ending in (".SAFE", ".zip", ".SAFE.zip"):
            yield f"{uri.rstrip('/')}/{scene.name}{ending}"


def _in_eodata(scene: Scene, area: str) -> Iterator[str]:
    known = scene.metadata.get("s3_path", "")
    if known:
        path = known.removeprefix("s3://").strip("/")
        yield f"s3://{EODATA}/{path.removeprefix(f'{EODATA}/')}"
    else:
        yield from (filled(template, scene, area) for template in _EODATA)
