# SPDX-License-Identifier: Apache-2.0
"""What the graphs of the library do for tiles: the words of each command.

They are written out here from the description of the Go ingester's graphs, not from
ours. The payloads and the tiles are those that it ships; the order of the words is
free, each is one token.
"""

import json
import sys
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from agents.catalogue.agent import open_catalogue
from agents.catalogue.bursts.product import Archive, read_bursts
from agents.cli import main
from agents.settings import Settings
from agents.worker.ranges import FileRanges
from streams.errors import InvalidRequest
from streams.payload import read_payload

SHARED = Path(__file__).parents[3] / "shared/data"
PAYLOADS = SHARED / "payloads"
REAL = (
    SHARED
    / "sentinel1"
    / "S1A_IW_SLC__1SDV_20200511T135117_20200511T135144_032518_03C421_7768.zip"
)

recorded = pytest.mark.skipif(
    not PAYLOADS.is_dir(), reason=f"no recorded payloads in {PAYLOADS}"
)

# Defaults, and what the payload of the Go ingester's tutorial sets.
DEM = {
    "dem_name": "SRTM 3Sec",
    "dem_file": "",
    "dem_nodata": "0",
    "dem_resampling": "BILINEAR_INTERPOLATION",
}
GROUND = {
    **DEM,
    "dem_egm": "True",
    "img_resampling": "BICUBIC_INTERPOLATION",
    "range_multilook": "4",
    "azimuth_multilook": "1",
    "projection": "EPSG:32632",
    "resolution": "20",
    "grid_align": "true",
}
CONFIG = {
    "projection": "EPSG:32632",
    "snap_cpu_parallelism": "8",
    "bkg_resampling": "BISINC_5_POINT_INTERPOLATION",
}


@pytest.fixture
def planned(monkeypatch, capsys):
    """Runs `ingester graph plan`; what it would do."""

    def run(*words):
        argv = ["ingester", "graph", "plan", *map(str, words), "--json"]
        monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert ended.value.code == 0, err
        return json.loads(out)

    return run


def as_sets(commands):
    """Program and script by their file names; the other words as a set."""
    found = []
    for words in commands:
        if words[0] == sys.executable:
            assert words[1] == "-u"
            found.append(("python", Path(words[2]).name, set(words[3:])))
        else:
            assert words[0] == "gpt"
            found.append(("snap", Path(words[1]).name, set(words[2:])))
        assert len(found[-1][2]) == len(words) - (
            3 if words[0] == sys.executable else 2
        )
    return found


def snap(graph, **parameters):
    """A command of SNAP with the payload's parallelism."""
    words = {f"-P{name}={value}" for name, value in parameters.items()}
    return ("snap", graph, words | {"-x", "-q", "8", "-J-Xmx9000m"})


def python(script, **arguments):
    words = {f"--{n.replace('_', '-')}={value}" for n, value in arguments.items()}
    return ("python", script, words)


def finished(file):
    """Eroded and converted, in its place."""
    return [
        python(
            "erodeMask.py", file_in=file, file_out=file, no_data="0", iterations="10"
        ),
        python(
            "convert.py",
            file_in=file,
            file_out=file,
            range_in="0,1",
            dformat_out="float32,0,0,1",
        ),
    ]


def backscatter_coherence(tile, swath, days):
    """Commands for a tile of the days T0, T1, T2; `04Feb2022` is 20220204."""
    names = [f"{day:%Y%m%d}_{tile}" for day in days]
    snaps = [f"{day.day:02}{MONTHS[day.month]}{day.year}" for day in days]
    here, before, first = names
    stack = f"{here}_coregistred.dim"
    extract = f"{here}_coregextract.dim"
    geocoding = {**DEM, "resampling": "BISINC_5_POINT_INTERPOLATION", "output": stack}
    commands = [
        snap(
            "S1_SLC_BkG.xml",
            master=f"{first}_preprocessed.dim",
            slave=f"{here}_preprocessed.dim",
            **geocoding,
        )
    ]
    if here != before:
        commands.append(snap("S1_SLC_SlvExtract.xml", input=stack, output=extract))
    vv, vh = f"{here}_sigma0_VV.tif", f"{here}_sigma0_VH.tif"
    commands += [
        snap(
            "S1_SLC_Deb_BetaSigma_ML_TC_RNKELL.xml",
            input=stack,
            outputVV=vv,
            outputVH=vh,
            swath=swath,
            img_suffix=snaps[0],
            band="Sigma0",
            trig="sin",
            **GROUND,
        ),
        *finished(vv),
        *finished(vh),
    ]
    if before != first:
        slave = f"{before}_coregextract.dim"
        commands.append(
            snap("S1_SLC_BkG.xml", master=extract, slave=slave, **geocoding)
        )
    if here != before:
        vv, vh = f"{here}_coh_VV.tif", f"{here}_coh_VH.tif"
        commands += [
            snap(
                "S1_SLC_Coh_BSel_Deb_ML_TC.xml",
                input=stack,
                outputVV=vv,
                outputVH=vh,
                coherence_azimuth="4",
                coherence_range="16",
                sel_date=snaps[0] if before == first else snaps[2],
                **GROUND,
            ),
            *finished(vv),
            *finished(vh),
        ]
    return commands


