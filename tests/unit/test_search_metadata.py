# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime
from pathlib import Path

import pytest
import shapely

from agents.catalogue.search import Query
from agents.catalogue.searches.local import LocalSearch
from agents.catalogue.searches.metadata import landsat, sentinel1, sentinel2
from agents.catalogue.sensors.landsat import LandsatSensor
from agents.catalogue.sensors.sentinel1 import Sentinel1Sensor
from streams.errors import DamagedProduct

SHARED = Path(__file__).parents[3] / "shared" / "data"

S1 = """<xfdu:XFDU xmlns:xfdu="x" xmlns:safe="s" xmlns:s1="t" xmlns:gml="g">
  <safe:startTime>2020-05-11T13:51:17.603718</safe:startTime>
  <safe:stopTime>2020-05-11T13:51:44.525212</safe:stopTime>
  <safe:orbitNumber type="start">32518</safe:orbitNumber>
  <safe:orbitNumber type="stop">32519</safe:orbitNumber>
  <safe:relativeOrbitNumber type="start">71</safe:relativeOrbitNumber>
  <safe:relativeOrbitNumber type="stop">72</safe:relativeOrbitNumber>
  <s1:pass>DESCENDING</s1:pass>
  <s1:mode>IW</s1:mode>
  <s1:transmitterReceiverPolarisation>VV</s1:transmitterReceiverPolarisation>
  <s1:transmitterReceiverPolarisation>VH</s1:transmitterReceiverPolarisation>
  <s1:sliceNumber>5</s1:sliceNumber>
  <gml:coordinates>37.0,-115.0 37.5,-118.0 39.1,-118.0 38.7,-115.0</gml:coordinates>
</xfdu:XFDU>"""

S2 = """<n1:Level-1C_User_Product xmlns:n1="x">
  <PRODUCT_START_TIME>2018-01-01T10:54:41.026Z</PRODUCT_START_TIME>
  <GENERATION_TIME>2018-01-01T12:49:11.000Z</GENERATION_TIME>
  <PROCESSING_BASELINE>02.06</PROCESSING_BASELINE>
  <SENSING_ORBIT_NUMBER>51</SENSING_ORBIT_NUMBER>
  <SENSING_ORBIT_DIRECTION>DESCENDING</SENSING_ORBIT_DIRECTION>
  <EXT_POS_LIST>43.0 2.0 43.0 3.0 44.0 3.0 44.0 2.0 43.0 2.0</EXT_POS_LIST>
  <Cloud_Coverage_Assessment>11.9</Cloud_Coverage_Assessment>
</n1:Level-1C_User_Product>"""

MTL = """GROUP = LANDSAT_METADATA_FILE
    DATE_ACQUIRED = 2013-04-19
    SCENE_CENTER_TIME = "16:01:51.8294190Z"
    CLOUD_COVER = 12.30
    CLOUD_COVER_LAND = -1.00
    SUN_AZIMUTH = 133.7
    SUN_ELEVATION = 59.2
    CORNER_UL_LAT_PRODUCT = 35.5
    CORNER_UL_LON_PRODUCT = -84.2
    CORNER_UR_LAT_PRODUCT = 35.6
    CORNER_UR_LON_PRODUCT = -81.6
    CORNER_LL_LAT_PRODUCT = 33.5
    CORNER_LL_LON_PRODUCT = -84.1
    CORNER_LR_LAT_PRODUCT = 33.6
    CORNER_LR_LON_PRODUCT = -81.5
END_GROUP = LANDSAT_METADATA_FILE
"""


def test_manifest_of_a_radar_product():
    listing = sentinel1("S1", S1.encode())
    assert listing.date == datetime(2020, 5, 11, 13, 51, 17, 603718, UTC)
    assert shapely.from_wkt(listing.footprint).contains(shapely.Point(-116, 38))
    assert listing.facts == {
        "orbit_direction": "DESCENDING",
        "relative_orbit": "71",
        "absolute_orbit": "32518",
        "polarisations": "VV VH",
        "mode": "IW",
        "slice": "5",
    }


def test_metadata_of_an_optical_product():
    listing = sentinel2("S2", S2.encode())
    assert listing.date == datetime(2018, 1, 1, 10, 54, 41, 26_000, UTC)
    assert shapely.from_wkt(listing.footprint).equals(shapely.box(2, 43, 3, 44))
    assert listing.facts["cloud_cover_pct"] == "11.9"
    assert listing.facts["published"] == "2018-01-01T12:49:11.000Z"


def test_metadata_of_a_landsat_product():
    listing = landsat("L8", MTL.encode())
    assert listing.date == datetime(2013, 4, 19, 16, 1, 51, 829419, UTC)
    assert shapely.from_wkt(listing.footprint).is_valid
    assert shapely.from_wkt(listing.footprint).contains(shapely.Point(-83, 34.5))
    assert listing.facts["cloud_cover_pct"] == "12.30"
    # Not computed.
    assert listing.facts["land_cloud_cover_pct"] == ""


@pytest.mark.parametrize(
    ("read", "text", "error"),
    [
        (sentinel1, "<a>", DamagedProduct),
        (sentinel1, "<a/>", ValueError),
        (sentinel2, "no XML", DamagedProduct),
        (sentinel2, "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", DamagedProduct),
        (landsat, "nothing", LookupError),
    ],
)
def test_metadata_that_cannot_be_read_is_an_error(read, text, error):
    with pytest.raises(error):
        read("name", text.encode())


def found(folder, sensor):
    products = SHARED / folder
    if not products.exists():
        pytest.skip(f"the real products are not at {products}")
    everywhere = shapely.box(-180, -90, 180, 90)
    start = datetime(1970, 1, 1, tzinfo=UTC)
    query = Query(sensor, everywhere, start, start.replace(2100))
    return list(LocalSearch(products).search(query))


def test_real_radar_products_tell_their_orbits():
    grd, slc = found("sentinel1", Sentinel1Sensor())
    assert (grd.tags["relativeOrbit"], slc.tags["relativeOrbit"]) == ("59", "71")
    assert grd.tags["orbitDirection"] == "ASCENDING"
    assert slc.fields["RELATIVE_ORBIT"] == "071"
    assert shapely.from_wkt(slc.footprint).contains(shapely.Point(-117, 38))


def test_real_landsat_metadata_is_read():
    (scene,) = found("landsat-c2-l2", LandsatSensor())
    assert scene.date == datetime(2013, 4, 19, 16, 1, 51, 829419, UTC)
    assert scene.metadata["cloud_cover_pct"] == "100"
