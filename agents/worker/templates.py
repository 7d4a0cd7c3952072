# SPDX-License-Identifier: Apache-2.0
"""URLs of products as users write them: with `{SCENE}`, `{YEAR}` and the like. Pure."""

import re
from collections.abc import Sequence

from streams.errors import InvalidRequest
from streams.model import Scene

SCHEMES = ("file", "gs", "http", "https", "s3")

_PLACEHOLDER = re.compile(r"\{(\w*)\}")


def problem_of(template: str) -> str:
    """What is wrong with a template, before any scene is known; empty: nothing."""
    scheme, separator, rest = template.partition("://")
    if template.startswith("/"):
        return ""
    if not separator or scheme not in SCHEMES or not rest.strip("/"):
        return (
            f"'{template}', expected an absolute path, or a URL that begins with "
            + ", ".join(f"{known}://" for known in SCHEMES)
        )
    return ""


def check_templates(templates: Sequence[str], allowed: Sequence[str]) -> None:
    """Check the `annotations_urls` of a request.

    Args:
        templates: of the request.
        allowed: what they may begin with; a path is a `file://` of that path.

    Raises:
        InvalidRequest: with each of them that is no URL of anything, or of a place that
            requests may not name.
    """
    problems = [
        f"$.annotations_urls[{index}]: {problem}"
        for index, template in enumerate(templates)
        if (problem := problem_of(template) or _strays(template, allowed))
    ]
    if problems:
        raise InvalidRequest("payload", problems)


def _strays(template: str, allowed: Sequence[str]) -> str:
    """Why a request may not name this place; empty: it may."""
    whole = _as_url(template)
    if ".." in whole.split("/"):
        return f"'{template}', expected a place without '..'"
    if not whole.startswith(tuple(map(_as_url, allowed))):
        return (
            f"'{template}' is no place for requests, expected one that "
            f"begins with {', '.join(allowed) or 'nothing: none may'} "
            "(INGESTER_CATALOGUE_ANNOTATIONS_FROM)"
        )
    return ""


def _as_url(place: str) -> str:
    return f"file://{place}" if place.startswith("/") else place


def filled(template: str, scene: Scene, area: str) -> str:
    """The template with the facts of a scene's name in it, and `{AREA}`.

    Raises:
        InvalidRequest: it asks for a fact that names of this sensor do not tell.
    """
    facts = {**scene.fields, "AREA": area}

    def fact(found: re.Match[str]) -> str:
        if found[1] not in facts:
            raise InvalidRequest(
                f"URL template '{template}'",
                [
                    f"'{found[0]}' is unknown for {scene.constellation}, "
                    f"expected one of {', '.join(sorted(facts))}"
                ],
            )
        return facts[found[1]]

    return _PLACEHOLDER.sub(fact, template)
