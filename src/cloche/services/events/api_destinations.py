"""API destinations: an HTTP endpoint as a target. A worker calls it, and tries again what may pass by itself."""
from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cloche.engines.fetch import Unreachable
from cloche.kernel import AwsError, Call, Record

from . import connections, errors
from . import service as events
from .buses import page
from .rules import Rule

if TYPE_CHECKING:
    from cloche.shapes import events as t

ANSWER_SECONDS = 5  # AWS waits so long for the answer
AT_ONCE = 10
PAIRS = ("InvocationEndpoint", "HttpMethod", "InvocationRateLimitPerSecond", "Description", "ConnectionArn")

events.table("""
CREATE TABLE IF NOT EXISTS events_call (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, destination TEXT NOT NULL, due REAL NOT NULL, since REAL NOT NULL, tries INTEGER NOT NULL,
    rule TEXT NOT NULL, target TEXT NOT NULL, event TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_call_due ON events_call (account, region, destination, due);
""")


class ApiDestination(Record, frozen=True):
    kind = "events.api_destination"

    name: str
    arn: str
    connection: str
    endpoint: str
    method: str
    created: float
    changed: float
    rate: int = 300
    description: str = ""

    @property
    def key(self) -> str:
        return self.name


def by_name(call: Call, req: Any) -> str:
    destination = call.get(ApiDestination, req["Name"])
    return destination.arn if destination else call.arn(f"api-destination/{req['Name']}")


def all_destinations(call: Call, req: Any) -> str:
    return call.arn("api-destination/*")


def find(call: Call, name: str) -> ApiDestination:
    destination = call.get(ApiDestination, name)
    if destination is None:
        raise errors.not_found(f"Failed to describe the api-destination(s). An api-destination '{name}' does not exist.")
    return destination


def state(call: Call, destination: ApiDestination) -> str:
    connection = connections.by_arn(call, destination.connection)
    return "ACTIVE" if connection is not None and connection.state == "AUTHORIZED" else "INACTIVE"


# -- operations -----------------------------------------------------------------------------------------------------

@events.op(resource=by_name)
def create_api_destination(call: Call, req: t.CreateApiDestinationRequest) -> t.CreateApiDestinationResponse:
    name = req["Name"]
    if connections.by_arn(call, req["ConnectionArn"]) is None:
        raise errors.not_found(f"Connection '{req['ConnectionArn']}' does not exist.")
    if call.get(ApiDestination, name):
        raise errors.exists("API destination", name)
    destination = call.put(ApiDestination(
        name, call.arn(f"api-destination/{name}/{call.uuid()}"), req["ConnectionArn"], req["InvocationEndpoint"], req["HttpMethod"], call.now, call.now,
        req.get("InvocationRateLimitPerSecond") or 300, req.get("Description") or ""))
    return changed(call, destination)


def changed(call: Call, d: ApiDestination) -> dict[str, Any]:
    return {"ApiDestinationArn": d.arn, "ApiDestinationState": state(call, d), "CreationTime": d.created, "LastModifiedTime": d.changed}


def shown(call: Call, d: ApiDestination) -> dict[str, Any]:
    return changed(call, d) | {"Name": d.name, "ConnectionArn": d.connection, "InvocationEndpoint": d.endpoint, "HttpMethod": d.method, "InvocationRateLimitPerSecond": d.rate}


@events.op(resource=by_name)
def describe_api_destination(call: Call, req: t.DescribeApiDestinationRequest) -> t.DescribeApiDestinationResponse:
    destination = find(call, req["Name"])
    result = shown(call, destination)
    return result | {"Description": destination.description} if destination.description else result


@events.op(resource=all_destinations)
def list_api_destinations(call: Call, req: t.ListApiDestinationsRequest) -> t.ListApiDestinationsResponse:
    prefix, connection = req.get("NamePrefix") or "", req.get("ConnectionArn")
    matching = (d for d in call.all(ApiDestination) if d.name.startswith(prefix) and connection in (None, d.connection))
    found, token = page(sorted(matching, key=lambda d: d.name), req)
    result: dict[str, Any] = {"ApiDestinations": [shown(call, destination) for destination in found]}
    return result | {"NextToken": token} if token else result


@events.op(resource=by_name)
def update_api_destination(call: Call, req: t.UpdateApiDestinationRequest) -> t.UpdateApiDestinationResponse:
    old = find(call, req["Name"])
    if (arn := req.get("ConnectionArn")) and connections.by_arn(call, arn) is None:
        raise errors.not_found(f"Connection '{arn}' does not exist.")
    fields = dict(zip(PAIRS, ("endpoint", "method", "rate", "description", "connection")))
    return changed(call, call.put(old.but(changed=call.now, **{fields[member]: req[member] for member in PAIRS if req.get(member) is not None})))


@events.op(resource=by_name)
def delete_api_destination(call: Call, req: t.DeleteApiDestinationRequest) -> None:
    call.delete(find(call, req["Name"]))


# -- calling it -------------------------------------------------------------------------------------------------------

