"""Events: put on a bus by hand or by a service, matched against its rules, kept by its archives.

The rules of a bus with their compiled patterns are remembered until a record changes, so an event that matches nothing costs
little more than its matching.
"""
from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsEvent, Call, Need
from cloche.languages import event_pattern

from . import archives, delivery, errors
from . import service as events
from .buses import DEFAULT, Bus, bus_arn, look
from .rules import READS_TOO, Rule, compiled, rules_of

if TYPE_CHECKING:
    from cloche.shapes import events as t

LARGEST = 262_144
LAST_MOMENT = 253_402_300_800  # the year 10000
API_CALL = "AWS API Call via CloudTrail"
MOST_HOPS = 5  # from bus to bus; AWS forbids chains, a circle must end


# -- in -------------------------------------------------------------------------------------------------------------

def needs(call: Call, req: Any) -> list[Need]:
    asked: dict[Any, Need] = {}
    for entry in req["Entries"]:
        arn, source, detail_type = bus_arn(call, entry.get("EventBusName")), entry.get("Source") or "", entry.get("DetailType") or ""
        if (arn, source, detail_type) not in asked:
            bus = bus_at(call, arn)[1]
            context = {"events:source": source, "events:detail-type": detail_type, "events:eventBusInvocation": "false"}
            asked[arn, source, detail_type] = Need("events:PutEvents", arn, context, (bus.policy or None) if bus else None)
    return list(asked.values())


def bus_at(call: Call, arn: str) -> tuple[Call, Bus | None]:
    """The bus, if it is there, and the call standing where it lives."""
    parts = arn.split(":", 5)
    at = call if (parts[4], parts[3]) == (call.account, call.region) else call.at(parts[4], parts[3])
    return at, look(at, parts[5].partition("/")[2])


@events.op(needs=needs)
def put_events(call: Call, req: t.PutEventsRequest) -> t.PutEventsResponse:
    entries = req["Entries"]
    if sum(size(entry) for entry in entries) > LARGEST:
        raise errors.too_big()
    if req.get("EndpointId"):
        results = to_endpoint(call, req["EndpointId"], entries)
    else:
        results = [put_entry(call, entry) for entry in entries]
    return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}


def to_endpoint(call: Call, endpoint: str, entries: Any) -> list[dict[str, str]]:
    """To the bus of the entry's name in the region that the endpoint leads to, and its copy in the other."""
    from . import endpoints
    first, *copies = endpoints.regions(call, endpoint)
    results = []
    for entry in entries:
        name = bus_arn(call, entry.get("EventBusName")).partition(":event-bus/")[2]
        results.append(put_entry(call.at(call.account, first), {**entry, "EventBusName": name}))
        for region in copies:
            put_entry(call.at(call.account, region), {**entry, "EventBusName": name})
    return results


def size(entry: Any) -> int:
    """As AWS counts: 14 bytes for a time, and the bytes of the texts."""
    texts = (entry.get("Source"), entry.get("DetailType"), entry.get("Detail"), *(entry.get("Resources") or ()))
    return (14 if entry.get("Time") else 0) + sum(len(text.encode("utf-8", "surrogatepass")) for text in texts if text)


def put_entry(call: Call, entry: Any) -> dict[str, str]:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": f"Parameter {name} is not valid. Reason: {name} is a required argument."}
    if entry["Source"].startswith("aws."):
        return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}
    try:
        detail = json.loads(entry["Detail"])
        if not isinstance(detail, dict):
            raise ValueError
    except (ValueError, RecursionError):
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    if not 0 <= (entry.get("Time") or 0) < LAST_MOMENT:
        return {"ErrorCode": "InvalidArgument", "ErrorMessage": "Parameter Time is not valid."}
    event = envelope(call, entry["Source"], entry["DetailType"], detail, entry.get("Resources") or [], entry.get("Time") or call.now)
    at, bus = bus_at(call, bus_arn(call, entry.get("EventBusName")))
    if bus is not None:  # an event for a bus that is not there is accepted, and gone
        spread(at, bus.name, event)
    return {"EventId": event["id"]}


def envelope(call: Call, source: str, detail_type: str, detail: dict[str, Any], resources: list[str], moment: float) -> dict[str, Any]:
    return {
        "version": "0", "id": call.uuid(), "detail-type": detail_type, "source": source, "account": call.account,
        "time": datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "region": call.region, "resources": list(resources), "detail": detail,
    }


@events.on(AwsEvent)
def hear(call: Call, event: AwsEvent) -> None:
    """What AWS services tell goes to the default bus of the account and region it happened in."""
    spread(call, DEFAULT, envelope(call, event.source, event.detail_type, event.detail, event.resources, call.now))


# -- matching ---------------------------------------------------------------------------------------------------------

def spread(call: Call, bus: str, event: dict[str, Any], hops: int = 0) -> None:
    archives.keep(call, bus, event)
    read = event["detail-type"] == API_CALL and event["source"].startswith("aws.") and event["detail"].get("readOnly") is True and event["detail"].get("managementEvent") is True
    for rule, matches in live_rules(call, bus):
        if (not read or rule.state == READS_TOO) and matches(event):
            delivery.count(call, rule, "MatchedEvents")
            delivery.count(call, rule, "TriggeredRules")
            for target in rule.targets:
                delivery.hand_over(call, rule, target, event, hops)


def live_rules(call: Call, bus: str) -> list[tuple[Rule, event_pattern.Matcher]]:
    """The enabled rules of a bus that have a pattern."""
    remembered: dict[Any, Any] = call.cloud.memory.setdefault("events.rules", {})
    version, place = call.cloud.store.version, (call.account, call.region, bus)
    found = remembered.get(place)
    if found is None or found[0] != version:
        rules = [(rule, compiled(rule.pattern)) for rule in rules_of(call, bus) if rule.pattern and rule.enabled]
        found = remembered[place] = (version, rules)
    return found[1]  # type: ignore[no-any-return]


@events.op(resource=ANY)
def test_event_pattern(call: Call, req: t.TestEventPatternRequest) -> t.TestEventPatternResponse:
    try:
        matches = compiled(req["EventPattern"])
    except event_pattern.Invalid as error:
        raise errors.bad_pattern(str(error)) from None
    try:
        event = json.loads(req["Event"])
    except (ValueError, RecursionError):
        raise errors.parameter("Event", "The event is not valid JSON.") from None
    if not isinstance(event, dict):
        raise errors.parameter("Event", "The event must be a JSON object.")
    for name in ("id", "account", "source", "time", "region", "resources", "detail-type"):
        if name not in event:
            raise errors.parameter("Event", f"The event is missing the required field: {name}.")
    return {"Result": matches(event)}
