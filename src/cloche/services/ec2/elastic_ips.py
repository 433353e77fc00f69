"""Elastic IPs: public addresses that an account keeps. One belongs to a private address of an interface, and goes where that goes."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Need, Record
from cloche.services.service_quotas import public as quotas

from . import addresses, describe, errors, errors_vpc, internet_gateways, links, names, network_interfaces, public_addresses, tags
from . import service as ec2
from .network_interfaces import NetworkInterface

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

QUOTA = "ec2/L-0263D0A3"  # per region


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


def _about(call: Call, id_: str) -> dict[str, Any]:
    one = call.get(ElasticIp, id_)
    return {"ec2:AllocationId": id_, "ec2:PublicIpAddress": one.public, "ec2:Domain": "vpc"} if one else {}


names.ABOUT["elastic-ip"] = _about


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


# -- operations --------------------------------------------------------------------------------------------------------------------------

def by_public(call: Call, address: str) -> ElasticIp:
    account, region, holder = addresses.public_holder(call, address) if addresses.number_or_none(address) is not None else ("", "", "")
    found = call.get(ElasticIp, holder) if (account, region) == (call.account, call.region) else None
    if found is None:
        raise errors_vpc.public_address_not_found(address)
    return found


def _id(call: Call, req: Any) -> str | None:
    """Whom IAM is asked about, however the request names it."""
    if id_ := req.get("AllocationId"):
        return id_  # type: ignore[no-any-return]
    if id_ := req.get("AssociationId"):
        return next(iter(links.users(call, id_, "eipalloc-")), None)
    if (address := req.get("PublicIp")) and addresses.number_or_none(address) is not None:
        return addresses.public_holder(call, address)[2] or None
    return None


def _asks(**uses: str) -> Any:
    def needs(call: Call, req: Any) -> list[Need]:
        return names.on("elastic-ip", "Alloc", **uses)["needs"](call, {**req, "Alloc": _id(call, req)})  # type: ignore[no-any-return]
    return needs


@ec2.op(**names.making("elastic-ip"), partly="pools of one's own (BYOIP, customer-owned, IPAM)")
def allocate_address(call: Call, req: t.AllocateAddressRequest) -> t.AllocateAddressResult:
    if req.get("Domain") == "standard":
        raise errors.invalid_value("standard", "domain", "EC2-Classic is no longer available")
    if (pool := req.get("PublicIpv4Pool")) and pool != "amazon":
        raise errors.AwsError("InvalidPublicIpv4PoolID.NotFound", f"The public IPv4 pool ID '{pool}' does not exist")
    if req.get("CustomerOwnedIpv4Pool") or req.get("IpamPoolId"):
        raise errors.AwsError("InvalidPoolID.NotFound", f"The pool ID '{req.get('CustomerOwnedIpv4Pool') or req.get('IpamPoolId')}' does not exist")
    if (group := req.get("NetworkBorderGroup")) and group != call.region:
        raise errors.invalid_value(group, "networkBorderGroup", "Unknown network border group")
    if len(call.all(ElasticIp)) >= quotas.value(call, QUOTA):
        raise errors_vpc.address_limit()
    id_ = call.id("eipalloc-")
    if (wanted := req.get("Address")) and (addresses.number_or_none(wanted) is None or not addresses.recover_public(call, wanted, id_)):
        raise errors_vpc.public_address_not_found(wanted)
    one = put(call, ElasticIp(id_, wanted or addresses.take_public(call, id_), made=call.now))
    tags.take(call, req, "elastic-ip", id_)
    return {"AllocationId": id_, "PublicIp": one.public, "PublicIpv4Pool": "amazon", "NetworkBorderGroup": call.region, "Domain": "vpc"}


def shown(call: Call, one: ElasticIp) -> t.Address:
    out: t.Address = {"AllocationId": one.id, "PublicIp": one.public, "Domain": "vpc", "PublicIpv4Pool": "amazon", "NetworkBorderGroup": call.region, "Tags": tags.shown(call, one.id)}
    if one.interface:
        interface = network_interfaces.find(call, one.interface)
        out |= {"AssociationId": one.association, "NetworkInterfaceId": one.interface, "NetworkInterfaceOwnerId": call.account, "PrivateIpAddress": one.private}
        if interface.instance_id:
            out["InstanceId"] = interface.instance_id
    return out


def _instance(call: Call, one: ElasticIp) -> str | None:
    return network_interfaces.find(call, one.interface).instance_id or None if one.interface else None


FACETS: describe.Facets = {
    "allocation-id": lambda e: e.id, "association-id": lambda e: e.association or None, "instance-id": _instance, "network-border-group": lambda call, e: call.region,
    "network-interface-id": lambda e: e.interface or None, "network-interface-owner-id": lambda call, e: call.account if e.interface else None, "domain": lambda e: "vpc",
    "private-ip-address": lambda e: e.private or None, "public-ip": lambda e: e.public,
}


@ec2.op(**names.LOOK)
def describe_addresses(call: Call, req: t.DescribeAddressesRequest) -> t.DescribeAddressesResult:
    ids, named = req.get("AllocationIds") or (), req.get("PublicIps") or ()
    if strays := [id_ for id_ in ids if call.get(ElasticIp, id_) is None]:
        raise errors_vpc.allocation_not_found(strays)
    found = list({one.id: one for one in (*(find(call, id_) for id_ in ids), *(by_public(call, each) for each in named))}.values()) if ids or named else call.all(ElasticIp)
    return {"Addresses": [shown(call, one) for one in describe.matching(call, found, req.get("Filters"), FACETS)]}


def _interface(call: Call, req: Any) -> NetworkInterface:
    """The interface that a request means: by its id, or the only one of an instance."""
    if id_ := req.get("NetworkInterfaceId"):
        one = network_interfaces.find(call, id_)
        if (instance := req.get("InstanceId")) and one.instance_id != instance:
            raise errors.combination(f"The network interface {id_} is not attached to the instance {instance}")
        if one.requester_managed and one.interface_type != "network_load_balancer":
            raise errors_vpc.managed_interface(id_)
        return one
    instance = req.get("InstanceId")
    if not instance:
        raise errors.AwsError("MissingParameter", "Either instance ID or network interface id must be specified")
    owner = network_interfaces.owner(call, instance)
    if owner.state not in ("running", "stopped", "stopping"):
        raise errors.AwsError("InvalidInstanceID", f"The {owner.state} instance '{instance}' is not in a valid state for this operation.")
    there = network_interfaces.of(call, instance)
    if len(there) > 1:
        raise errors.AwsError("InvalidInstanceID", f"There are multiple interfaces attached to instance '{instance}'. Please specify an interface ID for the operation instead.")
    return there[0]


@ec2.op(needs=_asks(instance="InstanceId", network_interface="NetworkInterfaceId"))
def associate_address(call: Call, req: t.AssociateAddressRequest) -> t.AssociateAddressResult:
    """What the address was associated with loses it, unless AllowReassociation is false; what the interface had there becomes free."""
    if not req.get("AllocationId") and not req.get("PublicIp"):
        raise errors.AwsError("MissingParameter", "Either public IP or allocation id must be specified")
    if req.get("AllocationId") and req.get("PublicIp"):
        raise errors.combination("You may specify public IP or allocation id, but not both in the same call")
    one = find(call, req["AllocationId"]) if req.get("AllocationId") else by_public(call, req["PublicIp"])
    interface = _interface(call, req)
    private = req.get("PrivateIpAddress") or interface.private
    if private not in [each.private for each in interface.addresses]:
        raise errors.invalid(f"The private IP address '{private}' does not belong to the network interface '{interface.id}'")
    if internet_gateways.of_vpc(call, interface.vpc_id) is None:
        raise errors_vpc.no_internet_gateway(interface.vpc_id)
    if (one.interface, one.private) == (interface.id, private):
        return {"AssociationId": one.association}
    if one.owner:
        raise errors_vpc.managed_address()
    if one.interface and req.get("AllowReassociation") is False:
        raise errors_vpc.already_associated(f"resource {one.id} is already associated with associate-id {one.association}")
    association = join(call, one, interface, private).association
    if one.interface and one.interface != interface.id:
        _lend_again(call, one.interface, one.private)
    return {"AssociationId": association}


def _lend_again(call: Call, interface: str, private: str) -> None:
    """What lost its Elastic IP is an instance's first address: it may be lent one, as at launch."""
    there = network_interfaces.find(call, interface)
    if private == there.private and network_interfaces.up(call, there):
        public_addresses.start(call, there)


