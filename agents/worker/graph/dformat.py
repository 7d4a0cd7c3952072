# SPDX-License-Identifier: Apache-2.0
"""How stored pixels stand for physical values."""

import math
from dataclasses import dataclass, replace

DTYPES = {
    **dict.fromkeys(("uint8", "byte", "u1"), "uint8"),
    **dict.fromkeys(("uint16", "u2"), "uint16"),
    **dict.fromkeys(("uint32", "u4"), "uint32"),
    **dict.fromkeys(("int8", "i1"), "int8"),
    **dict.fromkeys(("int16", "i2"), "int16"),
    **dict.fromkeys(("int32", "i4"), "int32"),
    **dict.fromkeys(("float32", "f4"), "float32"),
    **dict.fromkeys(("float64", "f8"), "float64"),
    **dict.fromkeys(("complex64", "c4", "c8"), "complex64"),
}
"""Names that graphs may use → numpy's name."""


_RANGES = {
    "uint8": (0, 2**8 - 1),
    "uint16": (0, 2**16 - 1),
    "uint32": (0, 2**32 - 1),
    "int8": (-(2**7), 2**7 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
}
"""What fits in an integer type."""


@dataclass(frozen=True, slots=True)
class DataFormat:
    """Stored type and range, and the physical range it stands for (Geocube's words).

    With `x = (stored - min) / (max - min)` the physical value is
    `ext_min + (ext_max - ext_min) * x ** exponent`.
    """

    dtype: str
    """Name as in numpy; empty: not told."""
    no_data: float
    """Stored value that stands for nothing; NaN: there is none (integers)."""
    min_value: float
    max_value: float
    ext_min_value: float = 0.0
    ext_max_value: float = 0.0
    exponent: float = 1.0

    def line(self) -> tuple[float, float]:
        """Scale and offset from stored to physical values, where they are a line."""
        physical = self.ext_max_value - self.ext_min_value
        stored = self.max_value - self.min_value
        scale = physical / stored if stored else 1.0
        return scale, self.ext_min_value - scale * self.min_value


def dtype_of(text: str) -> str:
    """Numpy's name of a type.

    Raises:
        ValueError: it is none of `DTYPES`.
    """
    name = DTYPES.get(text.strip().lower())
    if name is None:
        known = ", ".join(sorted(set(DTYPES.values())))
        raise ValueError(f"data type '{text}' is unknown, expected one of {known}")
    return name


def with_text(data_format: DataFormat, text: str) -> DataFormat:
    """The format with `dtype,nodata,min,max` of a text laid over it.

    Raises:
        ValueError: the text is not four fields, or one of them is no number.
    """
    fields = [field.strip() for field in text.split(",")]
    if len(fields) != 4:
        raise ValueError(f"'{text}', expected dtype,nodata,min,max")
    no_data, low, high = (_number(field, text) for field in fields[1:])
    return replace(
        data_format,
        dtype=dtype_of(fields[0]),
        no_data=no_data,
        min_value=low,
        max_value=high,
    )


def problems(data_format: DataFormat) -> list[str]:
    """Why no index would take the format; empty when one would."""
    found = []
    if not data_format.dtype:
        found.append("data type missing")
    found += _misfits(data_format)
    if math.isinf(data_format.min_value) or math.isinf(data_format.max_value):
        found.append("min and max must be finite")
    if not data_format.min_value < data_format.max_value:
        found.append(f"min {data_format.min_value} is not below max")
    if not data_format.ext_min_value < data_format.ext_max_value:
        found.append(f"external min {data_format.ext_min_value} is not below max")
    if not data_format.exponent > 0:
        found.append(f"exponent {data_format.exponent} is not above 0")
    return found


def _misfits(data_format: DataFormat) -> list[str]:
    """Values of the format that its type cannot hold; a no-data of NaN is none."""
    low, high = _RANGES.get(data_format.dtype, (-math.inf, math.inf))
    values = {
        "no-data": data_format.no_data,
        "min": data_format.min_value,
        "max": data_format.max_value,
    }
    return [
        f"{name} {value:g} does not fit in {data_format.dtype}"
        for name, value in values.items()
        if not (math.isnan(value) or low <= value <= high)
    ]


def _number(field: str, text: str) -> float:
    try:
        return float(field)
    except ValueError as error:
        raise ValueError(f"'{text}': '{field}' is no number") from error