MONTHS = {1: "Jan", 2: "Feb"}

SCENES = {
    "S1A_IW_SLC__1SDV_20220111T170124_20220111T170151_041416_04ECAD_F4D7": 11,
    "S1A_IW_SLC__1SDV_20220123T170123_20220123T170150_041591_04F274_1609": 23,
    "S1A_IW_SLC__1SDV_20220204T170123_20220204T170150_041766_04F863_D5BE": 4,
}
FIRST, SECOND, THIRD = SCENES


def settings_words(config=CONFIG):
    return [word for pair in config.items() for word in ("-c", "=".join(pair))]


def around(previous, reference):
    """Words that name the other two tiles of a series."""
    return [
        *(("--previous", previous) if previous else ()),
        *(("--reference", reference) if reference else ()),
    ]


@pytest.mark.parametrize(
    ("scene", "previous", "days"),
    [
        (FIRST, "", ("2022-01-11", "2022-01-11", "2022-01-11")),
        (SECOND, FIRST, ("2022-01-23", "2022-01-11", "2022-01-11")),
        (THIRD, SECOND, ("2022-02-04", "2022-01-23", "2022-01-11")),
    ],
    ids=["first", "second", "third"],
)
def test_n24_tile_of_a_series_is_processed_by_these_commands(
    scene, previous, days, planned
):
    tile = "A44_IW1_8951"
    others = (f"{previous}/{tile}", f"{FIRST}/{tile}") if previous else ("", "")
    found = planned(
        *("S1BackscatterCoherence", "--tile", f"{scene}/{tile}"),
        *("--swath", "IW1", "--number", "4", *around(*others), *settings_words()),
    )
    dates = [datetime.fromisoformat(day) for day in days]
    assert as_sets(found["commands"]) == backscatter_coherence(tile, "IW1", dates)


def test_words_of_the_third_tile_are_exactly_these(planned):
    # Once without any help of the functions above.
    tile = "A44_IW1_8951"
    found = planned(
        *("S1BackscatterCoherence", "--tile", f"{THIRD}/{tile}", "--swath", "IW1"),
        *around(f"{SECOND}/{tile}", f"{FIRST}/{tile}"),
    )
    commands = found["commands"]
    assert [Path(words[2 if "-u" in words else 1]).name for words in commands] == [
        "S1_SLC_BkG.xml",
        "S1_SLC_SlvExtract.xml",
        "S1_SLC_Deb_BetaSigma_ML_TC_RNKELL.xml",
        *("erodeMask.py", "convert.py") * 2,
        "S1_SLC_BkG.xml",
        "S1_SLC_Coh_BSel_Deb_ML_TC.xml",
        *("erodeMask.py", "convert.py") * 2,
    ]
    assert commands[0][2:] == [
        "-x",
        "-q",
        "1",
        "-J-Xmx9000m",
        "-Pmaster=20220111_A44_IW1_8951_preprocessed.dim",
        "-Pslave=20220204_A44_IW1_8951_preprocessed.dim",
        "-Poutput=20220204_A44_IW1_8951_coregistred.dim",
        "-Pdem_name=SRTM 3Sec",
        "-Pdem_file=",
        "-Pdem_nodata=0",
        "-Pdem_resampling=BILINEAR_INTERPOLATION",
        "-Presampling=BISINC_21_POINT_INTERPOLATION",
    ]
    assert "-Psel_date=11Jan2022" in commands[8]
    assert "-Pimg_suffix=04Feb2022" in commands[2]


