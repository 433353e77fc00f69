"""Resource shares: some resources, and with whom. Who is outside the organization is invited first, and has seven days to say yes.

A share is one record of the whole cloud; an index says of each account, unit and organization which shares name it.
"""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record, pages
from cloche.services.organizations import public as organizations

from . import errors, types
from . import service as ram

if TYPE_CHECKING:
    from cloche.shapes import ram as t

SEVEN_DAYS = 7 * 86400


class Entry(msgspec.Struct, frozen=True):
    """One resource or principal in a share."""

    status: str                                        # ASSOCIATING (invited) | ASSOCIATED | DISASSOCIATED
    created: float
    updated: float
    external: bool = False


class Share(Record, frozen=True):
    kind = "ram.share"
    scope = "cloud"

    arn: str
    name: str
    owner: str
    region: str
    external: bool                                     # may principals be outside of the organization?
    created: float
    updated: float
    status: str = "ACTIVE"
    resources: dict[str, Entry] = {}
    principals: dict[str, Entry] = {}
    permissions: list[str] = []
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.arn


class Named(Record, frozen=True):
    """The shares of an owner (`owner/ACCOUNT`), or those that name a principal."""

    kind = "ram.named"
    scope = "cloud"

    who: str
    shares: list[str]

    @property
    def key(self) -> str:
        return self.who


class Invitation(Record, frozen=True):
    kind = "ram.invitation"
    scope = "cloud"

    arn: str
    share: str
    sender: str
    receiver: str
    created: float
    answer: str = ""                                   # ACCEPTED | REJECTED

    @property
    def key(self) -> str:
        return self.arn

    def status(self, now: float) -> str:
        return self.answer or ("EXPIRED" if now >= self.created + SEVEN_DAYS else "PENDING")


class Sharing(Record, frozen=True):
    """An organization's management account lets its members share without invitations."""

    kind = "ram.sharing"
    scope = "cloud"

    management: str

    @property
    def key(self) -> str:
        return self.management


def by_share(call: Call, req: Any) -> str:
    return str(req["resourceShareArn"])


def facts(call: Call, req: Any) -> dict[str, Any]:
    context: dict[str, Any] = {f"aws:RequestTag/{tag['key']}": tag["value"] for tag in req.get("tags", [])}
    if found := call.get(Share, req.get("resourceShareArn", "")):
        context |= {f"aws:ResourceTag/{key}": value for key, value in found.tags.items()} | {"ram:ResourceShareName": found.name, "ram:AllowsExternalPrincipals": found.external}
    if "allowExternalPrincipals" in req:
        context["ram:RequestedAllowsExternalPrincipals"] = req["allowExternalPrincipals"]
    if req.get("principals"):
        context["ram:Principal"] = list(req["principals"])
    if req.get("resourceArns"):
        context["ram:ResourceArn"] = list(req["resourceArns"])
    return context


def names(call: Call, account: str) -> list[str]:
    """All under which an account may be named: its number, its units, its organization."""
    found = [account]
    if above := organizations.controls(call.cloud, account):
        organization = organizations.management(call.cloud, account)
        assert organization is not None
        base = f"arn:aws:organizations::{organization[0]}"
        found.append(f"{base}:organization/{above.organization}")
        found += [f"{base}:ou/{above.organization}/{part}" for part in above.path.split("/") if part.startswith("ou-")]
    return found


def mine(call: Call) -> list[Share]:
    """The account's own shares in this region."""
    return listed(call, [f"owner/{call.account}"])


def others(call: Call, account: str | None = None) -> list[Share]:
    """Those that others share with the account, here, and that it takes part in."""
    account = account or call.account
    found = []
    wanted = names(call, account)
    for share in listed(call, wanted):
        if share.owner != account and any((entry := share.principals.get(who)) and entry.status == "ASSOCIATED" for who in wanted):
            found.append(share)
    return found


def listed(call: Call, who: list[str]) -> list[Share]:
    arns = {arn: None for name in who if (named := call.get(Named, name)) for arn in named.shares}
    return [share for arn in arns if (share := call.get(Share, arn)) and share.region == call.region]


def name(call: Call, who: str, arn: str, there: bool) -> None:
    named = call.get(Named, who) or Named(who, [])
    shares = [one for one in named.shares if one != arn] + ([arn] if there else [])
    if shares:
        call.put(named.but(shares=shares))
    elif named.shares:
        call.delete(named)


def find(call: Call, arn: str) -> Share:
    found = call.get(Share, arn)
    if found is None or found.owner != call.account or found.region != call.region:
        raise errors.no_share(arn)
    return found


def active(call: Call, arn: str) -> Share:
    found = find(call, arn)
    if found.status != "ACTIVE":
        raise errors.not_active()
    return found


def view(share: Share) -> Any:
    return {"resourceShareArn": share.arn, "name": share.name, "owningAccountId": share.owner, "allowExternalPrincipals": share.external, "status": share.status,
            "creationTime": share.created, "lastUpdatedTime": share.updated, "featureSet": "STANDARD", "tags": [{"key": key, "value": value} for key, value in sorted(share.tags.items())]}


