"""Values of every shape of real operations, through botocore's own serializer into our reader, and from our writer into botocore's own parser."""
from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import HeadersDict, prepare_request_dict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloche.wire import codec, model, route
from cloche.wire.http import Request

OPERATIONS = [
    ("json", "dynamodb", "PutItem"), ("json", "dynamodb", "Query"), ("json", "sqs", "SendMessageBatch"), ("json", "logs", "PutLogEvents"), ("json", "kms", "CreateGrant"),
    ("json", "events", "PutTargets"), ("json", "ssm", "DescribeParameters"), ("json", "stepfunctions", "CreateStateMachine"), ("json", "ecs", "RegisterTaskDefinition"),
    ("query", "sns", "PublishBatch"), ("query", "iam", "CreateRole"), ("query", "cloudformation", "CreateChangeSet"), ("query", "sqs", "SendMessageBatch"), ("query", "sqs", "ReceiveMessage"),
    ("query", "sqs", "SetQueueAttributes"), ("query", "autoscaling", "CreateAutoScalingGroup"), ("query", "rds", "CreateDBInstance"), ("query", "elbv2", "CreateRule"),
    ("query", "cloudwatch", "PutMetricData"),
    ("ec2", "ec2", "RunInstances"), ("ec2", "ec2", "DescribeInstances"), ("ec2", "ec2", "AuthorizeSecurityGroupIngress"),
    ("rest-json", "lambda", "CreateFunction"), ("rest-json", "lambda", "Invoke"), ("rest-json", "lambda", "ListFunctions"), ("rest-json", "apigateway", "CreateRestApi"),
    ("rest-json", "apigateway", "PutIntegration"), ("rest-json", "apigatewayv2", "CreateApi"), ("rest-json", "apigateway", "GetExport"), ("rest-json", "xray", "GetTraceSummaries"),
    ("rest-xml", "s3", "PutObject"), ("rest-xml", "s3", "ListObjectsV2"), ("rest-xml", "s3", "PutBucketLifecycleConfiguration"), ("rest-xml", "s3", "DeleteObjects"),
    ("rest-xml", "s3", "PutBucketNotificationConfiguration"), ("rest-xml", "s3", "PutObjectAcl"), ("rest-xml", "s3", "GetObjectAcl"), ("rest-xml", "s3", "CompleteMultipartUpload"),
    ("rest-xml", "s3", "ListParts"), ("rest-xml", "s3", "GetObject"), ("rest-xml", "route53", "ChangeResourceRecordSets"), ("rest-xml", "cloudfront", "CreateDistribution"),
    ("rpc-v2-cbor", "cloudwatch", "PutMetricData"), ("rpc-v2-cbor", "cloudwatch", "GetMetricData"),
]
IDS = [f"{p}-{s}-{o}" for p, s, o in OPERATIONS]
SETTINGS = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

LEFT_OUT = {
    "BinaryAttributeValue", "BinarySetAttributeValue",  # base64 text on our side, on purpose: see wire/patches.py
    "Expires",  # S3 keeps what it was given; botocore makes a date of the model's string
}

WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=12)
PLAIN = st.text("abcXYZ019-_.", min_size=1, max_size=8)


