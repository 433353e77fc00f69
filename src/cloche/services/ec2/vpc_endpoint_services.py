"""Endpoint services: AWS's own, and what customers offer each other behind Network Load Balancers (PrivateLink).

A customer's service is found by its name in every account of the region; who may use it is said by its permissions, who does by its connections.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import describe, endpoint_catalog, errors, errors_hybrid, names, network, tags, zones
from . import service as ec2
from .endpoint_catalog import Known

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

    from .vpc_endpoints import VpcEndpoint

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"

ec2.table("CREATE TABLE IF NOT EXISTS ec2_endpoint_service (id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL) WITHOUT ROWID")
ec2.table("CREATE TABLE IF NOT EXISTS ec2_endpoint_connection (service TEXT, endpoint TEXT, account TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (service, endpoint)) WITHOUT ROWID")


class EndpointService(Record, frozen=True):
    kind = "ec2.vpc-endpoint-service"

    id: str
    balancers: tuple[str, ...]
    acceptance: bool = True
    private_name: str = ""
    proof: str = ""                                    # the TXT record that proves the private name
    allowed: dict[str, str] = {}                       # principal -> permission id
    token: str = ""

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> EndpointService:
    found = call.get(EndpointService, id_)
    if found is None:
        raise errors_hybrid.endpoint_service_not_found([id_])
    return found


tags.FINDERS["vpce-svc"] = find


def home(call: Call, id_: str) -> Call | None:
    """Where a service of any account is kept."""
    row = call.row("SELECT account, region FROM ec2_endpoint_service WHERE id=?", id_)
    return call.at(*row) if row else None


def look(call: Call, id_: str) -> EndpointService | None:
    at = home(call, id_) if id_ else None
    return at.get(EndpointService, id_) if at else None


def name(region: str, id_: str) -> str:
    return f"com.amazonaws.vpce.{region}.{id_}"


def may(call: Call, held: EndpointService, owner: str) -> bool:
    if owner == call.account or "*" in held.allowed:
        return True
    mine = {f"arn:aws:iam::{call.account}:root", call.principal.arn}
    return bool(mine & held.allowed.keys())


def offered(call: Call, service_name: str) -> Known | None:
    """A customer's service, if this caller may use it."""
    id_ = service_name.rsplit(".", 1)[-1]
    at = home(call, id_)
    held = at.get(EndpointService, id_) if at else None
    if at is None or held is None or service_name != name(call.region, id_) or at.region != call.region or not may(call, held, at.account):
        return None
    return _known(held, at)


def _known(held: EndpointService, at: Call) -> Known:
    proved = (held.private_name,) if held.private_name else ()
    return Known(name(at.region, held.id), held.id, ("Interface",), proved, False, held.id, at.account, held.acceptance)


def known(call: Call, one: VpcEndpoint) -> Known:
    """The service behind an endpoint, also when it has gone."""
    at = home(call, one.provider)
    held = at.get(EndpointService, one.provider) if at else None
    return _known(held, at) if held and at else Known(one.service, one.provider, ("Interface",), (), False, one.provider, "")


def zone_names(call: Call, held: EndpointService) -> list[str]:
    return sorted({zone for arn in held.balancers for zone in balancer_zones(call, arn)})


def balancer_zones(call: Call, arn: str) -> list[str]:
    """Where a Network Load Balancer of this account is; nothing if there is none."""
    try:
        told: Any = call.as_root().do("elbv2", "DescribeLoadBalancers", LoadBalancerArns=[arn])
    except errors.AwsError:
        return []
    return [zone["ZoneName"] for one in told["LoadBalancers"] if one["Type"] == "network" for zone in one["AvailabilityZones"]]


# -- AWS's and others' ---------------------------------------------------------------------------------------------------------------------

def _detail(call: Call, one: Known) -> dict[str, Any]:
    out: dict[str, Any] = {
        "ServiceName": one.name, "ServiceId": one.id, "ServiceType": [{"ServiceType": kind} for kind in one.types], "ServiceRegion": call.region, "Owner": one.owner,
        "AvailabilityZones": zones.of(call.region), "VpcEndpointPolicySupported": one.policy, "AcceptanceRequired": one.acceptance, "ManagesVpcEndpoints": False, "Tags": [],
        "SupportedIpAddressTypes": ["ipv4"], "BaseEndpointDnsNames": [f"{one.short}.{call.region}.vpce.amazonaws.com" if one.owner == "amazon" else f"{one.id}.{call.region}.vpce.amazonaws.com"],
    }
    if one.owner != "amazon" and (held := look(call, one.id)):
        at = home(call, one.id) or call
        out["AvailabilityZones"], out["Tags"] = zone_names(at, held), tags.shown(at, one.id)
    if one.private:
        out |= {"PrivateDnsName": one.private[0], "PrivateDnsNames": [{"PrivateDnsName": x} for x in one.private], "PrivateDnsNameVerificationState": "verified"}
    return out


