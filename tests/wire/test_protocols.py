"""botocore's protocol cases run backwards: what a client sends is read as what it meant; what we write is read by botocore as what we meant.

The cases are in botocore's source distribution. `python -m tools.protocols` fetches them; $BOTOCORE_PROTOCOLS may name another folder.
"""
from __future__ import annotations

import asyncio
import base64
import copy
import json
import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cloche.wire import codec
from cloche.wire.http import Request
from cloche.wire.model import Model
from tools.protocols import folder

HERE = Path(os.environ.get("BOTOCORE_PROTOCOLS") or folder())
pytestmark = pytest.mark.skipif(not HERE.is_dir(), reason="botocore's protocol cases are not here: run python -m tools.protocols")

_P = [("ec2", "ec2Query"), ("query", "awsQuery"), ("json", "awsJson1_1"), ("json_1_0", "awsJson1_0"), ("rest-json", "restJson1"), ("rest-xml", "restXml")]
_UNSET = "on the wire an empty value and none are the same"
_INVENTED = "the client invents the token that the case leaves out"
_COMPRESSED = "the case says that a body is compressed without showing it"
_BOTOCORE = "botocore does not read what the case demands; it is on botocore's own list of exceptions"
NOT_COVERED: dict[str, dict[str, str]] = {
    "input": {
        **dict.fromkeys((
            "ec2-Ec2EmptyQueryLists", "query-QueryEmptyQueryMaps", "rest-json-RestJsonHttpPrefixHeadersAreNotPresent", "rest-xml-HttpPrefixHeadersAreNotPresent",
            "rest-json-RestJsonOmitsEmptyListQueryValues", "rest-json-RestJsonHttpWithEmptyStructurePayload", "rest-json-RestJsonHttpWithHeadersButNoPayload",
        ), _UNSET),
        **dict.fromkeys((
            "ec2-Ec2ProtocolIdempotencyTokenAutoFill", "query-QueryProtocolIdempotencyTokenAutoFill", "rest-json-RestJsonQueryIdempotencyTokenAutoFill",
            "rest-xml-QueryIdempotencyTokenAutoFill",
        ), _INVENTED),
        **dict.fromkeys((
            *(f"{f}-SDKAppliedContentEncoding_{p}" for f, p in _P), *(f"{f}-SDKAppendsGzipAndIgnoresHttpProvidedEncoding_{p}" for f, p in _P),
            *(f"{f}-SDKAppendedGzipAfterProvidedEncoding_{p}" for f, p in _P),
        ), _COMPRESSED),
    },
    "output": {"ec2-Ec2ComplexError": "EC2's errors are a code and a sentence; the case wants further members, which botocore does not read either"} | dict.fromkeys((
        "ec2-Ec2XmlLists", "query-QueryXmlLists", "rest-xml-XmlLists", "rest-json-RestJsonHttpPayloadTraitsWithNoBlobBody",
        "rest-json-RestJsonHttpPayloadWithUnsetUnion", "rest-json-RestJsonInputAndOutputWithQuotedStringHeaders", "rest-json-RestJsonInputAndOutputWithTimestampHeaders",
        "rest-json-MediaTypeHeaderOutputBase64", "rest-xml-BodyWithXmlName", "rest-xml-HttpPayloadTraitsWithNoBlobBody", "rest-xml-RestXmlHttpPayloadWithUnsetUnion",
        "rest-xml-InputAndOutputWithTimestampHeaders",
    ), _BOTOCORE),
}


def _cases(kind: str) -> list[Any]:
    out = []
    for file in sorted((HERE / kind).glob("*.json")):
        for i, suite in enumerate(json.loads(file.read_text())):
            for j, case in enumerate(suite["cases"]):
                name = f"{file.stem}-{case.get('id', f'{i}.{j}')}"
                marks = [pytest.mark.skip(reason=NOT_COVERED[kind][name])] if name in NOT_COVERED[kind] else []
                out.append(pytest.param(suite, case, id=name, marks=marks))
    return out


def _model(suite: dict[str, Any], case: dict[str, Any]) -> Model:
    given = copy.deepcopy(case["given"])
    return Model("test", {"metadata": suite["metadata"], "operations": {given["name"]: given}, "shapes": copy.deepcopy(suite["shapes"])})


