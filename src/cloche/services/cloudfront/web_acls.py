"""The web ACL before a distribution: of WAF's scope CLOUDFRONT, which lives in us-east-1."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Need
from cloche.services.wafv2 import public as wafv2

from . import HOME, distributions, errors, things
from . import service as cloudfront

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t


def check(call: Call, acl: str) -> None:
    if acl and not wafv2.is_global(call.at(call.account, HOME), acl):
        raise errors.bad_acl()


def stand(call: Call, arn: str, acl: str) -> None:
    wafv2.stand(call.at(call.account, HOME), arn, acl)


def asking(verb: str) -> Any:
    def needs(call: Call, req: Any) -> list[Need]:
        arn = distributions.arn(call, req["Id"])
        return [Need(f"cloudfront:{verb}", arn), Need("cloudfront:UpdateDistribution", arn)]
    return needs


@cloudfront.op(needs=asking("AssociateDistributionWebACL"))
def associate_distribution_web_acl(call: Call, req: t.AssociateDistributionWebACLRequest) -> t.AssociateDistributionWebACLResult:
    check(call, req["WebACLArn"])
    one = changed(call, req, req["WebACLArn"])
    return {"Id": one.id, "WebACLArn": req["WebACLArn"], "ETag": one.etag}


@cloudfront.op(needs=asking("DisassociateDistributionWebACL"))
def disassociate_distribution_web_acl(call: Call, req: t.DisassociateDistributionWebACLRequest) -> t.DisassociateDistributionWebACLResult:
    one = changed(call, req, "")
    return {"Id": one.id, "ETag": one.etag}


def changed(call: Call, req: Any, acl: str) -> distributions.Distribution:
    one = distributions.find(call, req["Id"])
    if req.get("IfMatch"):
        things.locked(one, req)
    return distributions.become(call, one, {**one.config, "WebACLId": acl})
