"""Resource policies: what other services may do with the groups of an account and region (EventBridge writing events, for one)."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.iam import policy as policies
from cloche.kernel import ANY, AwsError, Call, Record

from . import errors, groups
from . import service as logs

if TYPE_CHECKING:
    from cloche.shapes import logs as t

AT_MOST = 10


class ResourcePolicy(Record, frozen=True):
    kind = "logs.resource-policy"

    name: str
    document: str
    updated: int

    @property
    def key(self) -> str:
        return self.name


@logs.op(ANY, partly="policies of single resources (resourceArn) and revisions are not built")
def put_resource_policy(call: Call, req: t.PutResourcePolicyRequest) -> t.PutResourcePolicyResponse:
    if "resourceArn" in req or "expectedRevisionId" in req:
        raise AwsError("NotImplemented", "Resource policies of single log groups are not built in Cloche yet.", 501)
    name, document = req.get("policyName"), req.get("policyDocument")
    if not name or not document:
        raise errors.invalid("policyName and policyDocument must be specified.")
    try:
        raw = msgspec.json.decode(document, type=dict[str, Any])
        if not all("Principal" in s for s in (raw.get("Statement") or [{}])):
            raise ValueError
        policies.parse(document)
    except (msgspec.DecodeError, policies.MalformedPolicy, ValueError, TypeError):
        raise errors.invalid("The specified policy document is invalid.") from None
    if call.get(ResourcePolicy, name) is None and len(call.all(ResourcePolicy)) >= AT_MOST:
        raise errors.too_many_filters()
    made = call.put(ResourcePolicy(name, document, groups.milliseconds(call)))
    return {"resourcePolicy": describe(made)}


def describe(policy: ResourcePolicy) -> t.ResourcePolicy:
    return {"policyName": policy.name, "policyDocument": policy.document, "lastUpdatedTime": policy.updated}


@logs.op(ANY)
def describe_resource_policies(call: Call, req: t.DescribeResourcePoliciesRequest) -> t.DescribeResourcePoliciesResponse:
    shown, token = groups.page(sorted(call.all(ResourcePolicy), key=lambda p: p.name), req, lambda p: p.name, 50)
    out: Any = {"resourcePolicies": [describe(p) for p in shown]}
    return out | token


@logs.op(ANY)
def delete_resource_policy(call: Call, req: t.DeleteResourcePolicyRequest) -> None:
    found = call.get(ResourcePolicy, req.get("policyName", ""))
    if found is None:
        raise AwsError("ResourceNotFoundException", f"Policy with name [{req.get('policyName', '')}] does not exist.")
    call.delete(found)


def allowed(call: Call, action: str, resource: str) -> bool:
    """Does some policy let a service do this? A service has no other permission."""
    return any(call.allowed(action, resource, policy=p.document) for p in call.all(ResourcePolicy))
