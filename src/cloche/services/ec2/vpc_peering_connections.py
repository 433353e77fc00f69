"""VPC peering: two VPCs, of one account or two, of one region or two, that one side asks for and the other accepts.

There is one record, whoever looks; a `Seat` in each side's account and region says that it is seen there. Whether a request has expired, and how long
something ended is still seen, is a comparison with the clock.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Need, Record

from . import addresses, describe, errors, errors_hybrid, links, names, network, route_tables, security_groups, tags, vpcs
from . import service as ec2
from .routes import TARGETS, Target
from .vpcs import Vpc

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

HOUR, DAY = 3600, 86400
EXPIRES = 7 * DAY
MOST_ACTIVE, MOST_OUTSTANDING = 50, 25
OPEN = ("pending-acceptance", "active")
# How long an end is seen: (by whoever brought it about, by the other side); AWS's guide, "VPC peering connection lifecycle"
SEEN = {"failed": (2 * HOUR, 0), "expired": (2 * DAY, 2 * DAY), "rejected": (2 * HOUR, 2 * DAY), "deleted": (2 * HOUR, 2 * DAY)}


class Side(msgspec.Struct, frozen=True, omit_defaults=True):
    account: str
    region: str
    vpc: str
    dns: bool = False                                  # may the other side's resolver give private addresses for our public names?


class Peering(Record, frozen=True):
    kind = "ec2.peering"
    scope = "cloud"

    id: str
    requester: Side
    accepter: Side
    made: float
    state: str = "pending-acceptance"
    ended: float = 0.0
    by: str = ""                                       # the account that ended it

    @property
    def key(self) -> str:
        return self.id

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.requester, self.accepter

    def status(self, now: float) -> str:
        return "expired" if self.state == "pending-acceptance" and now >= self.made + EXPIRES else self.state


class Seat(Record, frozen=True):
    kind = "ec2.peering-seat"

    id: str

    @property
    def key(self) -> str:
        return self.id


def other(one: Peering, vpc_id: str) -> Side:
    return one.accepter if one.requester.vpc == vpc_id else one.requester


def mine(call: Call, side: Side) -> bool:
    return (side.account, side.region) == (call.account, call.region)


def visible(call: Call, one: Peering) -> bool:
    status = one.status(call.now)
    if status in OPEN:
        return True
    if status == "failed" and call.account != one.requester.account:
        return False
    return call.now < (one.ended or one.made + EXPIRES) + SEEN[status][one.by != call.account]


def look(call: Call, id_: str) -> Peering | None:
    found = call.get(Peering, id_) if call.get(Seat, id_) else None
    return found if found and visible(call, found) else None


def find(call: Call, id_: str) -> Peering:
    found = look(call, id_)
    if found is None:
        raise errors.not_found("InvalidVpcPeeringConnectionID.NotFound", "vpcPeeringConnection ID", id_)
    return found


tags.FINDERS["pcx"] = find


def put(call: Call, one: Peering) -> Peering:
    for side in one.sides:
        at = call.at(side.account, side.region)
        if one.status(call.now) in OPEN:
            at.put(Seat(one.id))
            links.tie(at, one.id, side.vpc, *links.used(at, one.id, "vpc-"))
        else:
            links.untie(at, one.id)
        network.changed(at)
    return call.put(one)


def of_vpc(call: Call, vpc_id: str) -> list[Peering]:
    """Those of a VPC that are asked for or active."""
    found = [call.get(Peering, id_) for id_ in links.users(call, vpc_id, "pcx-")]
    return [one for one in found if one and one.status(call.now) in OPEN]


def active(call: Call, vpc_id: str) -> list[Peering]:
    return [one for one in of_vpc(call, vpc_id) if one.state == "active"]


def end(call: Call, one: Peering, state: str) -> Peering:
    call.after(2 * DAY, forget, one.id, peering=one.id)
    return put(call, one.but(state=state, ended=call.now, by=call.account))


@ec2.timer
def forget(call: Call, peering: str) -> None:
    """Nobody sees it any more."""
    one = call.get(Peering, peering)
    if one is None or one.status(call.now) in OPEN:
        return
    for side in one.sides:
        at = call.at(side.account, side.region)
        if seat := at.get(Seat, one.id):
            at.delete(seat)
        tags.drop(at, one.id)
    call.delete(one)


def vpc_gone(call: Call, vpc: Vpc) -> None:
    """A VPC that is deleted takes its peerings along."""
    for one in of_vpc(call, vpc.id):
        end(call, one, "deleted")


vpcs.GOING.append(vpc_gone)


# -- what answers say ----------------------------------------------------------------------------------------------------------------

def there(call: Call, side: Side) -> Vpc | None:
    return call.at(side.account, side.region).get(Vpc, side.vpc)


def overlap(one: Vpc, two: Vpc) -> bool:
    return any(addresses.network(a).overlaps(addresses.network(b)) for x, y in ((one.cidrs, two.cidrs), (one.cidrs6, two.cidrs6)) for a in x for b in y)  # type: ignore[arg-type]


def shown_side(call: Call, one: Peering, side: Side, status: str) -> t.VpcPeeringConnectionVpcInfo:
    out: Any = {"OwnerId": side.account, "VpcId": side.vpc, "Region": side.region}
    vpc = there(call, side)
    if vpc and (side is one.requester or status in ("active", "provisioning")):
        out |= {"CidrBlock": vpc.cidr, "CidrBlockSet": [{"CidrBlock": cidr} for cidr in vpc.cidrs]}
        if vpc.cidrs6:
            out["Ipv6CidrBlockSet"] = [{"Ipv6CidrBlock": cidr} for cidr in vpc.cidrs6]
    if status == "active" or side is one.requester:
        out["PeeringOptions"] = options(side)
    return out  # type: ignore[no-any-return]


def options(side: Side) -> t.VpcPeeringConnectionOptionsDescription:
    return {"AllowDnsResolutionFromRemoteVpc": side.dns, "AllowEgressFromLocalClassicLinkToRemoteVpc": False, "AllowEgressFromLocalVpcToRemoteClassicLink": False}


def message(one: Peering, status: str) -> str:
    return {"initiating-request": f"Initiating Request to {one.accepter.account}", "pending-acceptance": f"Pending Acceptance by {one.accepter.account}", "provisioning": "Provisioning",
            "active": "Active", "rejected": f"Rejected by {one.by}", "deleted": f"Deleted by {one.by}", "expired": "Expired",
            "failed": "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"}[status]


def shown(call: Call, one: Peering, status: str = "") -> t.VpcPeeringConnection:
    status = status or one.status(call.now)
    out: Any = {"VpcPeeringConnectionId": one.id, "RequesterVpcInfo": shown_side(call, one, one.requester, status), "AccepterVpcInfo": shown_side(call, one, one.accepter, status),
                "Status": {"Code": status, "Message": message(one, status)}, "Tags": tags.shown(call, one.id)}
    if status in ("initiating-request", "pending-acceptance"):
        out["ExpirationTime"] = one.made + EXPIRES
    return out  # type: ignore[no-any-return]


# -- a life ----------------------------------------------------------------------------------------------------------------------------

def facts(call: Call, one: Peering | None) -> dict[str, Any]:
    if one is None:
        return {"ec2:Region": call.region}
    def named(side: Side) -> str:
        return f"arn:aws:ec2:{side.region}:{side.account}:vpc/{side.vpc}"
    return {"ec2:Region": call.region, "ec2:RequesterVpc": named(one.requester), "ec2:AccepterVpc": named(one.accepter), "ec2:VpcPeeringConnectionID": one.id,
            **{f"{word}/{k}": v for k, v in tags.of(call, one.id).items() for word in ("aws:ResourceTag", "ec2:ResourceTag")}}


def needs(call: Call, req: Any) -> list[Need]:
    """The connection, and for AcceptVpcPeeringConnection the VPC it comes to."""
    one = look(call, req.get("VpcPeeringConnectionId") or "")
    out = [Need(f"ec2:{call.op}", names.arn(call, "vpc-peering-connection", req.get("VpcPeeringConnectionId") or "*"), facts(call, one))]
    if one and call.op == "AcceptVpcPeeringConnection":
        out.append(Need(f"ec2:{call.op}", names.arn(call, "vpc", one.accepter.vpc), {"ec2:Region": call.region}))
    return out


@ec2.op(**names.making("vpc-peering-connection", vpc="VpcId"))
def create_vpc_peering_connection(call: Call, req: t.CreateVpcPeeringConnectionRequest) -> t.CreateVpcPeeringConnectionResult:
    """Asking always succeeds; what cannot be (an unknown VPC of another account, ranges that overlap) fails afterwards."""
    vpc = vpcs.find(call, req["VpcId"])
    if not (peer := req.get("PeerVpcId")):
        raise errors.missing("peerVpcId")
    target = Side(req.get("PeerOwnerId") or call.account, req.get("PeerRegion") or call.region, peer)
    if mine(call, target):
        vpcs.find(call, peer)
    one = Peering(call.id("pcx-"), Side(call.account, call.region, vpc.id), target, call.now)
    open_ = of_vpc(call, vpc.id)
    if same := next((x for x in open_ if x.state == "active" and other(x, vpc.id).vpc == peer), None):
        raise errors_hybrid.peering_exists(vpc.id, peer, same.id)
    if sum(x.state == "pending-acceptance" and x.requester.vpc == vpc.id for x in open_) >= MOST_OUTSTANDING:
        raise errors_hybrid.outstanding_peerings()
    far = there(call, target)
    put(call, one)
    call.after(EXPIRES + 2 * DAY, forget, one.id, peering=one.id)
    if far is None or overlap(vpc, far):
        end(call, one, "failed")
    tags.take(call, req, "vpc-peering-connection", one.id)
    return {"VpcPeeringConnection": shown(call, one, "initiating-request")}


FACETS: describe.Facets = {
    "vpc-peering-connection-id": lambda p: p.id, "status-code": lambda call, p: p.status(call.now), "status-message": lambda call, p: message(p, p.status(call.now)),
    "requester-vpc-info.vpc-id": lambda p: p.requester.vpc, "requester-vpc-info.owner-id": lambda p: p.requester.account, "accepter-vpc-info.vpc-id": lambda p: p.accepter.vpc,
    "accepter-vpc-info.owner-id": lambda p: p.accepter.account, "requester-vpc-info.cidr-block": lambda call, p: v.cidrs if (v := there(call, p.requester)) else None,
    "accepter-vpc-info.cidr-block": lambda call, p: v.cidrs if p.state == "active" and (v := there(call, p.accepter)) else None,
}


@ec2.op(**names.LOOK)
def describe_vpc_peering_connections(call: Call, req: t.DescribeVpcPeeringConnectionsRequest) -> t.DescribeVpcPeeringConnectionsResult:
    ids = req.get("VpcPeeringConnectionIds")
    if ids:
        found = [find(call, id_) for id_ in dict.fromkeys(ids)]
    else:
        found = [one for seat in call.all(Seat) if (one := look(call, seat.id))]
    found = describe.matching(call, found, req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, one) for one in found], "VpcPeeringConnections", ids=ids)


@ec2.op(needs=needs)
def accept_vpc_peering_connection(call: Call, req: t.AcceptVpcPeeringConnectionRequest) -> t.AcceptVpcPeeringConnectionResult:
    one = find(call, req["VpcPeeringConnectionId"])
    _answers(call, one, "accept", "accepted", "active")
    vpc, far = there(call, one.accepter), there(call, one.requester)
    if vpc is None or far is None:
        raise errors_hybrid.peering_transition(one.id, "failed", "active")
    for here, side, away in ((call, one.accepter, one.requester), (call.at(one.requester.account, one.requester.region), one.requester, one.accepter)):
        others = active(here, side.vpc)
        if same := next((x for x in others if other(x, side.vpc).vpc == away.vpc), None):
            raise errors_hybrid.peering_exists(one.requester.vpc, one.accepter.vpc, same.id)
        if len(others) >= MOST_ACTIVE:
            raise errors_hybrid.active_peerings(side.vpc)
    if overlap(vpc, far):
        return {"VpcPeeringConnection": shown(call, end(call, one, "failed"))}
    return {"VpcPeeringConnection": shown(call, put(call, one.but(state="active")), "provisioning")}


def _answers(call: Call, one: Peering, verb: str, done: str, wanted: str) -> None:
    """Only the accepter's account answers, in the accepter's region, and only what is pending."""
    if call.account != one.accepter.account:
        raise errors_hybrid.peering_not_yours(call.account, verb, one.id)
    if call.region != one.accepter.region:
        raise errors_hybrid.peering_wrong_region(call.region, one.accepter.region, done)
    if (status := one.status(call.now)) != "pending-acceptance":
        raise errors_hybrid.peering_transition(one.id, status, wanted)


@ec2.op(needs=needs)
def reject_vpc_peering_connection(call: Call, req: t.RejectVpcPeeringConnectionRequest) -> t.RejectVpcPeeringConnectionResult:
    one = find(call, req["VpcPeeringConnectionId"])
    _answers(call, one, "reject", "rejected", "rejected")
    end(call, one, "rejected")
    return {"Return": True}


@ec2.op(needs=needs)
def modify_vpc_peering_connection_options(call: Call, req: t.ModifyVpcPeeringConnectionOptionsRequest) -> t.ModifyVpcPeeringConnectionOptionsResult:
    """Each side's options are its own account's and region's to set."""
    one, out, changed = find(call, req["VpcPeeringConnectionId"]), {}, {}
    if one.status(call.now) != "active":
        raise errors_hybrid.peering_not_active(one.id)
    for word, member in (("requester", "RequesterPeeringConnectionOptions"), ("accepter", "AccepterPeeringConnectionOptions")):
        given = req.get(member)
        if given is None:
            continue
        side: Side = getattr(one, word)
        if side.account != call.account:
            raise errors_hybrid.peering_options_not_yours(call.account, word, one.id)
        if side.region != call.region:
            raise errors_hybrid.peering_wrong_region(call.region, side.region, "modified")
        if given.get("AllowEgressFromLocalClassicLinkToRemoteVpc") or given.get("AllowEgressFromLocalVpcToRemoteClassicLink"):
            raise errors_hybrid.classic_link()
        if "AllowDnsResolutionFromRemoteVpc" in given:
            side = msgspec.structs.replace(side, dns=bool(given["AllowDnsResolutionFromRemoteVpc"]))
        changed[word], out[member] = side, options(side)
    if not changed:
        raise errors.missing("accepterPeeringConnectionOptions or requesterPeeringConnectionOptions")
    put(call, one.but(**changed))
    return out  # type: ignore[return-value]


