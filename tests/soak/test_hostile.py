"""Hostile and random requests: never a 500, never a stopped loop, never a file outside the data directory."""
import json
import re
import socket
import urllib.error
import urllib.parse
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloche import _index
from cloche.wire import model


def signed(url, service, method="POST", path="/", headers=None, body=b"", region="us-east-1"):
    request = AWSRequest(method, url + path, data=body, headers={**(headers or {})})
    SigV4Auth(Credentials("test", "test"), service, region).add_auth(request)
    prepared = request.prepare()
    return urllib.request.Request(prepared.url, body or None, dict(prepared.headers.items()), method=method)


def status(request):
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def alive(cloud):
    assert cloud.control("health")["status"] == "ok"


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20), lambda c: st.lists(c, max_size=4) | st.dictionaries(st.text(max_size=12), c, max_size=4), max_leaves=12)


@st.composite
def shaped(draw, shape, depth=0):
    """A value that mostly fits the model, with something wrong in it now and then."""
    if depth > 4 or draw(st.integers(0, 14)) == 0:
        return draw(JSON)
    if shape.type == "structure":
        names = sorted(shape.members)
        chosen = set(draw(st.lists(st.sampled_from(names), max_size=5))) | set(shape.required) if names else set()
        return {n: draw(shaped(shape.members[n][0], depth + 1)) for n in sorted(chosen)}
    if shape.type == "list":
        return draw(st.lists(shaped(shape.item, depth + 1), max_size=3))
    if shape.type == "map":
        return draw(st.dictionaries(st.text(max_size=8), shaped(shape.value, depth + 1), max_size=3))
    if shape.spec.get("enum"):
        return draw(st.sampled_from(shape.spec["enum"]))
    if shape.type in ("integer", "long"):
        return draw(st.integers(-5, 1 << 40))
    if shape.type == "boolean":
        return draw(st.booleans())
    return draw(st.text(max_size=30) | st.sampled_from(["arn:aws:sqs:us-east-1:000000000000:q", "q", "t", "../../etc/passwd", "${x}", "a" * 300]))


TARGETED = [s for s in sorted(_index.PACKAGES) if "json" in model.load(s).protocols]


@pytest.mark.parametrize("service", TARGETED)
def test_random_values_for_every_json_operation_are_answered_and_never_by_a_500(cloche_server, soak, service):
    found = model.load(service)
    prefix = found.meta["targetPrefix"]
    # one that waits is no answer to a test
    names = [n for n, op in found.operations.items() if op.input is not None and n not in ("ReceiveMessage", "StartLiveTail")]

    @settings(max_examples=400 if soak else 25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=not soak)
    @given(st.data())
    def run(data):
        op = found.operations[data.draw(st.sampled_from(names))]
        value = data.draw(shaped(op.input))
        headers = {"x-amz-target": f"{prefix}.{op.name}", "content-type": f"application/x-amz-json-{found.meta.get('jsonVersion', '1.0')}"}
        code, body = status(signed(cloche_server.url, found.meta.get("signingName") or found.meta["endpointPrefix"], headers=headers, body=json.dumps(value).encode()))
        assert code < 500 or code == 501, (op.name, value, body)
        json.loads(body or b"{}")

    run()
    alive(cloche_server)


FORMS = [s for s in sorted(_index.PACKAGES) if "query" in model.load(s).protocols]


