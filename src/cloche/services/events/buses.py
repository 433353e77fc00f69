"""Event buses, and who may put events on them. The default bus is always there."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.iam import MalformedPolicy, grammar
from cloche.kernel import Call, Record

from . import errors
from . import service as events

if TYPE_CHECKING:
    from cloche.shapes import events as t

DEFAULT = "default"
MOST_BUSES = 100
LONGEST_POLICY = 10_240


class Bus(Record, frozen=True):
    kind = "events.bus"

    name: str
    arn: str
    created: float
    changed: float
    policy: str = ""
    description: str = ""
    kms_key: str = ""
    dead_letters: str = ""
    log_config: dict[str, str] = {}
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


# -- finding --------------------------------------------------------------------------------------------------------

def bus_name(text: str | None) -> str:
    """Buses are named by name or by ARN."""
    return text.split("/", 1)[1] if text and text.startswith("arn:") and "/" in text else text or DEFAULT


def bus_arn(call: Call, text: str | None) -> str:
    return text if text and text.startswith("arn:") else call.arn(f"event-bus/{text or DEFAULT}")


def look(call: Call, name: str) -> Bus | None:
    bus = call.get(Bus, name)
    if bus is None and name == DEFAULT:
        return Bus(DEFAULT, call.arn("event-bus/default"), 0.0, 0.0)
    return bus


def find(call: Call, text: str | None) -> Bus:
    name = bus_name(text)
    bus = look(call, name)
    if bus is None:
        raise errors.no_such_bus(name)
    return bus


def by_name(call: Call, req: Any) -> str:
    return bus_arn(call, req.get("Name"))


def by_bus(call: Call, req: Any) -> str:
    return bus_arn(call, req.get("EventBusName"))


def all_buses(call: Call, req: Any) -> str:
    return call.arn("event-bus/*")


def page(items: list[Any], req: Any, most: int = 100) -> tuple[list[Any], str | None]:
    """Items after the token's place. The token is the place itself: what lies before it is not read again."""
    start = 0
    if token := req.get("NextToken"):
        if not token.isdigit():
            raise errors.bad_token()
        start = int(token)
    end = start + (req.get("Limit") or most)
    return items[start:end], str(end) if end < len(items) else None


# -- operations -----------------------------------------------------------------------------------------------------

@events.op(resource=by_name, partly="partner event sources answer 501")
def create_event_bus(call: Call, req: t.CreateEventBusRequest) -> t.CreateEventBusResponse:
    name = req["Name"]
    if req.get("EventSourceName"):
        raise errors.not_built("CreateEventBus for a partner event source")
    if name == DEFAULT:
        raise errors.exists("Event bus", name)
    if "/" in name or name.startswith("aws."):
        raise errors.parameter("Name", "Event bus name must not contain '/' or start with 'aws.'.")
    if call.get(Bus, name):
        raise errors.exists("Event bus", name)
    if len(call.all(Bus)) >= MOST_BUSES:
        raise errors.limit()
    bus = call.put(Bus(
        name, call.arn(f"event-bus/{name}"), call.now, call.now, description=req.get("Description") or "", kms_key=req.get("KmsKeyIdentifier") or "",
        dead_letters=(req.get("DeadLetterConfig") or {}).get("Arn") or "", log_config=dict(req.get("LogConfig") or {}),
        tags={tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()}))
    return {"EventBusArn": bus.arn} | settings(bus)


def settings(bus: Bus) -> dict[str, Any]:
    members = {"Description": bus.description, "KmsKeyIdentifier": bus.kms_key, "DeadLetterConfig": {"Arn": bus.dead_letters} if bus.dead_letters else None, "LogConfig": bus.log_config}
    return {name: value for name, value in members.items() if value}


@events.op(resource=by_name)
def describe_event_bus(call: Call, req: t.DescribeEventBusRequest) -> t.DescribeEventBusResponse:
    bus = find(call, req.get("Name"))
    return shown(bus) | settings(bus)


def shown(bus: Bus) -> dict[str, Any]:
    result: dict[str, Any] = {"Name": bus.name, "Arn": bus.arn}
    if bus.policy:
        result["Policy"] = bus.policy
    if bus.created:
        result |= {"CreationTime": bus.created, "LastModifiedTime": bus.changed}
    if bus.description:
        result["Description"] = bus.description
    return result


