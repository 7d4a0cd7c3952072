# SPDX-License-Identifier: Apache-2.0
"""Names of layers: as files in a work folder, and as objects in the store. Pure.

They are those of the Go ingester, but for the attempt in an object's key, which lets no
attempt replace what another one wrote.
"""

from datetime import UTC

from streams.errors import InvalidRequest
from streams.model import Scene, Tile

PRODUCT = "__product__"
ANNOTATIONS = "__annotations__"

FOLDERS = frozenset({"SAFE", "dim", "data", "*"})
"""Extensions of what is a folder in the work folder and a zip in the store."""


def base_name(scene: Scene, tile: Tile, layer: str) -> str:
    """File name of a layer without its extension."""
    if layer == PRODUCT:
        return scene.name
    if layer == ANNOTATIONS:
        return f"{scene.name}_annotations"
    return f"{scene.date.astimezone(UTC):%Y%m%d}_{tile.name}_{layer}"


def file_name(scene: Scene, tile: Tile, layer: str, extension: str) -> str:
    """Name of a layer in the work folder.

    Layer `*` gives a name with a literal `*`: a pattern that a command must fill.

    Raises:
        InvalidRequest: a name that would lead out of the folder.
    """
    suffix = "" if extension in ("", "*") else f".{extension}"
    return _checked(base_name(scene, tile, layer) + suffix)


def stored_name(scene: Scene, tile: Tile, layer: str, extension: str) -> str:
    """Name of a layer's object: a folder is stored as a zip."""
    if extension in FOLDERS:
        return _checked(f"{base_name(scene, tile, layer)}.zip")
    return file_name(scene, tile, layer, extension)


def object_uri(
    root: str, area: str, scene: str, tile: str, attempt: str, name: str
) -> str:
    """URI of an object of one attempt at a task.

    `attempt` is `d1`, `d2`, … of a download and `p1`, `p2`, … of a processing task.
    """
    parts = (area, scene, "tiles", tile, attempt, name)
    return "/".join((root.rstrip("/"), *map(_checked, parts)))


def logical_uri(uri: str) -> str:
    """An object's name as the Go ingester gives it: without the attempt."""
    folder, _, name = uri.rpartition("/")
    return f"{folder.rpartition('/')[0]}/{name}"


def attempt_of(uri: str) -> int:
    """Number of the attempt that an object is of."""
    return int(uri.split("/")[-2][1:])


def _checked(name: str) -> str:
    if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise InvalidRequest(
            f"name '{name}'", ["expected a file name: not empty, no '/', no '..'"]
        )
    return name
