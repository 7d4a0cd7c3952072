# SPDX-License-Identifier: Apache-2.0
"""Data formats: how pixels are stored, and which value means no data."""

import math
from dataclasses import dataclass
from enum import StrEnum

from infra.geocube.pb import geocube_pb2 as pb


class Dtype(StrEnum):
    """Types of pixels, in the Geocube's words.

    Int8 is named by the interface but refused by its database.
    """

    UNDEFINED = "UNDEFINED"
    """In a dataset: the file's own type."""
    UINT8 = "UInt8"
    UINT16 = "UInt16"
    UINT32 = "UInt32"
    INT8 = "Int8"
    INT16 = "Int16"
    INT32 = "Int32"
    FLOAT32 = "Float32"
    FLOAT64 = "Float64"
    COMPLEX64 = "Complex64"
    """A pair of 32-bit floats."""


@dataclass(frozen=True, slots=True)
class DataFormat:
    """Type, range and no-data value of pixels."""

    dtype: Dtype
    no_data: float
    """NaN: no value means no data."""
    min_value: float
    max_value: float

    def __eq__(self, other: object) -> bool:
        """Equal field by field; two NaN are the same no-data value."""
        if not isinstance(other, DataFormat):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Dtype, float | None, float, float]:
        no_data = None if math.isnan(self.no_data) else self.no_data
        return self.dtype, no_data, self.min_value, self.max_value

    def __str__(self) -> str:
        return f"{self.dtype},{self.no_data:g},{self.min_value:g},{self.max_value:g}"


def to_pb(data_format: DataFormat) -> pb.DataFormat:
    """The message for a data format."""
    return pb.DataFormat(
        dtype=data_format.dtype,
        no_data=data_format.no_data,
        min_value=data_format.min_value,
        max_value=data_format.max_value,
    )


def from_pb(message: pb.DataFormat) -> DataFormat:
    """The data format of a message."""
    return DataFormat(
        dtype=Dtype(pb.DataFormat.Dtype.Name(message.dtype)),
        no_data=message.no_data,
        min_value=message.min_value,
        max_value=message.max_value,
    )
