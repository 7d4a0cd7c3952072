# SPDX-License-Identifier: Apache-2.0
"""Landsat's numbers as physical values: metadata, formulae, flags, layers."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio

from agents.worker.graph.load import load_graph
from agents.worker.graph.native.landsat import (
    REFLECTANCE,
    TEMPERATURE,
    Product,
    brightness,
    read_product,
    surface_scale,
    top_of_atmosphere,
)
from agents.worker.graph.native.landsat_flags import hidden_by, known_flags
from agents.worker.graph.steps.landsat import extract_landsat_bands
from streams.errors import StepFatal
from tests.landsat import LEVEL_1, LEVEL_2, make_product, write_band, write_metadata

DATA = Path("../shared/data")

SENSOR = {
    **{f"REFLECTANCE_MULT_BAND_{n}": "2.0000E-05" for n in range(1, 10)},
    **{f"REFLECTANCE_ADD_BAND_{n}": "-0.100000" for n in range(1, 10)},
    **{f"RADIANCE_MULT_BAND_{n}": "3.3420E-04" for n in (10, 11)},
    **{f"RADIANCE_ADD_BAND_{n}": "0.10000" for n in (10, 11)},
}
THERMAL = {
    "K1_CONSTANT_BAND_10": 774.8853,
    "K2_CONSTANT_BAND_10": 1321.0789,
    "K1_CONSTANT_BAND_11": 480.8883,
    "K2_CONSTANT_BAND_11": 1201.1442,
}
SUN = {"SUN_ELEVATION": 35.0}

# Groups are named otherwise in the two collections.
COLLECTION_1 = {
    "PRODUCT_METADATA": {"SPACECRAFT_ID": '"LANDSAT_8"'},
    "IMAGE_ATTRIBUTES": SUN,
    "RADIOMETRIC_RESCALING": SENSOR,
    "TIRS_THERMAL_CONSTANTS": THERMAL,
}
COLLECTION_2 = {
    "IMAGE_ATTRIBUTES": SUN,
    "LEVEL1_RADIOMETRIC_RESCALING": SENSOR,
    "LEVEL1_THERMAL_CONSTANTS": THERMAL,
}


def _extract(product, **arguments):
    """Layer → file."""
    work = product.parent
    asked = {"product": product.name, "out": "day_tile_*.tif", **arguments}
    extract_landsat_bands(work, asked)
    return {
        file.stem.removeprefix("day_tile_"): file
        for file in sorted(work.glob("day_tile_*.tif"))
    }


def _pixels(file):
    with rasterio.open(file) as raster:
        return raster.read(1)


def _source(product, band):
    return _pixels(next(product.glob(f"*_{band}.TIF")))


def _product(folder, groups=COLLECTION_2, name=LEVEL_1):
    product = make_product(folder, name)
    write_metadata(product, groups)
    return product


def _physical(layer, numbers):
    """As an index reads the layer: by the graph's data format."""
    outputs = {out.layer: out for out in load_graph("ExtractLandsatBands").out_files[0]}
    f = outputs[layer].data_format
    share = (numbers.astype("f8") - f.min_value) / (f.max_value - f.min_value)
    return f.ext_min_value + (f.ext_max_value - f.ext_min_value) * share


# -- formulae, with the vectors of usgs.gov and of the handbooks


@pytest.mark.parametrize("groups", [COLLECTION_1, COLLECTION_2])
def test_reflectance_is_divided_by_the_sine_of_the_suns_elevation(groups, tmp_path):
    product = read_product(_product(tmp_path, groups))
    # (2e-5 * 12000 - 0.1) / sin(35 degrees)
    (value,) = top_of_atmosphere(product, "B04", np.array([12000]))
    assert value == pytest.approx(0.2440826, abs=5e-8)