def associations(share: Share, kind: str, entries: dict[str, Entry]) -> list[Any]:
    return [{"resourceShareArn": share.arn, "resourceShareName": share.name, "associatedEntity": entity, "associationType": kind, "status": entry.status,
             "creationTime": entry.created, "lastUpdatedTime": entry.updated, "external": entry.external} for entity, entry in entries.items()]


def echoed(req: Any) -> dict[str, str]:
    return {"clientToken": req["clientToken"]} if "clientToken" in req else {}


def page(things: Any, req: Any, key: Any) -> tuple[list[Any], dict[str, str]]:
    return pages.page(things, req, key, 100, errors.bad_token, size="maxResults", token="nextToken")


# -- what goes in, and who ----------------------------------------------------------------------------------------------------

_PRINCIPAL = re.compile(r"\d{12}|arn:aws[a-z-]*:organizations::\d{12}:(organization/o-[a-z0-9]+|ou/o-[a-z0-9]+/ou-[a-z0-9-]+)|arn:aws[a-z-]*:iam::\d{12}:(role|user)/.+")


def with_resources(call: Call, share: Share, arns: list[str]) -> Share:
    for arn in arns:
        kind, parts = types.of(arn), arn.split(":", 5)
        if len(parts) < 6 or parts[0] != "arn":
            raise errors.malformed(arn)
        if kind is None:
            raise errors.invalid(f"The resource {arn} is of a type that can not be shared.")
        if parts[4] != share.owner or parts[3] not in ("", share.region):
            raise errors.not_permitted(f"You can not share {arn}: it is not yours, or of another region.")
        from cloche.services.ec2 import public as network
        if kind == "ec2:Subnet" and (may := network.shareable(call, arn.rpartition("/")[2])) is not True:
            raise errors.no_resource(arn) if may is None else errors.default_vpc(arn)
        share = share.but(resources={**share.resources, arn: Entry("ASSOCIATED", call.now, call.now)})
        if types.permission(kind) not in share.permissions:
            share = share.but(permissions=[*share.permissions, types.permission(kind)])
    return share


def kept_inside(share: Share) -> Share:
    """Subnets and groups are not shared with whom would have to be invited."""
    if any(types.of(arn) in types.WITHIN and entry.status == "ASSOCIATED" for arn, entry in share.resources.items()) and any(
            entry.status == "ASSOCIATING" or (entry.external and entry.status == "ASSOCIATED") for entry in share.principals.values()):
        raise errors.within_organization()
    return share


def with_principals(call: Call, share: Share, principals: list[str]) -> Share:
    above = organizations.management(call.cloud, share.owner)
    sharing = above is not None and call.get(Sharing, above[0]) is not None
    for who in principals:
        if not _PRINCIPAL.fullmatch(who):
            raise errors.invalid(f"Principal ID {who} is malformed. Verify the ID and try again.")
        account = who if who.isdigit() else who.split(":")[4]
        inside = above is not None and (organizations.management(call.cloud, account) or ("",))[0] == above[0]
        if who.startswith("arn:") and ":organizations:" in who and not (sharing and inside):
            raise errors.not_permitted("You can share with your organization and its units only after sharing with AWS Organizations is enabled.")
        if not inside and not share.external:
            raise errors.not_permitted("The resource share does not allow principals outside of your organization.")
        welcome = (inside and sharing) or account == share.owner
        share = share.but(principals={**share.principals, who: Entry("ASSOCIATED" if welcome else "ASSOCIATING", call.now, call.now, not inside)})
        name(call, who if ":organizations:" in who else account, share.arn, True)
        if not welcome:
            call.put(Invitation(call.arn(f"resource-share-invitation/{call.uuid()}"), share.arn, share.owner, account, call.now))
            name(call, f"invited/{account}", share.arn, True)
    return share


@ram.op(resource=lambda call, req: call.arn("resource-share/*"), context=facts, partly="what is shared opens to others where the service asks RAM: subnets, prefix lists, transit gateways, Resolver rules, private authorities of ACM; no permissions of customers, no sources")
def create_resource_share(call: Call, req: t.CreateResourceShareRequest) -> t.CreateResourceShareResponse:
    if req.get("sources"):
        raise errors.invalid("Sources of shares are not built in Cloche.")
    share = Share(call.arn(f"resource-share/{call.uuid()}"), req["name"], call.account, call.region, req.get("allowExternalPrincipals", True), call.now, call.now,
                  permissions=list(req.get("permissionArns", [])), tags={tag["key"]: tag["value"] for tag in req.get("tags", [])})
    share = kept_inside(with_principals(call, with_resources(call, share, req.get("resourceArns", [])), req.get("principals", [])))
    call.put(share)
    name(call, f"owner/{call.account}", share.arn, True)
    return {"resourceShare": view(share), **echoed(req)}


