# SPDX-License-Identifier: Apache-2.0
"""Tags of a scene's record in the index: made here, and nowhere else. Pure."""

from collections.abc import Mapping

from streams.model import Scene

DERIVED = frozenset(
    {
        "sourceID",
        "uuid",
        "ingestionDate",
        "constellation",
        "satellite",
        "orbitDirection",
        "relativeOrbit",
        "orbit",
        "productType",
        "polarisationMode",
        "sliceNumber",
        "cloudCoverPercentage",
        "landCloudCoverPercentage",
        "sunAzimuth",
        "sunElevation",
        "incidenceAngle",
        "incidenceAzimuth",
        "lastRelativeOrbit",
        "lastOrbit",
        "downloadURL",
        "estimatedCost",
        "EstimatedCost",
        "amountUnit",
    }
)
"""Keys of tags that tell of the scene: catalogues differ in them, and change them."""

LINEAGE = frozenset({"processingDate", "previous_scenes", "reference_scenes"})
"""Keys of tags that the Go ingester adds as the scene is processed; we add none."""

_NOTHING = frozenset({"", "<nil>", "None", "null"})


def record_tags(scene: Scene, asked: Mapping[str, str]) -> dict[str, str]:
    """The complete tags of a scene's record, in order of key.

    Args:
        scene: with the tags that its catalogue and its sensor gave.
        asked: `record_tags` of the request: they win.
    """
    metadata = scene.metadata
    own = {
        "sourceID": scene.name,
        "uuid": metadata.get("uuid", ""),
        "ingestionDate": metadata.get("published", ""),
    }
    told = {
        key: value
        for key, value in (own | scene.tags).items()
        if value not in _NOTHING and key not in LINEAGE
    }
    return dict(sorted((told | dict(asked)).items()))