def _types(one: Known) -> list[Known]:
    """A service of two types is told twice."""
    import msgspec
    return [msgspec.structs.replace(one, types=(kind,)) for kind in one.types] if len(one.types) > 1 else [one]


FACETS: describe.Facets = {
    "service-name": lambda one: one.name, "service-type": lambda one: one.types, "owner": lambda one: one.owner, "service-region": lambda call, one: call.region,
    "supported-ip-address-types": lambda one: "ipv4",
}


@ec2.op(**names.LOOK)
def describe_vpc_endpoint_services(call: Call, req: t.DescribeVpcEndpointServicesRequest) -> t.DescribeVpcEndpointServicesResult:
    every = dict(endpoint_catalog.known(call.region))
    for (id_,) in call.sql("SELECT id FROM ec2_endpoint_service WHERE region=?", call.region):
        if one := offered(call, name(call.region, id_)):
            every[one.name] = one
    wanted = req.get("ServiceNames")
    if wanted and (absent := [x for x in wanted if x not in every]):
        raise errors_hybrid.no_such_service(absent[0])
    rows = [each for key in sorted(every) if not wanted or key in wanted for each in _types(every[key])]
    found = describe.matching(call, rows, [x for x in req.get("Filters") or () if not (x.get("Name") or "").startswith("tag")], FACETS)
    page = describe.page(req, [_detail(call, one) for one in found], "ServiceDetails", least=1)
    return {"ServiceNames": list(dict.fromkeys(x["ServiceName"] for x in page["ServiceDetails"])), **page}  # type: ignore[no-any-return]


# -- one's own -----------------------------------------------------------------------------------------------------------------------------

def balancers(call: Call, arns: Any, of: str = "") -> tuple[str, ...]:
    for arn in arns:
        if not balancer_zones(call, arn):
            raise errors_hybrid.balancer_not_found(arn)
        if any(arn in one.balancers and one.id != of for one in call.all(EndpointService)):
            raise errors_hybrid.balancer_taken(arn)
    return tuple(arns)


def proof(call: Call, host: str) -> str:
    return f"vpce:{call.pick(LETTERS, 20)}" if host else ""


def proved(call: Call, held: EndpointService) -> bool:
    """The TXT record is in the public DNS."""
    from cloche.services.route53 import public as route53
    domain = held.private_name.removeprefix("*.")
    return any(value.strip('"') == held.proof for _, type_, _, value in route53.lookup(call, f"_{held.id[9:17]}.{domain}", "TXT", account=call.account).records if type_ == "TXT")


def shown(call: Call, held: EndpointService) -> t.ServiceConfiguration:
    out: Any = {
        "ServiceId": held.id, "ServiceName": name(call.region, held.id), "ServiceType": [{"ServiceType": "Interface"}], "ServiceState": "Available", "AcceptanceRequired": held.acceptance,
        "ManagesVpcEndpoints": False, "NetworkLoadBalancerArns": list(held.balancers), "SupportedIpAddressTypes": ["ipv4"], "AvailabilityZones": zone_names(call, held),
        "BaseEndpointDnsNames": [f"{held.id}.{call.region}.vpce.amazonaws.com"], "Tags": tags.shown(call, held.id),
    }
    if held.private_name:
        out |= {"PrivateDnsName": held.private_name, "PrivateDnsNameConfiguration": {
            "State": "verified" if proved(call, held) else "pendingVerification", "Type": "TXT", "Name": f"_{held.id[9:17]}", "Value": held.proof}}
    return out  # type: ignore[no-any-return]


def put(call: Call, held: EndpointService) -> EndpointService:
    network.changed(call)
    return call.put(held)


@ec2.op(**names.making("vpc-endpoint-service"), partly="gateway load balancers, IPv6 and other regions are not built")
def create_vpc_endpoint_service_configuration(call: Call, req: t.CreateVpcEndpointServiceConfigurationRequest) -> t.CreateVpcEndpointServiceConfigurationResult:
    if req.get("GatewayLoadBalancerArns"):
        raise errors.unsupported("Cloche does not build Gateway Load Balancers")
    if not req.get("NetworkLoadBalancerArns"):
        raise errors_hybrid.balancers_needed()
    token = req.get("ClientToken") or ""
    if token and (same := next((x for x in call.all(EndpointService) if x.token == token), None)):
        return {"ServiceConfiguration": shown(call, same), "ClientToken": token}
    private = req.get("PrivateDnsName") or ""
    made = put(call, EndpointService(call.id("vpce-svc-"), balancers(call, req["NetworkLoadBalancerArns"]), bool(req.get("AcceptanceRequired", True)), private, proof(call, private), token=token))
    call.sql("INSERT INTO ec2_endpoint_service VALUES (?,?,?)", made.id, call.account, call.region)
    tags.take(call, req, "vpc-endpoint-service", made.id)
    return {"ServiceConfiguration": shown(call, made), **({"ClientToken": token} if token else {})}  # type: ignore[typeddict-item]


