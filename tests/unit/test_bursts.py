# SPDX-License-Identifier: Apache-2.0
"""Bursts from annotations: parsing, official ids, footprints, damaged files."""

import json
import re
import zipfile
from pathlib import Path
from random import Random

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from agents.catalogue.bursts.annotation import read_annotation
from agents.catalogue.bursts.burst import bursts_of
from agents.catalogue.bursts.ids import Orbits
from agents.catalogue.bursts.manifest import read_manifest
from agents.catalogue.bursts.product import Archive, Folder, read_bursts
from agents.worker.markup import parse
from agents.worker.ranges import LARGEST, FileRanges
from streams.errors import DamagedProduct, ProductNotFound
from tests.safe import CYCLE_S, DEG_PER_S, LINE_S, Safe, Swath, annotation, three_swaths

ORBITS = Orbits(44, 44)

DATA = Path(__file__).parents[3] / "shared" / "data"
REAL = (
    DATA
    / "sentinel1"
    / "S1A_IW_SLC__1SDV_20200511T135117_20200511T135144_032518_03C421_7768.zip"
)
real = pytest.mark.skipif(not REAL.exists(), reason=f"no real annotations at {REAL}")


def read(swath, polarisation="vv"):
    document = annotation(swath, polarisation, Safe().node)
    return read_annotation(f"s1a-{swath.name}-{polarisation}.xml", document)


def bursts(*swaths):
    return bursts_of([read(swath) for swath in swaths], ORBITS)


def polygons(found):
    return shapely.from_wkt([burst.footprint for burst in found])


# -- annotations


def test_every_burst_of_an_annotation_has_its_place_and_footprint():
    found = bursts(Swath())
    assert [burst.number for burst in found] == list(range(1, 10))
    assert {burst.swath for burst in found} == {"IW1"}
    # 895.1 s, then a cycle of 2.758273 s each.
    assert [burst.anx_time for burst in found][:3] == [8951, 8979, 9006]
    assert shapely.is_valid(polygons(found)).all()


def test_last_burst_ends_at_the_last_line():
    swath = Swath()
    last = polygons(bursts(swath))[-1]
    assert swath.grid_lines[-1] == 13472
    assert last.bounds[3] == pytest.approx(
        swath.latitude(swath.second(13472)), abs=1e-6
    )


def test_footprints_hold_the_overlap_of_neighbours():
    # 1497 lines of 2.0556 ms are 3.075 s, a cycle has 2.758 s: 10 % are seen twice.
    first, second, *_ = polygons(bursts(Swath()))
    seconds = first.bounds[3] / DEG_PER_S - first.bounds[1] / DEG_PER_S
    assert seconds == pytest.approx(1496 * LINE_S, abs=1e-4)
    shared = first.intersection(second).area / first.area
    assert shared == pytest.approx(1 - CYCLE_S / (1496 * LINE_S), abs=1e-4)


def test_polarisations_give_one_tile_a_burst():
    files = [read(Swath(), "vv"), read(Swath(), "vh")]
    found = bursts_of(files, ORBITS)
    assert len(found) == 9
    assert len({burst.name for burst in found}) == 9


def test_swaths_of_one_cycle_share_its_number():
    found = bursts(*three_swaths())
    assert len(found) == 27
    numbers = {burst.name[:10] for burst in found if burst.number == 1}
    assert len(numbers) == 1


def test_product_of_the_wide_mode_has_five_swaths(tmp_path):
    swaths = tuple(Swath(name=f"EW{number}") for number in range(1, 6))
    safe = Safe(swaths=swaths, polarisations=("hv", "hh"))
    manifest = read_manifest(safe.files()["manifest.safe"])
    assert all("-slc-hh-" in path for path in manifest.one_of_each_swath())
    found = read_bursts(Folder(FileRanges(), str(safe.folder(tmp_path))))
    assert len(found) == 45
    assert {burst.name[-3:] for burst in found} == {f"EW{n}" for n in range(1, 6)}


def test_annotated_id_wins_and_a_mismatch_is_told():
    computed = [int(burst.name[4:10]) for burst in bursts(Swath())]
    stated = [*computed[:-1], computed[-1] + 7]
    found = bursts(Swath(ids=stated))
    assert [int(burst.name[4:10]) for burst in found] == stated
    assert [burst.doubt for burst in found[:-1]] == [""] * 8
    assert found[-1].doubt == (
        f"annotated as burst {stated[-1]}, computed as {computed[-1]}"
    )


def test_two_bursts_of_one_number_are_damage():
    with pytest.raises(DamagedProduct, match=r"vv\.xml: two bursts of one number"):
        bursts(Swath(ids=(5, 5), bursts=2))


def test_burst_across_the_180th_meridian_is_cut_there():
    across = polygons(bursts(Swath(west=179.5)))
    plain = polygons(bursts(Swath(west=9.0)))
    assert {polygon.geom_type for polygon in across} == {"MultiPolygon"}
    assert max(polygon.bounds[2] for polygon in across) <= 180
    assert shapely.area(across) == pytest.approx(shapely.area(plain), rel=1e-5)


