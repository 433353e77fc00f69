"""Segment documents: read and checked one by one, and put together: late subsegments into their parents, and a segment for every service that was called and said nothing itself.

Pure: documents in, documents out.
"""
from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

MOST_BYTES = 65_536
LONGEST_NAME, DEEPEST = 200, 100
Document = dict[str, Any]

ID, TRACE = re.compile(r"[0-9a-f]{16}"), re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")
KEY = re.compile(r"[A-Za-z0-9_.]{1,500}")
OBJECTS = ("http", "aws", "annotations", "metadata", "service", "sql")
FLAGS = ("error", "throttle", "fault", "in_progress", "inferred")
WORDS = ("name", "id", "trace_id", "parent_id", "type", "namespace", "user", "origin", "resource_arn")
NUMBERS = ("start_time", "end_time")
LISTS = ("precursor_ids", "links")


class Refused(Exception):
    def __init__(self, code: str, id_: str = "") -> None:
        super().__init__(code)
        self.code, self.id = code, id_


def read(text: str | bytes) -> Document:
    """The document, with nothing in it that the schema does not know; raises Refused."""
    raw = text.encode() if isinstance(text, str) else text
    try:
        given = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("ParseError") from None
    if not isinstance(given, dict):
        raise Refused("ParseError")
    id_ = given.get("id") if isinstance(given.get("id"), str) else ""
    if len(raw) > MOST_BYTES:
        raise Refused("SegmentTooLarge", id_)
    for member, code, good in (("id", "Id", ID), ("trace_id", "TraceId", TRACE)):
        if not given.get(member):
            raise Refused(f"Missing{code}", id_)
        if not isinstance(given[member], str) or not good.fullmatch(given[member]):
            raise Refused(f"Invalid{code}", id_)
    name = given.get("name")
    if not name or not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise Refused("InvalidName" if name else "MissingName", id_)
    if not number(given.get("start_time")):
        raise Refused("InvalidStartTime" if "start_time" in given else "MissingStartTime", id_)
    if given.get("in_progress") is not True and not number(given.get("end_time")):
        raise Refused("InvalidEndTime" if "end_time" in given else "MissingEndTime", id_)
    parent = given.get("parent_id")
    if parent is not None and not (isinstance(parent, str) and ID.fullmatch(parent)):
        raise Refused("InvalidParentId", id_)
    if given.get("type") == "subsegment" and not parent:
        raise Refused("MissingParentId", id_)
    return clean(given)


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e11


def clean(given: Document, depth: int = 0) -> Document:
    out: Document = {}
    for names, type_ in ((WORDS, str), (OBJECTS, dict), (LISTS, list)):
        out |= {name: given[name] for name in names if isinstance(given.get(name), type_)}
    out |= {name: True for name in FLAGS if given.get(name) is True}
    out |= {name: given[name] for name in NUMBERS if number(given.get(name))}
    if "annotations" in out:
        out["annotations"] = {key: value for key, value in out["annotations"].items() if KEY.fullmatch(key) and isinstance(value, str | int | float | bool)}
    if isinstance(given.get("cause"), str | dict):
        out["cause"] = given["cause"]
    if "end_time" in out:
        out.pop("in_progress", None)
    if isinstance(given.get("subsegments"), list) and depth < DEEPEST:
        below = [clean(one, depth + 1) for one in given["subsegments"] if isinstance(one, dict)]
        for one in below:
            for name in ("trace_id", "parent_id", "type"):
                one.pop(name, None)
        out["subsegments"] = [one for one in below if ID.fullmatch(one.get("id", "")) and one.get("name") and "start_time" in one]
    return out