@ec2.op(**names.LOOK)
def describe_vpc_endpoint_service_configurations(call: Call, req: t.DescribeVpcEndpointServiceConfigurationsRequest) -> t.DescribeVpcEndpointServiceConfigurationsResult:
    ids = req.get("ServiceIds")
    if ids and (absent := [id_ for id_ in ids if call.get(EndpointService, id_) is None]):
        raise errors_hybrid.endpoint_service_not_found(absent)
    found = [find(call, id_) for id_ in ids] if ids else call.all(EndpointService)
    found = describe.matching(call, found, req.get("Filters"), {"service-name": lambda c, s: name(c.region, s.id), "service-id": lambda s: s.id, "service-state": lambda s: "Available",
                                                                "supported-ip-address-types": lambda s: "ipv4"})
    return describe.page(req, [shown(call, one) for one in found], "ServiceConfigurations", least=1)


@ec2.op(**names.on("vpc-endpoint-service", "ServiceId"))
def modify_vpc_endpoint_service_configuration(call: Call, req: t.ModifyVpcEndpointServiceConfigurationRequest) -> t.ModifyVpcEndpointServiceConfigurationResult:
    held = find(call, req["ServiceId"])
    if req.get("AddGatewayLoadBalancerArns") or "ipv6" in (req.get("AddSupportedIpAddressTypes") or ()) or req.get("AddSupportedRegions"):
        raise errors.unsupported("Cloche does not build Gateway Load Balancers, nor endpoint services of IPv6 or for other regions")
    gone = req.get("RemoveNetworkLoadBalancerArns") or []
    every = [x for x in held.balancers if x not in gone] + [x for x in balancers(call, req.get("AddNetworkLoadBalancerArns") or (), held.id) if x not in held.balancers]
    if not every:
        raise errors_hybrid.balancers_needed()
    held = held.but(balancers=tuple(every), acceptance=bool(req.get("AcceptanceRequired", held.acceptance)))
    if req.get("RemovePrivateDnsName"):
        held = held.but(private_name="", proof="")
    elif private := req.get("PrivateDnsName"):
        held = held.but(private_name=private, proof=held.proof if private == held.private_name else proof(call, private))
    put(call, held)
    return {"Return": True}


@ec2.op(**names.on("vpc-endpoint-service", "ServiceIds"))
def delete_vpc_endpoint_service_configurations(call: Call, req: t.DeleteVpcEndpointServiceConfigurationsRequest) -> t.DeleteVpcEndpointServiceConfigurationsResult:
    unsuccessful: list[Any] = []
    for id_ in req["ServiceIds"]:
        held = call.get(EndpointService, id_)
        if held is None:
            bad = errors_hybrid.endpoint_service_not_found([id_])
        elif any(one.state in ("available", "pendingAcceptance") for _, one in connections(call, id_)):
            bad = errors_hybrid.service_in_use(id_)
        else:
            call.sql("DELETE FROM ec2_endpoint_service WHERE id=?", id_)
            call.sql("DELETE FROM ec2_endpoint_connection WHERE service=?", id_)
            call.delete(held)
            tags.drop(call, id_)
            network.changed(call)
            continue
        unsuccessful.append({"Error": {"Code": bad.code, "Message": bad.message}, "ResourceId": id_})
    return {"Unsuccessful": unsuccessful}


# -- who may ---------------------------------------------------------------------------------------------------------------------------------

def _principal(arn: str) -> str:
    return "All" if arn == "*" else "Role" if ":role/" in arn else "User" if ":user/" in arn else "Account"


def _permission(held: EndpointService, arn: str) -> dict[str, Any]:
    return {"PrincipalType": _principal(arn), "Principal": arn, "ServicePermissionId": held.allowed[arn], "ServiceId": held.id, "Tags": []}


@ec2.op(**names.on("vpc-endpoint-service", "ServiceId"))
def modify_vpc_endpoint_service_permissions(call: Call, req: t.ModifyVpcEndpointServicePermissionsRequest) -> t.ModifyVpcEndpointServicePermissionsResult:
    held, added = find(call, req["ServiceId"]), req.get("AddAllowedPrincipals") or []
    for arn in added:
        if arn != "*" and not arn.startswith("arn:aws:iam::"):
            raise errors.AwsError("InvalidPrincipal", f"Invalid principal: '{arn}'")
    kept = {k: v for k, v in held.allowed.items() if k not in (req.get("RemoveAllowedPrincipals") or ())}
    held = put(call, held.but(allowed=kept | {arn: kept.get(arn) or call.id("vpce-svc-perm-") for arn in added}))
    return {"ReturnValue": True, "AddedPrincipals": [{k: v for k, v in _permission(held, arn).items() if k != "Tags"} for arn in added]}  # type: ignore[typeddict-item]