@pytest.mark.parametrize(
    ("swath", "says"),
    [
        (Swath(without_line=2994), "geolocation grid: no line 2994"),
        (Swath(without_line=13472), "geolocation grid: no line 13472"),
        (Swath(bursts=0), "no burst in it"),
        (Swath(name="S3"), "sub-swath 'S3' has no bursts"),
        (Swath(width=float("nan")), "a number is not finite"),
    ],
)
def test_annotation_without_what_bursts_need_is_damaged(swath, says):
    with pytest.raises(DamagedProduct, match=f"s1a-{swath.name}-vv.xml: {says}"):
        read(swath)


TEXTS = re.compile(rb">([^<>\s][^<>]*)<")
ODD = [b"", b"x", b"nan", b"-1", b"0", b"1e300", b"9" * 30, b"2022-13-01", b"NaT"]


@given(st.integers(0), st.sampled_from(ODD))
def test_annotation_with_an_odd_text_has_bursts_or_is_damaged(place, odd):
    document = annotation(Swath(bursts=3, ids=(1, 2, 3)), "vv", Safe().node)
    texts = list(TEXTS.finditer(document))
    start, end = texts[place % len(texts)].span(1)
    try:
        found = bursts_of(
            [read_annotation("a.xml", document[:start] + odd + document[end:])], ORBITS
        )
    except DamagedProduct:
        return
    assert all(re.fullmatch(r"\d{3}_\d{6}_[IE]W\d", burst.name) for burst in found)
    assert not any(shape.is_empty for shape in polygons(found))


def test_annotation_cut_off_is_damaged():
    whole = annotation(Swath(), "vv", Safe().node)
    with pytest.raises(DamagedProduct, match=r"a\.xml: not XML of a product"):
        read_annotation("a.xml", whole[: len(whole) // 2])


@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">',
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
    ],
)
def test_document_that_declares_entities_is_refused(declared):
    document = f"<!DOCTYPE product [{declared}]><product>&a;</product>"
    for encoded in (document.encode(), document.encode("utf-16")):
        with pytest.raises(DamagedProduct, match="it has a document type"):
            parse("a.xml", encoded)


def test_document_that_is_too_large_is_not_parsed():
    with pytest.raises(DamagedProduct, match="more than"):
        parse("a.xml", bytes(LARGEST + 1))


# -- manifests


def test_manifest_tells_orbits_and_one_annotation_a_swath():
    safe = Safe(orbits=(15, 16), swaths=three_swaths(), polarisations=("vh", "vv"))
    manifest = read_manifest(safe.files()["manifest.safe"])
    assert manifest.orbits == Orbits(15, 16)
    assert len(manifest.annotations) == 6
    assert manifest.one_of_each_swath() == [
        f"annotation/s1a-iw{number}-slc-vv-001.xml" for number in (1, 2, 3)
    ]


@pytest.mark.parametrize("orbits", [(0, 1), (175, 176), ("", 4)])
def test_manifest_without_possible_orbits_is_damaged(orbits):
    manifest = Safe(orbits=orbits).files()["manifest.safe"]
    with pytest.raises(DamagedProduct, match=r"manifest\.safe: .* orbits"):
        read_manifest(manifest)


# -- products


def test_folder_and_archive_give_the_same_bursts(tmp_path):
    safe = Safe(swaths=three_swaths())
    folder = Folder(FileRanges(), str(safe.folder(tmp_path)))
    archive = Archive(FileRanges(), str(safe.archive(tmp_path, 1 << 20)), safe.name)
    assert len(read_bursts(folder)) == 27
    assert read_bursts(folder) == read_bursts(archive)


@pytest.mark.parametrize("root", ["", "safe/here/"])
def test_archive_may_hold_its_product_anywhere(root, tmp_path):
    safe = Safe()
    file = safe.archive(tmp_path, root=root)
    assert len(read_bursts(Archive(FileRanges(), str(file), safe.name))) == 9


def test_archive_of_several_products_gives_the_one_that_is_named(tmp_path):
    one, other = Safe(), Safe(name="S1A_other", swaths=three_swaths())
    file = tmp_path / "both.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for safe in (one, other):
            for path, content in safe.files().items():
                archive.writestr(f"{safe.name}.SAFE/{path}", content)
    assert len(read_bursts(Archive(FileRanges(), str(file), other.name))) == 27
    with pytest.raises(DamagedProduct, match=r"2 manifest\.safe in it"):
        Archive(FileRanges(), str(file), "S1A_third")