@ec2.op(needs=_asks())
def disassociate_address(call: Call, req: t.DisassociateAddressRequest) -> None:
    """An instance that was lent an address before is lent one again."""
    if id_ := req.get("AssociationId"):
        holders = links.users(call, id_, "eipalloc-")
        if not holders:
            raise errors_vpc.association_not_found("association ID", id_)
        one = find(call, holders[0])
    elif address := req.get("PublicIp"):
        one = by_public(call, address)
        if not one.interface:
            raise errors_vpc.address_not_associated(address)
    else:
        raise errors.AwsError("MissingParameter", "Either public IP or association id must be specified")
    if one.owner:
        raise errors_vpc.managed_address()
    interface, private = one.interface, one.private
    leave(call, one)
    _lend_again(call, interface, private)


@ec2.op(needs=_asks())
def release_address(call: Call, req: t.ReleaseAddressRequest) -> None:
    if not req.get("AllocationId"):
        if address := req.get("PublicIp"):
            by_public(call, address)
            raise errors.invalid("You must specify an allocation id when releasing a VPC elastic IP address")
        raise errors.AwsError("MissingParameter", "Either public IP or allocation id must be specified")
    one = find(call, req["AllocationId"])
    if (group := req.get("NetworkBorderGroup")) and group != call.region:
        raise errors_vpc.public_address_not_found(one.public)
    if one.interface:
        raise errors_vpc.address_still_associated(one.public)
    forget(call, one)
    addresses.release_public(call, one.public)