def walk(node: Document) -> Iterator[Document]:
    """A node and all below it, each before what is below it."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += reversed(one.get("subsegments", ()))


def height(node: Document) -> int:
    level, count = [node], 0
    while level:
        level, count = [sub for one in level for sub in one.get("subsegments", ())], count + 1
    return count


def moved(given: Document, seconds: float) -> Document:
    """All of its moments, by so much."""
    for node in walk(given):
        node |= {name: node[name] + seconds for name in NUMBERS if name in node}
    return given


# -- put together ---------------------------------------------------------------------------------------------------------------

def compiled(given: list[Document]) -> list[Document]:
    """The segments of a trace, the first to begin first, with the inferred ones."""
    nodes = {node["id"]: node for one in given for node in walk(one)}
    whole, late = [one for one in given if one.get("type") != "subsegment"], [one for one in given if one.get("type") == "subsegment"]
    tops, depths = list(whole), {one["id"]: 0 for one in given}
    for top in given:
        for node in walk(top):
            depths |= {sub["id"]: depths[node["id"]] + 1 for sub in node.get("subsegments", ())}
    for one in sorted(late, key=lambda each: each["start_time"]):
        parent = nodes.get(one["parent_id"])
        if parent is None or any(node is parent for node in walk(one)) or depths[parent["id"]] + height(one) > DEEPEST:
            tops.append(one)                           # whom it belongs to is not there yet
            continue
        below = [each for each in parent.get("subsegments", []) if each["id"] != one["id"]]
        parent["subsegments"] = sorted([*below, one], key=lambda each: each["start_time"])
        for node in walk(one):
            depths[node["id"]] = depths[parent["id"]] + 1 if node is one else depths[node["id"]]
            depths |= {sub["id"]: depths[node["id"]] + 1 for sub in node.get("subsegments", ())}
        for name in ("type", "trace_id", "parent_id"):
            one.pop(name, None)
    called = {one["parent_id"] for one in tops if "parent_id" in one}
    tops += [inferred(top, node) for top in list(tops) for node in walk(top) if remote(node) and node["id"] not in called and not awaits(node)]
    return sorted(tops, key=lambda one: (one["start_time"], one["id"]))


def remote(node: Document) -> bool:
    """Somebody else was called."""
    return node.get("namespace") in ("aws", "remote")


def awaits(node: Document) -> bool:
    """The callee has said that it will tell of itself."""
    return bool(inside(node, "http", "request", "traced"))


def inside(node: Any, *path: str) -> Any:
    for name in path:
        node = node.get(name) if isinstance(node, dict) else None
    return node


def inferred(top: Document, node: Document) -> Document:
    """The called service, as far as the call says."""
    out: Document = {"id": hashlib.sha256(f"inferred {node['id']}".encode()).hexdigest()[:16], "trace_id": top.get("trace_id", ""), "parent_id": node["id"], "inferred": True}
    out |= {name: node[name] for name in ("name", "start_time", "end_time", "http", "aws", "error", "throttle", "fault", "in_progress") if name in node}
    if node["namespace"] == "aws":
        out["origin"] = origin(node)
    return out


ORIGINS = {"dynamodb": "AWS::DynamoDB", "dynamodbv2": "AWS::DynamoDB", "s3": "AWS::S3", "sns": "AWS::SNS", "sqs": "AWS::SQS", "lambda": "AWS::Lambda", "kinesis": "AWS::Kinesis",
           "events": "AWS::Events", "states": "AWS::StepFunctions", "stepfunctions": "AWS::StepFunctions", "sts": "AWS::STS", "ssm": "AWS::SSM", "secretsmanager": "AWS::SecretsManager"}
RESOURCES = {"AWS::DynamoDB": ("table_name", "AWS::DynamoDB::Table"), "AWS::S3": ("bucket_name", "AWS::S3::Bucket"), "AWS::SQS": ("queue_url", "AWS::SQS::Queue"),
             "AWS::SNS": ("topic_arn", "AWS::SNS"), "AWS::Kinesis": ("stream_name", "AWS::Kinesis::Stream"), "AWS::Lambda": ("function_name", "AWS::Lambda")}


def origin(node: Document) -> str:
    base = ORIGINS.get(node["name"].lower(), f"AWS::{node['name']}")
    member, whole = RESOURCES.get(base, ("", base))
    about = node.get("aws") or {}
    return whole if about.get(member) or about.get("resource_names") or whole == "AWS::SQS::Queue" else base


def resource(node: Document) -> str:
    """What a node of AWS's is called in a map: the table, the queue; "" where the call does not say."""
    about = node.get("aws") or {}
    base = next((base for base, (_, whole) in RESOURCES.items() if node.get("origin") in (base, whole)), "")
    given = about.get(RESOURCES[base][0]) if base else None
    names = about.get("resource_names")
    if not given and isinstance(names, list) and names and isinstance(names[0], str):
        given = names[0]
    return re.split(r"[/:]", given)[-1] if isinstance(given, str) and given else ""


def dump(document: Document) -> str:
    return json.dumps(document, separators=(",", ":"))
