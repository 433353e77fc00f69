"""What comes back by URL: answers of custom resources, signals of wait conditions; and SignalResource.

On AWS these are presigned URLs of a bucket; here they are paths with a token that nobody can guess, good until used up or
timed out.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Request, Response

from . import errors, resources
from . import service as cloudformation
from .events import resource_event
from .records import Row, by_stack, find, put_row, row
from .resources import Callback

if TYPE_CHECKING:
    from cloche.shapes import cloudformation as t

LIMIT = 4096


def url(call: Call, token: str) -> str:
    return f"http://{call.host}/_cloudformation/response/{token}"


def issue(call: Call, stack_id: str, logical: str, purpose: str) -> str:
    """A token for a URL; the URL is given to whoever will answer."""
    token = call.secret(24)
    call.put(Callback(token, call.account, call.region, stack_id, logical, purpose))
    return token


@cloudformation.serve
async def serve(call: Call, request: Request, match: dict[str, str]) -> Response:
    if request.method != "PUT":
        return Response(405, [("allow", "PUT")], b"")
    body = await request.read(1 << 20)
    with call.step():
        callback = call.get(Callback, match["token"])
        if callback is None:
            return Response(403, [("content-type", "text/plain")], b"This URL is not, or no longer, valid.")
        here = call.at(callback.account, callback.region)
        try:
            said = json.loads(body)
            if not isinstance(said, dict):
                raise ValueError
        except ValueError:
            said = {"Status": "FAILED", "Reason": "Invalid response object: not JSON"}
        if callback.purpose == "wait":
            signal(here, callback.stack, callback.logical, str(said.get("UniqueId", "")), str(said.get("Status", "")), str(said.get("Reason", "")), str(said.get("Data", "")))
        else:
            custom(here, callback, said, len(body))
            call.delete(callback)
    return Response(200, [], b"")


def custom(call: Call, callback: Callback, said: dict[str, Any], size: int) -> None:
    physical, status = said.get("PhysicalResourceId"), said.get("Status")
    data = said.get("Data") or {}
    error = ""
    if size > LIMIT:
        error = "Response object is too long."
    elif status == "FAILED":
        error = f"Received response status [FAILED] from custom resource. Message returned: {said.get('Reason', '')} (RequestId: {callback.token[:8]})"
    elif status != "SUCCESS":
        error = "Invalid response object: Status must be SUCCESS or FAILED"
    elif not physical or not isinstance(physical, str):
        error = "Invalid PhysicalResourceId"
    elif not isinstance(data, dict):
        error = "Invalid response object: Data must be an object"
    resources.answer(call, callback.stack, callback.logical, {"error": error, "physical": physical if isinstance(physical, str) else None,
                                                              "attributes": data if isinstance(data, dict) else {},
                                                              "hidden": str(said.get("NoEcho", "")).lower() == "true"}, token=callback.token)


def signal(call: Call, stack_id: str, logical: str, unique: str, status: str, reason: str, data: str) -> None:
    """One more signal for whoever waits: the wait condition itself, one whose handle this is, or a resource with a CreationPolicy."""
    for waiting in resources.rows_waiting(call, stack_id):
        pending = waiting.pending or {}
        if pending.get("kind") == "poll" and logical == waiting.logical:  # a rolling update that waits for its new instances
            put_row(call, stack_id, waiting.but(pending=pending | {"signals": {**pending.get("signals", {}), unique: status}}))
            resource_event(call, find(call, stack_id), waiting, f"Received {status} signal with UniqueId {unique}")
            call.after(0, resources.look_again, f"{stack_id}/{waiting.logical}", stack=stack_id)
            continue
        if pending.get("kind") != "signals" or logical not in (waiting.logical, pending.get("handle")):
            continue
        if not pending.get("handle"):
            resource_event(call, find(call, stack_id), waiting, f"Received {status} signal with UniqueId {unique}")
        if "percent" in pending:
            counted(call, stack_id, waiting, pending, unique, status)
            continue
        got = {**pending.get("got", {}), unique or str(len(pending.get("got", {}))): data}
        if status == "FAILURE":
            put_row(call, stack_id, waiting)
            resources.answer(call, stack_id, waiting.logical, {"error": f"WaitCondition received failed message: '{reason}' for uniqueId: {unique}"
                                                              if pending.get("handle") else f"Received FAILURE signal with UniqueId {unique}"})
            continue
        put_row(call, stack_id, waiting.but(pending=pending | {"got": got}))
        if len(got) >= pending["count"]:
            resources.answer(call, stack_id, waiting.logical, {"attributes": {"Data": json.dumps(got, separators=(",", ":"))}})


def counted(call: Call, stack_id: str, waiting: Row, pending: dict[str, Any], unique: str, status: str) -> None:
    """A CreationPolicy: enough successes end it, more failures than it forgives as well."""
    got, bad = dict(pending["got"]), dict(pending["bad"])
    got.pop(unique, None)
    bad.pop(unique, None)
    (bad if status == "FAILURE" else got)[unique] = ""
    put_row(call, stack_id, waiting.but(pending=pending | {"got": got, "bad": bad}))
    count, percent = pending["count"], pending["percent"]
    if 100 * (count - len(bad)) < percent * count:
        said = f"Received {len(bad)} FAILURE signal(s) out of {count}.  Unable to satisfy {percent}% MinSuccessfulInstancesPercent requirement"
        resources.answer(call, stack_id, waiting.logical, {"error": said if waiting.type == "AWS::AutoScaling::AutoScalingGroup" else f"Received FAILURE signal with UniqueId {unique}"})
    elif len(got) + len(bad) >= count:
        resources.answer(call, stack_id, waiting.logical, {"attributes": {"Data": json.dumps(got, separators=(",", ":"))}})


@cloudformation.op(resource=by_stack)
def signal_resource(call: Call, req: t.SignalResourceInput) -> None:
    stack = find(call, req["StackName"])
    one = row(call, stack.id, req["LogicalResourceId"])
    if one is None:
        raise errors.no_resource(req["LogicalResourceId"], stack.name)
    if one.state != "pending":
        raise errors.validation(f"Resource {one.logical} is in {one.status} state and cannot be signaled")
    signal(call, stack.id, one.logical, req["UniqueId"], req["Status"], "", "")


@cloudformation.timer
def time_out(call: Call, stack: str, logical: str, token: str, reason: str) -> None:
    """Nobody answered in time."""
    for waiting in resources.rows_waiting(call, stack):
        if waiting.logical == logical and (waiting.pending or {}).get("token") == token:
            pending = waiting.pending or {}
            got = len(pending.get("got", {}))
            if "percent" in pending and got and 100 * got >= pending["percent"] * pending["count"]:
                resources.answer(call, stack, logical, {}, token=token)
                continue
            resources.answer(call, stack, logical, {"error": reason.replace("{got}", str(got))}, token=token)
    if (callback := call.get(Callback, token)) is not None:
        call.delete(callback)
