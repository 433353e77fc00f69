"""EC2's door for other services: interfaces in a customer's subnets, and what is asked about networks.

The caller may stand in any service: `public.make_interface(call, ...)`. Records come back as they are; read them, change them only through here.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloche.kernel import Call

from . import internet_gateways, network, network_interfaces, public_addresses, route_tables, routes, security_groups, sharing, subnets, vpcs, world
from .defaults import settle
from .network import Unavailable
from .network_interfaces import NetworkInterface
from .security_groups import SecurityGroup
from .subnets import Subnet
from .vpcs import Vpc

__all__ = ["Unavailable"]


def _here(call: Call) -> Call:
    inside = call.of("ec2")
    settle(inside)
    return inside


def vpc(call: Call, id_: str) -> Vpc:
    """Raises InvalidVpcID.NotFound."""
    return vpcs.find(_here(call), id_)


def default_vpc(call: Call) -> Vpc | None:
    return vpcs.default(_here(call))


def subnet(call: Call, id_: str) -> Subnet:
    """Raises InvalidSubnetID.NotFound."""
    return sharing.subnet(_here(call), id_)


def shareable(call: Call, subnet_id: str) -> bool | None:
    """May its owner share a subnet? None: it has no such one."""
    here = _here(call)
    found = here.get(Subnet, subnet_id)
    return None if found is None else not vpcs.find(here, found.vpc_id).default


def subnets_of(call: Call, vpc_id: str) -> list[Subnet]:
    return subnets.of_vpc(_here(call), vpc_id)


def placed(call: Call, ids: list[str]) -> tuple[str, list[tuple[str, str]]]:
    """The one VPC that these subnets are in, and each with its zone. Raises InvalidSubnetID.NotFound; ValueError where they are not in one VPC."""
    found = [subnet(call, id_) for id_ in ids]
    if len({one.vpc_id for one in found}) != 1:
        raise ValueError("the subnets are not all in the same VPC")
    return found[0].vpc_id, [(one.id, one.zone) for one in found]


def default_placed(call: Call) -> tuple[str, list[tuple[str, str]]] | None:
    """The same of the default VPC's default subnets; None where there are none."""
    found = default_vpc(call)
    there = [(one.id, one.zone) for one in subnets_of(call, found.id) if one.default] if found is not None else []
    return (found.id, there) if found is not None and there else None


def free_addresses(call: Call, subnet_id: str) -> int:
    here = _here(call)
    return subnets.free(here, sharing.subnet_lived_in(here, subnet_id))


def group(call: Call, id_: str) -> SecurityGroup:
    """Raises InvalidGroup.NotFound."""
    return security_groups.find(_here(call), id_)


def leads_to_internet(call: Call, subnet_id: str) -> bool:
    """Is there a live route from the subnet to an internet gateway?"""
    here = sharing.home(_here(call), subnet_id)
    one = subnets.find(here, subnet_id)
    table = route_tables.of_subnet(here, one.id, one.vpc_id)
    return any(route.target.startswith("igw-") and routes.alive(here, route, one.vpc_id) for route in table.routes)


def has_internet_gateway(call: Call, vpc_id: str) -> bool:
    return internet_gateways.of_vpc(_here(call), vpc_id) is not None


def interface(call: Call, id_: str) -> NetworkInterface:
    """Raises InvalidNetworkInterfaceID.NotFound."""
    return network_interfaces.find(_here(call), id_)


