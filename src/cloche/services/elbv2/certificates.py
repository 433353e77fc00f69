"""Certificates of a listener: the default one, and others chosen by the name that a client asks for (SNI). From ACM or IAM, with their private keys."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cloche.kernel import ANY, Call
from cloche.services.acm import public as acm
from cloche.services.iam import public as iam

from . import errors, limits, listeners, pages
from . import service as elbv2

if TYPE_CHECKING:
    from cloche.shapes import elbv2 as t


class Material(NamedTuple):
    body: str
    chain: str
    private: str


def material(call: Call, arn: str) -> Material | None:
    if ":server-certificate/" in arn:
        found = iam.server_certificate(call, arn)
        return Material(*found) if found else None
    one = acm.material(call, arn)
    return Material(one.body, one.chain, one.private) if one else None


def must_exist(call: Call, arn: str) -> None:
    if material(call, arn) is None:
        if arn.startswith("arn:") and ":acm:" in arn and acm.status(call, arn):
            raise errors.certificate_unusable(arn)             # requested, not issued
        raise errors.no_such_certificate(arn)


@elbv2.op(resource=listeners.LISTENER, context=listeners.facts)
def add_listener_certificates(call: Call, req: t.AddListenerCertificatesInput) -> t.AddListenerCertificatesOutput:
    one = listeners.find(call, req["ListenerArn"])
    if one.protocol not in listeners.SECURE:
        raise errors.certificate_not_for(one.protocol)
    wanted = [each.get("CertificateArn", "") for each in req["Certificates"]]
    for arn in wanted:
        must_exist(call, arn)
    every = tuple(dict.fromkeys([*one.certificates, *wanted]))
    if len(every) - 1 > limits.CERTIFICATES:
        raise errors.too_many_certificates()
    call.put(one.but(certificates=every))
    listeners.changed(call, one)
    return {"Certificates": [{"CertificateArn": arn, "IsDefault": False} for arn in wanted]}


@elbv2.op(resource=listeners.LISTENER, context=listeners.facts)
def remove_listener_certificates(call: Call, req: t.RemoveListenerCertificatesInput) -> None:
    one = listeners.find(call, req["ListenerArn"])
    gone = {each.get("CertificateArn", "") for each in req["Certificates"]}
    if one.certificates[:1] and one.certificates[0] in gone:
        raise errors.default_certificate_stays()
    call.put(one.but(certificates=tuple(arn for arn in one.certificates if arn not in gone)))
    listeners.changed(call, one)


@elbv2.op(resource=ANY)
def describe_listener_certificates(call: Call, req: t.DescribeListenerCertificatesInput) -> t.DescribeListenerCertificatesOutput:
    one = listeners.find(call, req["ListenerArn"])
    every: list[Any] = [{"CertificateArn": arn, "IsDefault": i == 0} for i, arn in enumerate(one.certificates)]
    shown, more = pages.page(every, req, 400, lambda each: each["CertificateArn"])
    return {"Certificates": shown, **more}  # type: ignore[typeddict-item]
