"""A line of the journal in CloudTrail's words: the record that history, log files and events show, version 1.11.

Names begin with a small letter, as CloudTrail writes them, whatever the service's own wire says; EC2's lists are sets of items, S3's members keep their XML names.
"""
from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from cloche.kernel import Cloud
from cloche.kernel.journal import Facts, Line, facts_of
from cloche.wire.model import Operation, Shape

from . import identity, resources

VERSION = "1.11"
INFINITE = 1 << 48
ODD = 0x5DEECE66D31F  # spreads the lines' numbers over what ids may be


class Body(msgspec.Struct, array_like=True):
    """A line with what it refers to, as the table of events keeps it."""

    request_id: str
    principal: dict[str, Any]
    where: tuple[str, str, str, str] | None  # peer, agent, VPC endpoint, how its Authorization header begins
    by: str
    service: str
    operation: str
    value: Any
    result: Any
    error: tuple[str, str, int] | None
    owner: str = ""


class Seen(msgspec.Struct):
    """A line made out: what can be looked up by, and the rest."""

    id: int
    at: float
    account: str
    region: str
    facts: Facts
    username: str
    key: str
    body: Body


decode = msgspec.msgpack.Decoder(Body).decode
_place = msgspec.msgpack.Decoder(tuple[str, str, str, str]).decode
_plain = msgspec.msgpack.decode


def seen(cloud: Cloud, line: Line) -> Seen:
    journal = cloud.journal
    principal = _plain(journal.text(line.who))
    body = Body(line.request_id, principal, _place(journal.text(line.where)) if line.where else None, line.by, line.service, line.operation, *_plain(line.said), line.owner)
    kind, username, key = principal["kind"], "", ""
    facts = facts_of(line.service, line.operation)
    if facts.operation is not None and principal.get("account", line.account) == line.account:     # another account's caller stays unnamed
        username = "root" if kind == "root" else "" if kind == "service" else principal.get("session") or principal.get("name", "")
        key = line.key or principal.get("access_key", "")
    return Seen(line.id, line.at, line.account, line.region, facts, username, key, body)


# -- ids --------------------------------------------------------------------------------------------------------------------

def family(cloud: Cloud) -> str:
    """The beginning of every event's id in this cloud."""
    found = cloud.memory.get("cloudtrail.family")
    if found is None:
        found = cloud.store.meta("cloudtrail.family")
        if found is None:
            x = f"{cloud.dice.getrandbits(80):020x}"
            found = f"{x[:8]}-{x[8:12]}-4{x[13:16]}-a{x[17:]}"
            with cloud.store:
                cloud.store.set_meta("cloudtrail.family", found)
        cloud.memory["cloudtrail.family"] = found
    return str(found)


def event_id(cloud: Cloud, number: int) -> str:
    return f"{family(cloud)}-{number * ODD % INFINITE:012x}"


def number_of(cloud: Cloud, id: str) -> int:
    """The line behind an event's id; 0 if it is none of ours."""
    begin, _, end = id.lower().rpartition("-")
    if begin != family(cloud) or len(end) != 12:
        return 0
    try:
        return int(end, 16) * pow(ODD, -1, INFINITE) % INFINITE
    except ValueError:
        return 0


# -- the record ---------------------------------------------------------------------------------------------------------------

