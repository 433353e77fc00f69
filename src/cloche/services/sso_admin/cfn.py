"""Identity Center in templates: Instance, InstanceAccessControlAttributeConfiguration, PermissionSet, Assignment, Application, ApplicationAssignment."""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op, retag, steps

ASKED = ("InstanceArn", "PermissionSetArn", "TargetType", "TargetId", "PrincipalType", "PrincipalId")


def at(r: Resource) -> dict[str, str]:
    return {"InstanceArn": r.properties["InstanceArn"], "PermissionSetArn": r.attributes["PermissionSetArn"]}


async def create_set(r: Resource) -> str:
    made = await r.do("sso-admin", "CreatePermissionSet", InstanceArn=r.properties["InstanceArn"], Name=r.properties["Name"], Description=r.get("Description"),
                      SessionDuration=r.get("SessionDuration"), RelayState=r.get("RelayStateType"), Tags=r.get("Tags"))
    r.attributes["PermissionSetArn"] = made["PermissionSet"]["PermissionSetArn"]
    r.physical = "|".join(at(r).values())
    await policies(r)
    return r.physical


async def policies(r: Resource) -> None:
    for arn in r.get("ManagedPolicies") or []:
        if arn not in (r.old.get("ManagedPolicies") or []):
            await r.do("sso-admin", "AttachManagedPolicyToPermissionSet", **at(r), ManagedPolicyArn=arn)
    for arn in r.old.get("ManagedPolicies") or []:
        if arn not in (r.get("ManagedPolicies") or []):
            await r.do("sso-admin", "DetachManagedPolicyFromPermissionSet", **at(r), ManagedPolicyArn=arn)
    new, old = (source.get("CustomerManagedPolicyReferences") or [] for source in (r.properties, r.old))
    for one in [each for each in new if each not in old]:
        await r.do("sso-admin", "AttachCustomerManagedPolicyReferenceToPermissionSet", **at(r), CustomerManagedPolicyReference=one)
    for one in [each for each in old if each not in new]:
        await r.do("sso-admin", "DetachCustomerManagedPolicyReferenceFromPermissionSet", **at(r), CustomerManagedPolicyReference=one)
    if r.changed("InlinePolicy"):
        if inline := r.get("InlinePolicy"):
            await r.do("sso-admin", "PutInlinePolicyToPermissionSet", **at(r), InlinePolicy=inline if isinstance(inline, str) else json.dumps(inline))
        elif r.old.get("InlinePolicy"):
            await r.do("sso-admin", "DeleteInlinePolicyFromPermissionSet", **at(r))
    if r.changed("PermissionsBoundary"):
        if boundary := r.get("PermissionsBoundary"):
            await r.do("sso-admin", "PutPermissionsBoundaryToPermissionSet", **at(r), PermissionsBoundary=boundary)
        else:
            await r.do("sso-admin", "DeletePermissionsBoundaryFromPermissionSet", **at(r))


async def update_set(r: Resource) -> None:
    """What changed reaches the accounts at once, as it does on AWS when CloudFormation changes a set."""
    if r.changed("Description", "SessionDuration", "RelayStateType"):
        await r.do("sso-admin", "UpdatePermissionSet", **at(r), Description=r.get("Description"), SessionDuration=r.get("SessionDuration"), RelayState=r.get("RelayStateType"))
    await policies(r)
    await r.do("sso-admin", "ProvisionPermissionSet", **at(r), TargetType="ALL_PROVISIONED_ACCOUNTS")


async def assign(r: Resource) -> str:
    asked = {name: r.properties[name] for name in ASKED}
    begun = await r.do("sso-admin", "CreateAccountAssignment", **asked)
    r.attributes["RequestId"] = begun["AccountAssignmentCreationStatus"]["RequestId"]
    return "|".join(asked.values())