@events.op(resource=all_buses)
def list_event_buses(call: Call, req: t.ListEventBusesRequest) -> t.ListEventBusesResponse:
    buses = {bus.name: bus for bus in call.all(Bus)} | {DEFAULT: look(call, DEFAULT)}
    prefix = req.get("NamePrefix") or ""
    found, token = page([buses[name] for name in sorted(buses) if name.startswith(prefix)], req)
    result: dict[str, Any] = {"EventBuses": [shown(bus) for bus in found]}
    return result | {"NextToken": token} if token else result


@events.op(resource=by_name)
def update_event_bus(call: Call, req: t.UpdateEventBusRequest) -> t.UpdateEventBusResponse:
    bus = find(call, req.get("Name"))
    changes: dict[str, Any] = {"changed": call.now}
    for member, field in (("Description", "description"), ("KmsKeyIdentifier", "kms_key")):
        if member in req:
            changes[field] = req[member] or ""
    if "DeadLetterConfig" in req:
        changes["dead_letters"] = (req["DeadLetterConfig"] or {}).get("Arn") or ""
    if "LogConfig" in req:
        changes["log_config"] = dict(req["LogConfig"] or {})
    bus = call.put(bus.but(**changes))
    return {"Arn": bus.arn, "Name": bus.name} | settings(bus)


@events.op(resource=by_name)
def delete_event_bus(call: Call, req: t.DeleteEventBusRequest) -> None:
    """Deleting what is not there succeeds."""
    from .rules import rules_of
    name = bus_name(req["Name"])
    if name == DEFAULT:
        raise errors.invalid("Cannot delete event bus default.")
    if rules_of(call, name):
        raise errors.invalid("Event bus can't be deleted since it has rules.")
    if bus := call.get(Bus, name):
        call.delete(bus)


# -- permissions ------------------------------------------------------------------------------------------------------

def policy_of(bus: Bus) -> dict[str, Any]:
    """The bus's policy, its statements as a list."""
    document: dict[str, Any] = json.loads(bus.policy) if bus.policy else {"Version": "2012-10-17", "Statement": []}
    if not isinstance(document["Statement"], list):
        document["Statement"] = [document["Statement"]]
    return document


@events.op(resource=by_bus)
def put_permission(call: Call, req: t.PutPermissionRequest) -> None:
    bus = find(call, req.get("EventBusName"))
    text = req.get("Policy")
    if text:
        try:
            grammar.resource(text)
        except MalformedPolicy:
            raise errors.parameter("Policy", "Policy is not a valid JSON policy document.") from None
    else:
        for name in ("StatementId", "Principal", "Action"):
            if not req.get(name):
                raise errors.parameter(name, f"{name} is a required argument.")
        if req["Action"] != "events:PutEvents":
            raise errors.parameter("Action", "Only events:PutEvents is supported.")
        principal = req["Principal"]
        if principal != "*" and not (len(principal) == 12 and principal.isdigit()):
            raise errors.parameter("Principal", "Principal must be an account number or *.")
        statement: dict[str, Any] = {
            "Sid": req["StatementId"], "Effect": "Allow", "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"}, "Action": "events:PutEvents", "Resource": bus.arn,
        }
        if condition := req.get("Condition"):
            if (condition["Type"], condition["Key"]) != ("StringEquals", "aws:PrincipalOrgID"):
                raise errors.parameter("Condition", "Only StringEquals of aws:PrincipalOrgID is supported.")
            statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
        document = policy_of(bus)
        kept = [s for s in document["Statement"] if s.get("Sid") != req["StatementId"]]
        text = json.dumps(document | {"Statement": [*kept, statement]}, separators=(",", ":"))
    if len(text) > LONGEST_POLICY:
        raise errors.policy_too_long()
    call.put(bus.but(policy=text, changed=call.now))


@events.op(resource=by_bus)
def remove_permission(call: Call, req: t.RemovePermissionRequest) -> None:
    bus = find(call, req.get("EventBusName"))
    if req.get("RemoveAllPermissions"):
        call.put(bus.but(policy="", changed=call.now))
        return
    if not bus.policy:
        raise errors.no_policy()
    document = policy_of(bus)
    kept = [s for s in document["Statement"] if s.get("Sid") != req.get("StatementId")]
    if len(kept) == len(document["Statement"]):
        raise errors.no_such_statement()
    call.put(bus.but(policy=json.dumps(document | {"Statement": kept}, separators=(",", ":")) if kept else "", changed=call.now))