def test_archive_that_says_less_than_it_holds_is_damaged(tmp_path):
    safe = Safe()
    file = safe.archive(tmp_path)
    content = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        entry = archive.getinfo(f"{safe.name}.SAFE/manifest.safe")
    # Size unpacked in the directory: 24 bytes into its first entry.
    place = content.index(b"PK\x01\x02") + 24
    content[place : place + 4] = (entry.file_size // 2).to_bytes(4, "little")
    file.write_bytes(content)
    with pytest.raises(DamagedProduct, match=r"manifest\.safe"):
        read_bursts(Archive(FileRanges(), str(file), safe.name))


def test_archive_whose_entry_would_grow_too_large_is_not_unpacked(tmp_path):
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.safe", bytes(LARGEST + 1))
    assert file.stat().st_size < 100_000
    with pytest.raises(DamagedProduct, match="more than"):
        read_bursts(Archive(FileRanges(), str(file), "S1A"))


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all" * 1000])
def test_what_is_no_archive_is_damaged(content, tmp_path):
    file = tmp_path / "a.zip"
    file.write_bytes(content)
    with pytest.raises(DamagedProduct, match=r"a\.zip: "):
        Archive(FileRanges(), str(file), "S1A")


def test_archive_cut_off_anywhere_is_damaged(tmp_path):
    safe = Safe()
    whole = safe.archive(tmp_path).read_bytes()
    file = tmp_path / "cut.zip"
    for part in range(1, 10):
        file.write_bytes(whole[: len(whole) * part // 10])
        with pytest.raises(DamagedProduct):
            read_bursts(Archive(FileRanges(), str(file), safe.name))


def test_archive_with_a_flipped_byte_has_the_same_bursts_or_is_damaged(tmp_path):
    safe = Safe(swaths=(Swath(bursts=2),), polarisations=("vv",))
    file = safe.archive(tmp_path)
    whole, random = file.read_bytes(), Random(1)
    expected = read_bursts(Archive(FileRanges(), str(file), safe.name))
    damaged = 0
    for _ in range(300):
        content = bytearray(whole)
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
        file.write_bytes(content)
        try:
            found = read_bursts(Archive(FileRanges(), str(file), safe.name))
        except DamagedProduct:
            damaged += 1
        else:
            assert found == expected
    assert damaged > 100


def test_folder_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(ProductNotFound):
        read_bursts(Folder(FileRanges(), str(tmp_path / "S1A.SAFE")))


def test_folder_without_an_annotation_of_its_manifest_is_damaged(tmp_path):
    folder = Safe().folder(tmp_path)
    (folder / "annotation" / "s1a-iw1-slc-vv-001.xml").unlink()
    with pytest.raises(DamagedProduct, match=r"s1a-iw1-slc-vv-001\.xml: no file there"):
        read_bursts(Folder(FileRanges(), str(folder)))


def test_product_without_annotations_of_bursts_is_damaged(tmp_path):
    folder = Safe(swaths=()).folder(tmp_path)
    with pytest.raises(DamagedProduct, match="no annotation of an IW or EW SLC"):
        read_bursts(Folder(FileRanges(), str(folder)))


# -- the real product


def real_bursts():
    return read_bursts(Archive(FileRanges(), str(REAL), REAL.stem))


@real
def test_real_product_has_the_bursts_that_esa_counts():
    found = {burst.name: burst for burst in real_bursts()}
    swaths = {"IW1": 151200, "IW2": 151199, "IW3": 151199}
    assert list(found) == [
        f"071_{first + number}_{swath}"
        for swath, first in swaths.items()
        for number in range(9)
    ]
    times = {name[-3:]: found[name].anx_time for name in list(found)[::9]}
    assert times == {"IW1": 23293, "IW2": 23275, "IW3": 23284}
    assert not any(burst.doubt for burst in found.values())


@real
def test_real_polarisations_agree():
    with zipfile.ZipFile(REAL) as archive:
        files = {
            name: archive.read(name)
            for name in archive.namelist()
            if "/annotation/s1a-" in name
        }
    assert len(files) == 6
    by_channel = [
        bursts_of(
            [read_annotation(n, text) for n, text in files.items() if channel in n],
            Orbits(71, 71),
        )
        for channel in ("-vv-", "-vh-")
    ]
    assert by_channel[0] == by_channel[1] == real_bursts()


@real
def test_real_footprints_hold_the_polygons_of_the_reference():
    with zipfile.ZipFile(REAL) as archive:
        names = sorted(n for n in archive.namelist() if "/annotation/s1a-" in n)
        files = [archive.read(name) for name in names if "-vv-" in name]
    found = polygons(real_bursts())
    old = []
    for text in files:
        grid = read_annotation("a", text).grid
        near, far = grid.near, grid.far
        old += [
            shapely.Polygon([near[i], near[i + 1], far[i + 1], far[i]])
            for i in range(9)
        ]
    for whole, part in zip(found, old, strict=True):
        assert part.difference(whole).area < 0.01 * part.area
        # 10 % more; nothing more for the last of a swath, which had it already.
        assert 0.85 < part.area / whole.area < 1.001


@real
def test_real_footprints_lie_in_the_scene():
    scene = shapely.union_all(polygons(real_bursts()))
    assert scene.geom_type == "Polygon"
    assert json.loads(shapely.to_geojson(scene))["type"] == "Polygon"
    west, south, east, north = scene.bounds
    assert (west, south, east, north) == pytest.approx(
        (-118.46, 37.13, -115.28, 39.09), abs=0.01
    )
