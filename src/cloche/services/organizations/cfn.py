"""Organizations in templates: the organization, its units, accounts and policies."""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op, retag, steps

ORG = "organizations"
TAGS = retag(ORG, "TagResource", "UntagResource", ResourceId="{id}")
GONE = ("PolicyNotFoundException", "OrganizationalUnitNotFoundException", "AWSOrganizationsNotInUseException", "ResourcePolicyNotFoundException", "AccountNotFoundException")


def document(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


async def read_organization(r: Resource) -> None:
    one = (await r.do(ORG, "DescribeOrganization"))["Organization"]
    root = (await r.do(ORG, "ListRoots"))["Roots"][0]["Id"]
    r.attributes |= {"Arn": one["Arn"], "Id": one["Id"], "ManagementAccountArn": one["MasterAccountArn"], "ManagementAccountEmail": one["MasterAccountEmail"],
                     "ManagementAccountId": one["MasterAccountId"], "RootId": root}


async def create_organization(r: Resource) -> str:
    made = await r.do(ORG, "CreateOrganization", FeatureSet=r.get("FeatureSet"))
    r.physical = made["Organization"]["Id"]
    return str(r.physical)


async def update_organization(r: Resource) -> None:
    if r.changed("FeatureSet") and r.get("FeatureSet", "ALL") == "ALL":
        await r.do(ORG, "EnableAllFeatures")


# -- units ----------------------------------------------------------------------------------------------------------------------

async def create_unit(r: Resource) -> str:
    made = (await r.do(ORG, "CreateOrganizationalUnit", Name=r.get("Name"), ParentId=r.get("ParentId"), Tags=r.get("Tags")))["OrganizationalUnit"]
    r.physical = made["Id"]
    return str(r.physical)


async def read_unit(r: Resource) -> None:
    one = (await r.do(ORG, "DescribeOrganizationalUnit", OrganizationalUnitId=r.physical))["OrganizationalUnit"]
    r.attributes |= {"Arn": one["Arn"], "Id": one["Id"]}


# -- accounts -------------------------------------------------------------------------------------------------------------------

async def create_account(r: Resource) -> str:
    begun = await r.do(ORG, "CreateAccount", AccountName=r.get("AccountName"), Email=r.get("Email"), RoleName=r.get("RoleName"), Tags=r.get("Tags"))
    status = begun["CreateAccountStatus"]
    while status["State"] == "IN_PROGRESS":
        await r.wait(r.call.turn())
        status = (await r.do(ORG, "DescribeCreateAccountStatus", CreateAccountRequestId=status["Id"]))["CreateAccountStatus"]
    if status["State"] == "FAILED":
        raise AwsError("GeneralServiceException", f"CreateAccount failed: {status.get('FailureReason')}")
    r.physical = status["AccountId"]
    await place(r)
    return str(r.physical)


async def place(r: Resource) -> None:
    parents = r.get("ParentIds") or []
    if parents:
        now = (await r.do(ORG, "ListParents", ChildId=r.physical))["Parents"][0]["Id"]
        if now != parents[0]:
            await r.do(ORG, "MoveAccount", AccountId=r.physical, SourceParentId=now, DestinationParentId=parents[0])


async def read_account(r: Resource) -> None:
    one = (await r.do(ORG, "DescribeAccount", AccountId=r.physical))["Account"]
    r.attributes |= {"AccountId": one["Id"], "Arn": one["Arn"], "Status": one["Status"], "JoinedMethod": one["JoinedMethod"], "JoinedTimestamp": one["JoinedTimestamp"]}


async def update_account(r: Resource) -> None:
    if r.changed("AccountName", "Email", "RoleName"):
        raise AwsError("InvalidRequest", "AccountName, Email and RoleName of an account cannot be changed by a template.")
    await place(r)


# -- policies -------------------------------------------------------------------------------------------------------------------

async def create_policy(r: Resource) -> str:
    made = await r.do(ORG, "CreatePolicy", Name=r.get("Name"), Type=r.get("Type"), Content=document(r.get("Content")), Description=r.get("Description", ""), Tags=r.get("Tags"))
    r.physical = made["Policy"]["PolicySummary"]["Id"]
    await attach(r)
    return str(r.physical)


async def attach(r: Resource) -> None:
    new, old = r.get("TargetIds") or [], r.old.get("TargetIds") or []
    for target in [one for one in new if one not in old]:
        await r.do(ORG, "AttachPolicy", PolicyId=r.physical, TargetId=target)
    for target in [one for one in old if one not in new]:
        await r.do(ORG, "DetachPolicy", PolicyId=r.physical, TargetId=target)


async def update_policy(r: Resource) -> None:
    if r.changed("Name", "Content", "Description"):
        await r.do(ORG, "UpdatePolicy", PolicyId=r.physical, Name=r.get("Name"), Content=document(r.get("Content")), Description=r.get("Description", ""))
    await attach(r)


async def read_policy(r: Resource) -> None:
    one = (await r.do(ORG, "DescribePolicy", PolicyId=r.physical))["Policy"]["PolicySummary"]
    r.attributes |= {"Arn": one["Arn"], "Id": one["Id"], "AwsManaged": one["AwsManaged"]}


async def delete_policy(r: Resource) -> None:
    for one in (await r.do(ORG, "ListTargetsForPolicy", PolicyId=r.physical))["Targets"]:
        await r.do(ORG, "DetachPolicy", PolicyId=r.physical, TargetId=one["TargetId"])
    await r.do(ORG, "DeletePolicy", PolicyId=r.physical)


async def put_resource_policy(r: Resource) -> str:
    made = await r.do(ORG, "PutResourcePolicy", Content=document(r.get("Content")), Tags=None if r.old else r.get("Tags"))
    summary = made["ResourcePolicy"]["ResourcePolicySummary"]
    r.attributes |= {"Arn": summary["Arn"], "Id": summary["Id"]}
    return str(summary["Id"])


TYPES = {
    "AWS::Organizations::Organization": Type(
        create=create_organization, update=update_organization, read=read_organization, delete=op(ORG, "DeleteOrganization"), gone=GONE,
        attributes=("Arn", "Id", "ManagementAccountArn", "ManagementAccountEmail", "ManagementAccountId", "RootId")),
    "AWS::Organizations::OrganizationalUnit": Type(
        create=create_unit, update=steps(op(ORG, "UpdateOrganizationalUnit", OrganizationalUnitId="{id}", Name="{Name}"), TAGS), read=read_unit,
        delete=op(ORG, "DeleteOrganizationalUnit", OrganizationalUnitId="{id}"), gone=GONE, attributes=("Arn", "Id")),
    "AWS::Organizations::Account": Type(
        create=create_account, read=read_account, update=steps(update_account, TAGS), delete=op(ORG, "CloseAccount", AccountId="{id}"), gone=GONE,
        attributes=("AccountId", "Arn", "Status", "JoinedMethod", "JoinedTimestamp")),
    "AWS::Organizations::Policy": Type(create=create_policy, update=steps(update_policy, TAGS), read=read_policy, delete=delete_policy, gone=GONE, attributes=("Arn", "Id", "AwsManaged")),
    "AWS::Organizations::ResourcePolicy": Type(create=put_resource_policy, update=steps(put_resource_policy, TAGS), delete=op(ORG, "DeleteResourcePolicy"), gone=GONE, attributes=("Arn", "Id")),
}