@ram.op(resource=lambda call, req: call.arn("resource-share/*"))
def get_resource_shares(call: Call, req: t.GetResourceSharesRequest) -> t.GetResourceSharesResponse:
    tags = [(one.get("tagKey"), one.get("tagValues", [])) for one in req.get("tagFilters", [])]
    those = [share for share in (mine(call) if req["resourceOwner"] == "SELF" else others(call))
             if ("resourceShareArns" not in req or share.arn in req["resourceShareArns"]) and req.get("resourceShareStatus") in (None, share.status)
             and req.get("name") in (None, share.name) and all(key in share.tags and (not values or share.tags[key] in values) for key, values in tags)]
    found, more = page(sorted(those, key=lambda share: share.arn), req, lambda share: share.arn)
    return {"resourceShares": [view(share) for share in found], **more}


@ram.op(resource=by_share, context=facts)
def update_resource_share(call: Call, req: t.UpdateResourceShareRequest) -> t.UpdateResourceShareResponse:
    share = active(call, req["resourceShareArn"])
    external = req.get("allowExternalPrincipals", share.external)
    if not external and any(entry.external and entry.status != "DISASSOCIATED" for entry in share.principals.values()):
        raise errors.not_permitted("The resource share has principals outside of your organization.")
    return {"resourceShare": view(call.put(share.but(name=req.get("name", share.name), external=external, updated=call.now))), **echoed(req)}


@ram.op(resource=by_share, context=facts)
def delete_resource_share(call: Call, req: t.DeleteResourceShareRequest) -> t.DeleteResourceShareResponse:
    share = active(call, req["resourceShareArn"])
    share = without(call, share, list(share.resources), list(share.principals))
    call.put(share.but(status="DELETED", updated=call.now))
    call.after(3600, forget, name=share.arn, arn=share.arn)
    return {"returnValue": True, **echoed(req)}


@ram.timer
def forget(call: Call, arn: str) -> None:
    """A deleted share is shown for a while."""
    if share := call.get(Share, arn):
        name(call, f"owner/{share.owner}", arn, False)
        call.delete(share)


def without(call: Call, share: Share, resources: list[str], principals: list[str]) -> Share:
    gone = {arn: msgspec.structs.replace(share.resources[arn], status="DISASSOCIATED", updated=call.now) for arn in resources if arn in share.resources}
    left = {who: msgspec.structs.replace(share.principals[who], status="DISASSOCIATED", updated=call.now) for who in principals if who in share.principals}
    for who in left:
        name(call, who if ":organizations:" in who else who if who.isdigit() else who.split(":")[4], share.arn, False)
    return share.but(resources=share.resources | gone, principals=share.principals | left, updated=call.now)


@ram.op(resource=by_share, context=facts)
def associate_resource_share(call: Call, req: t.AssociateResourceShareRequest) -> t.AssociateResourceShareResponse:
    share = active(call, req["resourceShareArn"])
    share = kept_inside(with_principals(call, with_resources(call, share, req.get("resourceArns", [])), req.get("principals", [])))
    call.put(share.but(updated=call.now))
    return {"resourceShareAssociations": chosen(share, req), **echoed(req)}  # type: ignore[typeddict-item]


@ram.op(resource=by_share, context=facts)
def disassociate_resource_share(call: Call, req: t.DisassociateResourceShareRequest) -> t.DisassociateResourceShareResponse:
    share = without(call, active(call, req["resourceShareArn"]), req.get("resourceArns", []), req.get("principals", []))
    return {"resourceShareAssociations": chosen(call.put(share), req), **echoed(req)}  # type: ignore[typeddict-item]


def chosen(share: Share, req: Any) -> list[Any]:
    return (associations(share, "RESOURCE", {arn: share.resources[arn] for arn in req.get("resourceArns", []) if arn in share.resources})
            + associations(share, "PRINCIPAL", {who: share.principals[who] for who in req.get("principals", []) if who in share.principals}))


@ram.op(resource=lambda call, req: "*")
def enable_sharing_with_aws_organization(call: Call, req: t.EnableSharingWithAwsOrganizationRequest) -> t.EnableSharingWithAwsOrganizationResponse:
    above = organizations.management(call.cloud, call.account)
    if above is None or above[0] != call.account or above[1].features != "ALL":
        raise errors.not_permitted("Only the management account of an organization with all features can enable sharing.")
    call.put(Sharing(call.account))
    call.do("organizations", "EnableAWSServiceAccess", ServicePrincipal="ram.amazonaws.com")
    return {"returnValue": True}


@ram.op(resource=lambda call, req: req.get("resourceShareArn") or req.get("resourceArn") or "*", context=facts)
def tag_resource(call: Call, req: t.TagResourceRequest) -> t.TagResourceResponse:
    share = find(call, req.get("resourceShareArn") or req.get("resourceArn", ""))
    call.put(share.but(tags=share.tags | {tag["key"]: tag["value"] for tag in req["tags"]}))
    return {}


@ram.op(resource=lambda call, req: req.get("resourceShareArn") or req.get("resourceArn") or "*", context=facts)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> t.UntagResourceResponse:
    share = find(call, req.get("resourceShareArn") or req.get("resourceArn", ""))
    call.put(share.but(tags={key: value for key, value in share.tags.items() if key not in req["tagKeys"]}))
    return {}