@pytest.mark.parametrize("groups", [COLLECTION_1, COLLECTION_2])
def test_brightness_temperature_follows_from_radiance_and_two_constants(
    groups, tmp_path
):
    product = read_product(_product(tmp_path, groups))
    # L = 3.342e-4 * 25000 + 0.1 = 8.455; 1321.0789 / ln(774.8853 / 8.455 + 1)
    (value,) = brightness(product, "B10", np.array([25000]))
    assert value == pytest.approx(291.7056, abs=5e-5)


def test_surface_values_follow_from_factor_and_offset():
    # usgs.gov: "a pixel value of 18,639 … 0.313", "… of 44,947 … 302.6 Kelvin"
    reflectance = REFLECTANCE.factor * 18639 + REFLECTANCE.offset
    temperature = TEMPERATURE.factor * 44947 + TEMPERATURE.offset
    assert reflectance == pytest.approx(0.3125725)
    assert temperature == pytest.approx(302.6297, abs=5e-5)


def test_no_radiance_is_the_lowest_number_and_no_error(tmp_path):
    low = {**SENSOR, "RADIANCE_ADD_BAND_10": -3.342}
    groups = {**COLLECTION_2, "LEVEL1_RADIOMETRIC_RESCALING": low}
    kelvin = brightness(
        read_product(_product(tmp_path, groups)), "B10", np.array([1, 10_000, 60_000])
    )
    assert np.isnan(kelvin[:2]).all()
    assert TEMPERATURE.numbers(kelvin)[0] == 1


def test_numbers_that_do_not_fit_are_the_smallest_and_the_largest():
    values = np.array([-0.3, -0.2, 0.0, 1.6022125, 2.4])
    assert REFLECTANCE.numbers(values).tolist() == [1, 1, 7273, 65535, 65535]


# -- metadata


@pytest.mark.parametrize("form", ["txt", "json", "xml"])
def test_metadata_say_the_same_in_every_form(form, tmp_path):
    product = make_product(tmp_path, LEVEL_2)
    _write(product, form, "REFLECTANCE_MULT_BAND_4", "3.5e-05")
    assert surface_scale(read_product(product), "SR_B4").factor == 3.5e-05


def _write(product, form, key, value):
    group = "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"
    values = {key: value, "REFLECTANCE_ADD_BAND_4": "-0.1"}
    # Level 2 repeats the Level 1 that it was made of, with the same keys.
    groups = {group: values, "LEVEL1_RADIOMETRIC_RESCALING": SENSOR}
    path = product / f"{product.name}_MTL.{form}"
    if form == "txt":
        write_metadata(product, groups)
    elif form == "json":
        path.write_text(json.dumps({"LANDSAT_METADATA_FILE": groups}))
    else:
        inner = "".join(
            f"<{name}>{''.join(f'<{k}>{v}</{k}>' for k, v in pairs.items())}</{name}>"
            for name, pairs in groups.items()
        )
        path.write_text(f"<LANDSAT_METADATA_FILE>{inner}</LANDSAT_METADATA_FILE>")


def test_without_metadata_numbers_pass_as_they_are(tmp_path):
    product = make_product(tmp_path)
    assert (_pixels(_extract(product)["B04"]) == _source(product, "B4")).all()


def test_physical_values_without_metadata_are_fatal(tmp_path):
    with pytest.raises(StepFatal, match=rf"metadata missing, expected {LEVEL_1}_MTL"):
        _extract(make_product(tmp_path), values="physical")
    assert list(tmp_path.glob("*.tif")) == []


