# SPDX-License-Identifier: Apache-2.0
"""Which searches are asked, in which order, and what an answer without scenes means."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

from agents.catalogue.inventory import Inventory, Told, silent
from agents.catalogue.search import Query, SceneSearch
from streams.errors import InvalidRequest, SearchError
from streams.model import LeftOut, Scene

Found = list[Scene | LeftOut]


class Fallback(StrEnum):
    """When the next search is asked."""

    EMPTY = "empty"
    """The one before failed, or none of what it listed was kept."""
    ERROR = "error"
    """The one before failed: an empty answer is an answer."""
    NEVER = "never"
    """The first decides."""
    ALL = "all"
    """Always: the answer is what all have, and fails when one of them does."""


class Nothing(StrEnum):
    """What becomes of a request for which no scene is kept."""

    ACCEPT = "accept"
    """An ingestion without tasks."""
    REFUSE = "refuse"
    """A refusal that says what was listed and left out."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How searches are tried."""

    fallback: Fallback = Fallback.EMPTY
    nothing: Nothing = Nothing.ACCEPT
    most: int = 50_000
    """Scenes that one search may list for a request; more is refused, not cut off."""


def search_in_turn(
    searches: Mapping[str, SceneSearch],
    query: Query,
    take: Callable[[Iterable[Scene | LeftOut]], Inventory],
    rules: Rules,
    told: Told = silent,
) -> Inventory:
    """What is kept of the searches' answers, by the rules.

    An empty answer stands only when no search that should have been asked has failed:
    else scenes would be missed because of a passing failure.

    Args:
        searches: in order of trial, by name.
        query: what is looked for.
        take: what is kept of an answer.
        rules: when the next is asked, and what nothing means.
        told: hears how many were listed.

    Raises:
        InvalidRequest: no search has scenes of the constellation, one lists too many,
            or nothing is kept and that is refused.
        SearchError: the searches that matter failed.
    """
    asked = {
        n: s for n, s in searches.items() if s.supports(query.sensor.constellation)
    }
    if not asked:
        raise InvalidRequest(
            "payload",
            [
                f"$.searches: none of {', '.join(searches) or 'no search'} has scenes "
                f"of {query.sensor.constellation}"
            ],
        )
    failed: list[SearchError] = []
    searched: list[str] = []
    everything: Found = []
    answer: Inventory | None = None
    for name, search in asked.items():
        try:
            found = _listed(name, search, query, rules.most, told)
        except SearchError as error:
            failed.append(error)
            searched.append(f"{name}: failed: {error}")
        else:
            everything.extend(found)
            answer = take(everything if rules.fallback is Fallback.ALL else found)
            searched.append(f"{name}: listed {len(found)}")
        if _is_enough(rules.fallback, answer):
            break
    if failed and (answer is None or rules.fallback is Fallback.ALL):
        raise _all(failed)
    assert answer is not None, "every search failed or answered"
    if failed and not answer.scenes and rules.fallback is Fallback.EMPTY:
        raise _all(failed)
    if not answer.scenes and rules.nothing is Nothing.REFUSE:
        raise InvalidRequest("search", [f"no scene is kept; {'; '.join(searched)}"])
    return replace(answer, searched=tuple(searched))


def _listed(
    name: str, search: SceneSearch, query: Query, most: int, told: Told
) -> Found:
    found: Found = []
    for scene in islice(search.search(query), most + 1):
        found.append(scene)
        told(f"search {name}", len(found), 0)
    if len(found) > most:
        raise InvalidRequest(
            "payload",
            [
                f"$: search '{name}' lists more than {most} scenes; ask for a smaller "
                "area or a shorter interval"
            ],
        )
    return found


def _is_enough(fallback: Fallback, answer: Inventory | None) -> bool:
    match fallback:
        case Fallback.ALL:
            return False
        case Fallback.NEVER:
            return True
        case Fallback.ERROR:
            return answer is not None
        case Fallback.EMPTY:
            return answer is not None and bool(answer.scenes)


def _all(failed: list[SearchError]) -> SearchError:
    error = SearchError("; ".join(map(str, failed)))
    error.__cause__ = failed[0]
    return error
