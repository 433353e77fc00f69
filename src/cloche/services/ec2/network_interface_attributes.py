"""Interfaces attached and detached, and what can be changed about them while they live."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Need

from . import errors, errors_vpc, links, names, network_interfaces, private_addresses, public_addresses, security_groups
from . import service as ec2
from .network_interfaces import NetworkInterface

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

STATES = ("running", "stopped")  # of an instance that may get an interface


@ec2.op(**names.on("network-interface", "NetworkInterfaceId", instance="InstanceId"))
def attach_network_interface(call: Call, req: t.AttachNetworkInterfaceRequest) -> t.AttachNetworkInterfaceResult:
    one = private_addresses.mine(call, req["NetworkInterfaceId"])
    instance, device = req["InstanceId"], req["DeviceIndex"]
    owner = network_interfaces.owner(call, instance)
    if one.attachment:
        raise errors.AwsError("InvalidNetworkInterface.InUse", f"Interface: [{one.id}] in use.")
    if owner.state not in STATES:
        raise errors.AwsError("IncorrectState", f"Instance '{instance}' is not 'running' or 'stopped'.")
    if one.zone != owner.zone:
        raise errors_vpc.other_zone(one.id, one.zone, owner.zone)
    there = network_interfaces.of(call, instance)
    if any(other.attachment and other.attachment.device == device for other in there):
        raise errors_vpc.device_taken(instance, device)
    if len(there) >= owner.interfaces:
        raise errors_vpc.attachment_limit(instance, owner.type_name)
    if len(one.addresses) + len(one.prefixes) > owner.addresses:
        raise errors_vpc.private_address_limit(owner.type_name)
    one = network_interfaces.attach(call, one, instance, device, card=req.get("NetworkCardIndex") or 0)
    return {"AttachmentId": one.attachment.id, "NetworkCardIndex": one.attachment.card}  # type: ignore[union-attr]


def _attached(call: Call, id_: str) -> NetworkInterface | None:
    there = links.users(call, id_, "eni-")
    return call.get(NetworkInterface, there[0]) if there else None


def _behind(call: Call, req: Any) -> list[Need]:
    one = _attached(call, req["AttachmentId"])
    return names.on("network-interface", "N", instance="I")["needs"](call, {"N": one.id if one else "*", "I": one.instance_id if one and one.instance_id else None})  # type: ignore[no-any-return]


@ec2.op(needs=_behind)
def detach_network_interface(call: Call, req: t.DetachNetworkInterfaceRequest) -> None:
    one = _attached(call, req["AttachmentId"])
    if one is None or not one.attachment or one.attachment.id != req["AttachmentId"]:
        raise errors_vpc.attachment_not_found(req["AttachmentId"])
    if one.requester_managed:
        raise errors.not_permitted("You are not allowed to manage 'ela-attach' attachments.")
    if one.attachment.device == 0:
        raise errors_vpc.primary_interface(one.id)
    network_interfaces.detach(call, one)


@ec2.op(**names.on("network-interface", "NetworkInterfaceId"))
def describe_network_interface_attribute(call: Call, req: t.DescribeNetworkInterfaceAttributeRequest) -> t.DescribeNetworkInterfaceAttributeResult:
    one = network_interfaces.find(call, req["NetworkInterfaceId"])
    answer: t.DescribeNetworkInterfaceAttributeResult = {"NetworkInterfaceId": one.id}
    match req.get("Attribute"):
        case "description":
            answer["Description"] = {"Value": one.description}
        case "groupSet":
            answer["Groups"] = network_interfaces.shown_groups(call, one)
        case "sourceDestCheck":
            answer["SourceDestCheck"] = {"Value": one.source_dest_check}
        case "attachment":
            if one.attachment:
                answer["Attachment"] = network_interfaces.shown_attachment(one.attachment)
        case "associatePublicIpAddress":
            answer["AssociatePublicIpAddress"] = any(address.public and not address.allocation for address in one.addresses)
        case _:
            raise errors.missing("attribute")
    return answer


CHANGES = ("Description", "SourceDestCheck", "Groups", "Attachment", "ConnectionTrackingSpecification", "EnablePrimaryIpv6", "AssociatePublicIpAddress", "AssociatedSubnetIds",
           "EnaSrdSpecification")


@ec2.op(**names.on("network-interface", "NetworkInterfaceId", security_group="Groups"), partly="EnaSrdSpecification and AssociatedSubnetIds")
def modify_network_interface_attribute(call: Call, req: t.ModifyNetworkInterfaceAttributeRequest) -> None:
    one = private_addresses.mine(call, req["NetworkInterfaceId"])
    given = [name for name in CHANGES if name in req]
    if len(given) != 1:
        raise errors.missing("one attribute to modify") if not given else errors_vpc.one_attribute()
    network_interfaces.put(call, change(call, one, req))


def change(call: Call, one: NetworkInterface, req: Any) -> NetworkInterface:
    """The interface as a ModifyNetworkInterfaceAttribute wants it."""
    if "Description" in req:
        return one.but(description=req["Description"].get("Value") or "")
    if "SourceDestCheck" in req:
        return one.but(source_dest_check=bool(req["SourceDestCheck"].get("Value")))
    if "Groups" in req:
        if not req["Groups"]:
            raise errors.missing("SecurityGroupId")
        return one.but(groups=security_groups.for_interface(call, one.vpc_id, req["Groups"]))
    if "Attachment" in req:
        given = req["Attachment"]
        if not one.attachment or one.attachment.id != given.get("AttachmentId"):
            raise errors_vpc.attachment_not_found(given.get("AttachmentId") or "")
        return one.but(attachment=network_interfaces.Attachment(
            one.attachment.id, one.attachment.at, one.attachment.instance_id, one.attachment.instance_owner, one.attachment.device, one.attachment.card,
            bool(given.get("DeleteOnTermination", one.attachment.delete_on_termination))))
    if "ConnectionTrackingSpecification" in req:
        return one.but(tracking=one.tracking | network_interfaces.tracking(req["ConnectionTrackingSpecification"]))
    if "EnablePrimaryIpv6" in req:
        if not one.addresses6:
            raise errors.invalid(f"The network interface {one.id} has no IPv6 address")
        if one.primary6 and not req["EnablePrimaryIpv6"]:
            raise errors.invalid("A primary IPv6 address cannot be disabled")
        return one.but(primary6=bool(req["EnablePrimaryIpv6"]))
    if "AssociatePublicIpAddress" in req:
        if req["AssociatePublicIpAddress"]:
            return one if one.addresses[0].public else public_addresses.lend(call, one)
        return public_addresses.stop(call, one)
    raise errors.unsupported("Cloche does not change this attribute")


@ec2.op(**names.on("network-interface", "NetworkInterfaceId"))
def reset_network_interface_attribute(call: Call, req: t.ResetNetworkInterfaceAttributeRequest) -> None:
    one = private_addresses.mine(call, req["NetworkInterfaceId"])
    if "SourceDestCheck" not in req:
        raise errors.missing("sourceDestCheck")
    network_interfaces.put(call, one.but(source_dest_check=True))