@pytest.mark.parametrize(
    ("group", "key"),
    [
        ("LEVEL1_RADIOMETRIC_RESCALING", "REFLECTANCE_ADD_BAND_3"),
        ("LEVEL1_THERMAL_CONSTANTS", "K2_CONSTANT_BAND_11"),
        ("IMAGE_ATTRIBUTES", "SUN_ELEVATION"),
    ],
)
def test_missing_coefficient_is_fatal_and_named(group, key, tmp_path):
    left = {k: v for k, v in COLLECTION_2[group].items() if k != key}
    product = _product(tmp_path, {**COLLECTION_2, group: left})
    with pytest.raises(StepFatal, match=rf"_MTL\.txt: {key} missing"):
        _extract(product, values="physical")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("txt", "no metadata"),
        ("json", "{"),
        ("json", "[]"),
        ("xml", "<a>"),
        ("xml", "<a/>"),
    ],
)
def test_metadata_that_cannot_be_understood_are_fatal(name, text, tmp_path):
    product = make_product(tmp_path)
    (product / f"{LEVEL_1}_MTL.{name}").write_text(text)
    with pytest.raises(StepFatal, match=rf"{LEVEL_1}_MTL\.{name}: "):
        _extract(product, values="physical")


def test_there_is_no_reflectance_by_night(tmp_path):
    night = {**COLLECTION_2, "IMAGE_ATTRIBUTES": {"SUN_ELEVATION": -12.5}}
    with pytest.raises(StepFatal, match=r"SUN_ELEVATION -12\.5, expected above 0"):
        _extract(_product(tmp_path, night), values="physical", bands="B04")


# -- layers


def test_physical_values_are_layers_of_their_own(tmp_path):
    bands = "B04,B08,B10,QA_PIXEL"
    product = _product(tmp_path)
    assert list(_extract(product, bands=bands, values="physical")) == [
        *("BT_B10", "QA_PIXEL", "TOA_B04", "TOA_B08")
    ]
    assert list(_extract(product, bands=bands, values="both")) == [
        *("B04", "B08", "B10", "BT_B10", "QA_PIXEL", "TOA_B04", "TOA_B08")
    ]


def test_index_reads_reflectance_of_every_pixel(tmp_path):
    product = _product(tmp_path)
    stored = _pixels(_extract(product, bands="B04", values="physical")["TOA_B04"])
    numbers = _source(product, "B4").astype("f8")
    wanted = (2e-5 * numbers - 0.1) / math.sin(math.radians(35))
    inside = (numbers > 0) & (wanted < 1.6)
    assert inside.sum() > 1000
    # Half of a step of what is stored, 0.0000275.
    error = np.abs(_physical("TOA_B04", stored) - wanted)[inside]
    assert error.max() <= 0.0000138
    assert (stored[numbers == 0] == 0).all()


def test_index_reads_temperature_of_every_pixel(tmp_path):
    product = _product(tmp_path)
    stored = _pixels(_extract(product, bands="B11", values="physical")["BT_B11"])
    numbers = _source(product, "B11").astype("f8")
    wanted = 1201.1442 / np.log(480.8883 / (3.342e-4 * numbers + 0.1) + 1)
    inside = numbers > 0
    error = np.abs(_physical("BT_B11", stored) - wanted)[inside & (wanted > 149.1)]
    assert error.max() <= 0.00172  # half of 0.00341802 kelvin
    assert (stored[~inside] == 0).all()


def test_sun_can_be_taken_in_each_pixel(tmp_path):
    product = _product(tmp_path)
    with rasterio.open(product / f"{LEVEL_1}_B4.TIF") as raster:
        profile = raster.profile | {"dtype": "int16"}
    # 30 degrees from the zenith in the north, 60 in the south, unknown in a corner.
    zenith = np.repeat([[3000], [6000]], 32, axis=0).repeat(64, axis=1).astype("int16")
    zenith[10, 10] = 0
    with rasterio.open(product / f"{LEVEL_1}_SZA.TIF", "w", **profile) as raster:
        raster.write(zenith, 1)
    found = _extract(product, bands="B04", values="physical", sun="pixel")
    values = _physical("TOA_B04", _pixels(found["TOA_B04"]))
    numbers = _source(product, "B4").astype("f8")
    for row, degrees in ((20, 30), (40, 60)):
        wanted = (2e-5 * numbers[row] - 0.1) / math.cos(math.radians(degrees))
        assert values[row] == pytest.approx(np.clip(wanted, -0.19997, 1.6022), abs=2e-5)
    assert _pixels(found["TOA_B04"])[10, 10] == 0