def moment(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def record(cloud: Cloud, one: Seen) -> dict[str, Any]:
    body, facts, account, region = one.body, one.facts, one.account, one.region
    op, category = facts.operation, facts.category
    if op is None:
        return own(cloud, one)
    out: dict[str, Any] = {"eventVersion": VERSION, "userIdentity": identity.who(body, account, one.key), "eventTime": moment(one.at), "eventSource": facts.source, "eventName": facts.name,
                           "awsRegion": region}
    by = body.by or (body.principal.get("service") if body.principal["kind"] == "service" else "")
    if body.where is None:
        out["sourceIPAddress"] = out["userAgent"] = by or facts.source
    else:
        out["sourceIPAddress"], out["userAgent"] = body.where[0] or "127.0.0.1", body.where[1] or "-"
    if body.error is not None:
        out["errorCode"], out["errorMessage"] = error_code(op, body.error), body.error[1]
    out["requestParameters"] = parameters(op, body.value)
    out["responseElements"] = answer(op, body.result)
    if body.where is not None and body.where[2]:
        out["vpcEndpointId"] = body.where[2]
    if body.service == "s3" and body.where is not None and body.principal["kind"] != "anonymous":
        out["additionalEventData"] = {"SignatureVersion": "SigV2" if body.where[3] == "AWS " else "SigV4", "AuthenticationMethod": "AuthHeader" if body.where[3] else "QueryString"}
    out |= {"requestID": body.request_id, "eventID": event_id(cloud, one.id), "readOnly": facts.reads}
    if body.owner:
        x = hashlib.sha256(f"shared {body.request_id}".encode()).hexdigest()
        out["sharedEventID"] = f"{x[:8]}-{x[8:12]}-4{x[13:16]}-a{x[17:20]}-{x[20:32]}"
    if named := resources.named(op, category, body, account, region):
        out["resources"] = named
    management = category == "Management"
    out |= {"eventType": "AwsApiCall", "managementEvent": management, "recipientAccountId": account, "eventCategory": "Management" if management else "Data"}
    return out


def own(cloud: Cloud, one: Seen) -> dict[str, Any]:
    """What a service did by itself."""
    inside = "AWS Internal"
    out = {"eventVersion": VERSION, "userIdentity": {"accountId": one.account, "invokedBy": inside}, "eventTime": moment(one.at), "eventSource": one.facts.source, "eventName": one.facts.name,
           "awsRegion": one.region, "sourceIPAddress": inside, "userAgent": inside, "requestParameters": None, "responseElements": None, "eventID": event_id(cloud, one.id), "readOnly": False}
    if one.body.service == "kms":
        out["resources"] = [{"ARN": f"arn:aws:kms:{one.region}:{one.account}:key/{one.body.value['keyId']}", "accountId": one.account, "type": "AWS::KMS::Key"}]
    return out | {"eventType": "AwsServiceEvent", "managementEvent": True, "recipientAccountId": one.account, "serviceEventDetails": one.body.value, "eventCategory": "Management"}


def seconds(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


DENIED = ("AccessDeniedException", "AuthorizationError", "UnauthorizedException")


def error_code(op: Operation, error: tuple[str, str, int]) -> str:
    """Codes as CloudTrail spells them: EC2's say whose fault it was, a denial is called by one name, IAM's are its exceptions' names."""
    code, _, status = error
    if op.model.name == "ec2":
        return f"{'Client' if status < 500 else 'Server'}.{code}"
    if code in DENIED:
        return "AccessDenied"
    if op.model.name == "iam" and code in op.model.errors:
        return op.model.errors[code].name
    return code


# -- what was asked and answered ------------------------------------------------------------------------------------------------

def lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def parameters(op: Operation, value: Any) -> Any:
    if not value or op.input is None:
        return None
    if "omitted" in value and "originalSize" in value:
        return value
    if op.model.name == "s3":
        return bucket_request(op, value)
    if op.model.name == "ec2":
        return sets(op.input, value)
    if op.model.name in ITEMS:
        value = {name: one for name, one in value.items() if name not in ITEMS[op.model.name]}
    return plain(op.input, value) or None


# of a data plane's request only whom it concerned: what it holds is the customer's
ITEMS = {
    "dynamodb": ("Item", "ExpressionAttributeValues", "ExpressionAttributeNames", "RequestItems", "TransactItems", "Expected", "AttributeUpdates", "KeyConditions", "QueryFilter", "ScanFilter",
                 "Statement", "Statements", "Parameters", "TransactStatements", "UpdateExpression", "ConditionExpression", "FilterExpression", "KeyConditionExpression"),
    "sqs": ("MessageBody", "MessageAttributes", "Entries", "MessageSystemAttributes"), "sns": ("Message", "MessageAttributes", "MessageStructure", "PublishBatchRequestEntries"),
    "lambda": ("Payload",),
}


def answer(op: Operation, value: Any) -> Any:
    if not value or op.output is None:
        return {"_return": True} if op.model.name == "ec2" and value is not None else None
    if op.model.name == "ec2":
        return sets(op.output, value)
    return plain(op.output, value) or None


def plain(shape: Shape, value: Any) -> Any:
    """The value under names that begin with a small letter."""
    if shape.type == "structure" and isinstance(value, dict):
        members = shape.members
        return {lower(name): plain(members[name][0], one) for name, one in value.items() if name in members and one is not None}
    if shape.type == "list" and isinstance(value, list):
        return [plain(shape.item, one) for one in value]
    if shape.type == "map" and isinstance(value, dict):
        return {str(key): plain(shape.value, one) for key, one in value.items()}
    if shape.type == "timestamp" and isinstance(value, int | float):
        return written(value)
    return value if isinstance(value, str | int | float | bool | dict | list) else None


def written(seconds: float) -> str:
    """As Java writes a date: `Mar 24, 2014 9:11:59 PM`."""
    try:
        at = datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return str(seconds)
    return f"{at:%b} {at.day}, {at.year} {at.hour % 12 or 12}:{at:%M:%S %p}"


SET = {"instanceId": "instancesSet", "imageId": "imagesSet", "regionName": "regionSet"}


def sets(shape: Shape, value: Any, name: str = "") -> Any:
    """EC2's: a list is a set of items; moments are milliseconds."""
    if shape.type == "structure" and isinstance(value, dict):
        out = {}
        for member, one in value.items():
            if member in shape.members and one is not None:
                target, ref = shape.members[member]
                wire = lower(ref.get("locationName") or member)
                if target.type == "list" and isinstance(one, list):
                    inner = wire if target.item.type != "structure" else ""
                    wire = SET.get(wire) or (wire if wire.endswith("Set") else f"{wire.removesuffix('Id')}Set")
                    out[wire] = {"items": [{inner: each} if inner else sets(target.item, each) for each in one]}
                else:
                    out[wire] = sets(target, one)
        return out
    if shape.type == "list" and isinstance(value, list):
        return {"items": [sets(shape.item, one) for one in value]}
    if shape.type == "timestamp" and isinstance(value, int | float):
        return int(value * 1000)
    return value if isinstance(value, str | int | float | bool | dict) else None


def bucket_request(op: Operation, value: dict[str, Any]) -> dict[str, Any]:
    """S3's: the bucket, the host and the sub-resource that was asked for; what came as a document keeps its XML names."""
    out: dict[str, Any] = {}
    members = op.input.members if op.input else {}
    for name, one in value.items():
        if name not in members or one is None or not isinstance(one, str | int | float | bool | dict | list):
            continue
        target, ref = members[name]
        place = ref.get("location")
        if name == "Bucket":
            out["bucketName"] = one
        elif name == "Key":
            out["key"] = one
        elif name == "Policy":
            out["bucketPolicy"] = parsed(one)
        elif place in ("header", "querystring"):
            out[ref["locationName"]] = one if target.type != "timestamp" else written(one)
        elif place == "headers":
            continue
        else:
            out[name] = one
    out["Host"] = f"{value['Bucket']}.s3.amazonaws.com" if value.get("Bucket") else "s3.amazonaws.com"
    for part in op.http["requestUri"].partition("?")[2].split("&"):
        if part:
            name, _, set_to = part.partition("=")
            out.setdefault(name, set_to)
    return out


def parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError):
        return text
