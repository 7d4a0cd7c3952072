# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime
from io import BytesIO

import fastavro
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, structs

from streams import contract, model
from streams.codec import (
    MESSAGES,
    decode,
    encode,
    message_type,
    pack,
    unpack,
    unpack_as,
)
from streams.envelope import Envelope, Record, from_headers
from streams.errors import UndecodableRecord
from streams.events import DownloadStarted, ProcessDone
from streams.orders import DownloadOrder

STARTED = DownloadStarted("demo", "demo/s1", 2, "w1")
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)

aware = st.datetimes(
    min_value=datetime(1972, 1, 1),  # noqa: DTZ001  (hypothesis wants them naive)
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
st.register_type_strategy(datetime, aware)
# Avro's long has 64 bits, Python's int as many as it takes.
st.register_type_strategy(int, st.integers(-(2**63), 2**63 - 1))
st.register_type_strategy(float, st.floats(allow_nan=False))
st.register_type_strategy(
    str, st.text(st.characters(codec="utf-8", exclude_characters="\0"))
)


def with_every_field(cls):
    return st.builds(cls, **{f.name: st.from_type(f.type) for f in structs.fields(cls)})


for noun in (*vars(model).values(), *MESSAGES.values()):
    if isinstance(noun, type) and issubclass(noun, Struct) and noun is not Struct:
        st.register_type_strategy(noun, with_every_field)


@pytest.mark.parametrize("name", sorted(MESSAGES))
@given(data=st.data())
@settings(max_examples=20)
def test_what_is_encoded_is_decoded(name, data):
    message = data.draw(st.from_type(MESSAGES[name]))
    assert decode(encode(message)) == message


@pytest.mark.parametrize("name", sorted(MESSAGES))
@given(data=st.data())
@settings(max_examples=20)
def test_bytes_are_those_of_fastavro(name, data):
    message = data.draw(st.from_type(MESSAGES[name]))
    value = encode(message)
    schema_id = int.from_bytes(value[1:5], "big")
    (release,) = [one for one in contract.releases() if one.id == schema_id]
    expected = BytesIO()
    fastavro.schemaless_writer(
        expected,
        contract.released(release.file),
        msgspec.to_builtins(message, builtin_types=(bytes, datetime)),
    )
    assert value[5:] == expected.getvalue()


def test_nul_in_a_text_is_written_as_its_stand_in():
    expired = structs.replace(STARTED, worker="w\0 1")
    assert decode(encode(expired)) == structs.replace(STARTED, worker="w\ufffd 1")


def test_bytes_are_confluent_framing_with_the_released_id():
    value = encode(STARTED)
    release = contract.latest()["ingester.events.DownloadStarted"]
    assert value[0] == 0
    assert int.from_bytes(value[1:5], "big") == release.id


def test_golden_bytes():
    """The same in every deployment: ids are released with the code."""
    assert encode(STARTED).hex() == "000000000c0864656d6f0e64656d6f2f733104047731"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "empty"),
        (b"", "expected 00"),
        (b"garbage", "expected 00 and a schema id"),
        (b'{"json": 1}', "7b 22 6a 73 6f"),
        (b"\x00\x00\x00\x00\xff", "schema id 255 was never released"),
        (encode(STARTED)[:-1], "not a DownloadStarted"),
        (encode(STARTED) + b"x", "left over"),
        (encode(STARTED)[:5] + b"\xff" * 30, "not a DownloadStarted"),
    ],
)
def test_undecodable_value_says_why(value, says):
    with pytest.raises(UndecodableRecord, match=says):
        decode(value)


def test_record_carries_cloud_events_headers():
    envelope = Envelope(STARTED, "id-1", NOON, "/agents/downloader", "demo/s1", "o-1")
    record = pack("ingester.tasks", "demo", envelope)
    headers = dict(record.headers)
    assert headers["ce_type"] == b"download-started"
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_causationid"] == b"o-1"
    assert "ce_correlationid" not in headers
    assert record.key == b"demo"
    assert unpack(record) == envelope


@pytest.mark.parametrize("missing", ["ce_id", "ce_type", "ce_source", "ce_time"])
def test_missing_header_is_named(missing):
    record = pack("t", "k", Envelope(STARTED, "id-1", NOON, "/x"))
    left = [(name, value) for name, value in record.headers if name != missing]
    with pytest.raises(UndecodableRecord, match=missing):
        from_headers(left, STARTED)


@pytest.mark.parametrize("time", ["yesterday", "2024-05-01T12:00:00"])
def test_bad_time_is_shown(time):
    headers = {"ce_id": "1", "ce_type": "t", "ce_source": "/x", "ce_time": time}
    with pytest.raises(UndecodableRecord, match=time):
        from_headers([(k, v.encode()) for k, v in headers.items()], STARTED)


def test_another_message_than_expected_is_named():
    record = pack("t", "k", Envelope(STARTED, "id-1", NOON, "/x"))
    with pytest.raises(
        UndecodableRecord, match=r"a download-started, expected a downlo"
    ):
        unpack_as(DownloadOrder, record)


def test_tombstone_is_undecodable_not_a_crash():
    with pytest.raises(UndecodableRecord, match="empty"):
        unpack(Record("t", b"k", None))


def test_type_of_a_message():
    assert message_type(ProcessDone("a", "t", 1, "w", ())) == "process-done"