def test_sun_in_each_pixel_needs_its_angles(tmp_path):
    with pytest.raises(StepFatal, match="SZA missing"):
        _extract(_product(tmp_path), values="physical", sun="pixel")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"values": "radiance"},
            "values 'radiance', expected one of numbers, physical",
        ),
        ({"sun": "noon"}, "sun 'noon', expected one of scene, pixel"),
        ({"bands": "B04,B12"}, "bands B12 unknown"),
        ({"bands": "QA_RADSAT"}, "QA_RADSAT missing"),
        (
            {"mask": "haze"},
            "mask haze: not in QA_PIXEL of LC08, which knows dilated_cloud",
        ),
        ({"threads": "many"}, "threads 'many', expected a number above 0"),
    ],
)
def test_wrong_arguments_are_fatal(arguments, message, tmp_path):
    with pytest.raises(StepFatal, match=message):
        _extract(make_product(tmp_path), **arguments)


def test_landsat_7_has_two_thermal_bands_and_numbers_of_8_bits(tmp_path):
    name = "LE07_L1TP_014031_20000106_20200119_02_T1"
    product = tmp_path / name
    product.mkdir()
    bands = ("1", "2", "3", "4", "5", "6_VCID_1", "6_VCID_2", "7", "8")
    for number, band in enumerate(bands):
        file = product / f"{name}_B{band}.TIF"
        write_band(file, number, 16, dtype="uint8", no_data=None)
    # The constants of the Landsat 7 Data Users Handbook, LSDS-1927.
    write_metadata(
        product,
        {
            "LEVEL1_RADIOMETRIC_RESCALING": {
                "RADIANCE_MULT_BAND_6_VCID_1": "6.7087E-02",
                "RADIANCE_ADD_BAND_6_VCID_1": "-0.06709",
            },
            "LEVEL1_THERMAL_CONSTANTS": {
                "K1_CONSTANT_BAND_6_VCID_1": 666.09,
                "K2_CONSTANT_BAND_6_VCID_1": 1282.71,
            },
        },
    )
    found = _extract(product, bands="B06_VCID_1,B01", values="numbers")
    found |= _extract(product, bands="B06_VCID_1", values="physical")
    numbers = _source(product, "B6_VCID_1").astype("f8")
    with rasterio.open(found["B06_VCID_1"]) as raster:
        assert raster.dtypes == ("uint16",)
        assert (raster.read(1) == numbers).all()
    wanted = 1282.71 / np.log(666.09 / (6.7087e-2 * 150 - 0.06709) + 1)
    kelvin = _physical("BT_B06_VCID_1", _pixels(found["BT_B06_VCID_1"]))
    (at,) = np.unique(kelvin[numbers == 150]) if (numbers == 150).any() else [wanted]
    assert at == pytest.approx(wanted, abs=0.00172)


def test_other_scale_of_level_2_is_brought_to_the_usual_one(tmp_path):
    product = make_product(tmp_path, LEVEL_2)
    _write(product, "txt", "REFLECTANCE_MULT_BAND_4", "3.5e-05")
    stored = _pixels(_extract(product, bands="SR_B4")["SR_B4"])
    numbers = _source(product, "SR_B4").astype("f8")
    wanted = 3.5e-05 * numbers - 0.1
    inside = numbers > 0
    error = np.abs(_physical("SR_B4", stored) - wanted)[inside]
    assert error.max() <= 0.0000138
    assert (stored[~inside] == 0).all()


# -- flags