@recorded
def test_every_recorded_tile_is_cut_and_processed_by_these_commands(planned):
    answer = json.loads((PAYLOADS / "denmark-s1-tiles-response.json").read_text())
    count = 0
    for feature in answer["features"]:
        scene = feature["properties"]
        for tile in scene["Tiles"]:
            name, data = tile["SourceID"], tile["Data"]
            others = [tile[o] or tile for o in ("Previous", "Reference")]
            days = [datetime.fromisoformat(t["Date"][:10]) for t in (tile, *others)]
            words = [
                *("--tile", f"{scene['source_id']}/{name}@{days[0]:%Y-%m-%d}"),
                *("--swath", data["swath_id"], "--number", data["tile_nr"]),
                *settings_words(scene["data"]["graph_config"]),
            ]
            cut = planned(scene["data"]["graph_name"], "--scene-graph", *words)
            prepared = f"{days[0]:%Y%m%d}_{name}_preprocessed"
            assert as_sets(cut["commands"]) == [
                snap(
                    "S1_SLC_BurstSplit_AO_CAL.xml",
                    input=scene["source_id"],
                    output=f"{prepared}.dim",
                    swath=data["swath_id"],
                    polar='"VV VH"',
                    burst=data["tile_nr"],
                )
            ]
            assert [one["name"] for one in cut["outputs"]] == [f"{prepared}.zip"]
            places = [
                f"{o['SceneID']}/{name}@{day:%Y-%m-%d}"
                for o, day in zip(others, days[1:], strict=True)
            ]
            made = planned(data["graph_name"], *words, *around(*places))
            expected = backscatter_coherence(name, data["swath_id"], days)
            assert as_sets(made["commands"]) == expected
            count += 1
    assert count == 9


@pytest.mark.skipif(not REAL.exists(), reason=f"no real annotations at {REAL}")
def test_every_burst_of_real_annotations_is_cut_by_this_command(planned):
    bursts = read_bursts(Archive(FileRanges(), str(REAL), REAL.stem))
    assert len(bursts) == 27
    for burst in bursts:
        found = planned(
            *("S1Preprocessing", "--scene-graph"),
            *("--tile", f"{REAL.stem}/{burst.name}"),
            *("--swath", burst.swath, "--number", burst.number, *settings_words()),
        )
        assert as_sets(found["commands"]) == [
            snap(
                "S1_SLC_BurstSplit_AO_CAL.xml",
                input=REAL.stem,
                output=f"20200511_{burst.name}_preprocessed.dim",
                swath=burst.name[-3:],
                polar='"VV VH"',
                burst=burst.number,
            )
        ]
    numbers = sorted((b.swath, b.number) for b in bursts)
    assert numbers == [(s, n) for s in ("IW1", "IW2", "IW3") for n in range(1, 10)]


def test_files_that_a_series_fetches_stores_and_deletes(planned):
    tile = "A44_IW1_8951"
    found = planned(
        *("S1BackscatterCoherence", "--tile", f"{THIRD}/{tile}"),
        *around(f"{SECOND}/{tile}", f"{FIRST}/{tile}"),
    )
    assert found["fetch"] == [
        f"{day}_{tile}_{layer}.dim (from {day}_{tile}_{layer}.zip)"
        for day, layer in (
            ("20220204", "preprocessed"),
            ("20220123", "coregextract"),
            ("20220111", "preprocessed"),
        )
    ]
    assert [(o["position"], o["name"], o["action"]) for o in found["outputs"]] == [
        (0, f"20220204_{tile}_sigma0_VV.tif", "to_index"),
        (0, f"20220204_{tile}_sigma0_VH.tif", "to_index"),
        (0, f"20220204_{tile}_coh_VV.tif", "to_index"),
        (0, f"20220204_{tile}_coh_VH.tif", "to_index"),
        (0, f"20220204_{tile}_coregextract.zip", "to_create"),
        (0, f"20220204_{tile}_preprocessed.zip", "to_delete"),
        (1, f"20220123_{tile}_coregextract.zip", "to_delete"),
    ]
    # The first tile of a series is kept for all the others.
    alone = planned("S1BackscatterCoherence", "--tile", f"{FIRST}/{tile}")
    assert [one["action"] for one in alone["outputs"]] == ["to_index"] * 2