@ec2.op(needs=needs)
def delete_vpc_peering_connection(call: Call, req: t.DeleteVpcPeeringConnectionRequest) -> t.DeleteVpcPeeringConnectionResult:
    """Either side ends an active one, the requester what it asked for. Routes to it stay, and are blackholes."""
    one = find(call, req["VpcPeeringConnectionId"])
    status = one.status(call.now)
    if status == "deleted":
        return {"Return": True}
    if status not in OPEN:
        raise errors_hybrid.peering_transition(one.id, status, "deleted")
    if status == "pending-acceptance" and call.account != one.requester.account:
        raise errors_hybrid.peering_not_yours(call.account, "delete", one.id)
    end(call, one, "deleted")
    return {"Return": True}


# -- routes and groups across it -----------------------------------------------------------------------------------------------------------

def _check(call: Call, id_: str, table: route_tables.RouteTable) -> None:
    one = find(call, id_)
    if table.vpc_id not in [side.vpc for side in one.sides if mine(call, side)]:
        raise errors.invalid(f"route table {table.id} and peering connection {id_} belong to different networks")
    if one.status(call.now) not in OPEN:
        raise errors.invalid(f"The peering connection {id_} is not active")


def _alive(call: Call, id_: str, vpc_id: str) -> bool:
    one = call.get(Peering, id_)
    return one is not None and one.state == "active" and vpc_id in (one.requester.vpc, one.accepter.vpc)


TARGETS["pcx"] = Target("VpcPeeringConnectionId", _check, _alive)


def group(call: Call, peer: str, owner: str, vpc_id: str) -> tuple[str, str, str] | None:
    """A group at the other end of an active peering within the region: (owner, its VPC, pcx id)."""
    for one in active(call, vpc_id):
        side = other(one, vpc_id)
        if side.region == call.region and side.account == owner:
            found = call.at(side.account, side.region).get(security_groups.SecurityGroup, peer)
            if found and found.vpc_id == side.vpc:
                return side.account, side.vpc, one.id
    return None


def status_of(call: Call, id_: str) -> str:
    one = call.get(Peering, id_)
    return one.status(call.now) if one else "deleted"


def references(call: Call, group_id: str) -> list[tuple[str, str]]:
    """Which VPCs at the other end have rules that name a group."""
    out = []
    for one in active(call, security_groups.find(call, group_id).vpc_id):
        side = other(one, security_groups.find(call, group_id).vpc_id)
        far = call.at(side.account, side.region)
        if any(rule.peer == group_id for each in security_groups.of_vpc(far, side.vpc) for rule in each.rules):
            out.append((side.vpc, one.id))
    return out


security_groups.PEERINGS |= {"group": group, "status": status_of, "references": references}