@pytest.mark.parametrize(
    ("layer", "name", "number", "is_hidden"),
    [
        # QA_PIXEL 21824: clear; 22280: cloud of high confidence (usgs.gov).
        ("QA_PIXEL", "cloud", 21824, False),
        ("QA_PIXEL", "cloud", 22280, True),
        ("QA_PIXEL", "dilated_cloud", 0b10, True),
        ("QA_PIXEL", "cirrus", 0b100, True),
        ("QA_PIXEL", "cloud_shadow", 0b1_0000, True),
        ("QA_PIXEL", "snow", 0b10_0000, True),
        ("QA_PIXEL", "water", 0b1000_0000, True),
        # BQA 2720: clear; 2800: cloud; shadow is of high confidence when both bits are.
        ("BQA", "cloud", 2720, False),
        ("BQA", "cloud", 2800, True),
        ("BQA", "cloud_shadow", 0b01 << 7, False),
        ("BQA", "cloud_shadow", 0b11 << 7, True),
        ("BQA", "snow", 0b11 << 9, True),
        ("BQA", "cirrus", 0b11 << 11, True),
        ("BQA", "cirrus", 0b10 << 11, False),
    ],
)
def test_flags_tell_what_is_hidden(layer, name, number, is_hidden):
    assert hidden_by(layer, [name])[number] == is_hidden


def test_collection_1_knows_no_dilated_clouds():
    with pytest.raises(
        StepFatal, match=r"dilated_cloud: not in BQA, which knows cloud,"
    ):
        hidden_by("BQA", ["cloud", "dilated_cloud"])


@pytest.mark.parametrize(
    ("flags", "mission", "names"),
    [
        ("QA_PIXEL", "LC09", "dilated_cloud cirrus cloud cloud_shadow snow water"),
        ("QA_PIXEL", "LE07", "dilated_cloud cloud cloud_shadow snow water"),
        ("QA_PIXEL", "LM05", "cloud"),
        ("BQA", "LC08", "cloud cloud_shadow snow cirrus"),
        ("BQA", "LT05", "cloud cloud_shadow snow"),
        ("BQA", "LM04", "cloud"),
    ],
)
def test_flags_are_those_of_the_sensor(flags, mission, names):
    assert list(known_flags(flags, mission)) == names.split()


def test_mask_that_the_sensor_cannot_tell_is_fatal(tmp_path):
    name = "LT05_L1TP_014031_20000106_20200119_02_T1"
    product = make_product(tmp_path, name, ["B1", "QA_PIXEL"])
    with pytest.raises(StepFatal, match="mask cirrus: not in QA_PIXEL of LT05, which"):
        _extract(product, bands="B01", mask="cloud,cirrus")


def test_masked_pixels_are_no_data_also_in_the_finer_band(tmp_path):
    product = make_product(tmp_path, size=64)
    name = f"{LEVEL_1}_QA_PIXEL.TIF"
    with rasterio.open(product / name) as raster:
        profile = raster.profile
    flags = np.full((64, 64), 21824, "uint16")
    flags[:, 32:] = 22280
    with rasterio.open(product / name, "w", **profile) as raster:
        raster.write(flags, 1)
    pan = product / f"{LEVEL_1}_B8.TIF"
    transform = profile["transform"] * profile["transform"].scale(0.5)
    size = {"width": 128, "height": 128, "transform": transform}
    with rasterio.open(pan, "w", **(profile | size)) as raster:
        raster.write(np.full((128, 128), 9000, "uint16"), 1)
    found = _extract(product, bands="B04,B08,QA_PIXEL", mask="cloud, cloud_shadow")
    source = _source(product, "B4")
    assert (_pixels(found["B04"])[:, :32] == source[:, :32]).all()
    assert (_pixels(found["B04"])[:, 32:] == 0).all()
    assert (_pixels(found["B08"])[:, :64] == 9000).all()
    assert (_pixels(found["B08"])[:, 64:] == 0).all()
    assert (_pixels(found["QA_PIXEL"]) == flags).all()


def test_saturation_is_a_layer_without_no_data(tmp_path):
    product = make_product(tmp_path, bands=["B1", "QA_RADSAT"])
    found = _extract(product, bands="QA_RADSAT")
    with rasterio.open(found["QA_RADSAT"]) as raster:
        assert raster.nodata is None
        assert (raster.read(1) == _source(product, "QA_RADSAT")).all()