def call_later(call: Call, rule: Rule, target: dict[str, Any], event: dict[str, Any], body: str) -> None:
    """Leave the call to the worker. The target's role must be allowed it."""
    arn = target["Arn"]
    call.require("events:InvokeApiDestination", arn)
    name = arn.partition(":api-destination/")[2].partition("/")[0]
    destination = call.get(ApiDestination, name)
    if destination is None or destination.arn != arn:
        raise errors.not_found(f"An api-destination '{name}' does not exist.")
    call.sql("INSERT INTO events_call (account, region, destination, due, since, tries, rule, target, event, body) VALUES (?,?,?,?,?,0,?,?,?,?)",
             call.account, call.region, name, call.now, call.now, rule.key, target["Id"], json.dumps(event), body)
    call.wake(invoke, name)


@events.worker
async def invoke(call: Call, key: str) -> None:
    """Make the calls to one destination that are due; plan the next try of what is not."""
    while True:
        where = (call.account, call.region, key)
        rows = call.sql("SELECT id, since, tries, rule, target, event, body FROM events_call WHERE account=? AND region=? AND destination=? AND due <= ? ORDER BY due, id LIMIT ?", *where, call.now, AT_ONCE)
        if not rows:
            due = call.row("SELECT min(due) FROM events_call WHERE account=? AND region=? AND destination=?", *where)[0]
            if due is not None:
                with call.step():
                    call.due(due, invoke_again, name=key, key=key)
            return
        if wait := too_soon(call, key, len(rows)):
            with call.step():
                call.due(call.now + wait, invoke_again, name=key, key=key)
            return
        await asyncio.gather(*(invoke_once(call, key, *row) for row in rows))


def too_soon(call: Call, name: str, count: int) -> float:
    """Take so many calls from the destination's rate; or the seconds after which there is room for them."""
    destination = call.get(ApiDestination, name)
    rate = float(destination.rate) if destination else 300.0
    buckets: dict[Any, tuple[float, float]] = call.cloud.memory.setdefault("events.rates", {})
    place = (call.account, call.region, name)
    room, since = buckets.get(place, (rate, call.now))
    room = min(rate, room + max(0.0, call.now - since) * rate)
    if room <= 0:  # it may be overdrawn by one handful of calls, and pays that back first
        return 0.001 - room / rate
    buckets[place] = (room - count, call.now)
    return 0.0


@events.timer
def invoke_again(call: Call, key: str) -> None:
    call.wake(invoke, key)


async def invoke_once(call: Call, name: str, id_: int, since: float, tries: int, rule: str, target_id: str, event: str, body: str) -> None:
    from . import delivery
    found = call.get(Rule, rule)
    target = next((one for one in found.targets if one["Id"] == target_id), None) if found else None
    destination = call.get(ApiDestination, name)
    connection = connections.by_arn(call, destination.connection) if destination else None
    status = 0
    if target is not None and destination is not None and connection is not None and connection.state == "AUTHORIZED":
        status, _ = await request(call, destination, connection, target, body)
    with call.step():
        again = delivery.pause(call, target or {}, since, tries)
        if found is None or target is None or 200 <= status < 300:
            call.sql("DELETE FROM events_call WHERE id=?", id_)
        elif connection is not None and (status in (0, 409, 429) or status >= 500) and not isinstance(again, str):
            call.sql("UPDATE events_call SET tries = tries + 1, due = ? WHERE id=?", call.now + again, id_)
        else:
            call.sql("DELETE FROM events_call WHERE id=?", id_)
            error = AwsError("SDK_CLIENT_ERROR" if connection else "NO_RESOURCE", f"The endpoint answered {status}." if status else "The endpoint or its connection could not be reached.")
            delivery.bury(call, found, target, json.loads(event), error, again if isinstance(again, str) else "", tries, code=error.code)


async def call_destination(call: Call, arn: str, parameters: dict[str, Any], body: str) -> tuple[int, bytes]:
    """Call it now, and wait for the answer; status 0 if there is none."""
    call.require("events:InvokeApiDestination", arn)
    here = call.of("events", arn.split(":")[4], arn.split(":")[3])
    destination = here.get(ApiDestination, arn.partition(":api-destination/")[2].partition("/")[0])
    connection = connections.by_arn(here, destination.connection) if destination is not None and destination.arn == arn else None
    if destination is None or connection is None:
        raise errors.not_found(f"An api-destination '{arn}' does not exist.")
    return await request(here, destination, connection, {"HttpParameters": parameters}, body) if connection.state == "AUTHORIZED" else (0, b"")


async def request(call: Call, destination: ApiDestination, connection: connections.Connection, target: dict[str, Any], body: str) -> tuple[int, bytes]:
    """Status and body of the answer; 0 if there was none."""
    own = target.get("HttpParameters") or {}
    url = destination.endpoint
    for value in own.get("PathParameterValues") or ():
        url = url.replace("*", quote(value, safe=""), 1)
    headers = [("User-Agent", "Amazon/EventBridge/ApiDestinations"), ("Content-Type", "application/json; charset=utf-8"), ("Range", "bytes=0-1048575")]
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            found = await connections.send(call, connection, destination.method, url, own.get("QueryStringParameters") or {}, headers, (own.get("HeaderParameters") or {}).items(), body.encode())
            return found.status, found.body
    except (Unreachable, TimeoutError):
        return 0, b""