def make_interface(call: Call, subnet_id: str, groups: list[str] | None, kind: str, description: str, *, owner: str = "", private: str = "", public: bool = False,
                   allocation: str = "", requester: str = "", operator: str = "", instance_owner: str = "amazon-aws", **more: Any) -> NetworkInterface:
    """An interface of a service's thing, attached and in use. `kind`: AWS's InterfaceType (network_load_balancer, lambda, vpc_endpoint, ...; "interface" where AWS
    has none). `groups` None: the VPC's default group; []: none. `owner`: what it belongs to. `public`: it is lent a public address; `allocation`: it gets that
    Elastic IP. Raises InvalidSubnetID.NotFound, InvalidGroup.NotFound, InsufficientFreeAddressesInSubnet."""
    here = _here(call)
    one = network_interfaces.make(here, sharing.subnet(here, subnet_id), groups=groups, private=private, description=description, interface_type=kind, owner=owner,
                                  requester_managed=True, requester_id=requester or instance_owner, operator=operator, **more)
    one = network_interfaces.put(here, one.but(attachment=network_interfaces.Attachment(here.id("ela-attach-"), here.now, instance_owner=instance_owner, device=1)))
    if allocation:
        from . import elastic_ips
        elastic_ips.join(here, elastic_ips.find(here, allocation), one, one.private)
        return network_interfaces.find(here, one.id)
    return public_addresses.lend(here, one) if public else one


def change_interface(call: Call, id_: str, groups: list[str]) -> NetworkInterface:
    """Other security groups for it."""
    here = _here(call)
    one = network_interfaces.find(here, id_)
    return network_interfaces.put(here, one.but(groups=security_groups.for_interface(here, one.vpc_id, groups)))


def release_interface(call: Call, id_: str) -> None:
    """The thing it belonged to is gone; nothing happens if the interface is, too."""
    here = _here(call)
    if there := here.get(NetworkInterface, id_):
        network_interfaces.drop(here, there)


# -- the machines of instances -------------------------------------------------------------------------------------------------------

class MachineError(Exception):
    """A command could not be run in a machine; the text says why."""


def managed(call: Call, ids: list[str] | None = None) -> list[Any]:
    """The running instances of this account and region (of those named) whose machine runs: their agent answers."""
    from . import instances, world
    here = call.of("ec2")
    held = world.running(here)
    found = [one for id_ in ids if (one := here.get(instances.Instance, id_))] if ids is not None else here.all(instances.Instance)
    return [one for one in found if one.state == "running" and held is not None and held.machines.up(one.id)]


def tags_of(call: Call, id_: str) -> dict[str, str]:
    from . import tags
    return dict(tags.of(call.of("ec2"), id_))


def about(call: Call, one: Any) -> dict[str, str]:
    """What an agent tells of its instance: address, host name, the name of its role."""
    from cloche.services.iam import public as iam

    from . import instances
    here = call.of("ec2")
    first = next(iter(instances.interfaces(here, one)), None)
    profile = iam.instance_profile(here, one.profile) if one.profile else None
    return {"address": first.private if first else "", "name": instances.private_name(here, one, first) if first and first.addresses else one.id, "role": profile.role if profile else ""}


async def execute(call: Call, id_: str, argv: list[str], stdin: bytes = b"", *, user: str = "root", timeout: float = 60, environment: dict[str, str] | None = None) -> tuple[int, bytes, bytes]:
    """A command in an instance's machine, whatever its network says: (code, out, err); code -9 after the timeout. Raises MachineError."""
    from cloche.engines.world import WorldError

    from . import world
    held = world.running(call)
    if held is None:
        raise MachineError("The instance does not run.")
    try:
        return await held.execute(id_, argv, stdin, user, timeout, environment=environment or {})
    except WorldError as error:
        raise MachineError(str(error)) from None


async def talk(call: Call, id_: str, argv: list[str], *, user: str, terminal: bool, environment: dict[str, str]) -> Any:
    """A command in an instance's machine that one talks with (engines/world/interactive.py). Raises MachineError."""
    from cloche.engines.world import WorldError

    from . import world
    held = world.running(call)
    if held is None:
        raise MachineError("The instance does not run.")
    try:
        return await held.machines.open(id_, argv, user, terminal, environment=environment, directory="/usr/bin")
    except WorldError as error:
        raise MachineError(str(error)) from None


async def connected(call: Call, id_: str, port: int) -> Any:
    """A socket connected to a port at the machine's loopback. Raises MachineError, OSError."""
    import asyncio

    from . import world
    held = world.running(call)
    if held is None:
        raise MachineError("The instance does not run.")
    made = await held.socket(id_, "tcp")
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port)), 5)
    except BaseException:
        made.close()
        raise
    return made


