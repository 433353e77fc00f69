"""Target groups: where a load balancer sends what it takes in, and how it finds out who is well there."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import attributes, errors, names, network, pages
from . import service as elbv2
from .index import index

if TYPE_CHECKING:
    from cloche.shapes import elbv2 as t

APPLICATION, NETWORK = ("HTTP", "HTTPS"), ("TCP", "TLS", "UDP", "TCP_UDP")
CHECKS = ("HealthCheckProtocol", "HealthCheckPort", "HealthCheckEnabled", "HealthCheckPath", "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds", "HealthyThresholdCount",
          "UnhealthyThresholdCount", "Matcher")
MOST_CODES = {"application": 499, "lambda": 499, "network": 599}


class TargetGroup(Record, frozen=True):
    kind = "elbv2.target-group"

    name: str
    arn: str
    created: float
    type: str                       # instance | ip | lambda | alb
    check: dict[str, Any]           # the health check, by AWS's names
    protocol: str = ""
    port: int = 0
    vpc: str = ""
    version: str = ""
    attributes: dict[str, str] = {}
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name

    @property
    def level(self) -> str:
        """What kind of load balancer can use it: application, network; lambda is the application kind without a network."""
        return "lambda" if self.type == "lambda" else "network" if self.protocol in NETWORK else "application"

    def attribute(self, key: str) -> str:
        table = attributes.GROUP[self.level]
        if key == "preserve_client_ip.enabled" and key not in self.attributes and self.type == "ip" and self.protocol in ("TCP", "TLS"):
            return "false"
        return attributes.value(table, self.attributes, key) if key in table else ""


def find(call: Call, arn: str) -> TargetGroup:
    found = call.get(TargetGroup, names.split(arn, "targetgroup", "target group")[0])
    if found is None or found.arn != arn:
        raise errors.no_such_target_group()
    return found


def facts(call: Call, req: Any) -> dict[str, Any]:
    arn = req.get("TargetGroupArn") or ""
    found = call.get(TargetGroup, arn.split("/")[1]) if arn.count("/") == 2 else None
    return names.asked(req) | (names.tagged(found.tags) if found else {})


# -- make -------------------------------------------------------------------------------------------------------------------------

@elbv2.op(resource=lambda call, req: call.arn(f"targetgroup/{req['Name']}/*"), action=names.making("CreateTargetGroup"), context=lambda call, req: names.asked(req),
          partly="targets are spoken to in HTTP/1.1: HTTP2 and GRPC groups are not built, nor IPv6 and GENEVE ones")
def create_target_group(call: Call, req: t.CreateTargetGroupInput) -> t.CreateTargetGroupOutput:
    from . import tags
    name, type_ = req["Name"], req.get("TargetType", "instance")
    names.check(name, "target group")
    tagged = tags.given(call, req)
    protocol, port, vpc, version = reached(call, req, type_)
    level = "lambda" if type_ == "lambda" else "network" if protocol in NETWORK else "application"
    check = checked(req, defaults(type_, level, req.get("HealthCheckProtocol", "")), level, type_)
    old = call.get(TargetGroup, name)
    if old is not None:
        if (old.type, old.protocol, old.port, old.vpc, old.version, old.check) != (type_, protocol, port, vpc, version, check):
            raise errors.duplicate_target_group(name)
        return {"TargetGroups": [view(call, old)]}
    made = call.put(TargetGroup(name, call.arn(f"targetgroup/{name}/{call.id(digits=16)}"), call.now, type_, check, protocol, port, vpc, version, tags=tagged))
    return {"TargetGroups": [view(call, made)]}


def reached(call: Call, req: Any, type_: str) -> tuple[str, int, str, str]:
    """Protocol, port, VPC and protocol version; a function has none of them."""
    if type_ == "lambda":
        for member in ("Protocol", "Port", "VpcId", "ProtocolVersion"):
            if req.get(member):
                raise errors.member_not_for(member, type_)
        return "", 0, "", ""
    protocol = req.get("Protocol", "")
    if not protocol:
        raise errors.member_needed("protocol")
    if protocol == "GENEVE":
        raise errors.gateway_not_built()
    if protocol in ("QUIC", "TCP_QUIC"):
        raise errors.protocol_not_built(protocol)
    if not req.get("Port"):
        raise errors.member_needed("port")
    if not req.get("VpcId"):
        raise errors.member_needed("VPC ID")
    if type_ == "alb" and protocol != "TCP":
        raise errors.protocol_not_for(protocol, type_)
    if req.get("IpAddressType", "ipv4") != "ipv4":
        raise errors.version_not_built("IPv6")
    network.ranges(call, req["VpcId"])
    version = req.get("ProtocolVersion", "HTTP1" if protocol in APPLICATION else "")
    if version and protocol not in APPLICATION:
        raise errors.member_not_for("ProtocolVersion", type_)
    if version in ("HTTP2", "GRPC"):
        raise errors.version_not_built(version)
    if version not in ("", "HTTP1"):
        raise errors.bad_protocol_version(version)
    return protocol, req["Port"], req["VpcId"], version


def defaults(type_: str, level: str, protocol: str) -> dict[str, Any]:
    if level == "lambda":
        return {"HealthCheckEnabled": False, "HealthCheckPath": "/", "HealthCheckIntervalSeconds": 35, "HealthCheckTimeoutSeconds": 30, "HealthyThresholdCount": 5,
                "UnhealthyThresholdCount": 2, "Matcher": {"HttpCode": "200"}}
    protocol = protocol or ("TCP" if level == "network" and type_ != "alb" else "HTTP")
    out: dict[str, Any] = {"HealthCheckProtocol": protocol, "HealthCheckPort": "traffic-port", "HealthCheckEnabled": True, "HealthCheckIntervalSeconds": 30, "HealthyThresholdCount": 5,
                           "HealthCheckTimeoutSeconds": 5 if level == "application" else 6 if protocol == "HTTP" else 10, "UnhealthyThresholdCount": 2}
    if protocol in APPLICATION:
        out |= {"HealthCheckPath": "/", "Matcher": {"HttpCode": "200" if level == "application" else "200-399"}}
    return out


def checked(req: Any, check: dict[str, Any], level: str, type_: str) -> dict[str, Any]:
    """The health check after what a request says about it."""
    check = check | {name: req[name] for name in CHECKS if name in req}
    if level == "lambda":
        for member in ("HealthCheckProtocol", "HealthCheckPort"):
            if req.get(member):
                raise errors.member_not_for(member, type_)
    else:
        protocol = check["HealthCheckProtocol"]
        if protocol not in (APPLICATION if level == "application" or type_ == "alb" else (*APPLICATION, "TCP")):
            raise errors.bad_health_check(f"Health check protocol '{protocol}' is not supported for this target group")
        if not check["HealthCheckEnabled"]:
            raise errors.bad_health_check("Health checks must be enabled for target groups with target type '" + type_ + "'")
        port = str(check["HealthCheckPort"])
        if port != "traffic-port" and not (port.isdigit() and 1 <= int(port) <= 65535):
            raise errors.bad_health_check(f"Health check port '{port}' must be 'traffic-port' or a number between 1 and 65535")
        if protocol == "TCP":
            if req.get("HealthCheckPath") or req.get("Matcher"):
                raise errors.bad_health_check("Health check path and matcher cannot be specified for health checks with protocol 'TCP'")
            check = {k: v for k, v in check.items() if k not in ("HealthCheckPath", "Matcher")}
        else:
            check = {"HealthCheckPath": "/", "Matcher": {"HttpCode": "200" if level == "application" else "200-399"}} | check
    if path := check.get("HealthCheckPath"):
        if not path.startswith("/"):
            raise errors.bad_health_check(f"Health check path '{path}' must begin with '/'")
        matcher = check["Matcher"]
        if "GrpcCode" in matcher:
            raise errors.bad_health_check("A gRPC matcher can only be specified for target groups with protocol version GRPC")
        codes(matcher.get("HttpCode", "200"), MOST_CODES[level])
    if check["HealthCheckTimeoutSeconds"] >= check["HealthCheckIntervalSeconds"]:
        raise errors.bad_health_check("Health check interval must be greater than the timeout.")
    return check


def codes(text: str, most: int) -> list[tuple[int, int]]:
    """`200,202` and `200-299` as ranges."""
    out = []
    for part in text.split(","):
        found = re.fullmatch(r"(\d{3})(?:-(\d{3}))?", part.strip())
        low, high = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 200 <= low <= high <= most:
            raise errors.bad_health_check(f"Health check matcher HTTP code '{text}' must be within '200' - '{most}'")
        out.append((low, high))
    return out


# -- told -------------------------------------------------------------------------------------------------------------------------

def view(call: Call, one: TargetGroup) -> Any:
    from .balancers import LoadBalancer
    users = [found.arn for name in sorted(index(call).users.get(one.arn, ())) if (found := call.get(LoadBalancer, name))]
    out = {"TargetGroupArn": one.arn, "TargetGroupName": one.name, **one.check, "LoadBalancerArns": users, "TargetType": one.type, "IpAddressType": "ipv4"}
    if one.protocol:
        out |= {"Protocol": one.protocol, "Port": one.port, "VpcId": one.vpc}
    if one.version:
        out["ProtocolVersion"] = one.version
    return out


@elbv2.op(resource=ANY)
def describe_target_groups(call: Call, req: t.DescribeTargetGroupsInput) -> t.DescribeTargetGroupsOutput:
    if req.get("TargetGroupArns") and req.get("Names"):
        raise errors.name_or_arn("target group")
    if arns := req.get("TargetGroupArns"):
        found = [find(call, arn) for arn in arns]
    elif wanted := req.get("Names"):
        found = [one for name in wanted if (one := call.get(TargetGroup, name))]
        if len(found) < len(wanted):
            raise errors.no_such_target_group()
    else:
        found = sorted(call.all(TargetGroup), key=lambda one: (one.created, one.name))
    if arn := req.get("LoadBalancerArn"):
        from . import balancers
        balancer = balancers.find(call, arn)
        found = [one for one in found if balancer.name in index(call).users.get(one.arn, ())]
    shown, more = pages.page(found, req, 400, lambda one: one.arn)
    return {"TargetGroups": [view(call, one) for one in shown], **more}  # type: ignore[typeddict-item]


# -- change -----------------------------------------------------------------------------------------------------------------------

GROUP = names.member("TargetGroupArn")


@elbv2.op(resource=GROUP, context=facts)
def modify_target_group(call: Call, req: t.ModifyTargetGroupInput) -> t.ModifyTargetGroupOutput:
    from . import health
    one = find(call, req["TargetGroupArn"])
    one = call.put(one.but(check=checked(req, one.check, one.level, one.type)))
    health.follow(call, one)
    return {"TargetGroups": [view(call, one)]}


@elbv2.op(resource=GROUP, context=facts, partly="kept, but without effect: anomaly mitigation, DNS failover, preserve_client_ip, connection termination of unhealthy targets")
def modify_target_group_attributes(call: Call, req: t.ModifyTargetGroupAttributesInput) -> t.ModifyTargetGroupAttributesOutput:
    one = find(call, req["TargetGroupArn"])
    table = attributes.GROUP[one.level]
    kept = attributes.changed(table, req["Attributes"], one.attributes, "Target group", attributes.GROUP)
    if kept.get("stickiness.type") == "app_cookie" and kept.get("stickiness.enabled") == "true":
        name = kept.get("stickiness.app_cookie.cookie_name", "")
        if not name or name in ("AWSALB", "AWSALBAPP", "AWSALBTG", "AWSALBCORS", "AWSALBTGCORS"):
            raise errors.bad_attribute("stickiness.app_cookie.cookie_name", name, "Target group")
    if kept.get("load_balancing.algorithm.type", "round_robin") == "least_outstanding_requests" and int(kept.get("slow_start.duration_seconds", "0")):
        raise errors.configuration("Slow start mode cannot be combined with the routing algorithm 'least_outstanding_requests'")
    if kept.get("load_balancing.algorithm.anomaly_mitigation") == "on" and kept.get("load_balancing.algorithm.type") != "weighted_random":
        raise errors.configuration("Anomaly mitigation needs the routing algorithm 'weighted_random'")
    one = call.put(one.but(attributes=kept))
    return {"Attributes": shown(one)}


def shown(one: TargetGroup) -> Any:
    return [pair | {"Value": one.attribute(pair["Key"])} for pair in attributes.shown(attributes.GROUP[one.level], one.attributes)]


@elbv2.op(resource=ANY)
def describe_target_group_attributes(call: Call, req: t.DescribeTargetGroupAttributesInput) -> t.DescribeTargetGroupAttributesOutput:
    return {"Attributes": shown(find(call, req["TargetGroupArn"]))}


@elbv2.op(resource=GROUP, context=facts)
def delete_target_group(call: Call, req: t.DeleteTargetGroupInput) -> None:
    """One that is gone already is no error."""
    from . import targets
    one = call.get(TargetGroup, names.split(req["TargetGroupArn"], "targetgroup", "target group")[0])
    if one is None or one.arn != req["TargetGroupArn"]:
        return
    if index(call).users.get(one.arn):
        raise errors.target_group_in_use(one.arn)
    for target in index(call).targets.get(one.arn, ()):
        targets.forget(call, target)
    call.delete(one)
