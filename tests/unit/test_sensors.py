# SPDX-License-Identifier: Apache-2.0
"""Names of products: what is read in them, and what is said of a wrong one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import plugins
from agents.catalogue.sensor import completed, find_sensor
from streams.errors import InvalidRequest
from streams.model import Part, Scene

SENSORS = plugins.make_all("sensor", plugins.names("sensor"))

S1 = "S1A_IW_SLC__1SDV_20190115T170106_20190115T170133_025491_02D361_7F7C"
S2 = "S2B_MSIL1C_20190108T104429_N0207_R008_T32UNF_20190108T124859"
S2_LONG = (
    "S2A_OPER_PRD_MSIL1C_PDMC_20160318T145513_R022_V20160318T101514_20160318T101520"
)
LANDSAT = "LC09_L1GT_166003_20250603_20250603_02_T2"
PHR = "DS_PHR1A_201006181052297_FR1_PX_E001N43_0612_06488"
SPOT = "DS_SPOT6_201212051035424_FR1_FR1_FR1_FR1_E002N41_01174"
PNEO = "ACQ_PNEO3_03232408226692"
PNEO_PRODUCT = "PNEO3_202304011046525_PMS-FS_ORT"

# H2 of the reference, and its table of placeholders: every one of them, and ours.
FIELDS = {
    S1: {
        "SCENE": S1,
        "MISSION_ID": "S1A",
        "MISSION_VERSION": "A",
        "MODE": "IW",
        "PRODUCT_TYPE": "SLC",
        "RESOLUTION": "_",
        "PROCESSING_LEVEL": "1",
        "PRODUCT_CLASS": "S",
        "POLARISATION": "DV",
        "DATE": "20190115",
        "YEAR": "2019",
        "MONTH": "01",
        "DAY": "15",
        "TIME": "170106",
        "HOUR": "17",
        "MINUTE": "01",
        "SECOND": "06",
        "DATETIME": "2019-01-15T17:01:06+00:00",
        "ORBIT": "025491",
        "ABSOLUTE_ORBIT": "025491",
        "MISSION": "02D361",
        "DATATAKE": "02D361",
        "UNIQUE_ID": "7F7C",
    },
    S2: {
        "SCENE": S2,
        "MISSION_ID": "S2B",
        "MISSION_VERSION": "B",
        "PRODUCT_LEVEL": "L1C",
        "DATE": "20190108",
        "YEAR": "2019",
        "MONTH": "01",
        "DAY": "08",
        "TIME": "104429",
        "HOUR": "10",
        "MINUTE": "44",
        "SECOND": "29",
        "DATETIME": "2019-01-08T10:44:29+00:00",
        "PDGS": "0207",
        "BASELINE": "0207",
        "ORBIT": "008",
        "RELATIVE_ORBIT": "008",
        "TILE": "T32UNF",
        "MGRS": "32UNF",
        "UTM_ZONE": "32",
        "LAT_BAND": "U",
        "SQUARE": "NF",
        # Shifted against MGRS, as patterns in use expect.
        "LATITUDE_BAND": "32",
        "GRID_SQUARE": "U",
        "GRANULE_ID": "NF",
        "PRODUCT_DISC": "20190108T124859",
    },
    S2_LONG: {
        "SCENE": S2_LONG,
        "MISSION_ID": "S2A",
        "MISSION_VERSION": "A",
        "PRODUCT_LEVEL": "L1C",
        "ORBIT": "022",
        "RELATIVE_ORBIT": "022",
        # X: the reference tells no date of these.
        "DATE": "20160318",
        "YEAR": "2016",
        "MONTH": "03",
        "DAY": "18",
        "TIME": "101514",
        "HOUR": "10",
        "MINUTE": "15",
        "SECOND": "14",
        "DATETIME": "2016-03-18T10:15:14+00:00",
        "FILE_CLASS": "OPER",
        "SITE": "PDMC",
        "CREATION": "20160318T145513",
    },
    LANDSAT: {
        "SCENE": LANDSAT,
        "MISSION_ID": "L09",
        "SATELLITE": "09",
        "COLLECTION": "oli-tirs",
        "INSTRUMENT": "oli-tirs",
        "COLLECTION_NUMBER": "02",
        "CATEGORY": "T2",
        "PROCESSING_LEVEL": "L1GT",
        "PROCESSED": "20250603",
        "PATH": "166",
        "ROW": "003",
        "DATE": "20250603",
        "YEAR": "2025",
        "MONTH": "06",
        "DAY": "03",
        "DATETIME": "2025-06-03T00:00:00+00:00",
    },
    PHR: {
        "SCENE": PHR,
        "MISSION_ID": "PHR1A",
        "MISSION_VERSION": "A",
        "MODE": "PX",
        "STATION": "FR1",
        # X: 14 digits in the reference, which are `DATE` and `TIME` here.
        "DATE": "20100618",
        "YEAR": "2010",
        "MONTH": "06",
        "DAY": "18",
        "TIME": "105229",
        "HOUR": "10",
        "MINUTE": "52",
        "SECOND": "29",
        "DATETIME": "2010-06-18T10:52:29.7+00:00",
        "LONGITUDE": "E001",
        "LATITUDE": "N43",
        "LONGITUDE_STEP": "06",
        "LATITUDE_STEP": "12",
    },
    SPOT: {
        "SCENE": SPOT,
        "MISSION_ID": "SPOT6",
        "SAT_NUMBER": "6",
        "STATION": "FR1",
        "DATE": "20121205",
        "YEAR": "2012",
        "MONTH": "12",
        "DAY": "05",
        "TIME": "103542",
        "HOUR": "10",
        "MINUTE": "35",
        "SECOND": "42",
        "DATETIME": "2012-12-05T10:35:42.4+00:00",
        # X: one character off in the reference.
        "LONGITUDE": "E002",
        "LATITUDE": "N41",
    },
    PNEO: {
        "SCENE": PNEO,
        "MISSION_ID": "PNEO3",
        "SAT_NUMBER": "3",
        "ACQUISITION": "03232408226692",
        "MODE": "",
        "PROCESSING_LEVEL": "",
    },
    PNEO_PRODUCT: {
        "SCENE": PNEO_PRODUCT,
        "MISSION_ID": "PNEO3",
        "SAT_NUMBER": "3",
        "ACQUISITION": "",
        "MODE": "PMS-FS",
        "PROCESSING_LEVEL": "ORT",
        "DATE": "20230401",
        "YEAR": "2023",
        "MONTH": "04",
        "DAY": "01",
        "TIME": "104652",
        "HOUR": "10",
        "MINUTE": "46",
        "SECOND": "52",
        "DATETIME": "2023-04-01T10:46:52.5+00:00",
    },
}


@pytest.mark.parametrize("name", FIELDS)
def test_every_placeholder_of_a_name(name):
    sensor = find_sensor(name, SENSORS)
    assert sensor.fields(name) == FIELDS[name]
    assert sensor.problem(name) == ""


@pytest.mark.parametrize("name", FIELDS)
def test_placeholders_are_documented(name):
    page = Path("docs/reference/names.md").read_text("utf-8")
    assert [key for key in FIELDS[name] if f"`{key}`" not in page] == []


@pytest.mark.parametrize("name", FIELDS)
def test_name_is_one_sensors_only(name):
    assert sum(sensor.fields(name) is not None for sensor in SENSORS.values()) == 1
    assert not any(sensor.problem(name) for sensor in SENSORS.values())


@pytest.mark.parametrize("name", [S1, S2, S2_LONG])
def test_safe_folder_is_named_like_its_product(name):
    sensor = find_sensor(name, SENSORS)
    assert sensor.fields(f"{name}.SAFE") == FIELDS[name]


# Names that archives hold, with what tells them apart.
OTHERS = [
    ("LC08_L1TP_014031_20180106_20180119_01_T1", {"COLLECTION_NUMBER": "01"}),
    ("LC08_L2SP_197023_20220324_02_T1", {"PROCESSED": "", "DATE": "20220324"}),
    ("LE07_L1TP_014031_20000106_20200119_02_RT", {"COLLECTION": "etm"}),
    ("LT05_L1TP_014031_19900106_20200119_02_T1", {"COLLECTION": "tm"}),
    ("LT08_L1TP_014031_20150106_20200119_02_T1", {"COLLECTION": "tirs"}),
    ("LO08_L1TP_014031_20150106_20200119_02_T1", {"COLLECTION": "oli"}),
    ("LM05_L1TP_014031_19900106_20200119_02_T2", {"COLLECTION": "mss"}),
    ("LM01_L1GS_251031_19720726_20200909_02_T2", {"MISSION_ID": "L01"}),
    (
        "LC08_L2SP_017036_20130419_20200913_02_T2_SR",
        {"SCENE": "LC08_L2SP_017036_20130419_20200913_02_T2"},
    ),
    (
        "S1A_IW_GRDH_1SDV_20210809T173953_20210809T174018_039156_049F13_6FF8",
        {"PRODUCT_TYPE": "GRD", "RESOLUTION": "H"},
    ),
    (
        "S1D_EW_GRDM_1SDH_20260101T000000_20260101T000100_000999_0ABCDE_0000_COG",
        {"MISSION_ID": "S1D", "UNIQUE_ID": "0000"},
    ),
    (
        "S1C_S3_RAW__0SSV_20260101T000000_20260101T000100_000999_0ABCDE_0000",
        {"MODE": "S3", "PROCESSING_LEVEL": "0"},
    ),
    (
        "S2C_MSIL2A_20250720T101041_N0511_R022_T33XWJ_20250720T140912",
        {"PRODUCT_LEVEL": "L2A", "BASELINE": "0511", "LAT_BAND": "X"},
    ),
    (
        "S2D_MSIL1C_20270720T101041_N0511_R143_T01CCV_20270720T140912",
        {"MISSION_VERSION": "D", "RELATIVE_ORBIT": "143"},
    ),
    ("DS_PHR1B_201812312359599_SE1_MS_W180S90_0000_00001", {"LATITUDE": "S90"}),
    ("DS_SPOT7_201502281035424_SE1_SE1_FR1_SE1_W071S33_01174", {"SAT_NUMBER": "7"}),
    ("PNEO6_202304011046525", {"MODE": "", "PROCESSING_LEVEL": ""}),
    ("PNEO4_202304011046525_PAN_SEN", {"MODE": "PAN", "PROCESSING_LEVEL": "SEN"}),
]


@pytest.mark.parametrize(("name", "fields"), OTHERS)
def test_names_of_every_satellite_and_kind(name, fields):
    found = find_sensor(name, SENSORS).fields(name)
    assert found is not None
    assert fields.items() <= found.items()


def broken(name: str, old: str, new: str) -> str:
    assert name.count(old) == 1
    return name.replace(old, new)


# A name with one part wrong, and what is said of it after "product name '…': ".
WRONG = [
    # H2: one character short.
    (S2[:-1], "discriminator '20190108T12485' at 45, expected a real date and time"),
    (S1[:-1], "unique id '7F7' at 63, expected four hexadecimal digits"),
    (f"{S1}0", "'0' too much at 67"),
    (broken(S1, "S1A", "S1E"), "mission 'S1E' at 0, expected S1A, S1B, S1C or S1D"),
    (broken(S1, "_IW_", "_XW_"), "mode 'XW' at 4, expected IW, EW, WV,"),
    (broken(S1, "SLC", "SLX"), "product type 'SLX' at 7, expected SLC, GRD,"),
    (broken(S1, "SDV", "SDX"), "polarisation 'DX' at 14, expected SH, SV, DH, DV,"),
    (broken(S1, "20190115T170106", "20190231T170106"), "start of sensing '20190231T"),
    (broken(S1, "T170133", "T250133"), "end of sensing '20190115T250133' at 33"),
    (
        broken(S1, "T170133", "T170105"),
        "end of sensing '20190115T170105', expected no earlier than its start",
    ),
    (broken(S1, "025491", "000000"), "absolute orbit '000000' at 49, expected 000001"),
    (broken(S1, "02D361", "02G361"), "data-take '02G361' at 56, expected six hex"),
    (broken(S2, "S2B", "S2E"), "mission 'S2E' at 0, expected S2A, S2B, S2C or S2D"),
    (broken(S2, "L1C", "L1B"), "product level 'L1B' at 7, expected L1C or L2A"),
    (broken(S2, "20190108T104429", "20190132T104429"), "sensing time '20190132T10"),
    (broken(S2, "N0207", "N02A7"), "baseline '02A7' at 28, expected four digits"),
    (broken(S2, "R008", "R144"), "relative orbit '144' at 34, expected 001 to 143"),
    (broken(S2, "R008", "R000"), "relative orbit '000' at 34, expected 001 to 143"),
    (broken(S2, "T32UNF", "T61UNF"), "UTM zone '61UNF' at 39, expected 01 to 60"),
    (broken(S2, "T32UNF", "T32INF"), "latitude band 'INF' at 41, expected C to X"),
    (broken(S2, "T32UNF", "T32UNW"), "MGRS square 'NW' at 42, expected A to Z and"),
    (broken(S2, "T32UNF", "T32UAF"), "'AF', expected a first letter of J to R in"),
    (broken(S2_LONG, "PRD", "XXX"), "file category 'XXX' at 9, expected PRD_MSI"),
    (broken(S2_LONG, "V2016", "W2016"), "sensing time 'W20160318T101514' at 46"),
    (
        broken(S2_LONG, "_20160318T101520", "_20160318T101513"),
        "end of sensing '20160318T101513', expected no earlier than its start",
    ),
    (broken(LANDSAT, "LC09", "LC07"), "sensor and satellite 'C07' at 1, expected one"),
    (broken(LANDSAT, "L1GT", "L1XX"), "processing level 'L1XX' at 5, expected L1TP,"),
    (broken(LANDSAT, "166003", "252003"), "path '252003' at 10, expected 001 to 251"),
    (broken(LANDSAT, "166003", "234003"), "path '234', expected 001 to 233"),
    (broken(LANDSAT, "166003", "166249"), "row '249' at 13, expected 001 to 248"),
    (broken(LANDSAT, "20250603_02", "20250631_02"), "processing date '20250631' at"),
    (
        broken(LANDSAT, "20250603_02", "20250602_02"),
        "processing date '20250602', expected no earlier than the acquisition date",
    ),
    (broken(LANDSAT, "_02_", "_03_"), "collection '03' at 35, expected 01 or 02"),
    (broken(LANDSAT, "T2", "T9"), "collection category 'T9' at 38, expected RT, T1,"),
    (LANDSAT[:30], "processing date '2025' at 26, expected a real date YYYYMMDD"),
    (LANDSAT[:26], "ends before its processing date: a real date YYYYMMDD"),
    (broken(PHR, "PHR1A", "PHR2A"), "mission 'PHR2A' at 3, expected PHR1A or PHR1B"),
    (broken(PHR, "20100618", "20101318"), "acquisition time '201013181052297' at 9"),
    (broken(PHR, "E001", "E181"), "longitude 'E181N43' at 32, expected E000 to W180"),
    (broken(PHR, "N43", "N91"), "latitude 'N91' at 36, expected N00 to S90"),
    (broken(SPOT, "SPOT6", "SPOT5"), "mission 'SPOT5' at 3, expected SPOT6 or SPOT7"),
    (broken(SPOT, "01174", "0117"), "number '0117' at 49, expected five digits"),
    (broken(PNEO, "PNEO3", "PNEO2"), "mission 'PNEO2' at 4, expected PNEO3 to PNEO6"),
    (PNEO[:-1], "acquisition '0323240822669' at 10, expected 14 digits"),
    (broken(PNEO_PRODUCT, "ORT", "XYZ"), "'_XYZ' too much at 28"),
]


@pytest.mark.parametrize(("name", "says"), WRONG)
def test_wrong_name_is_nobodys_and_the_wrong_part_is_said(name, says):
    assert all(sensor.fields(name) is None for sensor in SENSORS.values())
    with pytest.raises(InvalidRequest) as refused:
        find_sensor(name, SENSORS)
    (problem,) = refused.value.problems
    assert f"product name '{name}': " in problem
    assert says in problem


@pytest.mark.parametrize("name", ["", "LC08", "readme.txt", "XC08_L1TP", "s2a_msil1c"])
def test_what_looks_like_no_product_is_no_wrong_product(name):
    assert [sensor.problem(name) for sensor in SENSORS.values()] == [""] * len(SENSORS)
    assert all(sensor.fields(name) is None for sensor in SENSORS.values())


WHEN = st.integers(0, 4_000_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))


@given(
    when=WHEN,
    satellite=st.sampled_from("ABCD"),
    orbit=st.integers(1, 143),
    zone=st.integers(1, 60),
    band=st.sampled_from("CDEFGHJKLMNPQRSTUVWX"),
    column=st.integers(0, 7),
    row=st.sampled_from("ABCDEFGHJKLMNPQRSTUV"),
)
def test_every_sentinel2_name_is_read_as_it_was_made(
    when, satellite, orbit, zone, band, column, row
):
    square = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")[zone % 3][column] + row
    stamp = f"{when:%Y%m%dT%H%M%S}"
    name = (
        f"S2{satellite}_MSIL2A_{stamp}_N0500_R{orbit:03}"
        f"_T{zone:02}{band}{square}_{stamp}"
    )
    found = SENSORS["sentinel2"].fields(name)
    assert found is not None
    assert found["MGRS"] == f"{zone:02}{band}{square}"
    assert int(found["RELATIVE_ORBIT"]) == orbit
    assert datetime.fromisoformat(found["DATETIME"]) == when


@given(
    when=WHEN,
    lasting=st.integers(0, 100),
    orbit=st.integers(1, 999_999),
    take=st.integers(0, 0xFFFFFF),
)
def test_every_sentinel1_name_is_read_as_it_was_made(when, lasting, orbit, take):
    stamps = "_".join(
        f"{time:%Y%m%dT%H%M%S}" for time in (when, when + timedelta(seconds=lasting))
    )
    name = f"S1C_IW_SLC__1SDV_{stamps}_{orbit:06}_{take:06X}_ABCD"
    found = SENSORS["sentinel1"].fields(name)
    assert found is not None
    assert int(found["ABSOLUTE_ORBIT"]) == orbit
    assert int(found["DATATAKE"], 16) == take


@given(
    name=st.sampled_from(list(FIELDS)),
    at=st.integers(0, 80),
    put=st.text(max_size=3),
    cut=st.integers(0, 3),
)
def test_name_with_a_part_replaced_is_read_or_said_to_be_wrong(name, at, put, cut):
    changed = name[:at] + put + name[at + cut :]
    for sensor in SENSORS.values():
        fields = sensor.fields(changed)
        if fields is None:
            continue
        assert sensor.problem(changed) == ""
        assert changed.startswith(fields["SCENE"])


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("sentinel1", "sentinel1"),
        ("SENTINEL-1", "sentinel1"),
        ("Sentinel2", "sentinel2"),
        ("sentinel-2", "sentinel2"),
        ("landsat89", "landsat"),
        ("Landsat", "landsat"),
        ("landsat5", "landsat"),
        ("phr", "pleiades"),
        ("pleiades", "pleiades"),
        ("spot", "spot"),
        ("pneo", "pleiadesneo"),
        ("pleiades-neo", "pleiadesneo"),
        ("LC08_L1TP_014031_20180106_20180119_01_T1", "landsat"),
    ],
)
def test_request_may_name_a_constellation_or_a_product(asked, found):
    assert find_sensor(asked, SENSORS).constellation == found


def test_unknown_constellation_is_refused_with_those_known():
    with pytest.raises(
        InvalidRequest, match=r"'modis' is unknown.*landsat89.*sentinel2"
    ):
        find_sensor("modis", SENSORS)


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        (
            S1,
            {
                "constellation": "SENTINEL1",
                "satellite": "SENTINEL1A",
                "productType": "SLC",
                "polarisationMode": "VV&VH",
                "orbit": "25491",
            },
        ),
        (
            S2,
            {
                "constellation": "SENTINEL2",
                "satellite": "SENTINEL2B",
                "productType": "S2MSI1C",
                "relativeOrbit": "8",
            },
        ),
        (
            LANDSAT,
            {
                "constellation": "LANDSAT",
                "satellite": "LANDSAT09",
                "productType": "LC_C02_L1GT",
            },
        ),
        (PHR, {"constellation": "PHR", "satellite": "PHR1A"}),
        (SPOT, {"constellation": "SPOT", "satellite": "SPOT6"}),
        (PNEO, {"constellation": "PNEO", "satellite": "PNEO3"}),
    ],
)
def test_tags_that_a_name_gives_to_its_record(name, tags):
    assert find_sensor(name, SENSORS).tags(FIELDS[name]) == tags


def a_scene(name: str, **tags: str) -> Scene:
    sensor = find_sensor(name, SENSORS)
    date = datetime(2021, 5, 4, 10, 20, 30, tzinfo=UTC)
    fields = sensor.fields(name) or {}
    return Scene(name, sensor.constellation, date, fields=fields, tags=tags)


def test_scene_is_one_tile_named_like_it():
    for name in FIELDS:
        sensor = find_sensor(name, SENSORS)
        assert sensor.parts(a_scene(name)) == (Part(name),)


def test_what_a_name_does_not_tell_is_taken_from_the_catalogue():
    fields = completed(a_scene(PNEO)).fields
    assert fields["DATE"] == "20210504"
    assert fields["DATETIME"] == "2021-05-04T10:20:30+00:00"
    assert completed(a_scene(S1, relativeOrbit="44")).fields["RELATIVE_ORBIT"] == "044"


def test_what_a_name_tells_stays():
    fields = completed(a_scene(LANDSAT)).fields
    assert (fields["DATE"], fields["TIME"]) == ("20250603", "102030")
    assert completed(a_scene(S2, relativeOrbit="99")).fields["RELATIVE_ORBIT"] == "008"