def acting(call: Call, id_: str) -> Call:
    """The caller as the instance's role, for what an agent does in its name. Raises AccessDenied where it has none."""
    from cloche.kernel import AwsError
    from cloche.services.iam import public as iam

    from . import instances
    here = call.of("ec2")
    one = instances.find(here, id_)
    profile = iam.instance_profile(here, one.profile) if one.profile else None
    if profile is None or not profile.role:
        raise AwsError("AccessDeniedException", "The instance has no role.")
    return call.as_role(iam.role_arn(here, profile.role), id_, "ec2.amazonaws.com")


async def plugged_in(call: Call, *interfaces: str) -> Any:
    """The world, once each of these interfaces is in it: a namespace called like it, with its address and its rules around. Raises Unavailable where this machine
    holds no network."""
    here = call.of("ec2")
    await network.ready(here, *interfaces)
    return await world.start(here)


def no_network(call: Call) -> str:
    """Why services' own programs cannot be plugged into VPCs here; "" where nothing is known to be wrong."""
    import os
    if world.none(call):
        return "this cloud was started with `--compute none`."
    return world.lacks(call) or ("" if os.geteuid() == 0 else "Cloche plugs functions into VPCs only where it runs as root.")


def resolvers(call: Call, vpc_id: str) -> tuple[str, list[str]]:
    """What DHCP tells in a VPC: the domain, and who resolves names."""
    from . import addresses, dhcp_options
    here = _here(call)
    one = vpcs.find(here, vpc_id)
    chosen = here.get(dhcp_options.DhcpOptions, one.dhcp_options_id)
    given = chosen.options.get("domain-name-servers", []) if chosen else ["AmazonProvidedDNS"]
    own = str(addresses.network(one.cidr)[2])
    return " ".join(chosen.options.get("domain-name", [])) if chosen else "", [own if each == "AmazonProvidedDNS" else each for each in given]


async def settled(call: Call) -> None:
    """Until the kernel has what the records say by now, where there is a network at all."""
    engine = network.standing(call)
    if engine is not None:
        await engine.settle(call.of("ec2"))


def when_started(tell: Callable[[Call], None]) -> None:
    """Be told when a world has been started: one after another's death is empty."""
    world.STARTED.append(tell)


def packet(call: Call, query: dict[str, str]) -> dict[str, Any]:
    """`/_cloche/packet?from=i-...&to=10.0.2.5&port=443`: the kernel's question for a packet's way. Raises ValueError with what is wrong with the question."""
    from . import packet_reasons
    port, source_port = query.get("port", "0"), query.get("source_port", "0")
    if not query.get("from") or not query.get("to") or not port.isdigit() or not source_port.isdigit():
        raise ValueError("a packet has from (an instance or interface), to (an address, an instance, an interface), port, and perhaps protocol and source_port")
    return packet_reasons.why(call.of("ec2"), query["from"], query["to"], int(port), query.get("protocol", "tcp").lower(), int(source_port))


def endpoint_policy(cloud: Any, id_: str) -> Any:
    """What a request through this VPC endpoint must pass, as `iam` knows a policy; None where everything passes."""
    from cloche.iam.policy import parse

    from .vpc_endpoints import EndpointPolicy
    found = cloud.store.table(EndpointPolicy, "", "").get(id_)
    return (id_, "endpoint", parse(found.text)) if found else None


# -- for Direct Connect -------------------------------------------------------------------------------------------------------------------

def hybrid_gateway(call: Call, id_: str) -> tuple[str, ...]:
    """The ranges of the VPC behind a virtual private gateway (none behind a transit gateway, or one that is not attached). Raises where there is no such gateway."""
    from . import transit_gateways
    from . import vpn_gateways as gateways
    here = _here(call)
    if id_.startswith("tgw-"):
        transit_gateways.find(here, id_)
        return ()
    one = gateways.find(here, id_)
    return tuple(vpcs.find(here, one.vpc_id).cidrs) if one.vpc_id else ()


def vpn_gateways(call: Call) -> list[str]:
    from .vpn_gateways import VpnGateway
    return [one.id for one in _here(call).all(VpnGateway) if one.state != "deleted"]


