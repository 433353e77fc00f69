"""Listeners of a Classic Load Balancer: a port, a protocol on each side, a certificate where it speaks TLS."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.elbv2 import public as elbv2

from . import errors, nodes
from . import service as elb
from .balancers import Listener, by_name, facts, find

if TYPE_CHECKING:
    from cloche.shapes import elb as t

LAYERS = {"HTTP": 7, "HTTPS": 7, "TCP": 4, "SSL": 4}
SECURE = ("HTTPS", "SSL")


def read(call: Call, given: Any) -> Listener:
    protocol = given["Protocol"].upper()
    inner = given.get("InstanceProtocol", "").upper() or {"HTTPS": "HTTP", "SSL": "TCP"}.get(protocol, protocol)
    for name in (protocol, inner):
        if name not in LAYERS:
            raise errors.bad_protocol(name)
    if LAYERS[protocol] != LAYERS[inner]:
        raise errors.layers_differ()
    for port in (given["LoadBalancerPort"], given["InstancePort"]):
        if not 1 <= port <= 65535:
            raise errors.validation(f"The port {port} must be between 1 and 65535")
    arn = given.get("SSLCertificateId", "") if protocol in SECURE else ""
    if protocol in SECURE:
        if not arn:
            raise errors.certificate_needed()
        must_exist(call, arn)
    return Listener(protocol, given["LoadBalancerPort"], inner, given["InstancePort"], arn)


def must_exist(call: Call, arn: str) -> None:
    if elbv2.certs.certificates.material(call, arn) is None:
        raise errors.no_such_certificate(arn)


def view(one: Listener) -> Any:
    shown: dict[str, Any] = {"Protocol": one.protocol, "LoadBalancerPort": one.port, "InstanceProtocol": one.instance_protocol, "InstancePort": one.instance_port}
    return {"Listener": shown | ({"SSLCertificateId": one.certificate} if one.certificate else {}), "PolicyNames": list(one.policies)}


@elb.op(resource=by_name, context=facts)
def create_load_balancer_listeners(call: Call, req: t.CreateLoadBalancerListenerInput) -> None:
    """The same listener again is no error."""
    one = find(call, req["LoadBalancerName"])
    there = {each.port: each for each in one.listeners}
    for given in req["Listeners"]:
        made = read(call, given)
        old = there.get(made.port)
        if old is not None and (old.protocol, old.instance_protocol, old.instance_port, old.certificate) != (made.protocol, made.instance_protocol, made.instance_port, made.certificate):
            raise errors.duplicate_listener(one.name, made.port)
        there.setdefault(made.port, made)
    nodes.changed(call, call.put(one.but(listeners=tuple(there.values()))))


@elb.op(resource=by_name, context=facts)
def delete_load_balancer_listeners(call: Call, req: t.DeleteLoadBalancerListenerInput) -> None:
    one = find(call, req["LoadBalancerName"])
    nodes.changed(call, call.put(one.but(listeners=tuple(each for each in one.listeners if each.port not in req["LoadBalancerPorts"]))))


@elb.op(resource=by_name, context=facts)
def set_load_balancer_listener_ssl_certificate(call: Call, req: t.SetLoadBalancerListenerSSLCertificateInput) -> None:
    import msgspec
    one = find(call, req["LoadBalancerName"])
    listener = next((each for each in one.listeners if each.port == req["LoadBalancerPort"]), None)
    if listener is None:
        raise errors.no_such_listener(one.name, req["LoadBalancerPort"])
    if listener.protocol not in SECURE:
        raise errors.configuration("The listener does not use HTTPS or SSL.")
    must_exist(call, req["SSLCertificateId"])
    new = msgspec.structs.replace(listener, certificate=req["SSLCertificateId"])
    nodes.changed(call, call.put(one.but(listeners=tuple(new if each is listener else each for each in one.listeners))))
