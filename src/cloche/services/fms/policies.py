"""Policies: what is to be, of which resources, in which accounts. A policy is of the region it is put in; what is done about it is `enforcing.py`."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import admins, errors
from . import service as fms

if TYPE_CHECKING:
    from cloche.shapes import fms as t

MOST, MOST_TAGS = 50, 8
BALANCER, OLD_BALANCER, STAGE = "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancing::LoadBalancer", "AWS::ApiGateway::Stage"
DISTRIBUTION = "AWS::CloudFront::Distribution"   # of the Global region: never together with others
INSTANCE, INTERFACE, GROUP, ADDRESS = "AWS::EC2::Instance", "AWS::EC2::NetworkInterface", "AWS::EC2::SecurityGroup", "AWS::EC2::EIP"
TYPES: dict[str, tuple[str, ...]] = {
    "WAFV2": (BALANCER, STAGE, DISTRIBUTION),
    "SHIELD_ADVANCED": (BALANCER, OLD_BALANCER, ADDRESS, DISTRIBUTION),
    "SECURITY_GROUPS_COMMON": (INSTANCE, INTERFACE, BALANCER),
    "SECURITY_GROUPS_CONTENT_AUDIT": (GROUP, INSTANCE, INTERFACE),
    "SECURITY_GROUPS_USAGE_AUDIT": (GROUP,),
}
LACKS = ("WAFV2, SHIELD_ADVANCED and the three kinds of SECURITY_GROUPS are built; user pools and App Runner are not among their resources yet. Resource sets are kept, and not asked. "
         "AWS Config is not asked for: resources are looked at directly, once a minute.")


class Policy(Record, frozen=True):
    kind = "fms.policy"

    id: str
    name: str
    token: str
    values: dict[str, Any]       # as PutPolicy has it, but for id, name and token
    created: float
    tags: dict[str, str] = {}
    seen: dict[str, list[str]] = {}   # account -> what this policy has made there (ARNs and ids), to be taken away again

    @property
    def key(self) -> str:
        return self.id

    @property
    def type(self) -> str:
        return str(self.values["SecurityServicePolicyData"]["Type"])

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.values["SecurityServicePolicyData"]["ManagedServiceData"])  # type: ignore[no-any-return]

    @property
    def kinds(self) -> list[str]:
        given = self.values["ResourceType"]
        return list(self.values.get("ResourceTypeList") or []) if given == "ResourceTypeList" else [given]

    @property
    def remedies(self) -> bool:
        return bool(self.values["RemediationEnabled"])


def arn(call: Call, id_: str) -> str:
    return call.arn(f"policy/{id_}")


def by_id(call: Call, req: Any) -> str:
    return arn(call, req["PolicyId"])


def putting(call: Call, req: Any) -> str:
    return arn(call, req["Policy"].get("PolicyId") or "*")


def tags_of(call: Call, req: Any) -> dict[str, Any]:
    tags = {one["Key"]: one["Value"] for one in req.get("TagList") or ()}
    return {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{k}": v for k, v in tags.items()}} if tags else {}


def find(call: Call, id_: str) -> Policy:
    if one := call.get(Policy, id_):
        return one
    raise errors.no_policy(id_)


def shown(one: Policy) -> Any:
    return {"PolicyId": one.id, "PolicyName": one.name, "PolicyUpdateToken": one.token, "PolicyStatus": "ACTIVE", **one.values}


def checked(call: Call, given: Any) -> dict[str, Any]:
    kind, text = given["SecurityServicePolicyData"]["Type"], given["SecurityServicePolicyData"].get("ManagedServiceData")
    if kind not in TYPES:
        raise errors.unbuilt(f"a policy of the type {kind}")
    try:
        data = json.loads(text or "")
        if data.get("type") != kind:
            raise ValueError
    except (ValueError, AttributeError):
        raise errors.invalid(f"The ManagedServiceData is not valid JSON of the type {kind}.") from None
    kinds = given.get("ResourceTypeList") or [] if given["ResourceType"] == "ResourceTypeList" else [given["ResourceType"]]
    if not kinds or (wrong := [one for one in kinds if one not in TYPES[kind]]):
        raise errors.invalid(f"The resource type {', '.join(wrong) if kinds else 'list'} is not valid for a policy of the type {kind}.")
    if DISTRIBUTION in kinds and (kinds != [DISTRIBUTION] or call.region != "us-east-1"):
        raise errors.invalid("A policy for CloudFront distributions is of the Global region (us-east-1) and has no other resource types.")
    if len(given.get("ResourceTags") or ()) > MOST_TAGS:
        raise errors.limit("resource tags")
    from . import enforcing
    enforcing.KINDS[kind].check(call, data)
    return {"ResourceTypeList": [], "IncludeMap": {}, "ExcludeMap": {}, "ResourceTags": [], "DeleteUnusedFMManagedResources": False, "ResourceTagLogicalOperator": "AND",
            **{name: value for name, value in given.items() if name not in ("PolicyId", "PolicyName", "PolicyUpdateToken", "PolicyStatus")}}


@fms.op(resource=putting, context=tags_of, partly=LACKS)
def put_policy(call: Call, req: t.PutPolicyRequest) -> t.PutPolicyResponse:
    admins.required(call, "PutPolicy")
    given = req["Policy"]
    values = checked(call, given)
    admins.may(call, given["SecurityServicePolicyData"]["Type"])
    if given.get("PolicyId"):
        old = find(call, given["PolicyId"])
        if given.get("PolicyUpdateToken") != old.token:
            raise errors.stale()
        one = old.but(name=given["PolicyName"], values=values, token=call.uuid())
    else:
        if len(call.all(Policy)) >= MOST:
            raise errors.limit("policies")
        if any(other.name == given["PolicyName"] for other in call.all(Policy)):
            raise errors.invalid(f"A policy with the name {given['PolicyName']} exists already.")
        one = Policy(call.uuid(), given["PolicyName"], call.uuid(), values, call.now, {tag["Key"]: tag["Value"] for tag in req.get("TagList") or ()})
    call.put(one)
    from . import enforcing
    enforcing.begin(call, one)
    return {"Policy": shown(one), "PolicyArn": arn(call, one.id)}


@fms.op(resource=by_id)
def get_policy(call: Call, req: t.GetPolicyRequest) -> t.GetPolicyResponse:
    admins.required(call, "GetPolicy")
    one = find(call, req["PolicyId"])
    return {"Policy": shown(one), "PolicyArn": arn(call, one.id)}


@fms.op(resource=lambda call, req: "*")
def list_policies(call: Call, req: t.ListPoliciesRequest) -> t.ListPoliciesResponse:
    admins.required(call, "ListPolicies")
    found, more = pages.page(sorted(call.all(Policy), key=lambda one: (one.created, one.id)), req, lambda one: one.id, 100, errors.bad_token)
    rows = [{"PolicyArn": arn(call, one.id), "PolicyId": one.id, "PolicyName": one.name, "ResourceType": one.values["ResourceType"], "SecurityServiceType": one.type,
             "RemediationEnabled": one.remedies, "DeleteUnusedFMManagedResources": one.values["DeleteUnusedFMManagedResources"], "PolicyStatus": "ACTIVE"} for one in found]
    return {"PolicyList": rows, **more}  # type: ignore[typeddict-item]


@fms.op(resource=by_id)
def delete_policy(call: Call, req: t.DeletePolicyRequest) -> None:
    """With DeleteAllPolicyResources what it made goes, too."""
    admins.required(call, "DeletePolicy")
    one = find(call, req["PolicyId"])
    from . import enforcing
    enforcing.end(call, one, clean=bool(req.get("DeleteAllPolicyResources")))
    call.delete(one)


def forget_all(call: Call) -> None:
    """An administrator that is none any more: in every region."""
    from . import enforcing
    for account, region in call.cloud.store.scopes(Policy.kind):
        if account == call.account:
            there = call.at(account, region)
            for one in there.all(Policy):
                enforcing.end(there, one, clean=False)
                there.delete(one)
