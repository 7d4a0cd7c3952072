# SPDX-License-Identifier: Apache-2.0
"""Data formats, and how they map to physical values: what is possible."""

import math

import numpy as np

from infra.geocube.pb import geocube_pb2 as pb
from infra.geocube.standin.answers import invalid, unknown

Dtype = pb.DataFormat.Dtype

_WIDEST = (-float(np.finfo(np.float64).max), float(np.finfo(np.float64).max))
_SINGLE = (-float(np.finfo(np.float32).max), float(np.finfo(np.float32).max))

RANGES: dict[str, tuple[float, float]] = {
    "UNDEFINED": _WIDEST,
    "UInt8": (0, 2**8 - 1),
    "UInt16": (0, 2**16 - 1),
    "UInt32": (0, 2**32 - 1),
    "Int8": (-(2**7), 2**7 - 1),
    "Int16": (-(2**15), 2**15 - 1),
    "Int32": (-(2**31), 2**31 - 1),
    "Float32": _SINGLE,
    "Float64": _WIDEST,
    "Complex64": _WIDEST,
}
"""Name of a dtype → its smallest and largest value."""

# The database of the reference knows no type of these names.
_NOT_STORED = ("UNDEFINED", "Int8")


def dtype_name(number: int) -> str:
    """Name of a dtype.

    Raises:
        Refusal: there is none of that number.
    """
    if number not in Dtype.values():
        raise unknown(f'invalid input value for enum datatypes: "{number}"', "22P02")
    return Dtype.Name(Dtype.ValueType(number))


def storable(name: str) -> str:
    """The dtype, if the database can hold it."""
    if name in _NOT_STORED:
        raise unknown(f'invalid input value for enum datatypes: "{name}"', "22P02")
    return name


def check_format(data_format: pb.DataFormat, dtype: str) -> None:
    """Raises a Refusal for a range or a no-data value that the dtype cannot hold."""
    low, high = RANGES[dtype]
    if not (data_format.min_value >= low and data_format.max_value <= high):
        raise invalid(f"min/max value are out of bounds [{low:f}, {high:f}]")
    if not data_format.min_value < data_format.max_value:
        raise invalid("min must be strictly lower than max")
    no_data = data_format.no_data
    if not math.isnan(no_data) and not low <= no_data <= high:
        raise invalid(
            f"noData value ({no_data:f}) is not supported by the data type ({dtype})."
            " If nodata is not defined, set it to NaN"
        )


def check_mapping(dataset: pb.Dataset) -> None:
    """Raises a Refusal for a mapping that no file can have."""
    check_format(dataset.dformat, dtype_name(dataset.dformat.dtype))
    if not dataset.real_min_value < dataset.real_max_value:
        raise invalid("min must be strictly lower than max")
    if not dataset.exponent > 0:
        raise invalid("invalid exponent (must be strictly positive)")


def check_cast(stored: str, variable: str) -> None:
    """Raises a Refusal: complex and real values do not become one another."""
    if (stored == "Complex64") != (variable == "Complex64"):
        raise invalid(
            f"Data format of dataset is incorrect as {stored} cannot be cast to the"
            f" data format of the variable, {variable}"
        )