def _typed(shape: Any, value: Any) -> Any:
    """The case's JSON as our values: blobs are bytes, moments floats, NaN a number."""
    if value is None or shape.spec.get("document"):
        return value
    if shape.type == "structure":  # None in a case's params means that the member was not set
        return {k: _typed(shape.members[k][0], v) if not shape.members[k][1].get("jsonvalue") else v for k, v in value.items() if v is not None}
    if shape.type == "list":
        return [_typed(shape.item, v) for v in value]
    if shape.type == "map":
        return {k: _typed(shape.value, v) for k, v in value.items()}
    if shape.type == "blob":
        return value.encode()
    if shape.type == "timestamp":
        return float(value)
    if shape.type in ("float", "double"):
        return float(value)
    return value


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (math.isnan(a) and math.isnan(b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return a == b


@pytest.mark.parametrize(("suite", "case"), _cases("input"))
def test_what_a_client_sends_is_read_as_it_was_meant(suite: dict[str, Any], case: dict[str, Any]) -> None:
    model = _model(suite, case)
    protocol = model.protocols[0]
    (op,) = model.operations.values()
    sent = case["serialized"]
    headers = {k.lower(): v for k, v in sent.get("headers", {}).items()}
    body = sent.get("body", "")
    raw = base64.b64decode(body) if protocol == "rpc-v2-cbor" else body.encode()
    request = Request(sent.get("method", "POST"), sent.get("uri", "/"), headers, raw)
    read = codec.read(op, protocol, request)
    meant = _typed(op.input, case["params"]) if op.input else {}
    named = {ref["locationName"] for _, ref in (op.input.members.values() if op.input else ()) if ref.get("location") == "querystring" and "locationName" in ref}
    for name, (target, ref) in (op.input.members.items() if op.input else ()):
        if ref.get("location") == "querystring" and target.type == "map" and name in meant:
            # some cases repeat the named parameters in the map of all parameters; on the wire nothing tells the two apart
            meant[name] = {k: v for k, v in meant[name].items() if k not in named}
            if not meant[name]:
                del meant[name]
    assert _same(read, meant), (read, meant)


def _text(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _text(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_text(v) for v in value]
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float) and (math.isnan(value) or math.isinf(value)):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _parser(protocol: str) -> Any:
    from botocore import parsers
    from botocore.utils import parse_timestamp
    from dateutil.tz import tzutc

    kinds = {
        "ec2": parsers.EC2QueryParser, "query": parsers.QueryParser, "json": parsers.JSONParser, "rest-json": parsers.RestJSONParser,
        "rest-xml": parsers.RestXMLParser, "rpc-v2-cbor": parsers.RpcV2CBORParser,
    }
    return kinds[protocol](timestamp_parser=lambda value: parse_timestamp(value).astimezone(tzutc()).timestamp())


def _drain(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body

    async def all_of() -> bytes:
        return b"".join([part async for part in body])

    return asyncio.run(all_of())


class _Stream:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def stream(self) -> Any:
        yield self.data


@pytest.mark.parametrize(("suite", "case"), _cases("output"))
def test_what_we_write_is_read_by_botocore_as_it_was_meant(suite: dict[str, Any], case: dict[str, Any]) -> None:
    from botocore.awsrequest import HeadersDict
    from botocore.eventstream import EventStream
    from botocore.model import OperationModel, ServiceModel

    model = _model(suite, case)
    protocol = model.protocols[0]
    (op,) = model.operations.values()
    theirs = ServiceModel({**copy.deepcopy(suite), "operations": {op.name: copy.deepcopy(case["given"])}})
    their_op = OperationModel(copy.deepcopy(case["given"]), theirs)
    if "error" in case:
        code = case["errorCode"]
        shape = model.errors.get(code)
        extra = dict(case["error"])
        message = case.get("errorMessage") or next((extra.pop(k) for k in list(extra) if k.lower() == "message"), "")
        for k in list(extra):
            if k.lower() == "message":
                del extra[k]
        error = SimpleNamespace(code=code, message=message, status=case["response"]["status_code"], extra=_typed(shape, extra) if shape else extra, headers={}, query_code=None)
        response = codec.write_error(model, protocol, error, "rid")
    else:
        response = codec.write(op, protocol, _typed(op.output, case["result"]) if op.output else {}, "rid")
    body = _drain(response.body)
    assert response.status == case["response"]["status_code"]
    response.headers = [h for h in response.headers if h[0] in case["response"].get("headers", ()) or h[0] not in ("x-amzn-requestid", "content-type")] if "HttpPrefixHeadersResponse" in case["id"] else response.headers
    answer = {"status_code": response.status, "headers": HeadersDict(response.headers), "body": body, "context": {"operation_name": op.name}}
    output = their_op.output_shape
    if protocol == "query" and output and output.members:
        output.serialization["resultWrapper"] = f"{op.name}Result"
    if their_op.has_event_stream_output:
        answer["body"] = _Stream(body)
    parser = _parser(protocol)
    parsed = parser.parse(answer, output)
    if "error" in case:
        parsed.update(parser.parse(answer, theirs.shape_for_error_code(parsed["Error"]["Code"])))
        assert parsed["Error"]["Code"] == case["errorCode"]
        for name, value in case["error"].items():
            assert _text(parsed.get(name)) == value
        return
    parsed.pop("ResponseMetadata", None)
    parsed = {k: list(v) if isinstance(v, EventStream) else v for k, v in parsed.items()}
    assert _text(parsed) == case["result"]
