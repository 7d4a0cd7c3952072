# SPDX-License-Identifier: Apache-2.0
"""Variables and instances in the Geocube's stand-in, call by call."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import grpc
import pytest
from grpc import StatusCode

from infra.geocube.pb import geocube_pb2 as pb
from tests.geocube import Refused, empty, new_database, refusal, standin

CROWD = 8
NAN = float("nan")


@pytest.fixture(scope="module")
def server(stack):
    with new_database(stack) as dsn, standin(dsn) as running:
        yield dsn, running


@pytest.fixture
def geocube(server):
    dsn, running = server
    empty(dsn)
    return running


def variable(name="NDVI", dformat=("Float32", NAN, -1, 1), **changes):
    dtype, no_data, low, high = dformat
    fields = {
        "unit": "none",
        "description": "vegetation",
        "bands": [""],
        "resampling_alg": "BILINEAR",
        **changes,
    }
    return pb.Variable(
        name=name,
        dformat=pb.DataFormat(
            dtype=dtype, no_data=no_data, min_value=low, max_value=high
        ),
        **fields,
    )


def instance_names(found):
    return sorted(instance.name for instance in found.instances)


def test_variable_comes_back_as_it_was_made(geocube):
    wanted = variable(dformat=("Float32", 0, -1, 1), bands=["a", "b", "b"])
    id = geocube.ask("CreateVariable", variable=wanted).id
    wanted.id = id
    assert geocube.ask("GetVariable", id=id).variable == wanted
    assert geocube.ask("GetVariable", name="NDVI").variable == wanted


def test_no_data_may_be_none(geocube):
    id = geocube.ask(
        "CreateVariable", variable=variable(dformat=("UInt8", NAN, 0, 255))
    ).id
    found = geocube.ask("GetVariable", id=id).variable
    assert found.dformat.no_data != found.dformat.no_data


def test_taken_name_of_a_variable_is_refused(geocube):
    geocube.ask("CreateVariable", variable=variable())
    other = variable(dformat=("UInt8", 0, 0, 255))
    assert geocube.refused("CreateVariable", variable=other) == Refused(
        StatusCode.ALREADY_EXISTS, "Variable with name: NDVI", "Variable", "NDVI", ""
    )


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (variable(resampling_alg="UNDEFINED"), "Resampling"),
        (variable(bands=[]), "at least one band"),
        (variable(bands=["a", ""]), "Band name"),
        (variable("a.b"), "Incorrect name: a.b"),
        (variable(""), "Incorrect name"),
        (variable(dformat=("UInt8", 0, 5, 5)), "lower"),
        (variable(dformat=("UInt8", 0, 0, 256)), "out of bounds"),
        (variable(dformat=("UInt8", 0, -1, 255)), "out of bounds"),
        (variable(dformat=("UInt16", -1, 0, 1)), "noData value"),
        (variable(dformat=("Float32", 0, 0, NAN)), "out of bounds"),
        (variable(bands=["a", "b"], palette="p"), "palette"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_variable_that_cannot_be_is_refused(geocube, wanted, text):
    refused = geocube.refused("CreateVariable", variable=wanted)
    assert refused.code is StatusCode.INVALID_ARGUMENT
    assert text in refused.message
    assert refused.kind is None


@pytest.mark.parametrize(
    ("wanted", "state"),
    [
        (variable(dformat=("UNDEFINED", 0, 0, 1)), "[22P02]"),
        (variable(dformat=("Int8", 0, 0, 1)), "[22P02]"),
        (variable(dformat=(42, 0, 0, 1)), "[22P02]"),
        (variable(resampling_alg=42), "[22P02]"),
        (variable(palette="p"), "[23503]"),
    ],
    ids=["no dtype", "Int8", "unknown dtype", "unknown resampling", "unknown palette"],
)
def test_what_the_database_does_not_know_is_its_error(geocube, wanted, state):
    refused = geocube.refused("CreateVariable", variable=wanted)
    assert refused.code is StatusCode.UNKNOWN
    assert state in refused.message


def test_instance_comes_back_as_it_was_made(geocube):
    id = geocube.ask("CreateVariable", variable=variable("S2/NDVI")).id
    made = geocube.ask(
        "InstantiateVariable",
        variable_id=id,
        instance_name="raw",
        instance_metadata={"by": "us"},
    ).instance
    geocube.ask("InstantiateVariable", variable_id=id, instance_name="fine")
    assert (made.name, made.metadata) == ("raw", {"by": "us"})
    found = geocube.ask("GetVariable", name="S2/NDVI").variable
    assert made in found.instances
    assert instance_names(found) == ["fine", "raw"]


def test_variable_of_an_instance_has_that_one_only(geocube):
    first = geocube.variable("a")
    id = geocube.ask("GetVariable", name="a").variable.id
    geocube.ask("InstantiateVariable", variable_id=id, instance_name="fine")
    found = geocube.ask("GetVariable", instance_id=first).variable
    assert found.id == id
    assert [instance.id for instance in found.instances] == [first]


def test_taken_name_of_an_instance_is_refused_within_its_variable(geocube):
    geocube.variable("a")
    geocube.variable("b")  # its instance has the same name
    id = geocube.ask("GetVariable", name="a").variable.id
    refused = geocube.refused(
        "InstantiateVariable", variable_id=id, instance_name="raw"
    )
    assert refused == Refused(
        StatusCode.ALREADY_EXISTS, "Instance with name: a:raw", "Instance", "a:raw", ""
    )


@pytest.mark.parametrize(
    ("variable_id", "name", "code", "kind"),
    [
        ("x", "raw", StatusCode.INVALID_ARGUMENT, None),
        (str(uuid4()), "a/b", StatusCode.INVALID_ARGUMENT, None),
        (str(uuid4()), "", StatusCode.INVALID_ARGUMENT, None),
        (str(uuid4()), "raw", StatusCode.NOT_FOUND, "Variable"),
    ],
    ids=["no uuid", "path", "no name", "unknown variable"],
)
def test_instance_that_cannot_be_is_refused(geocube, variable_id, name, code, kind):
    refused = geocube.refused(
        "InstantiateVariable", variable_id=variable_id, instance_name=name
    )
    assert (refused.code, refused.kind) == (code, kind)


ID = str(uuid4())


@pytest.mark.parametrize(
    ("by", "code", "kind", "name"),
    [
        ({}, StatusCode.INVALID_ARGUMENT, None, None),
        ({"id": "x"}, StatusCode.INVALID_ARGUMENT, None, None),
        ({"instance_id": "x"}, StatusCode.INVALID_ARGUMENT, None, None),
        ({"id": ID}, StatusCode.NOT_FOUND, "Variable", ID),
        ({"name": "ndv*"}, StatusCode.NOT_FOUND, "Variable", "ndv*"),
        ({"instance_id": ID}, StatusCode.NOT_FOUND, "Variable Instance", ID),
    ],
    ids=["nothing", "bad id", "bad instance", "id", "name", "instance"],
)
def test_unknown_variable_is_not_found(geocube, by, code, kind, name):
    geocube.variable("ndvi")
    refused = geocube.refused("GetVariable", **by)
    assert (refused.code, refused.kind, refused.name) == (code, kind, name)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["S2/B04", "S2/B08", "s2_B04"]),
        ({"name": "S2/B04"}, ["S2/B04"]),
        ({"name": "S2/*"}, ["S2/B04", "S2/B08"]),
        ({"name": "s2?b04(?i)"}, ["S2/B04", "s2_B04"]),
        ({"name": "S2_B*"}, []),
        ({"limit": 1, "page": 1}, ["S2/B08"]),
    ],
    ids=str,
)
def test_variables_are_listed_by_pattern_and_page(geocube, filters, expected):
    for name in ("S2/B04", "S2/B08", "s2_B04"):
        geocube.variable(name)
    found = [item.variable for item in geocube.ask("ListVariables", **filters)]
    assert [one.name for one in found] == expected
    assert all(instance_names(one) == ["raw"] for one in found)


def test_crowd_that_creates_one_variable_creates_it_once(geocube):
    def create(_):
        try:
            geocube.variable("NDVI")
        except grpc.RpcError as error:
            return refusal(error).code
        return StatusCode.OK

    with ThreadPoolExecutor(CROWD) as crowd:
        codes = list(crowd.map(create, range(CROWD)))
    assert codes.count(StatusCode.OK) == 1
    assert set(codes) == {StatusCode.OK, StatusCode.ALREADY_EXISTS}
