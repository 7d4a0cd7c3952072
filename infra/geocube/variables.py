# SPDX-License-Identifier: Apache-2.0
"""Variables and their instances: what pixels mean, and in which version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from grpc import StatusCode

from infra.geocube import formats
from infra.geocube.errors import Declined
from infra.geocube.formats import DataFormat
from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.wire import Wire
from streams.errors import IndexConflict


class Resampling(StrEnum):
    """How readers resample a variable by default."""

    NEAR = "NEAR"
    BILINEAR = "BILINEAR"
    CUBIC = "CUBIC"
    CUBICSPLINE = "CUBICSPLINE"
    LANCZOS = "LANCZOS"
    AVERAGE = "AVERAGE"
    MODE = "MODE"
    MAX = "MAX"
    MIN = "MIN"
    MED = "MED"
    Q1 = "Q1"
    Q3 = "Q3"


@dataclass(frozen=True, slots=True)
class Instance:
    """One version of a variable: a processing, a provider, …."""

    id: str
    name: str
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Variable:
    """A kind of data, with the format in which it is read."""

    name: str
    """Segments of letters, digits, `-`, `:` and `_`, separated by `/`."""
    data_format: DataFormat
    bands: tuple[str, ...] = ("",)
    """One name per band; a single band may have the empty name."""
    unit: str = ""
    description: str = ""
    palette: str = ""
    resampling: Resampling = Resampling.NEAR
    id: str = ""
    """Given by the index; empty in a wish."""
    instances: tuple[Instance, ...] = ()
    """In order of name."""

    def instance(self, name: str) -> Instance | None:
        """Its instance of that name."""
        return next((one for one in self.instances if one.name == name), None)


def of_name(wire: Wire, name: str) -> Variable | None:
    """The variable of that name with all its instances."""
    return _get(wire, pb.GetVariableRequest(name=name))


def all_of(wire: Wire) -> list[Variable]:
    """Every variable with all its instances, in order of name."""
    request = pb.ListVariablesRequest()
    items = wire.stream("ListVariables", request, pb.ListVariablesResponseItem)
    return sorted((_variable(one.variable) for one in items), key=lambda one: one.name)


def of_instance(wire: Wire, instance_id: str) -> Variable | None:
    """The variable of an instance, with that instance only."""
    return _get(wire, pb.GetVariableRequest(instance_id=instance_id))


def ensure(wire: Wire, wanted: Variable) -> Variable:
    """The variable of that name, made if it was not there.

    Raises:
        IndexConflict: it is there with another data format or other bands.
    """
    found = of_name(wire, wanted.name)
    if found is None:
        _create(wire, wanted)
        found = of_name(wire, wanted.name) or wanted
    _check(wanted, found)
    return found


def ensure_instance(
    wire: Wire, variable: Variable, name: str, metadata: Mapping[str, str]
) -> Instance:
    """The instance of that name, made if it was not there; its metadata stand."""
    if known := variable.instance(name):
        return known
    request = pb.InstantiateVariableRequest(
        variable_id=variable.id, instance_name=name, instance_metadata=dict(metadata)
    )
    try:
        answer = wire.call(
            "InstantiateVariable", request, pb.InstantiateVariableResponse
        )
    except Declined as refusal:
        if refusal.code is not StatusCode.ALREADY_EXISTS:
            raise
        found = _get(wire, pb.GetVariableRequest(id=variable.id))
        if found is None or (instance := found.instance(name)) is None:
            raise
        return instance
    return _instance(answer.instance)


def _create(wire: Wire, wanted: Variable) -> None:
    request = pb.CreateVariableRequest(variable=_message(wanted))
    try:
        wire.call("CreateVariable", request, pb.CreateVariableResponse)
    except Declined as refusal:
        if refusal.code is not StatusCode.ALREADY_EXISTS:
            raise


def _check(wanted: Variable, found: Variable) -> None:
    asked = (wanted.data_format, wanted.bands)
    if asked != (found.data_format, found.bands):
        raise IndexConflict(
            f"variable '{wanted.name}': the index has data format"
            f" {found.data_format} and bands {list(found.bands)}, expected"
            f" {wanted.data_format} and {list(wanted.bands)}"
        )


def _get(wire: Wire, request: pb.GetVariableRequest) -> Variable | None:
    try:
        answer = wire.call("GetVariable", request, pb.GetVariableResponse)
    except Declined as refusal:
        if refusal.code is StatusCode.NOT_FOUND:
            return None
        raise
    return _variable(answer.variable)


def _message(variable: Variable) -> pb.Variable:
    return pb.Variable(
        name=variable.name,
        unit=variable.unit,
        description=variable.description,
        dformat=formats.to_pb(variable.data_format),
        bands=variable.bands,
        palette=variable.palette,
        resampling_alg=variable.resampling,
    )


def _variable(message: pb.Variable) -> Variable:
    instances = (_instance(one) for one in message.instances)
    return Variable(
        name=message.name,
        data_format=formats.from_pb(message.dformat),
        bands=tuple(message.bands),
        unit=message.unit,
        description=message.description,
        palette=message.palette,
        resampling=Resampling(pb.Resampling.Name(message.resampling_alg)),
        id=message.id,
        instances=tuple(sorted(instances, key=lambda one: one.name)),
    )


def _instance(message: pb.Instance) -> Instance:
    return Instance(message.id, message.name, dict(message.metadata))