def vpn_gateway_asn(call: Call, id_: str) -> int:
    from .vpn_gateways import find
    return find(_here(call), id_).asn


def tie(call: Call, what: str, uses: str) -> None:
    """A thing of another service uses one of EC2's, which cannot go before it."""
    from . import links
    links.tie(_here(call), what, uses)


def untie(call: Call, what: str) -> None:
    from . import links
    links.untie(_here(call), what)


# -- network file systems: what a machine asks to have mounted --------------------------------------------------------------------

def on_mount(call: Call, answer: Any) -> None:
    """`await answer(call, instance_id, source, options)` says what an instance's mount of a network file system is: (directory of the host's, whether it is
    read-only), or raises OSError, whose number the caller of mount gets. `call` stands in the instance's account and region."""
    call.cloud.memory["ec2.mounts"] = answer


def place_of(call: Call, instance_id: str) -> tuple[str, str]:
    """The VPC and the Availability Zone of an instance."""
    from . import instances
    one = instances.find(call.of("ec2"), instance_id)
    return one.vpc, one.zone


def standing(call: Call) -> set[str]:
    """The namespaces that stand now: instances and interfaces that are plugged in."""
    return set(network.spaces(call.of("ec2")))


SETTLED = network.SETTLED   # rung when namespaces may have come or gone


def running_world(call: Call) -> Any:
    """The world, if it runs."""
    return world.running(call)


def zones_of(call: Call) -> list[str]:
    """The zones of the call's region."""
    from . import zones
    return zones.of(call.region)


def zone_id(call: Call, zone: str) -> str:
    """`use1-az1` of `us-east-1a`, as this account sees it."""
    from . import zones
    return zones.id_of(call.account, zone)


def image_id(region: str, number: int, architecture: str) -> str:
    """The id of a published image in a region."""
    from . import public_images
    return public_images.id_of(region, number, architecture)


def watch_flows(call: Call, on: bool) -> None:
    """The account's traffic here is counted from now on, or no more."""
    from . import flow_watch
    flow_watch.turn(call.of("ec2"), on)


def carries(call: Call) -> bool:
    """Does a network stand that carries packets?"""
    return network.standing(call.of("ec2")) is not None


async def watched_flows(call: Call) -> list[tuple[Any, Any, Any]]:
    """(interface, flow, count) since the last time; nothing where no network stands."""
    from . import flow_watch
    return await flow_watch.take(call.of("ec2"))


def hear_queries(listener: Callable[[Call, str, str, str], None]) -> None:
    """`listener(call, vpc, name, asker)` is told of each query that a VPC's resolver gets."""
    from . import resolver_doors
    if listener not in resolver_doors.LISTENERS:
        resolver_doors.LISTENERS.append(listener)


def asker(call: Call, vpc_id: str, address: str) -> str:
    """The instance with a private address in a VPC; "" if it is none's."""
    return next((one.attachment.instance_id for one in call.of("ec2").all(NetworkInterface) if one.vpc_id == vpc_id and one.private == address and one.attachment), "")


def holder_of(call: Call, address: str) -> str:
    """The account that holds a public address of this cloud; "" if it is nobody's here."""
    from . import addresses
    return addresses.public_holder(call.of("ec2"), address)[0] if address.count(".") == 3 else ""


# -- for ECS --------------------------------------------------------------------------------------------------------------------------

def instance(call: Call, id_: str) -> Any:
    """Raises InvalidInstanceID.NotFound."""
    from . import instances
    return instances.find(call.of("ec2"), id_)


def type_of(name: str) -> Any:
    """`.vcpus .mib .interfaces` of an instance type."""
    from . import instance_types
    return instance_types.find(name)


def hear_life(listener: Callable[[Call, Any], None]) -> None:
    """`listener(call, instance)` is told when one has come to a new state."""
    from . import life
    if listener not in life.LISTENERS:
        life.LISTENERS.append(listener)


def for_containers(call: Call, one: Any) -> bool:
    """Is the instance of an ECS-optimized image?"""
    from . import public_images
    found = public_images.get(call, one.image)
    return found is not None and "-ecs-hvm-" in found.name
