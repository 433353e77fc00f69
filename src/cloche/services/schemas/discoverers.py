"""Discoverers: a rule that EventBridge manages sends each event of a bus here, and what it looks like becomes a schema, or a new version of one, in `discovered-schemas`."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.kernel.pages import page
from cloche.languages import event_schema
from cloche.services.events import public as bridge

from . import errors, registries, schemas
from . import service as service_
from .registries import DISCOVERED, MOST, Registry, with_tags

if TYPE_CHECKING:
    from cloche.shapes import schemas as t


class Discoverer(Record, frozen=True):
    kind = "schemas.discoverer"

    id: str
    arn: str
    source: str
    description: str = ""
    state: str = "STARTED"
    cross_account: bool = True
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id


def by_id(call: Call, req: Any) -> str:
    return call.arn(f"discoverer/{req.get('DiscovererId') or '*'}")


def look(call: Call, id_: str) -> Discoverer:
    found = call.get(Discoverer, id_)
    if found is None:
        raise errors.no_discoverer(id_)
    return found


def shown(one: Discoverer) -> dict[str, Any]:
    return {"DiscovererArn": one.arn, "DiscovererId": one.id, "SourceArn": one.source, "State": one.state, "CrossAccount": one.cross_account, "Tags": one.tags,
            **({"Description": one.description} if one.description else {})}


@service_.op(lambda call, req: call.arn("discoverer/*"), context=with_tags)
def create_discoverer(call: Call, req: t.CreateDiscovererRequest) -> t.CreateDiscovererResponse:
    source = req["SourceArn"]
    bus = source.partition(":event-bus/")[2]
    if not bus or source.split(":")[4] != call.account or not bridge.has_bus(call, bus):
        raise errors.bad_request(f"Event bus {source} does not exist.")
    id_ = f"events-event-bus-{bus}"
    if call.get(Discoverer, id_):
        raise errors.exists("Discoverer", id_)
    one = call.put(Discoverer(id_, call.arn(f"discoverer/{id_}"), source, req.get("Description", ""), cross_account=req.get("CrossAccount", True), tags=req.get("Tags") or {}))
    if call.get(Registry, DISCOVERED) is None:
        call.put(Registry(DISCOVERED, registries.arn_of(call, DISCOVERED), "Contains all schemas discovered from your event buses"))
    listen(call, one)
    return shown(one)  # type: ignore[return-value]


def listen(call: Call, one: Discoverer) -> None:
    pattern = {"account": [call.account]} if not one.cross_account else {"source": [{"exists": True}]}
    bridge.keep_rule(call, one.source.partition(":event-bus/")[2], f"Schemas-{one.id}"[:64], json.dumps(pattern), one.arn, "schemas.amazonaws.com")


def deafen(call: Call, one: Discoverer) -> None:
    bridge.drop_rule(call, one.source.partition(":event-bus/")[2], f"Schemas-{one.id}"[:64])


@service_.op(by_id)
def describe_discoverer(call: Call, req: t.DescribeDiscovererRequest) -> t.DescribeDiscovererResponse:
    return shown(look(call, req["DiscovererId"]))  # type: ignore[return-value]


@service_.op(by_id)
def list_discoverers(call: Call, req: t.ListDiscoverersRequest) -> t.ListDiscoverersResponse:
    every = [one for one in sorted(call.all(Discoverer), key=lambda one: one.id)
             if one.id.startswith(req.get("DiscovererIdPrefix") or "") and one.source.startswith(req.get("SourceArnPrefix") or "")]
    found, more = page(every, req, lambda one: one.id, MOST, errors.bad_token, size="Limit")
    return {"Discoverers": [{k: v for k, v in shown(one).items() if k != "Description"} for one in found], **more}  # type: ignore[typeddict-item]


@service_.op(by_id)
def update_discoverer(call: Call, req: t.UpdateDiscovererRequest) -> t.UpdateDiscovererResponse:
    old = look(call, req["DiscovererId"])
    one = call.put(old.but(description=req.get("Description", old.description), cross_account=req.get("CrossAccount", old.cross_account)))
    if one.state == "STARTED":
        listen(call, one)
    return shown(one)  # type: ignore[return-value]


@service_.op(by_id)
def start_discoverer(call: Call, req: t.StartDiscovererRequest) -> t.StartDiscovererResponse:
    one = call.put(look(call, req["DiscovererId"]).but(state="STARTED"))
    listen(call, one)
    return {"DiscovererId": one.id, "State": "STARTED"}


@service_.op(by_id)
def stop_discoverer(call: Call, req: t.StopDiscovererRequest) -> t.StopDiscovererResponse:
    one = call.put(look(call, req["DiscovererId"]).but(state="STOPPED"))
    deafen(call, one)
    return {"DiscovererId": one.id, "State": "STOPPED"}


@service_.op(by_id)
def delete_discoverer(call: Call, req: t.DeleteDiscovererRequest) -> None:
    one = look(call, req["DiscovererId"])
    deafen(call, one)
    call.delete(one)


# -- learning -------------------------------------------------------------------------------------------------------------


def learn(call: Call, event: dict[str, Any]) -> None:
    """An event of a bus with a discoverer."""
    title = event_schema.title(event["detail-type"])
    name, found = f"{event['source']}@{title}"[:385], event_schema.shape(event["detail"])
    if not schemas.NAME.fullmatch(name):
        return
    old = call.get(schemas.Schema, f"{DISCOVERED}/{name}")
    if old is not None and old.versions[-1].type == "OpenApi3":
        known = event_schema.read(json.loads(schemas.content(call, old, old.versions[-1])), title)
        found = event_schema.union(known, found)
        if found == known:
            return
    text = json.dumps(event_schema.openapi(found, title, event))
    if old is None:
        schemas.make(call, DISCOVERED, name, text, "OpenApi3", f"Schema for event type {event['detail-type']}, published by AWS service {event['source']}" if event["source"].startswith("aws.") else "")
    else:
        schemas.add(call, old, text, "OpenApi3")
