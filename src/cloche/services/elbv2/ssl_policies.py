"""Security policies of TLS listeners: which protocols and ciphers, by AWS's names. The listeners really negotiate by them."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import errors, pages
from . import service as elbv2

if TYPE_CHECKING:
    from cloche.shapes import elbv2 as t

DEFAULT = "ELBSecurityPolicy-2016-08"
_13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
_FORWARD_GCM = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"]
_FORWARD_CBC = ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256"]
_FORWARD_SHA = ["ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA"]
_FORWARD_GCM256 = ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"]
_FORWARD_CBC256 = ["ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384"]
_FORWARD_SHA256 = ["ECDHE-RSA-AES256-SHA", "ECDHE-ECDSA-AES256-SHA"]
_PLAIN = ["AES128-GCM-SHA256", "AES128-SHA256"]
_PLAIN256 = ["AES256-GCM-SHA384", "AES256-SHA256"]
_ALL = [*_FORWARD_GCM, *_FORWARD_CBC, *_FORWARD_SHA, *_FORWARD_GCM256, *_FORWARD_CBC256, *_FORWARD_SHA256, *_PLAIN, "AES128-SHA", *_PLAIN256, "AES256-SHA"]
_EXT1 = [*_FORWARD_GCM, *_FORWARD_CBC, *_FORWARD_GCM256, *_FORWARD_CBC256, *_PLAIN, *_PLAIN256]
_FS = [*_FORWARD_GCM, *_FORWARD_CBC, *_FORWARD_SHA, *_FORWARD_GCM256, *_FORWARD_CBC256, *_FORWARD_SHA256]
_FS12 = [*_FORWARD_GCM, *_FORWARD_CBC, *_FORWARD_GCM256, *_FORWARD_CBC256]
_RES = [*_FORWARD_GCM, *_FORWARD_GCM256]
T10, T11, T12, T13 = "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"
POLICIES: dict[str, tuple[list[str], list[str]]] = {
    DEFAULT: ([T10, T11, T12], _ALL),
    "ELBSecurityPolicy-TLS13-1-2-2021-06": ([T12, T13], [*_13, *_FS12]),
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06": ([T12, T13], [*_13, *_RES]),
    "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06": ([T12, T13], [*_13, *_EXT1]),
    "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06": ([T12, T13], [*_13, *_ALL]),
    "ELBSecurityPolicy-TLS13-1-1-2021-06": ([T11, T12, T13], [*_13, *_ALL]),
    "ELBSecurityPolicy-TLS13-1-0-2021-06": ([T10, T11, T12, T13], [*_13, *_ALL]),
    "ELBSecurityPolicy-TLS13-1-3-2021-06": ([T13], _13),
    "ELBSecurityPolicy-TLS-1-2-2017-01": ([T12], _EXT1),
    "ELBSecurityPolicy-TLS-1-1-2017-01": ([T11, T12], _ALL),
    "ELBSecurityPolicy-TLS-1-2-Ext-2018-06": ([T12], _ALL),
    "ELBSecurityPolicy-FS-2018-06": ([T10, T11, T12], _FS),
    "ELBSecurityPolicy-FS-1-1-2019-08": ([T11, T12], _FS),
    "ELBSecurityPolicy-FS-1-2-2019-08": ([T12], _FS),
    "ELBSecurityPolicy-FS-1-2-Res-2019-08": ([T12], _FS12),
    "ELBSecurityPolicy-FS-1-2-Res-2020-10": ([T12], _RES),
}


def view(name: str) -> Any:
    protocols, ciphers = POLICIES[name]
    return {"SslProtocols": protocols, "Ciphers": [{"Name": one, "Priority": i} for i, one in enumerate(ciphers, 1)], "Name": name, "SupportedLoadBalancerTypes": ["application", "network"]}


@elbv2.op(resource=ANY)
def describe_ssl_policies(call: Call, req: t.DescribeSSLPoliciesInput) -> t.DescribeSSLPoliciesOutput:
    for name in req.get("Names", ()):
        if name not in POLICIES:
            raise errors.no_such_policy(name)
    found = list(req.get("Names") or POLICIES) if req.get("LoadBalancerType") != "gateway" else []
    shown, more = pages.page(found, req, 400, str)
    return {"SslPolicies": [view(name) for name in shown], **more}  # type: ignore[typeddict-item]
