"""Event streams, against botocore's own reader."""
from __future__ import annotations

import uuid

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from cloche.wire import eventstream

values = st.one_of(
    st.booleans(), st.integers(-128, 127).map(eventstream.Byte), st.integers(-2**15, 2**15 - 1).map(eventstream.Short), st.integers(-2**31, 2**31 - 1),
    st.integers(-2**63, 2**63 - 1).map(eventstream.Long), st.binary(max_size=40), st.text(max_size=40), st.integers(0, 2**50).map(eventstream.Moment), st.uuids())
headers = st.dictionaries(st.text(min_size=1, max_size=20), values, max_size=5)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(headers, st.binary(max_size=200)), max_size=4), st.integers(1, 60))
def test_what_is_written_is_read_by_botocore_and_by_us_however_it_is_cut(messages, cut):
    data = b"".join(eventstream.encode(h, p) for h, p in messages)
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    theirs = [(m.headers, m.payload) for m in buffer]
    plain = [({n: v.bytes if isinstance(v, uuid.UUID) else v for n, v in h.items()}, p) for h, p in messages]
    assert [({n: v for n, v in h.items()}, p) for h, p in theirs] == plain
    decoder = eventstream.Decoder()
    ours = [m for at in range(0, len(data), cut) for m in decoder.feed(data[at : at + cut])]
    decoder.finish()
    assert ours == messages
    assert [[type(v) for v in h.values()] for h, _ in ours] == [[type(v) for v in h.values()] for h, _ in messages]


@settings(max_examples=80, deadline=None)
@given(headers, st.binary(max_size=60), st.integers(0, 400), st.integers(1, 255))
def test_a_changed_byte_is_found(head, payload, at, flip):
    data = bytearray(eventstream.encode(head, payload))
    data[at % len(data)] ^= flip
    decoder = eventstream.Decoder()
    with pytest.raises(eventstream.Corrupt):
        decoder.feed(bytes(data))
        decoder.finish()


@given(st.binary(max_size=100))
def test_nonsense_is_refused(data):
    decoder = eventstream.Decoder()
    try:
        decoder.feed(data)
        decoder.finish()
        assert not data
    except eventstream.Corrupt:
        pass


def test_events_exceptions_and_errors_say_what_they_are():
    decoder = eventstream.Decoder()
    data = eventstream.event("Records", b"x", "application/octet-stream") + eventstream.exception("Oops", b"{}") + eventstream.error("Code", "words")
    assert [h for h, _ in decoder.feed(data)] == [
        {":message-type": "event", ":event-type": "Records", ":content-type": "application/octet-stream"},
        {":message-type": "exception", ":exception-type": "Oops", ":content-type": "application/json"},
        {":message-type": "error", ":error-code": "Code", ":error-message": "words"}]
