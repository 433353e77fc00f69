"""Requests: what is wanted of a resource, and how far that has come. One worker a request, driven by what is on disk."""
from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.iam.principal import Principal
from cloche.kernel import ANY, AwsError, Call, Record, pages
from cloche.languages import json_patch
from cloche.languages.cloudformation import difference
from cloche.services.cloudformation import public as cloudformation

from . import errors
from . import service as cloudcontrol

if TYPE_CHECKING:
    from cloche.shapes import cloudcontrol as t

OPEN = ("PENDING", "IN_PROGRESS")
PATIENCE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # seconds between one look and the next at what is not ready
KEPT = 7 * 86400
CODES = {"UnsupportedAction": "InvalidRequest", "AccessDenied": "AccessDenied", "NotFound": "NotFound", "AlreadyExists": "AlreadyExists", "Throttling": "Throttling",
         "ServiceLimitExceeded": "ServiceLimitExceeded", "ResourceConflict": "ResourceConflict"}


class Wish(Record, frozen=True, omit_defaults=True):
    """A request for a resource."""

    kind = "cloudcontrol.request"

    token: str
    type: str
    operation: str
    made: float
    principal: Principal
    role: str = ""
    identifier: str = ""
    wanted: str = "{}"
    client: str = ""
    status: str = "PENDING"
    message: str = ""
    code: str = ""
    at: float = 0.0
    planned: str = ""
    physical: str = ""
    attributes: dict[str, Any] = {}
    pending: dict[str, Any] | None = None
    tries: int = 0

    @property
    def key(self) -> str:
        return self.token


def check_type(name: str) -> None:
    room = cloudformation.handling()
    if not room.known(name):
        raise errors.no_type(name)
    if not room.built(name):
        raise errors.not_built(name)


