"""Whatever arrives, a codec answers with values or with a refusal, never with another exception."""
from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloche.wire import codec, model, route
from cloche.wire.codec import xml
from cloche.wire.http import Request

SETTINGS = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["TableName", "Item", "Key", "S", "N", "M", "L", "B", "SS", "Expected", "x"]), inner, max_size=4), max_leaves=12,
)
TARGETS = [
    ("json", "dynamodb", "PutItem"), ("json", "sqs", "SendMessage"), ("query", "sqs", "SendMessage"), ("query", "iam", "CreateRole"), ("query", "cloudformation", "CreateStack"),
    ("ec2", "ec2", "RunInstances"), ("rest-json", "lambda", "CreateFunction"), ("rest-xml", "s3", "PutBucketLifecycleConfiguration"), ("rpc-v2-cbor", "cloudwatch", "PutMetricData"),
]


def read(protocol, service, name, body, path=None, query=""):
    op = model.load(service).operations[name]
    uri = path or op.http["requestUri"].partition("?")[0].replace("{Bucket}", "b")
    with suppress(codec.Invalid):
        codec.read(op, protocol, Request("POST", uri + (f"?{query}" if query else ""), {}, body))


@pytest.mark.parametrize(("protocol", "service", "name"), TARGETS)
def test_raw_bytes_are_refused_in_order(protocol, service, name):
    @SETTINGS
    @given(st.binary(max_size=60))
    def check(body):
        read(protocol, service, name, body)

    check()


@pytest.mark.parametrize(("protocol", "service", "name"), TARGETS)
def test_json_of_any_form_is_read_or_refused(protocol, service, name):
    @SETTINGS
    @given(JSON)
    def check(value):
        read(protocol, service, name, json.dumps(value).encode())

    check()


@pytest.mark.parametrize("body", [
    b"[" * 100_000, b'{"Item":' * 50_000, b'{"TableName":"\\ud800"}', b'{"TableName": 1e999}', b'{"a":1,"a":2}', b"\xff\xfe", b'{"Item":{"a":{"N":123456789012345678901234567890}}}', b"null", b"5", b'"x"', b"[]",
])
def test_json_traps(body):
    for protocol, service, name in TARGETS:
        read(protocol, service, name, body)


@pytest.mark.parametrize("body", [
    b"Action=X&" + b"a." * 20_000 + b"=1", b"&".join(b"Tags.member.%d.Key=x" % i for i in range(3000)), b"%", b"%zz=%zz", b"Tags.member.99999999999999999999.Key=x", b"=", b"&&&", b"Tags=x&Tags.member.1=y",
    b"Tags.member.1.Key.Key.Key=x", b"MaxSessionDuration=abc", b"MaxSessionDuration=1e5", b"Tags.member.\xc2\xb2.Key=x", b"MaxSessionDuration=" + b"9" * 5000,
])
def test_query_traps(body):
    for protocol, service, name in TARGETS:
        read(protocol, service, name, body)


@pytest.mark.parametrize("body", [
    b"<a" * 10, b"<a>" * 100_000, b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', b"<a>&undefined;</a>", b'<?xml version="1.0" encoding="nonsense"?><a/>', b"<a/><b/>", b"<a><b></a></b>", b"<a xmlns:p='u' p:b='c'/>",
])
def test_xml_traps(body):
    with suppress(xml.Malformed):
        xml.parse(body)
    for protocol, service, name in TARGETS:
        read(protocol, service, name, body)


def test_entities_are_never_expanded():
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "' + b"x" * 1000 + b'"><!ENTITY c "' + b"&b;" * 1000 + b'">]><a>' + b"&c;" * 1000 + b"</a>"
    with pytest.raises(xml.Malformed):
        xml.parse(bomb)


@pytest.mark.parametrize("body", [b"\x9b" + b"\xff" * 8, b"\xbb" + b"\xff" * 8, b"\x9f" * 100_000, b"\x81" * 100_000, b"\x5b" + b"\xff" * 8, b"\xc1\x61a", b"\xbf\x61a", b"\xff", b"\xf8\xff", b"\x7f\x61", b"\xa1\xff\xff", b"\xa1\x61a\xff"])
def test_cbor_traps(body):
    read("rpc-v2-cbor", "cloudwatch", "PutMetricData", body)


@SETTINGS
@given(st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "X"]), st.text(st.characters(codec="latin-1"), max_size=20), st.sampled_from(["s3", "lambda", "apigateway", "route53"]))
def test_any_path_is_routed_or_unknown(method, path, service):
    one = model.load(service)
    with suppress(route.Unknown, codec.Invalid):
        request = Request(method, "/" + path, {})
        codec.read(route.operation(one, one.protocols[0], request), one.protocols[0], request)
