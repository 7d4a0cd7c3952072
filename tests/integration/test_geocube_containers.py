# SPDX-License-Identifier: Apache-2.0
"""Containers, datasets, deletions and jobs in the Geocube's stand-in, call by call."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import uuid4

import grpc
import psycopg
import pytest
import urllib3
from grpc import StatusCode

from infra.geocube.pb import geocube_pb2 as pb
from infra.local import s3
from infra.minio.client import connect
from tests.geocube import (
    Refused,
    dataset,
    empty,
    may,
    new_database,
    raster,
    refusal,
    standin,
    with_overviews,
)

CROWD = 12
NAN = float("nan")
UNKNOWN_ID = str(uuid4())


@pytest.fixture(scope="module")
def server(stack):
    options = s3.options(stack.environment())
    with new_database(stack) as dsn, standin(dsn, options) as running:
        yield dsn, running


@pytest.fixture
def dsn(server):
    return server[0]


@pytest.fixture
def geocube(server):
    dsn, running = server
    empty(dsn)
    return running


@pytest.fixture
def record(geocube):
    return geocube.record()


@pytest.fixture
def instance(geocube):
    return geocube.variable()


@pytest.fixture
def file(tmp_path):
    return raster(tmp_path / "B04.tif")


@pytest.fixture
def upload(stack, bucket, tmp_path):
    """Puts a file in the store, and gives its URI."""
    # The pool of our own stores would refuse to replace one.
    client = connect(s3.options(stack.environment()), urllib3.PoolManager)

    def put(path, key="B04.tif"):
        client.fput_object(bucket, key, str(path))
        return f"s3://{bucket}/{key}"

    return put


def contained(geocube, uri):
    (container,) = geocube.ask("GetContainers", uris=[str(uri)]).containers
    return container


def set_status(dsn, status):
    with psycopg.connect(dsn) as connection:
        connection.execute("update geocube.datasets set status = %s", [status])


# indexing


def test_dataset_is_kept_as_it_was_sent(geocube, record, instance, file):
    sent = dataset(record, instance, no_data=NAN, real_max_value=2, exponent=0.5)
    geocube.index(file, sent)
    container = contained(geocube, file)
    assert (container.uri, container.managed) == (str(file), False)
    (found,) = container.datasets
    assert str(found) == str(sent)  # as text: NaN is not equal to itself


def test_same_dataset_again_changes_nothing(geocube, record, instance, file):
    for _ in range(3):
        geocube.index(file, dataset(record, instance, no_data=NAN))
    assert len(contained(geocube, file).datasets) == 1


def test_file_is_believed_for_its_type(geocube, record, instance, file):
    geocube.index(file, dataset(record, instance, dtype="UInt16", no_data=0))
    (found,) = contained(geocube, file).datasets
    assert found.dformat.dtype == pb.DataFormat.Int16
    # ... so that a type left out, or another one, is still the same dataset.
    geocube.index(file, dataset(record, instance, dtype="UNDEFINED", no_data=0))
    assert len(contained(geocube, file).datasets) == 1


def test_container_without_datasets_is_registered_unopened(geocube):
    geocube.index("/nowhere/B04.tif")
    assert contained(geocube, "/nowhere/B04.tif").datasets == []


def test_first_request_decides_who_manages_a_file(geocube, record, instance, file):
    geocube.index(file, managed=True)
    geocube.index(file, dataset(record, instance), managed=False)
    assert contained(geocube, file).managed


def test_bands_of_one_file_may_show_several_records(geocube, instance, tmp_path):
    file = raster(tmp_path / "stack.tif", bands=3)
    records = [geocube.record(name, geocube.aoi(n)) for n, name in enumerate("abc")]
    geocube.index(file, dataset(records[0], instance, bands=[1]))
    geocube.index(
        file,
        dataset(records[1], instance, bands=[2]),
        dataset(records[2], instance, bands=[3]),
    )
    found = contained(geocube, file).datasets
    assert {(one.record_id, *one.bands) for one in found} == {
        (id, number) for number, id in enumerate(records, 1)
    }


def test_parts_of_a_file_are_told_apart(geocube, record, instance, file):
    geocube.index(file, dataset(record, instance, container_subdir="GTIFF_DIR:1"))
    geocube.index(file, dataset(record, instance))
    assert len(contained(geocube, file).datasets) == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"record": True}, "of another record"),
        ({"instance": True}, "of another instance"),
        ({"no_data": -2}, "with another datamapping"),
        ({"max_value": 9_999}, "with another datamapping"),
        ({"real_max_value": 2}, "with another datamapping"),
        ({"exponent": 2}, "with another datamapping"),
        ({"bands": [2, 1]}, "with a different set of bands"),
        ({"bands": [2, 3]}, "with a different set of bands"),
    ],
    ids=str,
)
def test_another_dataset_in_its_place_is_refused(geocube, tmp_path, change, reason):
    file = raster(tmp_path / "B04.tif", bands=3)
    instance = geocube.variable(bands=("a", "b"))
    record = geocube.record()
    geocube.index(file, dataset(record, instance, bands=[1, 2]))
    change = dict(change)
    if change.pop("record", False):
        record = geocube.record("other", geocube.aoi(9))
    if change.pop("instance", False):
        instance = geocube.variable("B05", bands=("a", "b"))
    other = dataset(record, instance, **{"bands": [1, 2], **change})
    refused = geocube.index_refused(file, other)
    place = "/" + "-".join(str(band) for band in other.bands)
    assert refused.code is StatusCode.ALREADY_EXISTS
    assert (refused.kind, refused.name, refused.owner) == ("dataset", place, "")
    assert reason in refused.message
    assert len(contained(geocube, file).datasets) == 1


@pytest.mark.parametrize("change", ["overviews", "shape", "crs"])
def test_other_file_in_its_place_is_refused(geocube, record, instance, file, change):
    geocube.index(file, dataset(record, instance))
    match change:
        case "overviews":
            with_overviews(file)
        case "shape":
            raster(file, size=16)
        case "crs":
            raster(file, crs="EPSG:32632")
    refused = geocube.index_refused(file, dataset(record, instance))
    assert (refused.code, refused.name) == (StatusCode.ALREADY_EXISTS, "/1")


def test_pixels_are_not_compared(geocube, record, instance, file):
    geocube.index(file, dataset(record, instance))
    raster(file, fill=8)
    geocube.index(file, dataset(record, instance))


@pytest.mark.parametrize("status", ["TODELETE", "INACTIVE"])
def test_container_that_is_being_deleted_takes_nothing(
    geocube, dsn, record, instance, tmp_path, status
):
    file = raster(tmp_path / "B04.tif", bands=2)
    geocube.index(file, dataset(record, instance))
    set_status(dsn, status)
    for bands in ([1], [2]):
        refused = geocube.index_refused(file, dataset(record, instance, bands=bands))
        assert refused.code is StatusCode.ALREADY_EXISTS
        assert (refused.kind, refused.name) == ("dataset", status)


def test_one_wrong_dataset_keeps_the_others_out(geocube, record, instance, tmp_path):
    file = raster(tmp_path / "B04.tif", bands=2)
    geocube.index_refused(
        file,
        dataset(record, instance),
        dataset(UNKNOWN_ID, instance, bands=[2]),
    )
    assert geocube.refused("GetContainers", uris=[str(file)]).name == str(file)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"record_id": "x"}, "Invalid record id: x"),
        ({"instance_id": "x"}, "Invalid instance id: x"),
        ({"exponent": 0}, "exponent"),
        ({"exponent": NAN}, "exponent"),
        ({"min_value": 10_000}, "lower"),
        ({"real_min_value": 1}, "lower"),
        ({"max_value": 40_000}, "out of bounds"),
        ({"no_data": 40_000}, "noData value"),
        ({"dtype": "UNDEFINED", "no_data": 40_000}, "noData value"),  # file's type
        ({"bands": []}, "Wrong number of bands"),
        ({"bands": [1, 1]}, "Wrong number of bands"),
        ({"bands": [0]}, "has no band: 0"),
        ({"bands": [2]}, "has no band: 2"),
        ({"real_min_value": 1, "real_max_value": 2}, "does not intersect"),
        ({"real_min_value": -1, "real_max_value": 0}, "does not intersect"),
        ({"dtype": "Complex64"}, "cannot be cast"),
    ],
    ids=str,
)
def test_dataset_that_cannot_be_is_refused(
    geocube, record, instance, file, change, text
):
    fields = {"record_id": record, "instance_id": instance, **change}
    refused = geocube.index_refused(file, dataset(**fields))
    assert refused.code is StatusCode.INVALID_ARGUMENT
    assert text in refused.message
    assert refused.kind is None


def test_unknown_instance_and_record_are_not_found(geocube, record, instance, file):
    refused = geocube.index_refused(file, dataset(record, UNKNOWN_ID))
    assert (refused.code, refused.kind, refused.name) == (
        StatusCode.NOT_FOUND,
        "Variable Instance",
        UNKNOWN_ID,
    )
    refused = geocube.index_refused(file, dataset(UNKNOWN_ID, instance))
    assert refused == Refused(
        StatusCode.NOT_FOUND,
        f"Dataset with record_id: {UNKNOWN_ID}",
        "Dataset",
        UNKNOWN_ID,
        "",
    )


def test_unknown_dtype_is_an_error_of_the_database(geocube, record, instance, file):
    refused = geocube.index_refused(file, dataset(record, instance, dtype=42))
    assert refused.code is StatusCode.UNKNOWN
    assert "[22P02]" in refused.message


@pytest.mark.parametrize(
    ("dtype", "code", "text"),
    [
        ("int8", StatusCode.UNKNOWN, "[22P02]"),
        ("uint64", StatusCode.INVALID_ARGUMENT, "not supported: uint64"),
        ("complex64", StatusCode.INVALID_ARGUMENT, "cannot be cast"),
    ],
)
def test_file_of_another_type_is_refused(
    geocube, record, instance, tmp_path, dtype, code, text
):
    file = raster(tmp_path / "B04.tif", dtype=dtype)
    wanted = dataset(record, instance, dtype="UNDEFINED", no_data=0, max_value=100)
    refused = geocube.index_refused(file, wanted)
    assert refused.code is code
    assert text in refused.message


def test_file_without_crs_is_refused(geocube, record, instance, tmp_path):
    file = raster(tmp_path / "B04.tif", crs=None)
    refused = geocube.index_refused(file, dataset(record, instance))
    assert (refused.code, refused.message) == (
        StatusCode.INVALID_ARGUMENT,
        "Invalid Crs: ",
    )


@pytest.mark.parametrize("uri", ["", "B04.tif", "s3://", "s3://bucket", "file:///a/b"])
def test_uri_that_is_none_is_unknown(geocube, record, instance, uri):
    refused = geocube.index_refused(uri, dataset(record, instance))
    assert refused.code is StatusCode.UNKNOWN
    assert "badly formatted storage uri" in refused.message


def test_request_without_container_has_a_bad_uri(geocube):
    refused = geocube.refused("IndexDatasets")
    assert "badly formatted storage uri" in refused.message


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("/nowhere/B04.tif", "/nowhere/B04.tif cannot be opened"),
        ("ftp://host/B04.tif", "cannot be opened"),
        ("gs://bucket/B04.tif", "is not reachable"),
        ("s3://no-such-bucket-here/B04.tif", "cannot be opened"),
    ],
)
def test_file_that_cannot_be_read_is_refused(geocube, record, instance, uri, text):
    refused = geocube.index_refused(uri, dataset(record, instance))
    assert refused.code is StatusCode.INVALID_ARGUMENT
    assert text in refused.message


def test_mapping_is_looked_at_before_the_uri_and_the_instance(geocube, record):
    refused = geocube.index_refused("bad", dataset(record, UNKNOWN_ID, exponent=0))
    assert "exponent" in refused.message
    refused = geocube.index_refused("bad", dataset(record, UNKNOWN_ID))
    assert "badly formatted" in refused.message
    refused = geocube.index_refused("/nowhere", dataset(record, UNKNOWN_ID))
    assert refused.kind == "Variable Instance"


@pytest.mark.parametrize("form", ["s3://", "/vsis3/"])
def test_object_is_indexed(geocube, record, instance, file, upload, form):
    uri = upload(with_overviews(file)).replace("s3://", form)
    geocube.index(uri, dataset(record, instance))
    geocube.index(uri, dataset(record, instance))
    assert len(contained(geocube, uri).datasets) == 1


def test_object_is_seen_when_it_comes_late(geocube, record, instance, file, upload):
    uri = upload(file, "other.tif").replace("other", "B04")
    refused = geocube.index_refused(uri, dataset(record, instance))
    assert "cannot be opened" in refused.message
    upload(file)
    geocube.index(uri, dataset(record, instance))


def test_replaced_object_is_seen(geocube, record, instance, file, upload):
    uri = upload(file)
    geocube.index(uri, dataset(record, instance))
    upload(raster(file, size=16))
    refused = geocube.index_refused(uri, dataset(record, instance))
    assert "with different shape" in refused.message


def test_crowd_that_indexes_one_dataset_indexes_it_once(
    geocube, record, instance, file
):
    with ThreadPoolExecutor(CROWD) as crowd:
        wanted = [dataset(record, instance)] * CROWD
        list(crowd.map(partial(geocube.index, file), wanted))
    assert len(contained(geocube, file).datasets) == 1


# reading


def test_containers_come_in_the_order_asked_for_and_once(geocube):
    for uri in ("/a", "/b"):
        geocube.index(uri)
    found = geocube.ask("GetContainers", uris=["/b", "/a", "/b"]).containers
    assert [one.uri for one in found] == ["/b", "/a"]
    assert geocube.ask("GetContainers").containers == []


def test_one_unknown_container_spoils_the_answer(geocube):
    geocube.index("/a")
    refused = geocube.refused("GetContainers", uris=["/a", "/b%20c"])
    assert refused == Refused(
        StatusCode.NOT_FOUND,
        "Container with uri: /b%20c",
        "Container",
        "/b%20c",
        "",
    )


def test_containers_list_datasets_that_are_being_deleted(
    geocube, dsn, record, instance, file
):
    geocube.index(file, dataset(record, instance))
    set_status(dsn, "TODELETE")
    assert len(contained(geocube, file).datasets) == 1
    assert geocube.ask("ListDatasets", instance_id=instance).records == []


@pytest.fixture
def series(geocube, instance, tmp_path):
    """Three records a day apart, latest first; the latest in two files."""
    ids = []
    for day in (3, 2, 1):
        id = geocube.record(f"day-{day}", geocube.aoi(day), day, number=str(day))
        geocube.index(raster(tmp_path / f"{day}.tif"), dataset(id, instance))
        ids.append(id)
    geocube.index(raster(tmp_path / "3-more.tif"), dataset(ids[0], instance))
    return ids


def test_datasets_are_listed_by_record_in_order_of_time(
    geocube, instance, series, tmp_path
):
    found = geocube.ask("ListDatasets", instance_id=instance)
    assert [one.name for one in found.records] == ["day-1", "day-2", "day-3"]
    assert [one.time for one in found.records] == [may(1), may(2), may(3)]
    *_, last = found.dataset_metas
    files = [meta.container_uri for meta in last.internalsMeta]
    assert files == [str(tmp_path / name) for name in ("3-more.tif", "3.tif")]
    meta = last.internalsMeta[0]
    assert (meta.container_subdir, list(meta.bands)) == ("", [1])
    assert (meta.range_min, meta.range_max, meta.exponent) == (0, 1, 1)
    assert meta.dformat == pb.DataFormat(
        dtype="Int16", no_data=-1, min_value=0, max_value=10_000
    )


@pytest.mark.parametrize(
    ("filters", "days"),
    [
        ({"from_time": may(2)}, ["day-2", "day-3"]),
        ({"to_time": may(2)}, ["day-1", "day-2"]),
        ({"tags": {"number": "?"}, "from_time": may(3)}, ["day-3"]),
        ({"tags": {"number": "2"}}, ["day-2"]),
    ],
    ids=str,
)
def test_datasets_are_listed_by_filter(geocube, instance, series, filters, days):
    found = geocube.ask(
        "ListDatasets", instance_id=instance, filters=pb.RecordFilters(**filters)
    )
    assert [one.name for one in found.records] == days


def test_no_record_is_no_condition(geocube, instance, series):
    def listed(ids):
        records = pb.RecordIdList(ids=ids)
        found = geocube.ask("ListDatasets", instance_id=instance, records=records)
        return [one.name for one in found.records]

    assert listed(series[:2]) == ["day-2", "day-3"]
    assert listed([UNKNOWN_ID]) == []
    assert listed([]) == ["day-1", "day-2", "day-3"]


def test_unknown_instance_has_no_dataset(geocube):
    assert geocube.ask("ListDatasets", instance_id=UNKNOWN_ID).records == []


@pytest.mark.parametrize(
    "fields",
    [
        {"instance_id": ""},
        {"instance_id": "x"},
        {"instance_id": UNKNOWN_ID, "records": pb.RecordIdList(ids=["x"])},
    ],
    ids=["none", "no uuid", "record no uuid"],
)
def test_id_that_is_no_uuid_is_an_error_of_the_database(geocube, fields):
    refused = geocube.refused("ListDatasets", **fields)
    assert refused.code is StatusCode.UNKNOWN
    assert "[22P02]" in refused.message


# deletion


def ended(geocube, **selectors):
    """The job of a deletion, once it has ended."""
    begun = geocube.ask("DeleteDatasets", **selectors).job
    assert (begun.state, begun.type) == ("NEW", "DELETION")
    job = geocube.ask("GetJob", id=begun.id).job
    assert (job.name, job.creation_time) == (begun.name, begun.creation_time)
    return job


def left(geocube, instance):
    return [r.name for r in geocube.ask("ListDatasets", instance_id=instance).records]


def test_datasets_are_deleted_by_every_selector_at_once(
    geocube, instance, series, tmp_path
):
    job = ended(
        geocube,
        record_ids=series[:2],
        instance_ids=[instance, UNKNOWN_ID],
        dataset_patterns=[str(tmp_path / "2.tif"), str(tmp_path / "1*")],
        job_name="cleaning",
    )
    assert (job.state, job.name, job.failed_tasks) == ("DONE", "cleaning", 0)
    assert left(geocube, instance) == ["day-1", "day-3"]


@pytest.mark.parametrize("pattern", ["*/3*.tif", "*/3?.TIF(?i)", "*/3.tif"])
def test_datasets_are_deleted_by_pattern(geocube, instance, series, tmp_path, pattern):
    raster(tmp_path / "3a.tif")
    geocube.index(tmp_path / "3a.tif", dataset(series[0], instance))
    ended(geocube, dataset_patterns=[pattern])
    left_uris = {
        meta.container_uri.rpartition("/")[2]
        for metas in geocube.ask("ListDatasets", instance_id=instance).dataset_metas
        for meta in metas.internalsMeta
    }
    gone = {
        "*/3*.tif": {"3.tif", "3-more.tif", "3a.tif"},
        "*/3?.TIF(?i)": {"3a.tif"},
        "*/3.tif": {"3.tif"},
    }
    every = {"1.tif", "2.tif", "3.tif", "3-more.tif", "3a.tif"}
    assert left_uris == every - gone[pattern]


def test_deletion_without_selectors_deletes_everything(geocube, instance, series):
    ended(geocube)
    assert left(geocube, instance) == []


def test_deletion_of_nothing_is_not_found(geocube):
    refused = geocube.refused("DeleteDatasets", dataset_patterns=["/nowhere"])
    assert (refused.code, refused.kind, refused.name) == (StatusCode.NOT_FOUND, "", "")


def test_taken_name_of_a_job_is_refused(geocube, instance, series):
    ended(geocube, record_ids=series[:1], job_name="cleaning")
    refused = geocube.refused("DeleteDatasets", job_name="cleaning")
    assert (refused.code, refused.kind, refused.name) == (
        StatusCode.ALREADY_EXISTS,
        "Job",
        "cleaning",
    )
    assert left(geocube, instance) == ["day-1", "day-2"]


def test_locked_dataset_is_not_deleted(geocube, dsn, instance, series):
    job = ended(geocube, record_ids=series[:1])
    with psycopg.connect(dsn) as connection:
        connection.execute("update geocube.datasets set locked_by = %s", [job.id])
        ids = {
            id for (id,) in connection.execute("select id::text from geocube.datasets")
        }
    refused = geocube.refused("DeleteDatasets")
    assert (refused.code, refused.kind) == (StatusCode.ALREADY_EXISTS, "dataset")
    assert refused.name in ids
    assert refused.message == f"Dataset is already locked: {refused.name}"


def test_malformed_selector_is_an_error_of_the_database(geocube):
    for selector in ("record_ids", "instance_ids"):
        refused = geocube.refused("DeleteDatasets", **{selector: ["x"]})
        assert refused.code is StatusCode.UNKNOWN
        assert "[22P02]" in refused.message


def test_deletion_in_steps_is_not_served(geocube):
    refused = geocube.refused("DeleteDatasets", execution_level="StepByStepAll")
    assert refused.code is StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("managed", [True, False])
def test_file_goes_with_its_last_dataset_if_it_is_managed(
    geocube, record, instance, tmp_path, managed
):
    file = raster(tmp_path / "B04.tif", bands=2)
    other = geocube.record("other", geocube.aoi(9))
    geocube.index(
        file,
        dataset(record, instance),
        dataset(other, instance, bands=[2]),
        managed=managed,
    )
    assert ended(geocube, record_ids=[record]).state == "DONE"
    assert file.exists()
    assert len(contained(geocube, file).datasets) == 1
    assert ended(geocube, record_ids=[other]).state == "DONE"
    assert file.exists() is not managed
    geocube.refused("GetContainers", uris=[str(file)])


def test_managed_file_may_be_gone_already(geocube, record, instance, file):
    geocube.index(file, dataset(record, instance), managed=True)
    file.unlink()
    assert ended(geocube).state == "DONE"


@pytest.mark.parametrize(
    ("form", "state", "failed"),
    [("s3://", "DONEBUTUNTIDY", 1), ("/vsis3/", "DONE", 0)],
)
def test_managed_object_stays(
    geocube, record, instance, file, upload, form, state, failed
):
    uri = upload(file).replace("s3://", form)
    geocube.index(uri, dataset(record, instance), managed=True)
    job = ended(geocube)
    assert (job.state, job.failed_tasks) == (state, failed)
    assert left(geocube, instance) == []
    geocube.index(uri, dataset(record, instance))  # the object is there


def test_lines_of_a_job_are_given_when_asked_for(geocube, series):
    id = ended(geocube).id
    first = geocube.ask("GetJob", id=id, log_limit=3).job.logs
    rest = geocube.ask("GetJob", id=id, log_limit=3, log_page=1).job.logs
    assert (len(first), len(rest)) == (3, 1)
    assert set(first).isdisjoint(rest)
    assert geocube.ask("GetJob", id=id).job.logs == []


def test_unknown_job_is_not_found(geocube):
    refused = geocube.refused("GetJob", id=UNKNOWN_ID)
    assert (refused.code, refused.kind, refused.name) == (
        StatusCode.NOT_FOUND,
        "Job",
        UNKNOWN_ID,
    )
    assert geocube.refused("GetJob", id="x").code is StatusCode.INVALID_ARGUMENT


def test_deleted_and_indexed_at_once_is_whole(geocube, record, instance, file):
    """Whoever comes last, the container and its dataset are both there or not."""

    def index(_):
        geocube.index(file, dataset(record, instance))

    def delete(_):
        try:
            geocube.ask("DeleteDatasets")
        except grpc.RpcError as error:
            return refusal(error).code
        return StatusCode.OK

    with ThreadPoolExecutor(CROWD) as crowd:
        indexed = crowd.map(index, range(CROWD))
        deleted = set(crowd.map(delete, range(CROWD)))
        list(indexed)
    assert deleted <= {StatusCode.OK, StatusCode.NOT_FOUND}
    index(0)
    assert len(contained(geocube, file).datasets) == 1
