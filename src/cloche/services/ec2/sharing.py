"""VPC sharing: subnets that their owner shares through RAM. A participant puts its own things into them, in groups of its own, and changes nothing of theirs.

Whoever may use a subnet is asked of RAM each time (`subnet`, `vpc`); whoever lives in one goes on living there when it is shared no more (`home`: the scope of the owner).
What is the participant's is kept in its own account; the owner's has a tie to it, so that the subnet cannot go.
"""
from __future__ import annotations

from cloche.kernel import AwsError, Call, Record

from . import links, names, zones
from .subnets import Subnet
from .vpcs import Vpc


class Stay(Record, frozen=True):
    """In the participant's account: in whose VPC or subnet it has something."""

    kind = "ec2.stay"

    id: str
    owner: str

    @property
    def key(self) -> str:
        return self.id


class Guest(Record, frozen=True):
    """In the owner's account: who has something in its VPCs."""

    kind = "ec2.guest"

    account: str

    @property
    def key(self) -> str:
        return self.account


def reach(call: Call) -> set[tuple[str, str]]:
    """One network, though it is kept in several accounts."""
    return {(one.account, call.region) for one in call.all(Guest)} | {(one.owner, call.region) for one in call.all(Stay)}


def shared(call: Call) -> list[tuple[Call, Subnet]]:
    """What others share with this account here, each with its owner's scope."""
    from cloche.services.ram import public as ram
    found = []
    for arn in ram.shared(call, "ec2:Subnet"):
        there = call.at(arn.split(":")[4], call.region)
        if one := there.get(Subnet, arn.rpartition("/")[2]):
            found.append((there, one))
    return found


def refuse(call: Call, id_: str) -> None:
    """Called where `id_` is not this account's own: of what is shared with it, it may change nothing."""
    for _, one in shared(call):
        if id_ in (one.id, one.vpc_id):
            raise AwsError("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)


def owner(call: Call, id_: str) -> str:
    """Whose a VPC or subnet is that this account uses; "" where it is its own, or nobody's that it knows."""
    if call.get(Subnet, id_) or call.get(Vpc, id_):
        return ""
    if stay := call.get(Stay, id_):
        return stay.owner
    return next((there.account for there, one in shared(call) if id_ in (one.id, one.vpc_id)), "")


names.SHARED["subnet"] = names.SHARED["vpc"] = owner


def seen(call: Call, there: Call, one: Subnet) -> Subnet:
    """As the participant sees it: in its own letter of the same zone."""
    return one.but(zone=zones.by_id(call.account, call.region, zones.id_of(there.account, one.zone)) or one.zone)


def home(call: Call, id_: str) -> Call:
    """The scope in which a VPC or subnet is that this account owns or lives in."""
    if call.get(Subnet, id_) or call.get(Vpc, id_):
        return call
    stay = call.get(Stay, id_)
    return call.at(stay.owner, call.region) if stay else call


def subnet(call: Call, id_: str) -> Subnet:
    """One that may be used now: the account's own, or shared with it. Raises InvalidSubnetID.NotFound."""
    from . import subnets
    if own := call.get(Subnet, id_):
        return own
    for there, one in shared(call):
        if one.id == id_:
            settle(call, there.account, one.id, one.vpc_id)
            return seen(call, there, one)
    return subnets.find(call, id_)


def vpc(call: Call, id_: str) -> Vpc:
    """One that groups may be made in now: the account's own, or with a subnet that is shared with it."""
    from . import vpcs
    if own := call.get(Vpc, id_):
        return own
    for there, one in shared(call):
        if one.vpc_id == id_ and (found := there.get(Vpc, id_)):
            settle(call, there.account, id_)
            return found
    return vpcs.find(call, id_)


def visible(call: Call, id_: str) -> Vpc | None:
    """Another's VPC with a subnet that is shared with this account."""
    return next((there.get(Vpc, id_) for there, one in shared(call) if one.vpc_id == id_), None)


def settle(call: Call, owner: str, *ids: str) -> None:
    for id_ in ids:
        if call.get(Stay, id_) is None:
            call.put(Stay(id_, owner))
    there = call.at(owner, call.region)
    if there.get(Guest, call.account) is None:
        there.put(Guest(call.account))


def one_network(call: Call, other: str, vpc_id: str) -> bool:
    """Is `other` the owner of this VPC, or a participant that lives in it?"""
    there = home(call, vpc_id)
    return there.get(Vpc, vpc_id) is not None and (there.account == other or there.get(Guest, other) is not None)


def subnet_lived_in(call: Call, id_: str) -> Subnet:
    there = home(call, id_)
    found = there.get(Subnet, id_)
    return found if found is not None and there is call else seen(call, there, found) if found is not None else subnet(call, id_)


def vpc_lived_in(call: Call, id_: str) -> Vpc | None:
    return home(call, id_).get(Vpc, id_)


def tie(call: Call, id_: str, vpc_id: str, subnet_id: str) -> None:
    """The owner cannot delete what a guest is in."""
    if (there := home(call, subnet_id)) is not call:
        links.tie(there, f"guest:{id_}", vpc_id, subnet_id)


def untie(call: Call, id_: str, subnet_id: str) -> None:
    if (there := home(call, subnet_id)) is not call:
        links.untie(there, f"guest:{id_}")