def test_tile_is_only_extracted_by_the_first_two_commands(planned):
    tile = "A44_IW1_8951"
    others = around(f"{FIRST}/{tile}", f"{FIRST}/{tile}")
    words = ("--tile", f"{SECOND}/{tile}", *others, *settings_words())
    found = planned("S1CoregExtract", *words)
    days = [datetime.fromisoformat(f"2022-01-{day}") for day in (23, 11, 11)]
    expected = backscatter_coherence(tile, "IW1", days)[:2]
    assert as_sets(found["commands"]) == expected
    assert [(o["name"], o["action"]) for o in found["outputs"]] == [
        (f"20220123_{tile}_coregextract.zip", "to_create"),
        (f"20220123_{tile}_preprocessed.zip", "to_delete"),
    ]
    alone = planned("S1CoregExtract", "--tile", f"{FIRST}/{tile}")
    assert alone["commands"] == alone["outputs"] == []


def test_series_is_cleaned_of_what_was_kept_for_it(planned):
    found = planned("S1Clean", "--tile", f"{FIRST}/A44_IW1_8951")
    assert found["commands"] == found["fetch"] == []
    assert [(o["name"], o["action"]) for o in found["outputs"]] == [
        ("20220111_A44_IW1_8951_preprocessed.zip", "to_delete"),
        ("20220111_A44_IW1_8951_coregextract.zip", "to_delete"),
    ]


def test_bands_of_sentinel_2_are_extracted_by_this_command(planned):
    scene = "S2A_MSIL1C_20220104T105441_N0301_R051_T32UNG_20220104T124911"
    found = planned("library/graph/ExtractS2Bands.json", "--tile", scene)
    assert found["fetch"] == [f"{scene}.SAFE (from {scene}.zip)"]
    assert as_sets(found["commands"]) == [
        python(
            "extract_s2.py", workdir="WORKDIR", pattern_out=f"20220104_{scene}_*.jp2"
        )
    ]
    bands = [f"20220104_{scene}_B{number:02}.jp2" for number in range(1, 13)]
    assert [one["name"] for one in found["outputs"]] == [*bands, f"{scene}.zip"]


@pytest.mark.parametrize(
    ("prefix", "constellation", "scene"),
    [
        ("Phr", "PHR", "DS_PHR1A_202201041054412_FR1_PX_E010N55_0101_00956"),
        ("Spot", "SPOT", "DS_SPOT6_202201041054412_FR1_FR1_SE1_SE1_E010N55_01709"),
    ],
)
def test_images_of_pleiades_and_spot_are_extracted_by_this_command(
    prefix, constellation, scene, planned
):
    tile = f"{scene}@2022-01-04"
    found = planned(f"{prefix}PreProcessing", "--scene-graph", "--tile", tile)
    assert as_sets(found["commands"]) == [
        python(
            "extract_dimap.py",
            workdir="WORKDIR",
            file_ms_out=f"20220104_{scene}_MS.tif",
            file_pan_out=f"20220104_{scene}_P.tif",
            constellation=constellation,
        )
    ]
    found = planned(f"{prefix}Processing", "--tile", tile)
    names = [f"20220104_{scene}_{kind}.tif" for kind in ("MS", "P")]
    assert found["fetch"] == names
    assert [(o["position"], o["name"]) for o in found["outputs"]] == [
        (0, name) for name in names
    ]


def a_request(name):
    file = PAYLOADS / f"{name}.json"
    return read_payload(file.read_bytes(), request="r", by="tests")


@recorded
@pytest.mark.parametrize(
    "name", ["DenmarkDemoS1", "DenmarkDemoS2", "DenmarkDemoLandsat"]
)
def test_payload_of_the_go_ingester_is_accepted_for_ingestion_as_it_is(name):
    catalogue = open_catalogue(Settings(catalogue_searches=()))
    assert catalogue.check(a_request(name)) == []


@recorded
def test_layer_that_no_graph_gives_is_told():
    request = a_request("DenmarkDemoS1")
    layers = {"sigma0_HH": request.layers["sigma0_VV"]}
    catalogue = open_catalogue(Settings(catalogue_searches=()))
    with pytest.raises(InvalidRequest, match="gives: sigma0_VV, sigma0_VH, coh_VV"):
        catalogue.check(replace(request, layers=layers))
