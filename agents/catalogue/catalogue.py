# SPDX-License-Identifier: Apache-2.0
"""From a request to its plan: check, search, inventory, records, tasks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import shapely

from agents.catalogue.cells import grid_of
from agents.catalogue.filters import Filter, filters_of
from agents.catalogue.graphs import check_graphs
from agents.catalogue.inventory import Inventory, page, take_inventory
from agents.catalogue.plan import plan, settings_of, tagged, with_parts
from agents.catalogue.records import RecordKeeper, with_records
from agents.catalogue.search import Query, SceneSearch
from agents.catalogue.sensor import Sensor, find_sensor
from streams.errors import InvalidRequest, PluginError, SearchError
from streams.events import Event
from streams.orders import IngestionRequest


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
    keeper: RecordKeeper | None = None

    def check(self, request: IngestionRequest) -> list[str]:
        """What can be known of a request without searching.

        Returns:
            Warnings, such as configuration that no graph uses.

        Raises:
            InvalidRequest: with everything that is wrong.
        """
        problems: list[str] = []
        warnings: list[str] = []
        for part in (
            lambda: grid_of(request, self._sensor(request)),
            lambda: filters_of(request.parameters),
            lambda: self._searches(request),
            lambda: warnings.extend(check_graphs(request, self.graph_roots)),
            lambda: self._instances(request),
        ):
            try:
                part()
            except InvalidRequest as error:
                problems.extend(error.problems)
            except PluginError as error:
                if not request.searches:
                    raise  # ours, not the request's
                problems.append(f"$.searches: {error}")
        if problems:
            raise InvalidRequest(f"request for area '{request.name}'", problems)
        return warnings

    def inventory(self, request: IngestionRequest) -> Inventory:
        """The scenes of a request with their tiles, and those left out.

        Raises:
            InvalidRequest: a search cannot ever do what is asked.
            SearchError: no search answered.
        """
        sensor = self._sensor(request)
        area = shapely.from_geojson(request.geometry)
        query = Query(sensor, area, request.start_time, request.end_time)
        filters = filters_of(request.parameters)
        found = self._search(request, query, filters)
        found = page(found, request.page, request.limit)
        scenes = tagged(with_parts(found.scenes, sensor), request.record_tags)
        return replace(found, scenes=scenes)

    def plan(self, request: IngestionRequest) -> list[Event]:
        """Every fact that a request leads to.

        Raises:
            InvalidRequest: as `check` and `inventory`.
            SearchError, IndexerError: something did not answer; ask again.
        """
        self.check(request)
        instances = self._instances(request)
        inventory = self.inventory(request)
        if self.keeper is not None:
            inventory = with_records(inventory, self.keeper)
        settings = settings_of(request, instances)
        request = replace(
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

    def _search(
        self, request: IngestionRequest, query: Query, filters: Sequence[Filter]
    ) -> Inventory:
        """The answer of the first search that finds scenes."""
        failed: list[SearchError] = []
        answer: Inventory | None = None
        for search in self._searches(request).values():
            if not search.supports(query.sensor.constellation):
                continue
            try:
                found = list(search.search(query))
            except SearchError as error:
                failed.append(error)
                continue
            answer = take_inventory(found, query.area, query.start, query.end, filters)
            if answer.scenes:
                return answer
        if failed:
            raise SearchError("; ".join(map(str, failed))) from failed[0]
        return answer or Inventory((), ())
