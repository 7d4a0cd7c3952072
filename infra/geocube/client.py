# SPDX-License-Identifier: Apache-2.0
"""The Geocube as the ingester uses it: every call can be repeated without harm."""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from shapely.geometry.base import BaseGeometry

from infra.geocube import aoi, containers, deletions, records, variables
from infra.geocube.aoi import AoiBook
from infra.geocube.batches import Batch, Outcome
from infra.geocube.containers import Container, Indexed
from infra.geocube.deletions import Deletion
from infra.geocube.errors import named
from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.records import NewRecord
from infra.geocube.variables import Instance, Variable
from infra.geocube.wire import Wire

# A request must stay below 4 MiB; an id takes 40 bytes.
_DELETED_AT_ONCE = 10_000


class GeocubeClient:
    """A Geocube. Thread-safe; close it, or use it as a context manager.

    Every method asks again, a few times, when the server does not answer or its
    database or storage fails, and then raises `IndexUnavailable`; it raises
    `IndexRefused` when the request is wrong and `IndexConflict` when something else
    is there under that name. A second call with the same arguments changes nothing.

    Args:
        address: `host:port`.
        token: bearer of role user; sent on cleartext too.
        tls: encrypt, trusting the usual authorities.
        timeout_s: deadline of each try.
        tries: how often a call is made before its failure is believed.
    """

    def __init__(
        self,
        address: str,
        *,
        token: str | None = None,
        tls: bool = False,
        timeout_s: float = 30,
        tries: int = 4,
    ) -> None:
        self._wire = Wire(address, token, tls, timeout_s, tries)
        self._aois = AoiBook(self._wire)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    def version(self) -> str:
        """Version of the server: the way to see that it is there."""
        with named("version"):
            request = pb.GetVersionRequest()
            return self._wire.call("Version", request, pb.GetVersionResponse).Version

    def variable(self, name: str) -> Variable | None:
        """The variable of that name with its instances; None: there is none."""
        with named(f"variable '{name}'"):
            return variables.of_name(self._wire, name)

    def variables(self) -> list[Variable]:
        """All variables with their instances, in order of name."""
        with named("variables"):
            return variables.all_of(self._wire)

    def variable_of_instance(self, instance_id: str) -> Variable | None:
        """The variable of an instance, with that instance only; None: unknown id."""
        with named(f"instance '{instance_id}'"):
            return variables.of_instance(self._wire, instance_id)

    def ensure_variable(self, wanted: Variable) -> Variable:
        """The variable of that name, made if it was not there.

        Raises:
            IndexConflict: it is there with another data format or other bands.
        """
        with named(f"variable '{wanted.name}'"):
            return variables.ensure(self._wire, wanted)

    def ensure_instance(
        self, variable: Variable, name: str, metadata: Mapping[str, str] | None = None
    ) -> Instance:
        """The variable's instance of that name, made if it was not there.

        Metadata of an instance that is there stay as they are.
        """
        with named(f"instance '{variable.name}:{name}'"):
            return variables.ensure_instance(self._wire, variable, name, metadata or {})

    def ensure_aoi(self, footprint: BaseGeometry) -> str:
        """Id of the AOI of a footprint (EPSG:4326, longitude first), made if needed.

        The same place has the same id, however its rings are written.
        """
        with named("footprint"):
            return self._aois.ensure(footprint)

    def ensure_records(
        self,
        wanted: Sequence[NewRecord],
        *,
        ignoring_tags: frozenset[str] = frozenset(),
        near: BaseGeometry | None = None,
        made: Callable[[Sequence[str]], None] = lambda ids: None,
    ) -> list[Outcome]:
        """Id of each record, in order, made if it was not there; or its own error.

        A record is there when name, time and tags agree. Two ingestions of one scene
        that run at once can still make two records when a tag is added in between:
        keep one writer per name and time.

        Args:
            wanted: any number of records, also twice the same.
            ignoring_tags: keys that do not count, such as `processingDate`.
            near: meets the area of every record (EPSG:4326): what lies elsewhere is not
                looked through.
            made: called with the ids of records as soon as they are made.
        """
        area = None if near is None else aoi.around(near)
        with named(f"{len(wanted)} records"):
            outcomes = Batch(self._wire, ignoring_tags, area, made).ensure(wanted)
        if any(isinstance(one, Exception) for one in outcomes):
            self._aois.forget()  # its cause can be an AOI that was tidied away
        return outcomes

    def delete_records(self, ids: Sequence[str]) -> int:
        """Delete the records that no dataset hangs on; the number deleted."""
        deleted = 0
        with named(f"{len(ids)} records"):
            for begin in range(0, len(ids), _DELETED_AT_ONCE):
                part = ids[begin : begin + _DELETED_AT_ONCE]
                request = pb.DeleteRecordsRequest(ids=part, no_fail=True)
                answer = self._wire.call(
                    "DeleteRecords", request, pb.DeleteRecordsResponse
                )
                deleted += answer.nb
        return deleted

    def add_tags(self, ids: Sequence[str], tags: Mapping[str, str]) -> int:
        """Add or overwrite tags of records; the number of records found.

        It changes what the records are known by: see `ignoring_tags`.

        Raises:
            IndexRefused: a tag has characters that the server does not store
                faithfully; also when the record would become equal to another.
        """
        records.check_pasteable(tags)
        request = pb.AddRecordsTagsRequest(ids=ids, tags=dict(tags))
        with named(f"tags of {len(ids)} records"):
            return self._wire.call(
                "AddRecordsTags", request, pb.AddRecordsTagsResponse
            ).nb

    def index(self, container: Container) -> None:
        """Put a file's datasets in the index. The file must be there, and stay.

        Raises:
            IndexUnavailable: the server cannot read the file, or is deleting it.
            IndexConflict: something else is indexed there; says both.
        """
        with named(f"container '{container.uri}'"):
            containers.index(self._wire, container)

    def containers(self, uris: Sequence[str]) -> dict[str, Container]:
        """Containers by URI; those that the index does not know are left out.

        All their datasets are listed, also those that are being deleted.
        """
        with named(f"{len(uris)} containers"):
            return containers.containers(self._wire, uris)

    def datasets(self, instance_id: str, record_ids: Sequence[str]) -> list[Indexed]:
        """Active datasets of an instance for these records, in order of time."""
        with named(f"datasets of instance '{instance_id}'"):
            return containers.datasets(self._wire, instance_id, record_ids)

    def delete_datasets(self, pattern: str) -> Deletion | None:
        """Delete active datasets by the URI of their file; None: none matched.

        Args:
            pattern: a whole URI; `*` any run, `?` one character, suffix `(?i)` any
                case. One that matches everything is refused.
        """
        with named(f"datasets of '{pattern}'"):
            return deletions.delete_datasets(self._wire, pattern)