def flat(value, prefix=""):
    """As the query protocol spells it, more or less."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from flat(inner, f"{prefix}.{name}" if prefix else name)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from flat(inner, f"{prefix}.member.{i + 1}")
    else:
        yield prefix, "" if value is None else str(value)


@pytest.mark.parametrize("service", FORMS)
def test_random_values_for_every_query_operation_are_answered_and_never_by_a_500(cloche_server, soak, service):
    found = model.load(service)
    names = [n for n, op in found.operations.items() if op.input is not None and n not in ("ReceiveMessage",)]

    @settings(max_examples=400 if soak else 25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=not soak)
    @given(st.data())
    def run(data):
        op = found.operations[data.draw(st.sampled_from(names))]
        value = data.draw(shaped(op.input))
        pairs = [("Action", op.name), ("Version", found.meta["apiVersion"]), *flat(value if isinstance(value, dict) else {})]
        body = urllib.parse.urlencode(pairs, errors="replace").encode()
        code, text = status(signed(cloche_server.url, found.meta.get("signingName") or found.meta["endpointPrefix"], headers={"content-type": "application/x-www-form-urlencoded"}, body=body))
        assert code < 500 or code == 501, (op.name, value, text)

    run()
    alive(cloche_server)


REST = [s for s in sorted(_index.PACKAGES) if "rest-json" in model.load(s).protocols]


@pytest.mark.parametrize("service", REST)
def test_random_values_for_every_rest_operation_are_answered_and_never_by_a_500(cloche_server, soak, service):
    found = model.load(service)
    names = [n for n, op in found.operations.items() if op.input is not None and not n.startswith("Invoke")]

    @settings(max_examples=400 if soak else 25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=not soak)
    @given(st.data())
    def run(data):
        op = found.operations[data.draw(st.sampled_from(names))]
        value = data.draw(shaped(op.input))
        value = value if isinstance(value, dict) else {}

        def label(match):
            return urllib.parse.quote(str(value.get(match[1].rstrip("+"), "x")) or "x", safe="", errors="replace")

        uri = re.sub(r"\{([^}]+)\}", label, op.http["requestUri"])
        located = {n: r for n, (_, r) in op.input.members.items() if "location" in r}
        query = [(r.get("locationName", n), str(value[n])) for n, r in located.items() if r["location"] == "querystring" and value.get(n) is not None]
        path = uri + ("&" if "?" in uri else "?") * bool(query) + urllib.parse.urlencode(query, errors="replace")
        body = b"" if op.http["method"] in ("GET", "HEAD", "DELETE") else json.dumps({n: v for n, v in value.items() if n not in located}).encode()
        request = signed(cloche_server.url, found.meta.get("signingName") or found.meta["endpointPrefix"], op.http["method"], path, {"content-type": "application/json"}, body)
        code, text = status(request)
        assert code < 500 or code == 501, (op.name, path, value, text)

    run()
    alive(cloche_server)


@pytest.mark.parametrize("raw", [
    b"GET / HTTP/1.1\r\nhost: x\r\nauthorization: AWS4-HMAC-SHA256 Credential=test/x/y\r\n\r\n",
    b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /_cloche/../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /_cloche/console/../pages.py HTTP/1.1\r\nhost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: nobody.Nothing\r\ncontent-length: 2\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: DynamoDB_20120810.PutItem\r\ncontent-length: 2\r\n\r\n{}",
    b"GET /?Action=GetCallerIdentity&Version=2011-06-15 HTTP/1.1\r\nhost: x\r\n\r\n",
    b"PUT /bucket/key HTTP/1.1\r\nhost: \xff\xfe\r\ncontent-length: 0\r\n\r\n",
    b"GET /bucket?versionId=%00%ff HTTP/1.1\r\nhost: x\r\n\r\n",
    b"POST /service/CloudWatch/operation/Nope HTTP/1.1\r\nhost: x\r\nsmithy-protocol: rpc-v2-cbor\r\ncontent-length: 1\r\n\r\n\xff",
    b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET http://example.com/x HTTP/1.1\r\nhost: x\r\n\r\n",
])
def test_odd_requests_get_an_error_in_aws_shape(cloche_server, raw):
    host, port = cloche_server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 5) as s:
        s.settimeout(5)
        s.sendall(raw)
        answer = s.recv(65536)
    assert answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.1 501"), answer
    assert b"Traceback" not in answer and b"<html" not in answer.lower() and b"root:" not in answer
    alive(cloche_server)


def test_slow_clients_and_broken_bodies_hold_nobody_up(cloche_server):
    host, port = cloche_server.url.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port)), 5) for _ in range(50)]
    for s in slow:
        s.sendall(b"PUT /bucket/key HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\nabc")
    alive(cloche_server)
    for s in slow:
        s.close()
    alive(cloche_server)


def test_xml_with_entities_is_malformed(cloche_server):
    s3 = cloche_server.client("s3")
    s3.create_bucket(Bucket="xml-entities")
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><VersioningConfiguration><Status>&b;</Status></VersioningConfiguration>'
    code, body = status(signed(cloche_server.url, "s3", "PUT", "/xml-entities?versioning", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, bomb))
    assert (code, b"MalformedXML" in body) == (400, True), body
    alive(cloche_server)
