"""ARNs and DNS names, and what IAM is asked about them.

    loadbalancer/app/NAME/ID   listener/app/NAME/ID/ID   listener-rule/app/NAME/ID/ID/ID   targetgroup/NAME/ID
"""
from __future__ import annotations

import re
from typing import Any

from cloche.kernel import Call

from . import errors

SHORT = {"application": "app", "network": "net"}
LONG = {short: long for long, short in SHORT.items()}
# the hosted zones of the load balancers' DNS names, from AWS's table of service endpoints: (application and classic, network)
ZONES = {
    "us-east-1": ("Z35SXDOTRQ7X7K", "Z26RNL4JYFTOTI"), "us-east-2": ("Z3AADJGX6KTTL2", "ZLMOA37VPKANP"), "us-west-1": ("Z368ELLRRE2KJ0", "Z24FKFUX50B4VW"),
    "us-west-2": ("Z1H1FL5HABSF5", "Z18D5FSROUN65G"), "ap-south-1": ("ZP97RAFLXTNZK", "ZVDDRBQ08TROA"), "ap-northeast-1": ("Z14GRHDCWA56QT", "Z31USIVHYNEOWT"),
    "ap-northeast-2": ("ZWKZPGTI48KDX", "ZIBE1TIR4HY56"), "ap-southeast-1": ("Z1LMS91P8CMLE5", "ZKVM4W9LS7TM"), "ap-southeast-2": ("Z1GM3OXH4ZPM65", "ZCT6FZBF4DROD"),
    "ca-central-1": ("ZQSVJUPU6J1EY", "Z2EPGBW3API2WT"), "eu-central-1": ("Z215JYRZR1TBD5", "Z3F0SRJ5LGBH90"), "eu-west-1": ("Z32O12XQLNTSW2", "Z2IFOLAFXWLO4F"),
    "eu-west-2": ("ZHURV8PSTC4K8", "ZD4D7Y8KGAS4G"), "eu-west-3": ("Z3Q77PNBQS71R4", "Z1CMS0P5QUZ6D5"), "eu-north-1": ("Z23TAZ6LKFMNIO", "Z1UDT6IFJ4EJM"),
    "sa-east-1": ("Z2P70J7HTTTPLU", "ZTK26PT1VY4CU"),
}
_ARN = re.compile(r"arn:[\w-]+:elasticloadbalancing:[\w-]+:\d{12}:(loadbalancer|listener|listener-rule|targetgroup)/(.+)$")


def split(arn: str, kind: str, what: str) -> list[str]:
    """The parts after the kind; refused in AWS's words if this is no ARN of that kind."""
    found = _ARN.match(arn)
    parts = found[2].split("/") if found and found[1] == kind else []
    if len(parts) != {"loadbalancer": 3, "listener": 4, "listener-rule": 5, "targetgroup": 2}[kind]:
        raise errors.not_an_arn(arn, what)
    return parts


def check(name: str, what: str) -> None:
    if len(name) > 32:
        raise errors.bad_name(what, name, "cannot be longer than '32' characters")
    if not re.fullmatch(r"[a-zA-Z0-9-]+", name):
        raise errors.bad_name(what, name, "can only contain characters that are alphanumeric characters and hyphens(-)")
    if name.startswith("-") or name.endswith("-"):
        raise errors.bad_name(what, name, "cannot begin or end with '-'")
    if what == "load balancer" and name.lower().startswith("internal-"):
        raise errors.bad_name(what, name, "cannot begin with 'internal-'")


def zone_id(region: str, type_: str) -> str:
    pair = ZONES.get(region, ZONES["us-east-1"])
    return pair[type_ == "network"]


def dns(call: Call, name: str, id_: str, type_: str, scheme: str) -> str:
    if type_ == "network":
        return f"{name}-{id_}.elb.{call.region}.amazonaws.com"
    front = "internal-" if scheme == "internal" else ""
    return f"{front}{name}-{call.pick('123456789', 1)}{call.pick('0123456789', 9)}.{call.region}.elb.amazonaws.com"


# -- what IAM is asked ----------------------------------------------------------------------------------------------------------

def asked(req: Any) -> dict[str, Any]:
    """The tags that a request brings or names."""
    out: dict[str, Any] = {f"aws:RequestTag/{one['Key']}": one.get("Value", "") for one in req.get("Tags") or ()}
    if keys := [one["Key"] for one in req.get("Tags") or ()] or list(req.get("TagKeys") or ()):
        out["aws:TagKeys"] = keys
    return out


def tagged(tags: dict[str, str]) -> dict[str, str]:
    return {f"aws:ResourceTag/{k}": v for k, v in tags.items()} | {f"elasticloadbalancing:ResourceTag/{k}": v for k, v in tags.items()}


def making(action: str) -> Any:
    """Who creates with tags needs AddTags as well."""
    def actions(call: Call, req: Any) -> list[str]:
        return [f"elasticloadbalancing:{action}", *(["elasticloadbalancing:AddTags"] if req.get("Tags") else [])]
    return actions


def member(name: str) -> Any:
    """The resource is the ARN in this member of the request."""
    def resource(call: Call, req: Any) -> Any:
        return req.get(name) or "*"
    return resource
