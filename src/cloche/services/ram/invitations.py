"""Invitations, and what is shared by whom with whom."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import ANY, Call, Need

from . import errors, types
from . import service as ram
from .shares import Invitation, Share, associations, echoed, listed, mine, name, others, page

if TYPE_CHECKING:
    from cloche.shapes import ram as t


def as_ones_own(member: str) -> Any:
    """What another account made for this one: its own policies alone say who may answer."""
    return lambda call, req: [Need(f"ram:{call.op}", req[member], account=call.account)]


by_invitation = as_ones_own("resourceShareInvitationArn")


def received(call: Call) -> list[Invitation]:
    arns = {share.arn for share in listed(call, [f"invited/{call.account}"])}
    return sorted((one for one in call.all(Invitation) if one.receiver == call.account and one.share in arns), key=lambda one: one.arn) if arns else []


def find(call: Call, arn: str) -> Invitation:
    found = call.get(Invitation, arn)
    if found is None or found.receiver != call.account:
        raise errors.no_invitation(arn)
    return found


def view(call: Call, one: Invitation) -> Any:
    share = call.get(Share, one.share)
    return {"resourceShareInvitationArn": one.arn, "resourceShareName": share.name if share else "", "resourceShareArn": one.share, "senderAccountId": one.sender,
            "receiverAccountId": one.receiver, "invitationTimestamp": one.created, "status": one.status(call.now)}


@ram.op(resource=ANY)
def get_resource_share_invitations(call: Call, req: t.GetResourceShareInvitationsRequest) -> t.GetResourceShareInvitationsResponse:
    those = [one for one in received(call) if ("resourceShareArns" not in req or one.share in req["resourceShareArns"])
             and ("resourceShareInvitationArns" not in req or one.arn in req["resourceShareInvitationArns"])]
    found, more = page(those, req, lambda one: one.arn)
    return {"resourceShareInvitations": [view(call, one) for one in found], **more}


def answered(call: Call, arn: str, answer: str) -> Invitation:
    one = find(call, arn)
    if (status := one.status(call.now)) != "PENDING":
        raise errors.settled(status)
    share = call.get(Share, one.share)
    if share is not None:
        changed = {who: msgspec.structs.replace(entry, status="ASSOCIATED" if answer == "ACCEPTED" else "DISASSOCIATED", updated=call.now)
                   for who, entry in share.principals.items() if entry.status == "ASSOCIATING" and (who if who.isdigit() else who.split(":")[4]) == call.account}
        call.put(share.but(principals=share.principals | changed))
        if answer == "REJECTED":
            name(call, call.account, share.arn, False)
    return call.put(one.but(answer=answer))


@ram.op(needs=by_invitation)
def accept_resource_share_invitation(call: Call, req: t.AcceptResourceShareInvitationRequest) -> t.AcceptResourceShareInvitationResponse:
    return {"resourceShareInvitation": view(call, answered(call, req["resourceShareInvitationArn"], "ACCEPTED")), **echoed(req)}


@ram.op(needs=by_invitation)
def reject_resource_share_invitation(call: Call, req: t.RejectResourceShareInvitationRequest) -> t.RejectResourceShareInvitationResponse:
    return {"resourceShareInvitation": view(call, answered(call, req["resourceShareInvitationArn"], "REJECTED")), **echoed(req)}


@ram.op(needs=by_invitation)
def list_pending_invitation_resources(call: Call, req: t.ListPendingInvitationResourcesRequest) -> t.ListPendingInvitationResourcesResponse:
    one = find(call, req["resourceShareInvitationArn"])
    if (status := one.status(call.now)) != "PENDING":
        raise errors.settled(status)
    share = call.get(Share, one.share)
    found, more = page(resources([share] if share else []), req, lambda each: each["arn"])
    return {"resources": found, **more}


def resources(shares: list[Share]) -> list[Any]:
    return sorted(({"arn": arn, "type": types.of(arn), "resourceShareArn": share.arn, "status": "AVAILABLE", "creationTime": entry.created, "lastUpdatedTime": entry.updated,
                    "resourceRegionScope": types.TYPES[types.of(arn) or ""][2]} for share in shares for arn, entry in share.resources.items() if entry.status == "ASSOCIATED"),
                  key=lambda each: (each["arn"], each["resourceShareArn"]))


def of_owner(call: Call, req: Any) -> list[Share]:
    return [share for share in (mine(call) if req["resourceOwner"] == "SELF" else others(call)) if "resourceShareArns" not in req or share.arn in req["resourceShareArns"]]


@ram.op(resource=ANY)
def list_resources(call: Call, req: t.ListResourcesRequest) -> t.ListResourcesResponse:
    shares = [share for share in of_owner(call, req) if "principal" not in req or req["principal"] in share.principals]
    those = [each for each in resources(shares) if req.get("resourceType") in (None, each["type"]) and ("resourceArns" not in req or each["arn"] in req["resourceArns"])]
    found, more = page(those, req, lambda each: f"{each['arn']} {each['resourceShareArn']}")
    return {"resources": found, **more}


@ram.op(resource=ANY)
def list_principals(call: Call, req: t.ListPrincipalsRequest) -> t.ListPrincipalsResponse:
    if req["resourceOwner"] == "SELF":
        those = [{"id": who, "resourceShareArn": share.arn, "creationTime": entry.created, "lastUpdatedTime": entry.updated, "external": entry.external}
                 for share in of_owner(call, req) for who, entry in share.principals.items()
                 if entry.status == "ASSOCIATED" and ("principals" not in req or who in req["principals"]) and ("resourceArn" not in req or req["resourceArn"] in share.resources)]
    else:
        those = [{"id": share.owner, "resourceShareArn": share.arn, "creationTime": share.created, "lastUpdatedTime": share.updated, "external": True} for share in of_owner(call, req)]
    found, more = page(sorted(those, key=_both), req, _both)
    return {"principals": found, **more}


def _both(each: Any) -> str:
    return f"{each['id']} {each['resourceShareArn']}"


@ram.op(resource=ANY)
def get_resource_share_associations(call: Call, req: t.GetResourceShareAssociationsRequest) -> t.GetResourceShareAssociationsResponse:
    kind, those = req["associationType"], []
    for share in mine(call):
        if "resourceShareArns" not in req or share.arn in req["resourceShareArns"]:
            entries = share.resources if kind == "RESOURCE" else share.principals if kind == "PRINCIPAL" else {}
            wanted = req.get("resourceArn" if kind == "RESOURCE" else "principal")
            those += [one for one in associations(share, kind, entries) if wanted in (None, one["associatedEntity"]) and req.get("associationStatus") in (None, one["status"])]
    found, more = page(sorted(those, key=_pair), req, _pair)
    return {"resourceShareAssociations": found, **more}


def _pair(one: Any) -> str:
    return f"{one['resourceShareArn']} {one['associatedEntity']}"


@ram.op(resource=ANY)
def list_resource_types(call: Call, req: t.ListResourceTypesRequest) -> t.ListResourceTypesResponse:
    found, more = page(sorted(types.TYPES), req, str)
    return {"resourceTypes": [{"resourceType": one, "serviceName": one.partition(":")[0], "resourceRegionScope": types.TYPES[one][2]} for one in found], **more}  # type: ignore[typeddict-item]


@ram.op(needs=as_ones_own("resourceShareArn"))
def list_resource_share_permissions(call: Call, req: t.ListResourceSharePermissionsRequest) -> t.ListResourceSharePermissionsResponse:
    share = next((one for one in [*mine(call), *others(call)] if one.arn == req["resourceShareArn"]), None)
    if share is None:
        raise errors.no_share(req["resourceShareArn"])
    of_type = {types.permission(one): one for one in types.TYPES}
    found, more = page(sorted(share.permissions), req, str)
    return {"permissions": [{"arn": arn, "version": "1", "defaultVersion": True, "name": arn.rpartition("/")[2], "resourceType": of_type.get(arn, ""), "status": "ASSOCIATED",
                             "isResourceTypeDefault": arn in of_type, "permissionType": "AWS_MANAGED", "featureSet": "STANDARD"} for arn in found], **more}  # type: ignore[typeddict-item]
