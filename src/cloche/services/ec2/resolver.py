"""Route 53 Resolver as a VPC sees it: which answer a name has there. Nothing is asked outside; what is nobody's here is NXDOMAIN.

In this order: the private zones associated with the VPC, and the names that interface endpoints with private DNS take over, the more specific first;
names of instances, private and public; of endpoints and load balancers; of AWS's services, which lead to Cloche's own addresses; public zones of this cloud.
"""
from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from cloche.engines.net import topology
from cloche.engines.net.dns import Reply, Row
from cloche.kernel import AwsError, Call
from cloche.services.route53 import public as route53
from cloche.services.route53.public import Found
from cloche.wire import model

from . import addresses, links, network_interfaces, subnets, vpc_endpoints, vpc_peering_connections, vpcs
from .network_interfaces import NetworkInterface
from .vpcs import Vpc

TTL, ZONE_TTL = 60, 300
SOA = "ns-1536.awsdns-00.co.uk. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
PRIVATE = tuple(ipaddress.ip_network(x) for x in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
AWS = (".amazonaws.com", ".api.aws", ".on.aws", ".cloudfront.net", ".elasticbeanstalk.com", ".awsapps.com", ".aws.dev")
# Services without a region in their name (botocore's endpoints of the pseudo region aws-global)
GLOBAL = frozenset(("s3", "iam", "sts", "route53", "cloudfront", "organizations", "waf", "shield", "globalaccelerator", "budgets", "ce", "health", "support", "sqs", "sns", "ec2", "dynamodb", "kms",
                    "lambda", "queue", "importexport", "mturk-requester", "networkmanager", "chime", "s3-control", "dualstack", "execute-api", "signin", "console", "cognito-idp", "public"))
_PRIVATE_NAME, _PUBLIC_NAME = re.compile(r"ip-(\d+)-(\d+)-(\d+)-(\d+)"), re.compile(r"ec2-(\d+)-(\d+)-(\d+)-(\d+)")
_SWITCHED = ("ec2.internal", ".compute.internal")

# Names of other services' things: f(call, vpc id, name without the last dot) -> their IPv4 addresses as this VPC reaches them, None if the name is none of theirs
PROVIDERS: list[Callable[[Call, str, str], list[str] | None]] = []


def answer(call: Call, vpc_id: str, name: str, type_: str, asker: str = "") -> Reply:
    """What a query from within a VPC is told. `call` stands in the VPC's account and region; `asker` is the private address that asks."""
    vpc = call.get(Vpc, vpc_id)
    if vpc is None or not vpc.dns_support:
        return Reply("SERVFAIL")
    found = resolve(call, vpc, name, type_, asker)
    authority = (found.soa,) if found.soa else () if found.records else ((name, "SOA", ZONE_TTL, SOA),) if found.code in ("NXDOMAIN", "NOERROR") else ()
    return Reply(found.code, tuple(found.records), authority)


def resolve(call: Call, vpc: Vpc, name: str, type_: str, asker: str = "") -> Found:
    bare = name.rstrip(".")
    taken = endpoint_of(call, vpc, bare)
    if taken is not None:
        held = route53.private_zone(call.of("route53"), vpc.id, name)
        if held is None or len(held[0].name) <= len(taken[0]) + 1:
            return told(name, type_, taken[1])
    return route53.lookup(call, name, type_, vpc.id, account=call.account, region=call.region, outside=lambda asked, kind: own(call, vpc, asked, kind, asker),
                          special=lambda asked: special(call, vpc, asked.rstrip(".")))


def told(name: str, type_: str, found: Iterable[str]) -> Found:
    """Addresses under a name, those of the family that was asked for."""
    rows: list[Row] = [(name, "AAAA" if ":" in x else "A", TTL, x) for x in found]
    return Found("NOERROR", [row for row in rows if type_ in (row[1], "ANY")])


def special(call: Call, vpc: Vpc, bare: str) -> bool:
    """Names that public zones do not decide, whoever made one: AWS's own."""
    return bare.endswith(AWS) or bare == "ec2.internal" or bare.endswith((".ec2.internal", ".compute.internal", ".in-addr.arpa", ".ip6.arpa"))


def own(call: Call, vpc: Vpc, name: str, type_: str, asker: str = "") -> Found | None:
    """Names that no hosted zone holds; None if they are nobody's."""
    bare = name.rstrip(".")
    if bare.endswith(".in-addr.arpa"):
        return reverse(call, vpc, name, type_)
    if bare.endswith(_SWITCHED):
        return internal(call, vpc, name, type_)
    if taken := endpoint_of(call, vpc, bare):
        return told(name, type_, taken[1])
    for provider in (public_name, endpoint_name, balancer_name, *PROVIDERS):
        found = provider(call, vpc.id, bare)
        if found is not None:
            return told(name, type_, found)
    if ".efs." in bare and bare.endswith(".amazonaws.com"):
        from cloche.services.efs import public as efs
        return told(name, type_, efs.resolve(call, vpc.id, zone_of(call, vpc, asker), bare) or [])
    if bare.endswith(AWS):
        return told(name, type_, [topology.service_address(bare)]) if aws_service(bare) else Found("NXDOMAIN", [])
    return None


def zone_of(call: Call, vpc: Vpc, asker: str) -> str:
    """The zone of the subnet that an address of the VPC is in; "" if it is in none."""
    if not asker or ":" in asker:
        return ""
    where = ipaddress.ip_address(asker)
    return next((one.zone for one in subnets.of_vpc(call, vpc.id) if one.cidr and where in addresses.network(one.cidr)), "")


# -- instances ----------------------------------------------------------------------------------------------------------------------------

def suffix(region: str) -> str:
    return "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"


def internal(call: Call, vpc: Vpc, name: str, type_: str) -> Found:
    """`ip-10-0-0-1.ec2.internal`: of any VPC of the region, if the address is a private one; `i-0abc.ec2.internal`: of this VPC's instances."""
    host, _, rest = name.rstrip(".").partition(".")
    if rest != suffix(call.region) or not vpc.dns_hostnames:
        return Found("NXDOMAIN", [])
    if match := _PRIVATE_NAME.fullmatch(host):
        address = ".".join(match.groups())
        return told(name, type_, [address]) if is_private(vpc, address) else Found("NXDOMAIN", [])
    if host.startswith("i-"):
        for one in network_interfaces.of(call, host):
            if one.vpc_id == vpc.id and one.attachment and one.attachment.device == 0:
                subnet = subnets.find(call, one.subnet_id)
                found = [*([one.private] if subnet.a_record and one.private else []), *(one.addresses6[:1] if subnet.aaaa_record else [])]
                return told(name, type_, found) if found else Found("NXDOMAIN", [])
    return Found("NXDOMAIN", [])


def is_private(vpc: Vpc, address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in net for net in (*PRIVATE, *(addresses.network(cidr) for cidr in vpc.cidrs)))


def reverse(call: Call, vpc: Vpc, name: str, type_: str) -> Found:
    parts = name.rstrip(".").removesuffix(".in-addr.arpa").split(".")
    address = ".".join(reversed(parts))
    if len(parts) != 4 or not is_private(vpc, address) or not vpc.dns_hostnames:
        return Found("NXDOMAIN", [])
    return Found("NOERROR", [(name, "PTR", TTL, f"{addresses.private_name(call.region, address)}.")] if type_ in ("PTR", "ANY") else [])


def public_name(call: Call, vpc_id: str, bare: str) -> list[str] | None:
    """`ec2-198-18-0-1.compute-1.amazonaws.com`: the private address within the VPC, and for peers that allow it; else the public one."""
    host, _, rest = bare.partition(".")
    match = _PUBLIC_NAME.fullmatch(host)
    if not match or not (rest == "compute-1.amazonaws.com" or rest.endswith(".compute.amazonaws.com")):
        return None
    region = "us-east-1" if rest == "compute-1.amazonaws.com" else rest.removesuffix(".compute.amazonaws.com")
    public = ".".join(match.groups())
    account, there, holder = addresses.public_holder(call, public) if is_address(public) else ("", "", "")
    if not is_address(public) or (there and there != region):
        return []
    private = _private_of(call.at(account, there), holder, public) if holder else None
    return [private[1] if private and sees(call, vpc_id, private[0]) else public]


def is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _private_of(there: Call, holder: str, public: str) -> tuple[str, str] | None:
    """(VPC, private address) behind a public address. The holder is an interface, or an Elastic IP's allocation."""
    plug = there.get(NetworkInterface, holder)
    if plug is None and holder.startswith("eipalloc-"):
        from .elastic_ips import ElasticIp
        found = there.get(ElasticIp, holder)
        plug = there.get(NetworkInterface, found.interface) if found else None
    if plug is None:
        return None
    return next(((plug.vpc_id, one.private) for one in plug.addresses if one.public == public), None)


def sees(call: Call, vpc_id: str, other: str) -> bool:
    """Do names of another VPC lead to private addresses here? Of the same one they do; of a peer if it allows it, and both have hostnames."""
    mine = vpcs.find(call, vpc_id)
    if other == vpc_id:
        return mine.dns_hostnames
    for one in vpc_peering_connections.active(call, vpc_id):
        side = vpc_peering_connections.other(one, vpc_id)
        if side.vpc == other and side.dns:
            far = vpc_peering_connections.there(call, side)
            return bool(mine.dns_hostnames and far and far.dns_hostnames and far.dns_support)
    return False


# -- endpoints and load balancers -----------------------------------------------------------------------------------------------------------

def endpoint_of(call: Call, vpc: Vpc, bare: str) -> tuple[str, list[str]] | None:
    """(the zone that an endpoint's private DNS holds, its addresses) if the name is in one."""
    best: tuple[str, list[str]] | None = None
    for one in vpc_endpoints.of_vpc(call, vpc.id):
        for host in vpc_endpoints.private_names(call, one):
            zone = host.removeprefix("*.")
            if (bare == host or (host != zone and bare.endswith("." + zone))) and (best is None or len(zone) > len(best[0])):
                best = zone, [x.private for id_ in one.interfaces if (x := call.get(NetworkInterface, id_))]
    return best


def endpoint_name(call: Call, vpc_id: str, bare: str) -> list[str] | None:
    """`vpce-0abc-xyz.sqs.us-east-1.vpce.amazonaws.com`: its interfaces, whoever asks."""
    if not bare.endswith(".vpce.amazonaws.com"):
        return None
    id_ = next(("-".join(part.split("-", 2)[:2]) for part in bare.split(".") if part.startswith("vpce-")), "")
    one = call.get(vpc_endpoints.VpcEndpoint, id_)
    return next((list(found) for host, found in vpc_endpoints.own_names(call, one) if host == bare or (host[0] == "*" and bare.endswith(host[1:]))), []) if one else []


def balancer_name(call: Call, vpc_id: str, bare: str) -> list[str] | None:
    """A load balancer's nodes: by private addresses if it is an internal one, else by public ones."""
    if ".elb." not in bare or not bare.endswith(".amazonaws.com"):
        return None
    from cloche.services.elbv2 import public as elb
    for host in (bare, bare.removeprefix("dualstack.")):
        if found := call.of("elbv2").get(elb.Endpoint, host):
            return nodes(call.at(found.account, found.region).as_root(), found)
    return []


def nodes(there: Call, found: Any) -> list[str]:
    try:
        if found.type == "classic":
            told_: Any = there.do("elb", "DescribeLoadBalancers", LoadBalancerNames=[found.name])["LoadBalancerDescriptions"][0]
            within, owner = told_["Subnets"], there.arn(f"loadbalancer/{found.name}", "elasticloadbalancing")
        else:
            told_ = there.do("elbv2", "DescribeLoadBalancers", Names=[found.name])["LoadBalancers"][0]
            within, owner = [zone["SubnetId"] for zone in told_["AvailabilityZones"]], told_["LoadBalancerArn"]
    except (AwsError, IndexError):
        return []
    plugs = [one for subnet in within for id_ in links.users(there, subnet, "eni-") if (one := there.get(NetworkInterface, id_)) and one.owner == owner]
    if told_["Scheme"] == "internal":
        return [one.private for one in plugs]
    return [address for one in plugs for address in one.public_addresses]


# -- AWS's services ---------------------------------------------------------------------------------------------------------------------------

@lru_cache(maxsize=4096)
def aws_service(bare: str) -> bool:
    """Is it a name that AWS itself would answer? One with a region in it, or of a service that has none; below the data planes' domains anything."""
    if not bare.endswith(".amazonaws.com"):
        return bare.count(".") >= 2
    parts = bare.removesuffix(".amazonaws.com").split(".")
    regions = set(model.regions())
    if any(part in regions or any(part.endswith("-" + region) for region in regions) for part in parts):
        return "compute" not in parts and "vpce" not in parts and "elb" not in parts
    return parts[-1] in GLOBAL