def forget(call: Call, one: ElasticIp) -> None:
    links.untie(call, one.id)
    call.delete(one)
    tags.drop(call, one.id)


# -- reverse names -----------------------------------------------------------------------------------------------------------------------

def _attribute(one: ElasticIp, status: str = "") -> t.AddressAttribute:
    out: t.AddressAttribute = {"PublicIp": one.public, "AllocationId": one.id}
    if one.name:
        out["PtrRecord"] = one.name
    if status:
        out["PtrRecordUpdate"] = {"Status": status}
    return out


@ec2.op(**names.on("elastic-ip", "AllocationIds"))
def describe_addresses_attribute(call: Call, req: t.DescribeAddressesAttributeRequest) -> t.DescribeAddressesAttributeResult:
    found = [find(call, id_) for id_ in req.get("AllocationIds") or ()] or call.all(ElasticIp)
    return describe.page(req, [_attribute(one) for one in found if one.name or req.get("AllocationIds")], "Addresses", least=1)  # type: ignore[no-any-return]


@ec2.op(**names.on("elastic-ip", "AllocationId"), partly="the name's own record is not looked up before it is believed")
def modify_address_attribute(call: Call, req: t.ModifyAddressAttributeRequest) -> t.ModifyAddressAttributeResult:
    one, name = find(call, req["AllocationId"]), req.get("DomainName") or ""
    if not name:
        raise errors.missing("DomainName")
    one = put(call, one.but(name=name if name.endswith(".") else name + "."))
    return {"Address": _attribute(one, "PENDING")}


@ec2.op(**names.on("elastic-ip", "AllocationId"))
def reset_address_attribute(call: Call, req: t.ResetAddressAttributeRequest) -> t.ResetAddressAttributeResult:
    one = put(call, find(call, req["AllocationId"]).but(name=""))
    return {"Address": _attribute(one, "PENDING")}


@ec2.op(**names.LOOK)
def describe_public_ipv4_pools(call: Call, req: t.DescribePublicIpv4PoolsRequest) -> t.DescribePublicIpv4PoolsResult:
    """Pools of one's own addresses. There is no way to bring any here, so there are none."""
    if ids := req.get("PoolIds"):
        raise errors.AwsError("InvalidPublicIpv4PoolID.NotFound", f"The public IPv4 pool ID '{ids[0]}' does not exist")
    return {"PublicIpv4Pools": []}
