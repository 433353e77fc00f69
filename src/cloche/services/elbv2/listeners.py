"""Listeners: the ports of a load balancer, what is done by default there, and the certificate it shows."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import actions, attributes, balancers, errors, health, limits, names, pages, ssl_policies
from . import service as elbv2
from .balancers import LoadBalancer
from .index import index

if TYPE_CHECKING:
    from cloche.shapes import elbv2 as t

PROTOCOLS = {"application": ("HTTP", "HTTPS"), "network": ("TCP", "TLS", "UDP", "TCP_UDP")}
SECURE = ("HTTPS", "TLS")
ALPN = ("HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None")


class Listener(Record, frozen=True):
    kind = "elbv2.listener"

    arn: str
    balancer: str                   # its name
    protocol: str
    port: int
    actions: list[Any]
    created: float
    certificates: tuple[str, ...] = ()   # the default one first
    policy: str = ""
    alpn: tuple[str, ...] = ()
    default_rule: str = ""          # the ARN of the rule that the default actions are
    attributes: dict[str, str] = {}
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.arn.split("/", 1)[1]


def find(call: Call, arn: str) -> Listener:
    found = call.get(Listener, "/".join(names.split(arn, "listener", "listener")))
    if found is None or found.arn != arn:
        raise errors.no_such_listener()
    return found


def of(call: Call, balancer: LoadBalancer) -> list[Listener]:
    return list(index(call).listeners.get(balancer.name, ()))


def owner(call: Call, one: Listener) -> LoadBalancer:
    found = call.get(LoadBalancer, one.balancer)
    if found is None:
        raise errors.no_such_balancer(one.balancer)
    return found


def facts(call: Call, req: Any) -> dict[str, Any]:
    arn = req.get("ListenerArn") or ""
    found = call.get(Listener, arn.split("/", 1)[1]) if "/" in arn else None
    return names.asked(req) | (names.tagged(found.tags) if found else {}) | _protocol(req)


def _protocol(req: Any) -> dict[str, Any]:
    return ({"elasticloadbalancing:ListenerProtocol": req["Protocol"]} if req.get("Protocol") else {}) | (
        {"elasticloadbalancing:SecurityPolicy": req["SslPolicy"]} if req.get("SslPolicy") else {})


# -- make -------------------------------------------------------------------------------------------------------------------------

@elbv2.op(resource=balancers.BALANCER, action=names.making("CreateListener"), context=lambda call, req: balancers.facts(call, req) | _protocol(req),
          partly="HTTP/2, QUIC, certificates of clients and jwt-validation are not built")
def create_listener(call: Call, req: t.CreateListenerInput) -> t.CreateListenerOutput:
    from . import tags
    balancer = balancers.find(call, req["LoadBalancerArn"])
    protocol, port = req.get("Protocol", ""), req.get("Port")
    if not protocol:
        raise errors.member_needed("protocol")
    if not port:
        raise errors.member_needed("port")
    if protocol not in PROTOCOLS[balancer.type]:
        raise errors.protocol_wrong(protocol, PROTOCOLS[balancer.type])
    tagged = tags.given(call, req)
    there = of(call, balancer)
    if any(one.port == port and _same_layer(one.protocol, protocol) for one in there):
        raise errors.duplicate_listener(balancer.arn)
    if len(there) >= limits.LISTENERS:
        raise errors.too_many_listeners()
    certificates, policy, alpn = secured(call, req, protocol)
    done = actions.checked(call, balancer, protocol, list(req["DefaultActions"]))
    id_ = call.id(digits=16)
    arn = call.arn(f"listener/{balancer.path}/{id_}")
    made = call.put(Listener(arn, balancer.name, protocol, port, done, call.now, certificates, policy, alpn, call.arn(f"listener-rule/{balancer.path}/{id_}/{call.id(digits=16)}"), tags=tagged))
    changed(call, made)
    health.follow_arns(call, actions.groups_of(done))
    return {"Listeners": [view(call, made)]}


def _same_layer(one: str, other: str) -> bool:
    """A TCP and a UDP listener may share a port."""
    return {one, other} not in ({"UDP", "TCP"}, {"UDP", "TLS"})


def secured(call: Call, req: Any, protocol: str, old: Listener | None = None) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """Certificates, policy and ALPN after a request."""
    from . import certificates
    if (req.get("MutualAuthentication") or {}).get("Mode", "off") != "off":
        raise errors.mutual_not_built()
    given = [one.get("CertificateArn", "") for one in req.get("Certificates") or ()]
    if protocol not in SECURE:
        if given:
            raise errors.certificate_not_for(protocol)
        if req.get("SslPolicy"):
            raise errors.policy_not_for(protocol)
        return (), "", ()
    if len(given) > 1:
        raise errors.one_certificate()
    if not given and not (old and old.certificates):
        raise errors.certificate_needed(protocol)
    for arn in given:
        certificates.must_exist(call, arn)
    policy = req.get("SslPolicy") or (old.policy if old and old.policy else ssl_policies.DEFAULT)
    if policy not in ssl_policies.POLICIES:
        raise errors.no_such_policy(policy)
    alpn = tuple(req.get("AlpnPolicy") or (old.alpn if old else ()))
    for name in alpn:
        if name not in ALPN or protocol != "TLS":
            raise errors.no_such_alpn(name)
    others = tuple(one for one in old.certificates[1:] if one not in given) if old else ()
    return (tuple(given) or (old.certificates[:1] if old else ())) + others, policy, alpn


def changed(call: Call, one: Listener) -> None:
    """What really listens must be made to match."""
    from . import nodes
    if balancer := call.get(LoadBalancer, one.balancer):
        nodes.changed(call, balancer)


# -- told -------------------------------------------------------------------------------------------------------------------------

def view(call: Call, one: Listener) -> Any:
    out: dict[str, Any] = {"ListenerArn": one.arn, "LoadBalancerArn": owner(call, one).arn, "Port": one.port, "Protocol": one.protocol, "DefaultActions": actions.shown(one.actions)}
    if one.certificates:
        out |= {"Certificates": [{"CertificateArn": one.certificates[0]}], "SslPolicy": one.policy}
    if one.protocol == "HTTPS":
        out["MutualAuthentication"] = {"Mode": "off"}
    if one.alpn:
        out["AlpnPolicy"] = list(one.alpn)
    return out


@elbv2.op(resource=ANY)
def describe_listeners(call: Call, req: t.DescribeListenersInput) -> t.DescribeListenersOutput:
    if arns := req.get("ListenerArns"):
        found = [find(call, arn) for arn in arns]
    elif arn := req.get("LoadBalancerArn"):
        found = of(call, balancers.find(call, arn))
    else:
        raise errors.validation("You must specify either listener ARNs or a load balancer ARN")
    shown, more = pages.page(found, req, 400, lambda one: one.arn)
    return {"Listeners": [view(call, one) for one in shown], **more}  # type: ignore[typeddict-item]


# -- change -----------------------------------------------------------------------------------------------------------------------

LISTENER = names.member("ListenerArn")


@elbv2.op(resource=LISTENER, context=facts)
def modify_listener(call: Call, req: t.ModifyListenerInput) -> t.ModifyListenerOutput:
    old = find(call, req["ListenerArn"])
    balancer = owner(call, old)
    protocol, port = req.get("Protocol", old.protocol), req.get("Port", old.port)
    if protocol not in PROTOCOLS[balancer.type]:
        raise errors.protocol_wrong(protocol, PROTOCOLS[balancer.type])
    if any(one.arn != old.arn and one.port == port and _same_layer(one.protocol, protocol) for one in of(call, balancer)):
        raise errors.duplicate_listener(balancer.arn)
    certificates, policy, alpn = secured(call, req, protocol, old)
    done = actions.checked(call, balancer, protocol, list(req["DefaultActions"]), old.actions) if req.get("DefaultActions") else old.actions
    kept = {k: v for k, v in old.attributes.items() if k in attributes.LISTENER[protocol]}
    new = call.put(old.but(protocol=protocol, port=port, actions=done, certificates=certificates, policy=policy, alpn=alpn, attributes=kept))
    changed(call, new)
    health.follow_arns(call, actions.groups_of(done) | actions.groups_of(old.actions))
    return {"Listeners": [view(call, new)]}


@elbv2.op(resource=LISTENER, context=facts)
def modify_listener_attributes(call: Call, req: t.ModifyListenerAttributesInput) -> t.ModifyListenerAttributesOutput:
    one = find(call, req["ListenerArn"])
    table = attributes.LISTENER[one.protocol]
    one = call.put(one.but(attributes=attributes.changed(table, req["Attributes"], one.attributes, "Listener", attributes.LISTENER)))
    return {"Attributes": attributes.shown(table, one.attributes)}  # type: ignore[typeddict-item]


@elbv2.op(resource=ANY)
def describe_listener_attributes(call: Call, req: t.DescribeListenerAttributesInput) -> t.DescribeListenerAttributesOutput:
    one = find(call, req["ListenerArn"])
    return {"Attributes": attributes.shown(attributes.LISTENER[one.protocol], one.attributes)}  # type: ignore[typeddict-item]


@elbv2.op(resource=LISTENER, context=facts)
def delete_listener(call: Call, req: t.DeleteListenerInput) -> None:
    one = find(call, req["ListenerArn"])
    remove(call, one)
    changed(call, one)


def remove(call: Call, one: Listener) -> None:
    """With its rules; the targets that nobody else sends to are unused from now on."""
    gone = actions.groups_of(one.actions)
    for rule in list(index(call).rules.get(one.arn, ())):
        gone |= actions.groups_of(rule.actions)
        call.delete(rule)
    call.delete(one)
    health.follow_arns(call, gone)