# -- real products


def _real(pattern, folder):
    found = sorted(DATA.glob(pattern))
    if not found:
        pytest.skip(f"no real products: {DATA / pattern} is not there")
    product = folder / found[0].name
    product.mkdir()
    for file in found[0].iterdir():
        shutil.copyfile(file, product / file.name)
    return product


def test_real_collection_1_with_metadata_gives_values(tmp_path):
    # Its metadata are not there: those of Landsat 8, and a winter's sun.
    product = _real("landsat8-new-york-2018/LC08_L1TP_*", tmp_path)
    write_metadata(product, COLLECTION_1)
    found = _extract(product, values="physical")
    assert {f"TOA_B{n:02}" for n in range(1, 10)} | {"BT_B10", "BT_B11"} <= set(found)
    red = _source(product, "B4").astype("f8")
    wanted = (2e-5 * red - 0.1) / math.sin(math.radians(35))
    inside = (red > 0) & (wanted < 1.6)
    values = _physical("TOA_B04", _pixels(found["TOA_B04"]))
    assert np.abs(values - wanted)[inside].max() <= 0.0000138
    thermal = _source(product, "B10").astype("f8")
    kelvin = 1321.0789 / np.log(774.8853 / (3.342e-4 * thermal + 0.1) + 1)
    values = _physical("BT_B10", _pixels(found["BT_B10"]))
    assert np.abs(values - kelvin)[thermal > 0].max() <= 0.00172
    assert 230 < np.median(values[thermal > 0]) < 310


def test_real_collection_2_gives_what_its_own_metadata_say(tmp_path):
    product = _real("landsat-c2-l2/LC08_L2SP_*", tmp_path)
    text = next(product.glob("*_MTL.txt")).read_text()
    _, _, level_2 = text.partition("GROUP = LEVEL2_SURFACE_REFLECTANCE_PARAMETERS")
    level_2, _, _ = level_2.partition("GROUP = LEVEL1_PROCESSING_RECORD")

    def coefficient(key):
        _, _, rest = level_2.partition(f"{key} = ")
        return float(rest.split()[0])

    found = _extract(product)
    for layer, kind in (("SR_B1", "REFLECTANCE"), ("SR_B7", "REFLECTANCE")):
        key = layer[4:]
        numbers = _source(product, layer).astype("f8")
        factor = coefficient(f"{kind}_MULT_BAND_{key}")
        wanted = factor * numbers + coefficient(f"{kind}_ADD_BAND_{key}")
        values = _physical(layer, _pixels(found[layer]))
        assert np.abs(values - wanted)[numbers > 0].max() < 1e-6
    numbers = _source(product, "ST_B10").astype("f8")
    factor = coefficient("TEMPERATURE_MULT_BAND_ST_B10")
    wanted = factor * numbers + coefficient("TEMPERATURE_ADD_BAND_ST_B10")
    values = _physical("ST_B10", _pixels(found["ST_B10"]))
    assert np.abs(values - wanted)[numbers > 0].max() < 1e-4


def test_real_metadata_are_the_same_in_every_form(tmp_path):
    product = _real("landsat-c2-l2/LC08_L2SP_*", tmp_path)
    forms = [
        Product(product.name, {}, file).coefficients().groups
        for file in sorted(product.glob("*_MTL.*"))
    ]
    assert len(forms) == 3
    assert forms[0] == forms[1] == forms[2]


def test_real_clouds_are_masked(tmp_path):
    product = _real("landsat-c2-l2/LC08_L2SP_*", tmp_path)
    found = _extract(product, bands="SR_B4", mask="cloud")
    is_cloud = _source(product, "QA_PIXEL") & 0b1000 != 0
    wanted = np.where(is_cloud, 0, _source(product, "SR_B4"))
    assert is_cloud.any()
    assert (_pixels(found["SR_B4"]) == wanted).all()
