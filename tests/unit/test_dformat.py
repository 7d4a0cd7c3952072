# SPDX-License-Identifier: Apache-2.0
"""Data formats: names of types, texts, and what no index would take."""

import math

import pytest

from agents.worker.graph.dformat import DataFormat, dtype_of, problems, with_text

SOUND = DataFormat("int16", -32768, 0, 1000, 0, 1)


@pytest.mark.parametrize(
    ("names", "dtype"),
    [
        ("uint8 byte u1 Byte", "uint8"),
        ("uint16 u2 UINT16", "uint16"),
        ("uint32 u4", "uint32"),
        ("int8 i1", "int8"),
        ("int16 i2 Int16", "int16"),
        ("int32 i4", "int32"),
        ("float32 f4", "float32"),
        ("float64 f8", "float64"),
        ("complex64 c4 c8", "complex64"),
    ],
)
def test_type_is_known_by_all_its_names_in_any_case(names, dtype):
    assert {dtype_of(name) for name in names.split()} == {dtype}


def test_text_is_laid_over_the_first_four_fields():
    found = with_text(SOUND, " uint16 , 5e-1, -1e3 ,32767")
    assert found == DataFormat("uint16", 0.5, -1000, 32767, 0, 1)


def test_n11_no_data_of_a_text_may_be_none():
    assert math.isnan(with_text(SOUND, "uint16,NaN,0,32767").no_data)


@pytest.mark.parametrize("word", ["Inf", "-Inf", "-Infinity", "infinity"])
def test_values_of_a_text_may_be_infinite(word):
    value = float(word)
    assert with_text(SOUND, f"float32,{word},0,1").no_data == value
    found = with_text(SOUND, f"float32,0,{word},{word}")
    assert (found.min_value, found.max_value) == (value, value)


def test_no_index_takes_a_range_without_end():
    assert problems(with_text(SOUND, "float32,-Inf,0,1")) == []
    assert "min and max must be finite" in problems(
        with_text(SOUND, "float32,0,-Inf,1")
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("uint16,0,1", "expected dtype,nodata,min,max"),
        ("uint16,0,0,1,2", "expected dtype,nodata,min,max"),
        ("", "expected dtype,nodata,min,max"),
        ("uint12,0,0,1", "data type 'uint12' is unknown"),
        ("uint16,x,0,1", "'x' is no number"),
        ("uint16,,0,1", "'' is no number"),
    ],
)
def test_n11_text_that_is_no_format_is_refused(text, expected):
    with pytest.raises(ValueError, match=expected):
        with_text(SOUND, text)


def test_sound_format_has_no_problem():
    assert problems(SOUND) == []


def test_no_data_that_is_none_fits_everywhere():
    assert problems(DataFormat("uint8", math.nan, 0, 255, 0, 1)) == []


def test_floats_hold_any_number():
    assert problems(DataFormat("float32", -9999, -1e30, 1e30, 0, 1)) == []


def test_every_problem_of_a_format_is_told():
    found = problems(DataFormat("uint8", 256, 300, -1, 1, 1, 0))
    assert found == [
        "no-data 256 does not fit in uint8",
        "min 300 does not fit in uint8",
        "max -1 does not fit in uint8",
        "min 300 is not below max",
        "external min 1 is not below max",
        "exponent 0 is not above 0",
    ]