@ec2.op(**names.on("vpc-endpoint-service", "ServiceId"))
def describe_vpc_endpoint_service_permissions(call: Call, req: t.DescribeVpcEndpointServicePermissionsRequest) -> t.DescribeVpcEndpointServicePermissionsResult:
    held = find(call, req["ServiceId"])
    rows = describe.matching(call, [_permission(held, arn) for arn in held.allowed], req.get("Filters"), {"principal": lambda p: p["Principal"], "principal-type": lambda p: p["PrincipalType"]})
    return describe.page(req, rows, "AllowedPrincipals", least=1)


# -- who does --------------------------------------------------------------------------------------------------------------------------------

def connect(call: Call, one: VpcEndpoint) -> None:
    call.sql("INSERT INTO ec2_endpoint_connection VALUES (?,?,?,?)", one.provider, one.id, call.account, call.now)


def disconnect(call: Call, one: VpcEndpoint) -> None:
    call.sql("DELETE FROM ec2_endpoint_connection WHERE service=? AND endpoint=?", one.provider, one.id)


def connections(call: Call, id_: str) -> list[tuple[Call, VpcEndpoint]]:
    """The endpoints that use a service, each with the account it is in."""
    from .vpc_endpoints import VpcEndpoint
    out = []
    for endpoint, account in call.sql("SELECT endpoint, account FROM ec2_endpoint_connection WHERE service=? ORDER BY at", id_):
        at = call.at(account, call.region)
        if one := at.get(VpcEndpoint, endpoint):
            out.append((at, one))
    return out


@ec2.op(**names.LOOK)
def describe_vpc_endpoint_connections(call: Call, req: t.DescribeVpcEndpointConnectionsRequest) -> t.DescribeVpcEndpointConnectionsResult:
    from .vpc_endpoints import own_names
    rows = []
    for held in call.all(EndpointService):
        for at, one in connections(call, held.id):
            entries = [{"DnsName": host, "HostedZoneId": endpoint_catalog.ZONE} for host, _ in own_names(at, one)]
            rows.append({"ServiceId": held.id, "VpcEndpointId": one.id, "VpcEndpointOwner": at.account, "VpcEndpointState": one.state, "CreationTimestamp": one.made, "DnsEntries": entries,
                         "NetworkLoadBalancerArns": list(held.balancers), "IpAddressType": one.ip_type, "VpcEndpointConnectionId": "vpce-con-" + one.id[5:], "Tags": []})
    found = describe.matching(call, rows, req.get("Filters"), {
        "service-id": lambda c: c["ServiceId"], "vpc-endpoint-id": lambda c: c["VpcEndpointId"], "vpc-endpoint-owner": lambda c: c["VpcEndpointOwner"],
        "vpc-endpoint-state": lambda c: c["VpcEndpointState"], "ip-address-type": lambda c: c["IpAddressType"]})
    return describe.page(req, found, "VpcEndpointConnections", least=1)


def _answer(call: Call, req: Any, state: str) -> list[Any]:
    from . import vpc_endpoints
    there, unsuccessful = {one.id: (at, one) for at, one in connections(call, find(call, req["ServiceId"]).id)}, []
    for id_ in req["VpcEndpointIds"]:
        if id_ not in there:
            bad = errors_hybrid.endpoint_not_found([id_])
        elif (one := there[id_][1]).state in ("pendingAcceptance", "available", "rejected") and one.state != state:
            vpc_endpoints.put(there[id_][0], one.but(state=state))
            continue
        else:
            bad = errors_hybrid.connection_state(id_, there[id_][1].state)
        unsuccessful.append({"Error": {"Code": bad.code, "Message": bad.message}, "ResourceId": id_})
    return unsuccessful


@ec2.op(**names.on("vpc-endpoint-service", "ServiceId"))
def accept_vpc_endpoint_connections(call: Call, req: t.AcceptVpcEndpointConnectionsRequest) -> t.AcceptVpcEndpointConnectionsResult:
    return {"Unsuccessful": _answer(call, req, "available")}


@ec2.op(**names.on("vpc-endpoint-service", "ServiceId"))
def reject_vpc_endpoint_connections(call: Call, req: t.RejectVpcEndpointConnectionsRequest) -> t.RejectVpcEndpointConnectionsResult:
    return {"Unsuccessful": _answer(call, req, "rejected")}
