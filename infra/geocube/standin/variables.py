# SPDX-License-Identifier: Apache-2.0
"""Variables and their instances."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.standin import filters
from infra.geocube.standin.answers import exists, invalid, not_found, unknown
from infra.geocube.standin.database import Database, Transaction
from infra.geocube.standin.grammar import is_path, is_word, new_id, parsed_id
from infra.geocube.standin.mappings import check_format, dtype_name, storable


def create(
    database: Database, request: pb.CreateVariableRequest
) -> pb.CreateVariableResponse:
    """The id of a new variable."""
    wanted = request.variable
    dtype = _check(wanted)
    with database.transaction() as transaction:
        made = transaction.row(
            "create_variable",
            id=new_id(),
            name=wanted.name,
            unit=wanted.unit,
            description=wanted.description,
            bands=list(wanted.bands),
            dtype=dtype,
            no_data=wanted.dformat.no_data,
            min_value=wanted.dformat.min_value,
            max_value=wanted.dformat.max_value,
            resampling_alg=pb.Resampling.Name(wanted.resampling_alg),
        )
        if made is None:
            raise exists("Variable", "name", wanted.name)
    return pb.CreateVariableResponse(id=made["id"])


def _check(wanted: pb.Variable) -> str:
    """The dtype of a variable that can be made; in the reference's order of checks."""
    if wanted.resampling_alg == pb.Resampling.UNDEFINED:
        raise invalid("Resampling algorithm cannot be undefined")
    if not is_path(wanted.name):
        raise invalid(f"Incorrect name: {wanted.name}")
    if wanted.palette and len(wanted.bands) != 1:
        raise invalid("Cannot define a palette to a multi-bands variable")
    dtype = dtype_name(wanted.dformat.dtype)
    check_format(wanted.dformat, dtype)
    if not wanted.bands:
        raise invalid("Bands definition must have at least one band")
    if len(wanted.bands) > 1 and "" in wanted.bands:
        raise invalid("Band name cannot be empty")
    if wanted.palette:  # none can be made here, so none is known
        raise unknown(f"palette '{wanted.palette}' is not known", "23503")
    if wanted.resampling_alg not in pb.Resampling.values():
        number = wanted.resampling_alg
        raise unknown(f'invalid input value for enum resampling: "{number}"', "22P02")
    return storable(dtype)


def instantiate(
    database: Database, request: pb.InstantiateVariableRequest
) -> pb.InstantiateVariableResponse:
    """A new instance of a variable."""
    name = request.instance_name
    if not is_word(name):
        raise invalid(f"Invalid Name: {name}")
    variable_id = parsed_id(request.variable_id)
    instance = pb.Instance(
        id=new_id(), name=name, metadata=dict(request.instance_metadata)
    )
    with database.transaction() as transaction:
        variable = transaction.row("variable_of_id", key=variable_id)
        if variable is None:
            raise not_found("Variable", "id", variable_id)
        made = transaction.row(
            "create_instance",
            id=instance.id,
            name=name,
            variable_id=variable_id,
            metadata=Jsonb(dict(instance.metadata)),
        )
        if made is None:
            raise exists("Instance", "name", f"{variable['name']}:{name}")
    return pb.InstantiateVariableResponse(instance=instance)


def get(database: Database, request: pb.GetVariableRequest) -> pb.GetVariableResponse:
    """A variable with its instances; by the id of an instance, with that one only."""
    with database.transaction() as transaction:
        if request.id:
            row = _of(transaction, "id", parsed_id(request.id))
        elif request.instance_id:
            id = parsed_id(request.instance_id)
            row = of_instance(transaction, id)
            found = _message(transaction, row, instance_id=id)
            return pb.GetVariableResponse(variable=found)
        elif request.name:
            row = _of(transaction, "name", request.name)
        else:
            raise invalid("At least one of id, name or instance id must be provided")
        return pb.GetVariableResponse(variable=_message(transaction, row))


def _of(transaction: Transaction, key: str, value: str) -> Mapping[str, Any]:
    row = transaction.row(f"variable_of_{key}", key=value)
    if row is None:
        raise not_found("Variable", key, value)
    return row


def of_instance(transaction: Transaction, id: str) -> Mapping[str, Any]:
    """The row of the variable that an instance is of."""
    row = transaction.row("variable_of_instance", key=id)
    if row is None:
        raise not_found("Variable Instance", "id", id)
    return row


def list_(
    database: Database, request: pb.ListVariablesRequest
) -> list[pb.ListVariablesResponseItem]:
    """Variables whose name fits, with all their instances."""
    page = filters.paging(request.limit, request.page)
    name = filters.name_filter(request.name)
    with database.transaction() as transaction:
        return [
            pb.ListVariablesResponseItem(variable=_message(transaction, row))
            for row in transaction.rows("list_variables", **name, **page)
        ]


def _message(
    transaction: Transaction, row: Mapping[str, Any], instance_id: str | None = None
) -> pb.Variable:
    instances = transaction.rows(
        "instances", variable_id=row["id"], instance_id=instance_id
    )
    return pb.Variable(
        id=row["id"],
        name=row["name"],
        unit=row["unit"],
        description=row["description"],
        dformat=format_message(row),
        bands=row["bands"],
        resampling_alg=row["resampling_alg"],
        instances=[pb.Instance(**instance) for instance in instances],
    )


def format_message(row: Mapping[str, Any]) -> pb.DataFormat:
    """The data format in a row of a variable or a dataset."""
    return pb.DataFormat(
        dtype=row["dtype"],
        no_data=row["no_data"],
        min_value=row["min_value"],
        max_value=row["max_value"],
    )
