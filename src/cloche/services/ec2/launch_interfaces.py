"""Where a new instance is plugged in: the subnet, the primary interface, and the others that were asked for at launch."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, errors_vpc, network_interfaces, public_addresses, security_groups, sharing, subnets, vpcs, zones
from . import errors_instances as refusals
from .instance_types import InstanceType
from .subnets import Subnet

if TYPE_CHECKING:
    from .instances import Instance
    from .launch import Plan

ALONE = ("SubnetId", "SecurityGroupIds", "SecurityGroups", "PrivateIpAddress", "Ipv6AddressCount", "Ipv6Addresses")


def zone_of(call: Call, req: Any) -> str:
    place = req.get("Placement") or {}
    if zone := place.get("AvailabilityZone"):
        if zone not in zones.of(call.region):
            raise errors.AwsError("InvalidParameterValue", f"Invalid availability zone: [{zone}]")
        return zone  # type: ignore[no-any-return]
    if zone_id := place.get("AvailabilityZoneId"):
        if found := zones.by_id(call.account, call.region, zone_id):
            return found
        raise errors.AwsError("InvalidParameterValue", f"Invalid availability zone-id: [{zone_id}]")
    return ""


def subnet_of(call: Call, subnet_id: str | None, zone: str) -> Subnet:
    """The subnet asked for, else the default one of the zone, or of the zone with the most room."""
    if subnet_id:
        found = sharing.subnet(call, subnet_id)
        if zone and found.zone != zone:
            raise errors.invalid_value(zone, "availabilityZone", f"The requested Availability Zone does not match the Availability Zone of subnet {subnet_id} ({found.zone}).")
        return found
    vpc = vpcs.default(call)
    if vpc is None:
        raise refusals.no_default_vpc()
    default = [one for one in subnets.of_vpc(call, vpc.id) if one.default and (not zone or one.zone == zone)]
    if not default:
        raise refusals.no_default_subnet(zone)
    return max(default, key=lambda one: (subnets.free(call, one), one.zone))


def groups_of(call: Call, ids: Any, named: Any, subnet: Subnet) -> list[str]:
    found = list(ids or ())
    for name in named or ():
        group = security_groups.named(call, name, subnet.vpc_id)
        found.append(group.id)
    return security_groups.for_interface(call, subnet.vpc_id, found or None)


def planned(call: Call, req: Any, kind: InstanceType) -> tuple[Subnet, list[dict[str, Any]]]:
    """(subnet, the interfaces as InstanceNetworkInterfaceSpecification, by device index). Raises what cannot be."""
    zone, asked = zone_of(call, req), req.get("NetworkInterfaces")
    if not asked:
        subnet = subnet_of(call, req.get("SubnetId"), zone)
        plug = {"DeviceIndex": 0, "SubnetId": subnet.id, "Groups": groups_of(call, req.get("SecurityGroupIds"), req.get("SecurityGroups"), subnet)}
        for member in ("PrivateIpAddress", "Ipv6AddressCount", "Ipv6Addresses"):
            if req.get(member):
                plug[member] = req[member]
        if req.get("EnablePrimaryIpv6"):
            plug["PrimaryIpv6"] = True
        return subnet, [plug]
    if req.get("SecurityGroupIds") or req.get("SecurityGroups"):
        raise refusals.interfaces_and_groups()
    if req.get("SubnetId"):
        raise refusals.interfaces_and_subnet()
    if any(req.get(member) for member in ALONE):
        raise errors.combination("Network interfaces and an instance-level private address may not be specified on the same request")
    plugs = sorted((dict(each) for each in asked), key=lambda each: each.get("DeviceIndex", 0) if each.get("DeviceIndex") is not None else 0)
    indexes = [each.get("DeviceIndex") for each in plugs]
    if any(index is None for index in indexes):
        raise errors.missing("deviceIndex")
    if len(set(indexes)) < len(indexes):
        raise errors.invalid("Each network interface requires a unique device index.")
    if 0 not in indexes:
        raise errors.combination("The primary network interface (device index 0) must be specified")
    if len(plugs) > kind.interfaces:
        raise errors_vpc.attachment_limit("the instance", kind.name)
    first: Subnet | None = None
    for each in plugs:
        if id_ := each.get("NetworkInterfaceId"):
            there = network_interfaces.find(call, id_)
            if there.attachment:
                raise errors_vpc.interface_in_use(id_)
            if each.get("Groups") or each.get("PrivateIpAddress") or each.get("SubnetId"):
                raise errors.combination("A network interface may not specify a network interface ID and other properties on the same request")
            if each.get("AssociatePublicIpAddress"):
                raise errors.combination("The associatePublicIpAddress parameter cannot be specified when launching with an existing network interface")
            subnet = sharing.subnet_lived_in(call, there.subnet_id)
        else:
            subnet = subnet_of(call, each.get("SubnetId"), zone)
            each["SubnetId"] = subnet.id
            each["Groups"] = groups_of(call, each.get("Groups"), None, subnet)
            if len(each.get("PrivateIpAddresses") or ()) > kind.addresses or 1 + (each.get("SecondaryPrivateIpAddressCount") or 0) > kind.addresses:
                raise errors_vpc.private_address_limit(kind.name)
        if first is None:
            first = subnet
        if subnet.zone != first.zone:
            raise errors.combination("All network interfaces of an instance must be in the same Availability Zone")
    if len(plugs) > 1 and any(each.get("AssociatePublicIpAddress") for each in plugs):
        raise errors.combination("The associatePublicIpAddress parameter cannot be specified when launching with multiple network interfaces.")
    assert first is not None
    return first, plugs


def make(call: Call, one: Instance, plan: Plan) -> None:
    for each in plan.plugs:
        device = each["DeviceIndex"]
        if id_ := each.get("NetworkInterfaceId"):
            plug = network_interfaces.attach(call, network_interfaces.find(call, id_), one.id, device, delete_on_termination=bool(each.get("DeleteOnTermination", False)))
            if device == 0 and len(plan.plugs) == 1:  # what its subnet says counts for the primary one, also if it was made before
                lent = plug.lend_public if plug.lend_public is not None else sharing.subnet_lived_in(call, plug.subnet_id).map_public
                public_addresses.start(call, network_interfaces.put(call, plug.but(lend_public=lent)))
            continue
        subnet = sharing.subnet_lived_in(call, each["SubnetId"])
        listed = each.get("PrivateIpAddresses") or []
        private = each.get("PrivateIpAddress") or next((a["PrivateIpAddress"] for a in listed if a.get("Primary")), "")
        lend: bool | None = None
        if device == 0:
            lend = bool(each["AssociatePublicIpAddress"]) if each.get("AssociatePublicIpAddress") is not None else subnet.map_public and len(plan.plugs) == 1
        plug = network_interfaces.make(
            call, subnet, groups=each["Groups"], private=private,
            secondary=[a["PrivateIpAddress"] for a in listed if not a.get("Primary")] or each.get("SecondaryPrivateIpAddressCount") or 0,
            addresses6=[a["Ipv6Address"] for a in each.get("Ipv6Addresses") or ()] or each.get("Ipv6AddressCount") or 0,
            prefixes=[a["Ipv4Prefix"] for a in each.get("Ipv4Prefixes") or ()] or each.get("Ipv4PrefixCount") or 0,
            prefixes6=[a["Ipv6Prefix"] for a in each.get("Ipv6Prefixes") or ()] or each.get("Ipv6PrefixCount") or 0,
            description=each.get("Description") or "", primary6=bool(each.get("PrimaryIpv6")), lend_public=lend)
        plug = network_interfaces.attach(call, plug, one.id, device, delete_on_termination=bool(each.get("DeleteOnTermination", True)))
        if lend:
            public_addresses.start(call, plug)
