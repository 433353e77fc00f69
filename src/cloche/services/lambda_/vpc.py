"""Functions in VPCs: one interface for each combination of a subnet and security groups, shared by all functions that have it, behind which their environments live.

An interface stays for twenty minutes after the last version that used it: a function made again finds it, and its subnet cannot go before it.
"""
from __future__ import annotations

from typing import Any

from cloche.engines.net.hyperplane import Hyperplane, Way
from cloche.kernel import AwsError, Call, Record
from cloche.services.ec2 import public as ec2
from cloche.services.iam import public as iam

from . import errors, trust
from . import service as lambda_
from .names import LATEST
from .records import Function, Version
from .roles import acting

LINGER_SECONDS = 1200
ACTIONS = ("CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface")
REASONS = {"InsufficientFreeAddressesInSubnet": "SubnetOutOfIPAddresses", "NetworkInterfaceLimitExceeded": "EniLimitExceeded",
           "InvalidSubnetID.NotFound": "InvalidSubnet", "InvalidGroup.NotFound": "InvalidSecurityGroup"}


class Interface(Record, frozen=True):
    kind = "lambda.interface"
    subnet: str
    groups: tuple[str, ...]
    eni: str
    users: tuple[str, ...] = ()  # FUNCTION:VERSION

    @property
    def key(self) -> str:
        return key(self.subnet, self.groups)


def key(subnet: str, groups: tuple[str, ...]) -> str:
    return " ".join((subnet, *groups))


def attached(config: dict[str, Any]) -> bool:
    return bool(config.get("VpcConfig", {}).get("SubnetIds"))


def keys(config: dict[str, Any]) -> list[str]:
    """Of the interfaces that this configuration uses."""
    if not attached(config):
        return []
    groups = tuple(sorted(config["VpcConfig"]["SecurityGroupIds"]))
    return [key(subnet, groups) for subnet in config["VpcConfig"]["SubnetIds"]]


def needs(call: Call, given: Any) -> dict[str, Any]:
    """What IAM's conditions may ask of a request's VpcConfig."""
    out: dict[str, Any] = {}
    if subnets := (given or {}).get("SubnetIds"):
        out["lambda:SubnetIds"] = subnets
        out["lambda:SecurityGroupIds"] = given.get("SecurityGroupIds") or []
        try:
            out["lambda:VpcIds"] = [ec2.subnet(call, subnets[0]).vpc_id]
        except AwsError:
            pass  # there is none: the operation itself says so
    return out


# -- what a request may ask for ----------------------------------------------------------------------------------------

