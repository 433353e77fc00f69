"""Elastic IPs: public addresses that an account keeps. One belongs to a private address of an interface, and goes where that goes."""
from __future__ import annotations

from cloche.kernel import Call, Record

from . import errors_vpc, links, network_interfaces, public_addresses, tags
from .network_interfaces import NetworkInterface


class ElasticIp(Record, frozen=True):
    kind = "ec2.elastic-ip"

    id: str  # eipalloc-...
    public: str
    interface: str = ""
    private: str = ""
    association: str = ""
    name: str = ""      # PTR record
    owner: str = ""     # the service thing it is held by: nat-...
    made: float = 0

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> ElasticIp:
    found = call.get(ElasticIp, id_)
    if found is None:
        raise errors_vpc.allocation_not_found(id_)
    return found


tags.FINDERS["eipalloc"] = find


def put(call: Call, one: ElasticIp) -> ElasticIp:
    links.tie(call, one.id, one.interface, one.association)
    return call.put(one)


def freed(call: Call, id_: str) -> None:
    """What it was associated with is gone."""
    put(call, find(call, id_).but(interface="", private="", association="", owner=""))


def join(call: Call, one: ElasticIp, interface: NetworkInterface, private: str, owner: str = "") -> ElasticIp:
    """The Elastic IP is the public side of that private address now; a lent one goes back, another Elastic IP there becomes free."""
    leave(call, one)
    address = next(each for each in interface.addresses if each.private == private)
    public_addresses.part(call, interface, address)
    one = put(call, find(call, one.id).but(interface=interface.id, private=private, association=call.id("eipassoc-"), owner=owner))
    public_addresses.change(call, network_interfaces.find(call, interface.id), private, public=one.public, allocation=one.id, association=one.association)
    return one


def leave(call: Call, one: ElasticIp) -> None:
    """It is nobody's public side any more."""
    if one.interface and (there := call.get(NetworkInterface, one.interface)):
        public_addresses.change(call, there, one.private)
    if one.interface:
        freed(call, one.id)