async def assigned(r: Resource) -> Any:
    found = await r.do("sso-admin", "DescribeAccountAssignmentCreationStatus", InstanceArn=r.properties["InstanceArn"], AccountAssignmentCreationRequestId=r.attributes["RequestId"])
    status = found["AccountAssignmentCreationStatus"]
    if status["Status"] == "FAILED":
        raise AwsError("GeneralServiceException", status["FailureReason"])
    return status["Status"] == "SUCCEEDED"


async def unassign(r: Resource) -> None:
    """Done when it is done: the set itself may be next to go."""
    begun = await r.do("sso-admin", "DeleteAccountAssignment", **{name: r.properties[name] for name in ASKED})
    status = begun["AccountAssignmentDeletionStatus"]
    while status["Status"] == "IN_PROGRESS":
        await r.wait(r.call.turn())
        found = await r.do("sso-admin", "DescribeAccountAssignmentDeletionStatus", InstanceArn=r.properties["InstanceArn"], AccountAssignmentDeletionRequestId=status["RequestId"])
        status = found["AccountAssignmentDeletionStatus"]


async def attributes(r: Resource) -> str:
    given = r.get("AccessControlAttributes") or r.get("InstanceAccessControlAttributeConfiguration", {}).get("AccessControlAttributes", [])
    await r.do("sso-admin", "UpdateInstanceAccessControlAttributeConfiguration" if r.physical else "CreateInstanceAccessControlAttributeConfiguration", InstanceArn=r.properties["InstanceArn"],
               InstanceAccessControlAttributeConfiguration={"AccessControlAttributes": given})
    return str(r.properties["InstanceArn"])


async def create_application(r: Resource) -> str:
    made = await r.do("sso-admin", "CreateApplication", **{name: value for name, value in r.properties.items() if name != "Tags"}, Tags=r.get("Tags"))
    r.physical = r.attributes["ApplicationArn"] = made["ApplicationArn"]
    return str(r.physical)


TYPES = {
    "AWS::SSO::Application": Type(
        create=create_application, update=steps(op("sso-admin", "UpdateApplication", send=("Name", "Description", "PortalOptions", "Status"), ApplicationArn="{id}"),
                                                retag("sso-admin", "TagResource", "UntagResource", ResourceArn="{id}")),
        delete=op("sso-admin", "DeleteApplication", ApplicationArn="{id}"), gone=("ResourceNotFoundException",), attributes=("ApplicationArn",)),
    "AWS::SSO::ApplicationAssignment": Type(
        create=op("sso-admin", "CreateApplicationAssignment", send=True, physical="{ApplicationArn}|{PrincipalType}|{PrincipalId}"), gone=("ResourceNotFoundException",),
        delete=op("sso-admin", "DeleteApplicationAssignment", ApplicationArn="{ApplicationArn}", PrincipalId="{PrincipalId}", PrincipalType="{PrincipalType}")),
    "AWS::SSO::Instance": Type(create=op("sso-admin", "CreateInstance", send=True, attributes={"InstanceArn": "InstanceArn"}, physical="InstanceArn"),
                               update=steps(op("sso-admin", "UpdateInstance", InstanceArn="{id}", Name="{Name}"), retag("sso-admin", "TagResource", "UntagResource", ResourceArn="{id}")),
                               delete=op("sso-admin", "DeleteInstance", InstanceArn="{id}")),
    "AWS::SSO::InstanceAccessControlAttributeConfiguration": Type(
        create=attributes, update=attributes, delete=op("sso-admin", "DeleteInstanceAccessControlAttributeConfiguration", InstanceArn="{id}")),
    "AWS::SSO::PermissionSet": Type(
        name="Name", limit=32, create=create_set,
        update=steps(update_set, retag("sso-admin", "TagResource", "UntagResource", InstanceArn="{InstanceArn}", ResourceArn="{.PermissionSetArn}")),
        delete=op("sso-admin", "DeletePermissionSet", InstanceArn="{InstanceArn}", PermissionSetArn="{.PermissionSetArn}")),
    "AWS::SSO::Assignment": Type(create=assign, ready=assigned, delete=unassign, attributes=("RequestId",)),
}
