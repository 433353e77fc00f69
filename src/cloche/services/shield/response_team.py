"""The Shield Response Team: the role and buckets it may use, and whom it calls. Nobody of it is here; what is settled is kept, and asked of IAM and S3 as on AWS."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Need, Record

from . import errors
from . import service as shield
from .subscriptions import Subscription, held

if TYPE_CHECKING:
    from cloche.shapes import shield as t

TEAM = "drt.shield.amazonaws.com"
POLICY = "arn:aws:iam::aws:policy/service-role/AWSShieldDRTAccessPolicy"
MOST_BUCKETS, MOST_CONTACTS = 10, 10


class Access(Record, frozen=True):
    kind = "shield.response-team"
    scope = "account"

    role: str = ""
    buckets: tuple[str, ...] = ()
    contacts: list[dict[str, str]] = []
    proactive: str = "DISABLED"

    @property
    def key(self) -> str:
        return "access"


def access(call: Call) -> Access:
    return call.get(Access, "access") or Access()


def subscribed(call: Call) -> Subscription:
    found = held(call)
    if found is None:
        raise errors.no_subscription()
    return found


# -- access -------------------------------------------------------------------------------------------------------------------

def _role_needs(call: Call, req: Any) -> list[Need]:
    return [Need("shield:AssociateDRTRole", "*"), Need("iam:PassRole", req["RoleArn"], {"iam:PassedToService": TEAM}), Need("iam:GetRole", req["RoleArn"]), Need("iam:ListAttachedRolePolicies", req["RoleArn"])]


@shield.op(needs=_role_needs)
def associate_drt_role(call: Call, req: t.AssociateDRTRoleRequest) -> t.AssociateDRTRoleResponse:
    subscribed(call)
    name, inside = req["RoleArn"].rpartition("/")[2], call.as_root()
    try:
        role = inside.do("iam", "GetRole", RoleName=name)["Role"]
        attached = inside.do("iam", "ListAttachedRolePolicies", RoleName=name)["AttachedPolicies"]
    except AwsError:
        raise errors.no_role(req["RoleArn"]) from None
    trusts = json.dumps(role["AssumeRolePolicyDocument"])
    if role["Arn"] != req["RoleArn"] or TEAM not in trusts or POLICY not in [one["PolicyArn"] for one in attached]:
        raise errors.bad_role(req["RoleArn"])
    call.put(access(call).but(role=req["RoleArn"]))
    return {}


@shield.op(ANY)
def disassociate_drt_role(call: Call, req: Any) -> t.DisassociateDRTRoleResponse:
    subscribed(call)
    call.put(access(call).but(role="", buckets=()))     # it cannot reach them any more
    return {}


def _bucket_needs(call: Call, req: Any) -> list[Need]:
    verb, bucket = "Associate" if call.op.startswith("Associate") else "Disassociate", f"arn:aws:s3:::{req['LogBucket']}"
    return [Need(f"shield:{verb}DRTLogBucket", "*"), Need("s3:GetBucketPolicy", bucket, account=call.account), Need("s3:PutBucketPolicy" if verb == "Associate" else "s3:DeleteBucketPolicy", bucket, account=call.account)]


@shield.op(needs=_bucket_needs)
def associate_drt_log_bucket(call: Call, req: t.AssociateDRTLogBucketRequest) -> t.AssociateDRTLogBucketResponse:
    subscribed(call)
    now = access(call)
    if not now.role:
        raise errors.no_team_role()
    try:
        call.as_root().do("s3", "HeadBucket", Bucket=req["LogBucket"])
    except AwsError:
        raise errors.no_bucket(req["LogBucket"]) from None
    buckets = tuple(dict.fromkeys((*now.buckets, req["LogBucket"])))
    if len(buckets) > MOST_BUCKETS:
        raise errors.limit("LOG_BUCKET", MOST_BUCKETS)
    call.put(now.but(buckets=buckets))
    return {}


@shield.op(needs=_bucket_needs)
def disassociate_drt_log_bucket(call: Call, req: t.DisassociateDRTLogBucketRequest) -> t.DisassociateDRTLogBucketResponse:
    subscribed(call)
    now = access(call)
    if not now.role:
        raise errors.no_team_role()
    if req["LogBucket"] not in now.buckets:
        raise errors.no_bucket(req["LogBucket"])
    call.put(now.but(buckets=tuple(one for one in now.buckets if one != req["LogBucket"])))
    return {}


@shield.op(ANY)
def describe_drt_access(call: Call, req: Any) -> t.DescribeDRTAccessResponse:
    subscribed(call)
    now = access(call)
    return {"LogBucketList": list(now.buckets), **({"RoleArn": now.role} if now.role else {})}  # type: ignore[typeddict-item]


# -- contacts -----------------------------------------------------------------------------------------------------------------

def _contacts(given: list[dict[str, str]], phone: bool) -> list[dict[str, str]]:
    if phone and not any(one.get("PhoneNumber") for one in given):
        raise errors.invalid("At least one phone number is required in the emergency contact list.")
    return [dict(one) for one in given]


@shield.op(ANY)
def associate_proactive_engagement_details(call: Call, req: t.AssociateProactiveEngagementDetailsRequest) -> t.AssociateProactiveEngagementDetailsResponse:
    subscribed(call)
    now = access(call)
    if now.proactive != "DISABLED":
        raise errors.wrong_moment("Proactive engagement has been initialized already.")
    call.put(now.but(contacts=_contacts(req["EmergencyContactList"], True), proactive="PENDING"))     # AWS calls, and enables it afterwards: nobody calls here
    return {}


@shield.op(ANY)
def enable_proactive_engagement(call: Call, req: Any) -> t.EnableProactiveEngagementResponse:
    subscribed(call)
    now = access(call)
    _contacts(now.contacts, True)
    call.put(now.but(proactive="ENABLED"))
    return {}


@shield.op(ANY)
def disable_proactive_engagement(call: Call, req: Any) -> t.DisableProactiveEngagementResponse:
    subscribed(call)
    call.put(access(call).but(proactive="DISABLED"))
    return {}


@shield.op(ANY)
def update_emergency_contact_settings(call: Call, req: t.UpdateEmergencyContactSettingsRequest) -> t.UpdateEmergencyContactSettingsResponse:
    subscribed(call)
    now = access(call)
    call.put(now.but(contacts=_contacts(req.get("EmergencyContactList") or [], now.proactive != "DISABLED")))
    return {}


@shield.op(ANY)
def describe_emergency_contact_settings(call: Call, req: Any) -> t.DescribeEmergencyContactSettingsResponse:
    subscribed(call)
    return {"EmergencyContactList": access(call).contacts}  # type: ignore[typeddict-item]