def properties(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise errors.bad_state("Invalid request: the desired state is not a JSON object")
    return found


def acting(call: Call, role: str) -> Call:
    asking = call.as_role(role, "AWSCloudFormation", "cloudformation.amazonaws.com") if role else call
    return asking.as_principal(msgspec.structs.replace(asking.principal, via=(*asking.principal.via, "cloudformation.amazonaws.com")))


def identifier(name: str, text: str) -> dict[str, str]:
    if (found := cloudformation.handling().identifier(name, text)) is None:
        raise errors.bad_identifier(text, "|".join(cloudformation.handling().facts(name).get("identifier", [])))
    return dict(found)


def begin(call: Call, req: Any, operation: str, **more: Any) -> Wish:
    client = req.get("ClientToken", "")
    for one in call.all(Wish):
        if client and one.client == client:
            if (one.type, one.operation, one.identifier if operation != "CREATE" else "") != (req["TypeName"], operation, more.get("identifier", "")):
                raise errors.token_conflict(client)
            return one
        if one.status in OPEN and more.get("identifier") and (one.type, one.identifier) == (req["TypeName"], more["identifier"]):
            raise errors.concurrent(one.token)
        if one.made + KEPT < call.now:
            call.delete(one)
    if role := req.get("RoleArn", ""):
        call.pass_role(role, "cloudformation.amazonaws.com")
    made = Wish(call.uuid(), req["TypeName"], operation, call.now, call.principal, role=role, client=client, status="IN_PROGRESS", at=call.now, **more)
    call.put(made)
    call.wake(work, made.token)
    return made


def event(one: Wish) -> Any:
    out: dict[str, Any] = {"TypeName": one.type, "RequestToken": one.token, "Operation": one.operation, "OperationStatus": one.status, "EventTime": one.at}
    optional = {"Identifier": one.identifier, "StatusMessage": one.message, "ErrorCode": one.code}
    return out | {k: v for k, v in optional.items() if v}


@cloudcontrol.op(resource=ANY, action="cloudformation:CreateResource")
def create_resource(call: Call, req: t.CreateResourceInput) -> t.CreateResourceOutput:
    room = cloudformation.handling()
    check_type(req["TypeName"])
    wanted = properties(req["DesiredState"])
    if fault := room.complaint(req["TypeName"], wanted):
        raise errors.invalid(fault)
    return {"ProgressEvent": event(begin(call, req, "CREATE", wanted=json.dumps(wanted), planned=room.planned(call, req["TypeName"], wanted)))}


@cloudcontrol.op(resource=ANY, action="cloudformation:UpdateResource")
async def update_resource(call: Call, req: t.UpdateResourceInput) -> t.UpdateResourceOutput:
    room, name = cloudformation.handling(), req["TypeName"]
    check_type(name)
    if not room.readable(name):
        raise errors.unsupported(name, "UPDATE")
    ids = identifier(name, req["Identifier"])
    old = await look(call, name, req["Identifier"], ids, req.get("RoleArn", ""))
    fixed = {x for x in room.facts(name).get("readOnly", [])}
    old = {k: v for k, v in old.items() if k not in fixed}
    try:
        new = json_patch.patched(old, json.loads(req["PatchDocument"]))
    except ValueError as error:
        raise errors.bad_state(f"Invalid patch document: {error}") from None
    if fault := room.complaint(name, new):
        raise errors.invalid(fault)
    if gone := difference.needs_replacement(old, new, room.create_only(name)):
        raise AwsError("NotUpdatableException", f"Invalid patch update: createOnlyProperties [{', '.join(f'/properties/{x}' for x in gone)}] cannot be updated")
    with call.step():
        return {"ProgressEvent": event(begin(call, req, "UPDATE", identifier=req["Identifier"], wanted=json.dumps({"old": old, "new": new}, default=str)))}


@cloudcontrol.op(resource=ANY, action="cloudformation:DeleteResource")
def delete_resource(call: Call, req: t.DeleteResourceInput) -> t.DeleteResourceOutput:
    check_type(req["TypeName"])
    identifier(req["TypeName"], req["Identifier"])
    return {"ProgressEvent": event(begin(call, req, "DELETE", identifier=req["Identifier"]))}


async def look(call: Call, name: str, text: str, ids: dict[str, str], role: str) -> dict[str, Any]:
    try:
        return dict(await cloudformation.handling().read(acting(call, role), name, ids))
    except AwsError as error:
        if missing(error):
            raise errors.not_found(name, text) from None
        raise


def missing(error: AwsError) -> bool:
    return any(part in error.code for part in ("NotFound", "NonExistent", "NoSuch", "DoesNotExist", "404"))


# -- the worker ----------------------------------------------------------------------------------------------------------------

@cloudcontrol.worker
async def work(call: Call, key: str) -> None:
    one = call.get(Wish, key)
    if one is None or one.status not in OPEN:
        return
    room, ids = cloudformation.handling(), None
    try:
        with call.step():
            rights = acting(call.as_principal(one.principal), one.role)
        wanted = json.loads(one.wanted)
        if one.operation != "CREATE":
            ids = identifier(one.type, one.identifier)
        if one.pending is not None:
            r = await room.again(rights, one.type, one.operation, wanted if one.operation == "CREATE" else {**wanted.get("new", {}), **(ids or {})}, one.physical, one.attributes, one.pending)
        elif one.operation == "CREATE":
            r = await room.create(rights, one.type, wanted, one.planned)
        elif one.operation == "UPDATE":
            r = await room.update(rights, one.type, ids, wanted["old"], wanted["new"])
        else:
            there = await look(rights, one.type, one.identifier, ids or {}, "") if room.readable(one.type) else {}
            r = await room.delete(rights, one.type, ids, there)
    except AwsError as error:
        with call.step():
            finish(call, one, "FAILED", message=error.message, code="NotFound" if missing(error) else room_code(error))
        return
    with call.step():
        name = one.identifier if one.operation != "CREATE" else room.made(one.type, r)
        if r.pending is not None and r.pending["kind"] == "poll":
            call.put(one.but(physical=r.physical, attributes=r.attributes, pending=r.pending, tries=one.tries + 1, identifier=name))
            call.after(PATIENCE[min(one.tries, len(PATIENCE) - 1)], look_again, key, token=key)
            return
        finish(call, one, "SUCCESS", identifier=name, attributes=r.attributes, physical=r.physical)


def room_code(error: AwsError) -> str:
    found = next((ours for part, ours in cloudformation.handling().HANDLER.items() if part in error.code), "InvalidRequest")
    return CODES.get(found, "GeneralServiceException")


def finish(call: Call, one: Wish, status: str, **more: Any) -> None:
    call.put(one.but(status=status, at=call.now, pending=None, **more))
    call.signal(f"cloudcontrol/{one.token}")


@cloudcontrol.timer
def look_again(call: Call, token: str) -> None:
    call.wake(work, token)


# -- what is asked of them -------------------------------------------------------------------------------------------------------

@cloudcontrol.op(resource=ANY, action="cloudformation:GetResourceRequestStatus")
async def get_resource_request_status(call: Call, req: t.GetResourceRequestStatusInput) -> t.GetResourceRequestStatusOutput:
    """Waits a moment for what is going on: clients look once and then sleep for seconds."""
    one = find(call, req["RequestToken"])
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 1.0
    while one.status in OPEN and loop.time() < deadline:
        try:
            async with asyncio.timeout_at(deadline):
                await call.wait(f"cloudcontrol/{one.token}", call.now + KEPT)
        except TimeoutError:
            break
        one = find(call, one.token)
    return {"ProgressEvent": event(one)}


def find(call: Call, token: str) -> Wish:
    if (one := call.get(Wish, token)) is None:
        raise errors.no_request(token)
    return one


@cloudcontrol.op(resource=ANY, action="cloudformation:CancelResourceRequest")
def cancel_resource_request(call: Call, req: t.CancelResourceRequestInput) -> t.CancelResourceRequestOutput:
    one = find(call, req["RequestToken"])
    if one.status not in OPEN:
        raise errors.too_late(one.token, one.status)
    finish(call, one, "CANCEL_COMPLETE")
    return {"ProgressEvent": event(find(call, one.token))}


@cloudcontrol.op(resource=ANY, action="cloudformation:ListResourceRequests")
def list_resource_requests(call: Call, req: t.ListResourceRequestsInput) -> t.ListResourceRequestsOutput:
    wanted = req.get("ResourceRequestStatusFilter", {})
    found = [x for x in call.all(Wish) if x.operation in wanted.get("Operations", [x.operation]) and x.status in wanted.get("OperationStatuses", [x.status])]
    page, token = pages.page(sorted(found, key=lambda x: (-x.made, x.token)), req, lambda x: x.token, 100, errors.bad_token)
    return {"ResourceRequestStatusSummaries": [event(x) for x in page], **token}  # type: ignore[typeddict-item]