def config(call: Call, given: Any) -> dict[str, Any]:
    """VpcConfig as a configuration keeps it, checked."""
    subnets, groups = list(dict.fromkeys(given.get("SubnetIds") or ())), list(dict.fromkeys(given.get("SecurityGroupIds") or ()))
    if bool(subnets) != bool(groups):
        raise errors.subnets_without_groups()
    if not subnets:
        return {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", "Ipv6AllowedForDualStack": False}
    if given.get("Ipv6AllowedForDualStack"):
        raise errors.cannot_run("Cloche's functions in VPCs speak IPv4 alone. Leave Ipv6AllowedForDualStack out.")
    if why := ec2.no_network(call):
        raise errors.cannot_run(f"Functions in VPCs need the network: {why}")
    vpcs = {found(ec2.subnet, "DescribeSubnets", call, each).vpc_id for each in subnets}
    if len(vpcs) > 1:
        raise errors.several_vpcs()
    theirs = {found(ec2.group, "DescribeSecurityGroups", call, each).vpc_id for each in groups}
    if theirs != vpcs:
        raise errors.groups_elsewhere()
    return {"SubnetIds": subnets, "SecurityGroupIds": groups, "VpcId": vpcs.pop(), "Ipv6AllowedForDualStack": False}


def found(find: Any, operation: str, call: Call, id_: str) -> Any:
    try:
        return find(call, id_)
    except AwsError as refused:
        raise errors.ec2_refused(operation, refused.code, refused.message) from None


def check_role(call: Call, config: dict[str, Any]) -> None:
    """Lambda makes the interface in the role's name."""
    if attached(config):
        role = acting(call, config["Role"], "awslambda_validation")
        for action in ACTIONS:
            if not role.allowed(f"ec2:{action}", "*" if action.startswith("Describe") else call.arn("network-interface/*", service="ec2")):
                raise errors.role_lacks(f"{action} on EC2")


# -- interfaces, and who uses them ------------------------------------------------------------------------------------

def hold(call: Call, version: Version) -> None:
    """Its interfaces are there, and know of it. Raises what EC2 refuses."""
    user = version.key
    for name in keys(version.config):
        one = call.get(Interface, name)
        if one is None:
            subnet, *groups = name.split(" ")
            role = iam.role(call, version.role)
            made = ec2.make_interface(call, subnet, groups, "lambda", f"AWS Lambda VPC ENI-{version.function}-{call.uuid()}", owner="lambda",
                                      requester=f"{role.id if role else call.account}:{version.function}")
            one = Interface(subnet, tuple(groups), made.id)
        call.cancel(let_go, name)
        if user not in one.users:
            call.put(one.but(users=(*one.users, user)))


def release(call: Call, version: Version, but: dict[str, Any] | None = None) -> None:
    """It does not use them any more (but for those of its new configuration)."""
    kept = keys(but or {})
    for name in keys(version.config):
        one = call.get(Interface, name)
        if one is not None and name not in kept and version.key in one.users:
            one = call.put(one.but(users=tuple(u for u in one.users if u != version.key)))
            if not one.users:
                call.after(LINGER_SECONDS, let_go, name, key=name)


@lambda_.timer
def let_go(call: Call, key: str) -> None:
    one = call.get(Interface, key)
    if one is not None and not one.users:
        ec2.release_interface(call, one.eni)
        call.delete(one)
        call.cloud.store.then(plane(call).forget, one.eni)


def versions(call: Call, name: str) -> list[Version]:
    function = call.get(Function, name)
    return [found for number in (LATEST, *function.versions) if (found := call.get(Version, f"{name}:{number}"))] if function else []


def let_go_now(call: Call, names: list[str]) -> None:
    """CloudFormation deletes a function's subnet and groups after it, and waits for the interfaces: here there is nothing to wait for."""
    for name in names:
        call.cancel(let_go, name)
        let_go(call, name)


async def ready(call: Call, version: Version) -> None:
    """Until what carries its packets stands. Raises ec2's Unavailable."""
    await ec2.plugged_in(call, *(one.eni for name in keys(version.config) if (one := call.get(Interface, name))))


# -- an environment's network ------------------------------------------------------------------------------------------

def plane(call: Call) -> Hyperplane:
    made: Hyperplane | None = call.cloud.memory.get("lambda.hyperplane")
    if made is None:
        made = call.cloud.memory["lambda.hyperplane"] = Hyperplane()
    return made


async def way(call: Call, version: Version) -> Way:
    """A network for a new environment, behind one of its interfaces, each in turn."""
    enis = [one.eni for name in keys(version.config) if (one := call.get(Interface, name))]
    made = plane(call)
    chosen = enis[made.serial % len(enis)]
    held = ec2.running_world(call)
    if held is None or chosen not in ec2.standing(call):
        held = await ec2.plugged_in(call, chosen)
    return await made.join(held, chosen)


def binds(call: Call, version: Version) -> tuple[tuple[str, str], ...]:
    """Who resolves names, and whom to believe: files of the VPC's, made when they are first wanted."""
    domain, servers = ec2.resolvers(call, version.config["VpcConfig"]["VpcId"])
    text = (f"search {domain}\n" if domain else "") + "".join(f"nameserver {one}\n" for one in servers) + "options timeout:2 attempts:2\n"
    return trust.binds(call.cloud, **{"resolv.conf": text})