def values(shape: Any, ref: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    where = ref.get("location")
    kind = shape.type
    if kind == "structure":
        if shape.spec.get("document"):
            return st.just({"a": [1, "x", None]})
        return structures(shape, depth)
    if kind == "list":
        items = values(shape.item, {"location": where} if where else {}, depth + 1).filter(lambda v: v != {})  # the query protocol cannot say it
        return st.lists(items, min_size=1, max_size=2)
    if kind == "map":
        keys = PLAIN if where else WORDS
        return st.dictionaries(keys.map(str.lower) if where == "headers" else keys, values(shape.value, {"location": where} if where else {}, depth + 1), min_size=1, max_size=2)
    if enum := shape.spec.get("enum"):
        return st.sampled_from(enum)
    if kind == "boolean":
        return st.booleans()
    if kind in ("integer", "long"):
        return st.integers(0, 2**31 - 1)
    if kind in ("float", "double"):
        return st.floats(0, 1e9, width=32).map(lambda v: float(int(v * 100) / 100))
    if kind == "timestamp":
        return st.integers(10**6, 2 * 10**9).map(float)
    if kind == "blob":
        return st.binary(min_size=1, max_size=20)
    return PLAIN if where else WORDS


def structures(shape: Any, depth: int) -> st.SearchStrategy[Any]:
    required = {n: values(s, r, depth + 1) for n, (s, r) in shape.members.items() if n in shape.required}
    optional = {
        n: values(s, r, depth + 1) for n, (s, r) in shape.members.items()
        if n not in required and (depth <= 3 or s.type not in ("structure", "list", "map")) and s.name not in LEFT_OUT and not s.spec.get("eventstream") and not (r.get("location") == "header" and n.startswith("Checksum"))
    }
    if shape.spec.get("union"):
        return st.one_of([st.fixed_dictionaries({n: v}) for n, v in optional.items()]) if optional else st.just({})
    few = st.sets(st.sampled_from(sorted(optional)), min_size=0 if required or depth == 0 else 1, max_size=6) if optional else st.just(set())
    return few.flatmap(lambda names: st.fixed_dictionaries(required | {n: optional[n] for n in names}))


@lru_cache
def theirs(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def protocol_of(name: str) -> str:
    return "smithy-rpc-v2-cbor" if name == "rpc-v2-cbor" else name


def same(a: Any, b: Any) -> bool:
    if isinstance(a, datetime):
        a = a.astimezone(UTC).timestamp()
    if isinstance(a, (int, float)) and isinstance(b, (int, float)) and not isinstance(a, bool):
        return math.isclose(a, b, abs_tol=1e-6)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def asked(operation: str, protocol: str, service: str, params: dict[str, Any]) -> Request:
    """What botocore sends."""
    op = theirs(service).operation_model(operation)
    if protocol not in (op.service_model.metadata.get("protocols") or [op.service_model.metadata["protocol"]]) and service == "sqs":
        op = older_sqs(operation)
    made = create_serializer(protocol_of(protocol), include_validation=False).serialize_to_request(params, op)
    prepare_request_dict(made, "http://127.0.0.1:4566")
    body = made["body"]
    if isinstance(body, dict):
        from botocore.utils import percent_encode_sequence

        body = percent_encode_sequence(body).encode()
    target = made["url"].removeprefix("http://127.0.0.1:4566") or "/"
    return Request(made["method"], target, {k.lower(): v if isinstance(v, str) else v.decode() for k, v in made["headers"].items()}, body if isinstance(body, bytes) else body.encode())


def older_sqs(operation: str) -> Any:
    """botocore's query serializer over the model as it was when SQS spoke query: our patched model, handed back."""
    from botocore.model import ServiceModel

    ours = model.load("sqs")
    raw = {"metadata": {**ours.meta, "protocol": "query", "protocols": ["query"]}, "operations": ours.raw["operations"], "shapes": ours.raw["shapes"]}
    for shape in raw["shapes"].values():
        for ref in shape.get("members", {}).values():
            if "queryName" in ref:
                ref.setdefault("locationName", ref["queryName"])
    try:
        return ServiceModel(raw, "sqs").operation_model(operation)
    finally:
        model.load.cache_clear()


@pytest.mark.parametrize(("protocol", "service", "name"), OPERATIONS, ids=IDS)
def test_what_botocore_sends_is_read_as_it_was_meant(protocol: str, service: str, name: str) -> None:
    ours = model.load(service)
    op = ours.operations[name]

    @SETTINGS
    @given(structures(op.input, 0))
    def check(params: dict[str, Any]) -> None:
        request = asked(name, protocol, service, params)
        assert route.operation(ours, protocol, request) is op
        read = codec.PROTOCOLS[protocol].read(op, request)
        if op.streaming_input and op.streaming_input not in params:
            read.pop(op.streaming_input)  # an empty body and none are the same
        read = {k: v for k, v in read.items() if k in params or op.input.members[k][1].get("idempotencyToken") is None}
        assert same(read, params), (read, params)

    check()


@pytest.mark.parametrize(("protocol", "service", "name"), OPERATIONS, ids=IDS)
def test_what_we_write_is_read_by_botocore_as_it_was_meant(protocol: str, service: str, name: str) -> None:
    op = model.load(service).operations[name]
    if op.output is None or (service, protocol) == ("sqs", "query"):
        return
    their = theirs(service).operation_model(name).output_shape

    @SETTINGS
    @given(structures(op.output, 0))
    def check(value: dict[str, Any]) -> None:
        response = codec.write(op, protocol, value, "rid")
        body = response.body if isinstance(response.body, bytes) else asyncio.run(_all(response.body))
        parser = create_parser(protocol_of(protocol))
        answer = {"status_code": response.status if response.status < 300 else 200, "headers": HeadersDict(response.headers), "body": body, "context": {"operation_name": name}}
        raw = op.output.spec.get("payload")
        if raw and op.output.members[raw][0].type == "blob":
            answer["body"] = Raw(body)  # botocore hands these out as streams
        parsed = parser.parse(answer, their)
        parsed.pop("ResponseMetadata")
        for member, (_, ref) in op.output.members.items():
            if ref.get("location") == "statusCode":
                parsed.pop(member, None)
                value.pop(member, None)
            if ref.get("location") == "headers" and member not in value:
                parsed.pop(member, None)
        parsed = {k: v for k, v in parsed.items() if k in value or v not in ({}, [])}
        if raw and isinstance(parsed.get(raw), Raw):
            parsed[raw] = parsed[raw].data
            if raw not in value:
                del parsed[raw]
        for kind in {"ContentType", "contentType"} - value.keys():
            parsed.pop(kind, None)  # every answer with a body has one
        assert same(parsed, value), (parsed, value)

    check()


class Raw:
    def __init__(self, data: bytes) -> None:
        self.data = data


async def _all(stream: Any) -> bytes:
    return b"".join([part async for part in stream])
