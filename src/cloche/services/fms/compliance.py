"""What was found in which account, as it was last seen."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, pages

from . import admins, enforcing, errors, policies
from . import service as fms
from .policies import by_id

if TYPE_CHECKING:
    from cloche.shapes import fms as t


@fms.op(resource=by_id, partly=admins.LACKS)
def list_compliance_status(call: Call, req: t.ListComplianceStatusRequest) -> t.ListComplianceStatusResponse:
    admins.required(call, "ListComplianceStatus")
    policy = policies.find(call, req["PolicyId"])
    found, more = pages.page(enforcing.of(call, policy.id), req, lambda one: one.account, 100, errors.bad_token)
    rows: list[Any] = [{"PolicyOwner": call.account, "PolicyId": policy.id, "PolicyName": policy.name, "MemberAccount": one.account, "LastUpdated": one.changed, "IssueInfoMap": one.issues,
                        "EvaluationResults": [{"ComplianceStatus": "NON_COMPLIANT" if one.violators or one.issues else "COMPLIANT", "ViolatorCount": len(one.violators), "EvaluationLimitExceeded": False}]}
                       for one in found]
    return {"PolicyComplianceStatusList": rows, **more}  # type: ignore[typeddict-item]


def seen(call: Call, req: Any) -> enforcing.Compliance:
    policies.find(call, req["PolicyId"])
    if one := call.get(enforcing.Compliance, f"{req['PolicyId']}/{req['MemberAccount']}"):
        return one
    raise errors.missing(f"The policy has not been evaluated in the account {req['MemberAccount']}.")


@fms.op(resource=by_id, partly=admins.LACKS)
def get_compliance_detail(call: Call, req: t.GetComplianceDetailRequest) -> t.GetComplianceDetailResponse:
    admins.required(call, "GetComplianceDetail")
    one = seen(call, req)
    detail: Any = {"PolicyOwner": call.account, "PolicyId": one.policy, "MemberAccount": one.account, "Violators": one.violators[:100], "EvaluationLimitExceeded": len(one.violators) > 100,
                   "IssueInfoMap": one.issues}
    return {"PolicyComplianceDetail": detail}


@fms.op(resource=by_id, partly="Security groups' violations tell their target; partial matches and proposals are not built.")
def get_violation_details(call: Call, req: t.GetViolationDetailsRequest) -> t.GetViolationDetailsResponse:
    admins.required(call, "GetViolationDetails")
    one = seen(call, req)
    found = [each for each in one.violators if (each["ResourceId"], each["ResourceType"]) == (req["ResourceId"], req["ResourceType"])]
    if not found:
        raise errors.missing(f"The resource {req['ResourceId']} does not violate the policy.")
    kind, target = req["ResourceType"], req["ResourceId"]
    told: list[Any] = []
    if kind == "AWS::EC2::SecurityGroup":
        told = [{"AwsVPCSecurityGroupViolation": {"ViolationTarget": target, "ViolationTargetDescription": each["ViolationReason"]}} for each in found]
    elif kind == "AWS::EC2::Instance":
        told = [{"AwsEc2InstanceViolation": {"ViolationTarget": target}}]
    elif kind == "AWS::EC2::NetworkInterface":
        told = [{"AwsEc2NetworkInterfaceViolation": {"ViolationTarget": target}}]
    return {"ViolationDetail": {"PolicyId": one.policy, "MemberAccount": one.account, "ResourceId": target, "ResourceType": kind, "ResourceViolations": told,
                                "ResourceDescription": found[0]["ViolationReason"]}}
