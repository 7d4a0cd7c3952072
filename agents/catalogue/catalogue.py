# SPDX-License-Identifier: Apache-2.0
"""From a request to its plan: check, search, inventory, records, tasks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from msgspec import structs
from shapely.geometry.base import BaseGeometry

from agents.catalogue.area import area_in, crossing
from agents.catalogue.cells import grid_of
from agents.catalogue.cutter import Cutter, with_parts
from agents.catalogue.filters import Filter, filters_of
from agents.catalogue.graphs import check_graphs
from agents.catalogue.inventory import Inventory, Told, page, silent, take_inventory
from agents.catalogue.known import (
    Known,
    NothingKnown,
    check_open,
    known_records,
    with_known,
)
from agents.catalogue.plan import linked, plan, settings_of, tagged
from agents.catalogue.posted import taken
from agents.catalogue.preview import Preview, preview
from agents.catalogue.records import RecordKeeper, with_records
from agents.catalogue.search import Query, SceneSearch
from agents.catalogue.sensor import Sensor, find_sensor
from agents.catalogue.trial import Rules, search_in_turn
from agents.catalogue.versions import Rule
from agents.worker.templates import check_templates
from streams.errors import InvalidRequest, PluginError
from streams.events import Event
from streams.model import Stage
from streams.orders import IngestionRequest
from streams.posted import Document, read_document

Posted = Document | None


def _nowhere(uri: str) -> bytes:
    raise InvalidRequest(uri, ["posted documents cannot be read here"])


def _problems_of(part: Callable[[], object], request: IngestionRequest) -> list[str]:
    try:
        part()
    except InvalidRequest as error:
        return list(error.problems)
    except PluginError as error:
        if not request.searches:
            raise  # ours, not the request's
        return [f"$.searches: {error}"]
    return []


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything a request is served with."""

    sensors: Mapping[str, Sensor]
    searches: Callable[[str], SceneSearch]
    """A search by name; raises PluginError when there is none."""
    default_searches: Sequence[str]
    graph_roots: Sequence[Path]
    limit_downloads: int = 0
    """Of requests that say none; 0: no limit."""
    limit_processes: int = 0
    alarm_after: int = 3
    """Lost attempts of a task before operators are told; 0: never."""
    annotations_from: Sequence[str] = ()
    """What places of annotations that a request names may begin with."""
    keeper: RecordKeeper | None = None
    cutters: Sequence[Cutter] = ()
    """What cuts scenes, in order of trial; the rest is for the sensors."""
    rules: Rules = field(default_factory=Rules)
    """How searches are tried."""
    documents: Callable[[str], bytes] = _nowhere
    """Text of a posted document by its URI."""
    known: Known = field(default_factory=NothingKnown)
    """What is in the log already."""
    graph_digests: Sequence[str] = ()
    """Of files that may be run although they are below none of the roots."""

    def read(self, request: IngestionRequest) -> tuple[IngestionRequest, Posted]:
        """The document posted with a request, if any, and what the request is by it.

        Raises:
            InvalidRequest: with everything that is wrong in the document.
            StoreError: it cannot be had.
        """
        if not request.document:
            return request, None
        posted = read_document(self.documents(request.document), request)
        return posted.over(request), posted

    def check(self, request: IngestionRequest, posted: Posted = None) -> list[str]:
        """What can be known of a request, and of what came with it, without searching.

        Returns:
            Warnings, such as configuration that no graph uses.

        Raises:
            InvalidRequest: with everything that is wrong.
        """
        problems = self._search_problems(request, posted)
        others, warnings = self._work_problems(request)
        if problems or others:
            subject = f"request for area '{request.name}'"
            raise InvalidRequest(subject, list(dict.fromkeys([*problems, *others])))
        return [*crossing(area_in(request)), *warnings]

    def _search_problems(self, request: IngestionRequest, posted: Posted) -> list[str]:
        """What keeps scenes and tiles from being found."""
        parts = (
            lambda: area_in(request),
            lambda: grid_of(request, self._sensor(request)),
            lambda: self._filters(request),
            lambda: check_templates(request.annotations_urls, self.annotations_from),
            lambda: self._searches(request),
            lambda: posted and taken(posted, self._sensor(request)),
        )
        found = [problem for part in parts for problem in _problems_of(part, request)]
        # A wrong constellation is found by whoever asks for its sensor.
        return list(dict.fromkeys(found))

    def _work_problems(self, request: IngestionRequest) -> tuple[list[str], list[str]]:
        """What keeps them from being ingested; and what is only strange."""
        warnings: list[str] = []
        parts = (
            lambda: warnings.extend(
                check_graphs(request, self.graph_roots, self.graph_digests)
            ),
            lambda: check_open(self.known, request.name),
            lambda: self._instances(request),
        )
        found = [problem for part in parts for problem in _problems_of(part, request)]
        return found, warnings

    def inventory(
        self,
        request: IngestionRequest,
        posted: Posted = None,
        told: Told = silent,
        *,
        tiles: bool = True,
    ) -> Inventory:
        """The scenes of a request with their tiles, and those left out.

        Args:
            request: as `read` gives it.
            posted: used instead of a search.
            told: hears how far we are.
            tiles: cut the scenes.

        Raises:
            InvalidRequest: a search cannot ever do what is asked.
            SearchError: no search answered.
        """
        sensor = self._sensor(request)
        area = area_in(request)
        if posted is None:
            found = self._search(request, area, told)
            found = page(found, request.page, request.limit)
        else:
            found = taken(posted, sensor)
        if tiles and not (posted and posted.has_tiles):
            told("tiles", 0, len(found.scenes))
            found = with_parts(request, found, area, sensor, self.cutters, told)
        scenes = tagged(linked(request, found.scenes), request.record_tags)
        return replace(found, scenes=scenes)

    def plan(
        self, request: IngestionRequest, made: list[str] | None = None
    ) -> list[Event]:
        """Every fact that a request leads to, the records of its scenes made.

        Args:
            request: what is asked.
            made: gets the ids of records that were not there before.

        Raises:
            InvalidRequest: as `check` and `inventory`.
            SearchError, IndexerError, StoreError: something did not answer; ask again.
        """
        request, posted = self.read(request)
        self.check(request, posted)
        instances = self._instances(request)
        inventory = self.inventory(request, posted)
        if self.keeper is not None:
            kept = known_records(self.known, request.name, inventory.scenes)
            made = [] if made is None else made
            inventory = with_records(inventory, self.keeper, kept, made)
        return self._facts(request, instances, inventory)

    def preview(
        self, request: IngestionRequest, stage: Stage, told: Told = silent
    ) -> Preview:
        """What `plan` would lead to now. Nothing is written, no record is made.

        Scenes and tiles can be looked for without graphs and without an index; a plan
        warns of what would be refused.

        Raises:
            InvalidRequest, SearchError, IndexerError, StoreError: as `plan`.
        """
        request, posted = self.read(request)
        warnings: list[str] = []
        inventory = Inventory((), ())
        if stage is Stage.CHECK:
            warnings = self.check(request, posted)
        else:
            if problems := self._search_problems(request, posted):
                raise InvalidRequest(f"request for area '{request.name}'", problems)
            warnings = crossing(area_in(request))
            if stage is Stage.PLAN:
                others, strange = self._work_problems(request)
                warnings += [*(f"refused as it is: {p}" for p in others), *strange]
            tiles = stage is not Stage.SCENES
            inventory = self.inventory(request, posted, told, tiles=tiles)
            kept = known_records(self.known, request.name, inventory.scenes)
            inventory = with_known(inventory, kept)
        facts = self._facts(request, {}, inventory)
        return preview(stage, facts, warnings, self.known, more=inventory.more)

    def _facts(
        self,
        request: IngestionRequest,
        instances: Mapping[str, str],
        inventory: Inventory,
    ) -> list[Event]:
        settings = settings_of(request, instances, self.alarm_after)
        request = structs.replace(
            request,
            limit_downloads=request.limit_downloads or self.limit_downloads,
            limit_processes=request.limit_processes or self.limit_processes,
        )
        return plan(request, settings, inventory, self._sensor(request))

    def _sensor(self, request: IngestionRequest) -> Sensor:
        return find_sensor(request.constellation, self.sensors)

    def _searches(self, request: IngestionRequest) -> dict[str, SceneSearch]:
        names = request.searches or tuple(self.default_searches)
        return {name: self.searches(name) for name in names}

    def _instances(self, request: IngestionRequest) -> dict[str, str]:
        if self.keeper is None:
            return {}
        return self.keeper.instances(request.layers)

    def _filters(self, request: IngestionRequest) -> list[Filter]:
        return filters_of(request.parameters, self._sensor(request).constellation)

    def _search(
        self, request: IngestionRequest, area: BaseGeometry, told: Told
    ) -> Inventory:
        """What is kept of the searches' answers."""
        filters = self._filters(request)
        query = Query(
            self._sensor(request),
            area,
            request.start_time,
            request.end_time,
            tuple(filters),
        )
        take = partial(
            take_inventory,
            area=area,
            start=query.start,
            end=query.end,
            filters=filters,
            versions=Rule(request.versions),
        )
        searches = self._searches(request)
        return search_in_turn(searches, query, take, self.rules, told)
