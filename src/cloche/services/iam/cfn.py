"""IAM in templates: roles, policies, users, groups, instance profiles, access keys."""
from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op, retag, steps

NAME = {"Role": "RoleName", "User": "UserName", "Group": "GroupName"}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def document(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def held(r: Resource, kind: str) -> dict[str, str]:
    return {NAME[kind]: r.physical}


async def attach(r: Resource, kind: str) -> None:
    """Managed and inline policies as the template lists them."""
    new, old = r.get("ManagedPolicyArns") or [], r.old.get("ManagedPolicyArns") or []
    for arn in new:
        if arn not in old:
            await r.do("iam", f"Attach{kind}Policy", **held(r, kind), PolicyArn=arn)
    for arn in old:
        if arn not in new:
            await r.do("iam", f"Detach{kind}Policy", **held(r, kind), PolicyArn=arn)
    inline = {one["PolicyName"]: one["PolicyDocument"] for one in r.get("Policies") or []}
    before = {one["PolicyName"]: one["PolicyDocument"] for one in r.old.get("Policies") or []}
    for name, policy in inline.items():
        if before.get(name) != policy:
            await r.do("iam", f"Put{kind}Policy", **held(r, kind), PolicyName=name, PolicyDocument=document(policy))
    for name in before:
        if name not in inline:
            await r.do("iam", f"Delete{kind}Policy", **held(r, kind), PolicyName=name)


async def strip(r: Resource, kind: str) -> None:
    """What hangs on it, also what others hung there, so that it can be deleted."""
    attached = await r.do("iam", f"ListAttached{kind}Policies", **held(r, kind))
    for one in attached["AttachedPolicies"]:
        await r.do("iam", f"Detach{kind}Policy", **held(r, kind), PolicyArn=one["PolicyArn"])
    for name in (await r.do("iam", f"List{kind}Policies", **held(r, kind)))["PolicyNames"]:
        await r.do("iam", f"Delete{kind}Policy", **held(r, kind), PolicyName=name)


# -- roles ----------------------------------------------------------------------------------------------------------------

async def create_role(r: Resource) -> str:
    answer = await r.do("iam", "CreateRole", RoleName=r.properties["RoleName"], AssumeRolePolicyDocument=document(r.properties["AssumeRolePolicyDocument"]),
                        Path=r.get("Path"), Description=r.get("Description"), MaxSessionDuration=r.get("MaxSessionDuration"),
                        PermissionsBoundary=r.get("PermissionsBoundary"), Tags=r.get("Tags"))
    r.physical = answer["Role"]["RoleName"]
    r.attributes |= {"Arn": answer["Role"]["Arn"], "RoleId": answer["Role"]["RoleId"]}
    await attach(r, "Role")
    return r.physical


async def update_role(r: Resource) -> None:
    if r.changed("AssumeRolePolicyDocument"):
        await r.do("iam", "UpdateAssumeRolePolicy", RoleName=r.physical, PolicyDocument=document(r.properties["AssumeRolePolicyDocument"]))
    if r.changed("Description", "MaxSessionDuration"):
        await r.do("iam", "UpdateRole", RoleName=r.physical, Description=r.get("Description", ""), MaxSessionDuration=r.get("MaxSessionDuration", 3600))
    await bound(r, "Role")
    await attach(r, "Role")


async def bound(r: Resource, kind: str) -> None:
    if r.changed("PermissionsBoundary"):
        if boundary := r.get("PermissionsBoundary"):
            await r.do("iam", f"Put{kind}PermissionsBoundary", **held(r, kind), PermissionsBoundary=boundary)
        else:
            await r.do("iam", f"Delete{kind}PermissionsBoundary", **held(r, kind))


async def delete_role(r: Resource) -> None:
    await strip(r, "Role")
    for one in (await r.do("iam", "ListInstanceProfilesForRole", RoleName=r.physical)).get("InstanceProfiles", []):
        await r.do("iam", "RemoveRoleFromInstanceProfile", InstanceProfileName=one["InstanceProfileName"], RoleName=r.physical)
    await r.do("iam", "DeleteRole", RoleName=r.physical)


# -- users and groups -------------------------------------------------------------------------------------------------------

async def create_user(r: Resource) -> str:
    answer = await r.do("iam", "CreateUser", UserName=r.properties["UserName"], Path=r.get("Path"), PermissionsBoundary=r.get("PermissionsBoundary"), Tags=r.get("Tags"))
    r.physical = answer["User"]["UserName"]
    r.attributes["Arn"] = answer["User"]["Arn"]
    if login := r.get("LoginProfile"):
        await r.do("iam", "CreateLoginProfile", UserName=r.physical, Password=login["Password"], PasswordResetRequired=login.get("PasswordResetRequired"))
    await attach(r, "User")
    await join(r)
    return r.physical


async def join(r: Resource) -> None:
    new, old = r.get("Groups") or [], r.old.get("Groups") or []
    for group in new:
        if group not in old:
            await r.do("iam", "AddUserToGroup", GroupName=group, UserName=r.physical)
    for group in old:
        if group not in new:
            await r.do("iam", "RemoveUserFromGroup", GroupName=group, UserName=r.physical)


async def update_user(r: Resource) -> None:
    if r.changed("Path"):
        await r.do("iam", "UpdateUser", UserName=r.physical, NewPath=r.get("Path", "/"))
    if r.changed("LoginProfile"):
        new, old = r.get("LoginProfile"), r.old.get("LoginProfile")
        if new is None:
            await r.do("iam", "DeleteLoginProfile", UserName=r.physical)
        else:
            await r.do("iam", "UpdateLoginProfile" if old else "CreateLoginProfile", UserName=r.physical, Password=new["Password"],
                       PasswordResetRequired=new.get("PasswordResetRequired"))
    await bound(r, "User")
    await attach(r, "User")
    await join(r)


async def delete_user(r: Resource) -> None:
    await strip(r, "User")
    for one in (await r.do("iam", "ListGroupsForUser", UserName=r.physical))["Groups"]:
        await r.do("iam", "RemoveUserFromGroup", GroupName=one["GroupName"], UserName=r.physical)
    if r.get("LoginProfile"):
        await r.do("iam", "DeleteLoginProfile", UserName=r.physical)
    await r.do("iam", "DeleteUser", UserName=r.physical)


async def create_group(r: Resource) -> str:
    answer = await r.do("iam", "CreateGroup", GroupName=r.properties["GroupName"], Path=r.get("Path"))
    r.physical = answer["Group"]["GroupName"]
    r.attributes["Arn"] = answer["Group"]["Arn"]
    await attach(r, "Group")
    return r.physical


async def update_group(r: Resource) -> None:
    if r.changed("Path"):
        await r.do("iam", "UpdateGroup", GroupName=r.physical, NewPath=r.get("Path", "/"))
    await attach(r, "Group")


async def delete_group(r: Resource) -> None:
    await strip(r, "Group")
    await r.do("iam", "DeleteGroup", GroupName=r.physical)


async def members(r: Resource) -> str:
    new, old = r.get("Users") or [], r.old.get("Users") or []
    for user in new:
        if user not in old:
            await r.do("iam", "AddUserToGroup", GroupName=r.properties["GroupName"], UserName=user)
    for user in old:
        if user not in new:
            await r.do("iam", "RemoveUserFromGroup", GroupName=r.properties["GroupName"], UserName=user)
    return r.physical or f"{r.stack_name}-{r.logical}-{r.call.pick(LETTERS, 12)}"


async def disband(r: Resource) -> None:
    for user in r.get("Users") or []:
        await r.do("iam", "RemoveUserFromGroup", GroupName=r.properties["GroupName"], UserName=user)


# -- policies ---------------------------------------------------------------------------------------------------------------

HOLDERS = (("Roles", "Role"), ("Users", "User"), ("Groups", "Group"))


async def put_inline(r: Resource) -> str:
    """AWS::IAM::Policy: one inline policy on several roles, users and groups."""
    name = r.properties["PolicyName"]
    for prop, kind in HOLDERS:
        for holder in r.get(prop) or []:
            await r.do("iam", f"Put{kind}Policy", **{NAME[kind]: holder}, PolicyName=name, PolicyDocument=document(r.properties["PolicyDocument"]))
        for holder in r.old.get(prop) or []:
            if holder not in (r.get(prop) or []) or r.changed("PolicyName"):
                await r.do("iam", f"Delete{kind}Policy", **{NAME[kind]: holder}, PolicyName=r.old["PolicyName"])
    return r.physical or f"{r.stack_name[:4]}-{r.logical[:4]}-{r.call.pick(LETTERS, 12)}"


async def drop_inline(r: Resource) -> None:
    for prop, kind in HOLDERS:
        for holder in r.get(prop) or []:
            await r.do("iam", f"Delete{kind}Policy", **{NAME[kind]: holder}, PolicyName=r.properties["PolicyName"])


async def create_managed(r: Resource) -> str:
    answer = await r.do("iam", "CreatePolicy", PolicyName=r.properties["ManagedPolicyName"], PolicyDocument=document(r.properties["PolicyDocument"]), Path=r.get("Path"),
                        Description=r.get("Description"), Tags=r.get("Tags"))
    r.physical = answer["Policy"]["Arn"]
    r.attributes |= {"PolicyArn": r.physical, "PolicyId": answer["Policy"]["PolicyId"]}
    await spread(r)
    return r.physical


async def spread(r: Resource) -> None:
    for prop, kind in HOLDERS:
        new, old = r.get(prop) or [], r.old.get(prop) or []
        for holder in new:
            if holder not in old:
                await r.do("iam", f"Attach{kind}Policy", **{NAME[kind]: holder}, PolicyArn=r.physical)
        for holder in old:
            if holder not in new:
                await r.do("iam", f"Detach{kind}Policy", **{NAME[kind]: holder}, PolicyArn=r.physical)


async def update_managed(r: Resource) -> None:
    if r.changed("PolicyDocument"):
        versions = (await r.do("iam", "ListPolicyVersions", PolicyArn=r.physical))["Versions"]
        if len(versions) >= 5:  # the oldest makes room
            oldest = min((x for x in versions if not x["IsDefaultVersion"]), key=lambda x: int(x["VersionId"][1:]))
            await r.do("iam", "DeletePolicyVersion", PolicyArn=r.physical, VersionId=oldest["VersionId"])
        await r.do("iam", "CreatePolicyVersion", PolicyArn=r.physical, PolicyDocument=document(r.properties["PolicyDocument"]), SetAsDefault=True)
    await spread(r)


async def delete_managed(r: Resource) -> None:
    held_by = await r.do("iam", "ListEntitiesForPolicy", PolicyArn=r.physical)
    for list_, kind in (("PolicyRoles", "Role"), ("PolicyUsers", "User"), ("PolicyGroups", "Group")):
        for one in held_by.get(list_, []):
            await r.do("iam", f"Detach{kind}Policy", **{NAME[kind]: one[NAME[kind]]}, PolicyArn=r.physical)
    for one in (await r.do("iam", "ListPolicyVersions", PolicyArn=r.physical))["Versions"]:
        if not one["IsDefaultVersion"]:
            await r.do("iam", "DeletePolicyVersion", PolicyArn=r.physical, VersionId=one["VersionId"])
    await r.do("iam", "DeletePolicy", PolicyArn=r.physical)


# -- instance profiles and keys ---------------------------------------------------------------------------------------------

async def create_profile(r: Resource) -> str:
    answer = await r.do("iam", "CreateInstanceProfile", InstanceProfileName=r.properties["InstanceProfileName"], Path=r.get("Path"))
    r.physical = answer["InstanceProfile"]["InstanceProfileName"]
    r.attributes["Arn"] = answer["InstanceProfile"]["Arn"]
    await fill(r)
    return r.physical


async def fill(r: Resource) -> None:
    new, old = r.get("Roles") or [], r.old.get("Roles") or []
    for role in [x for x in old if x not in new]:
        await r.do("iam", "RemoveRoleFromInstanceProfile", InstanceProfileName=r.physical, RoleName=role)
    for role in [x for x in new if x not in old]:
        await r.do("iam", "AddRoleToInstanceProfile", InstanceProfileName=r.physical, RoleName=role)


async def delete_profile(r: Resource) -> None:
    answer = await r.do("iam", "GetInstanceProfile", InstanceProfileName=r.physical)
    for role in answer["InstanceProfile"]["Roles"]:
        await r.do("iam", "RemoveRoleFromInstanceProfile", InstanceProfileName=r.physical, RoleName=role["RoleName"])
    await r.do("iam", "DeleteInstanceProfile", InstanceProfileName=r.physical)


async def create_key(r: Resource) -> str:
    answer = (await r.do("iam", "CreateAccessKey", UserName=r.properties["UserName"]))["AccessKey"]
    r.attributes["SecretAccessKey"] = answer["SecretAccessKey"]
    if r.get("Status") == "Inactive":
        await r.do("iam", "UpdateAccessKey", UserName=r.properties["UserName"], AccessKeyId=answer["AccessKeyId"], Status="Inactive")
    return answer["AccessKeyId"]


async def live_role(r: Resource) -> dict[str, Any]:
    there = (await r.do("iam", "GetRole", RoleName=r.physical))["Role"]
    attached = (await r.do("iam", "ListAttachedRolePolicies", RoleName=r.physical))["AttachedPolicies"]
    return {"AssumeRolePolicyDocument": json.loads(unquote(there["AssumeRolePolicyDocument"])), "Path": there["Path"], "Description": there.get("Description", ""),
            "MaxSessionDuration": there["MaxSessionDuration"], "ManagedPolicyArns": [x["PolicyArn"] for x in attached]}


# -- one inline policy on one holder ------------------------------------------------------------------------------------------

def inline(kind: str) -> Type:
    """AWS::IAM::RolePolicy and its like."""
    holder = NAME[kind]

    async def put(r: Resource) -> str:
        await r.do("iam", f"Put{kind}Policy", **{holder: r.properties[holder]}, PolicyName=r.properties["PolicyName"], PolicyDocument=document(r.properties["PolicyDocument"]))
        return f"{r.properties['PolicyName']}|{r.properties[holder]}"

    return Type(create=put, update=put, delete=op("iam", f"Delete{kind}Policy", **{holder: f"{{{holder}}}"}, PolicyName="{PolicyName}"), gone=("NoSuchEntity",))


# -- providers, certificates, devices, linked roles ---------------------------------------------------------------------------

async def create_oidc(r: Resource) -> str:
    made = await r.do("iam", "CreateOpenIDConnectProvider", Url=r.get("Url"), ClientIDList=r.get("ClientIdList"), ThumbprintList=r.get("ThumbprintList"), Tags=r.get("Tags"))
    r.physical = r.attributes["Arn"] = made["OpenIDConnectProviderArn"]
    return str(r.physical)


async def update_oidc(r: Resource) -> None:
    new, old = r.get("ClientIdList") or [], r.old.get("ClientIdList") or []
    for one in [each for each in new if each not in old]:
        await r.do("iam", "AddClientIDToOpenIDConnectProvider", OpenIDConnectProviderArn=r.physical, ClientID=one)
    for one in [each for each in old if each not in new]:
        await r.do("iam", "RemoveClientIDFromOpenIDConnectProvider", OpenIDConnectProviderArn=r.physical, ClientID=one)
    if r.changed("ThumbprintList") and r.get("ThumbprintList"):
        await r.do("iam", "UpdateOpenIDConnectProviderThumbprint", OpenIDConnectProviderArn=r.physical, ThumbprintList=r.get("ThumbprintList"))


async def create_saml(r: Resource) -> str:
    made = await r.do("iam", "CreateSAMLProvider", Name=r.properties["Name"], SAMLMetadataDocument=r.get("SamlMetadataDocument"), Tags=r.get("Tags"),
                      AssertionEncryptionMode=r.get("AssertionEncryptionMode"), AddPrivateKey=r.get("AddPrivateKey"))
    r.physical = r.attributes["Arn"] = made["SAMLProviderArn"]
    return str(r.physical)


async def update_saml(r: Resource) -> None:
    if r.changed("SamlMetadataDocument"):
        await r.do("iam", "UpdateSAMLProvider", SAMLProviderArn=r.physical, SAMLMetadataDocument=r.get("SamlMetadataDocument"))


async def create_certificate(r: Resource) -> str:
    made = await r.do("iam", "UploadServerCertificate", ServerCertificateName=r.properties["ServerCertificateName"], CertificateBody=r.get("CertificateBody"), PrivateKey=r.get("PrivateKey"),
                      CertificateChain=r.get("CertificateChain"), Path=r.get("Path"), Tags=r.get("Tags"))
    r.physical, r.attributes["Arn"] = made["ServerCertificateMetadata"]["ServerCertificateName"], made["ServerCertificateMetadata"]["Arn"]
    return str(r.physical)


async def update_certificate(r: Resource) -> None:
    if r.changed("Path"):
        await r.do("iam", "UpdateServerCertificate", ServerCertificateName=r.physical, NewPath=r.get("Path", "/"))
        r.attributes["Arn"] = (await r.do("iam", "GetServerCertificate", ServerCertificateName=r.physical))["ServerCertificate"]["ServerCertificateMetadata"]["Arn"]


async def create_linked(r: Resource) -> str:
    made = await r.do("iam", "CreateServiceLinkedRole", AWSServiceName=r.get("AWSServiceName"), CustomSuffix=r.get("CustomSuffix"), Description=r.get("Description"))
    r.physical = r.attributes["RoleName"] = made["Role"]["RoleName"]
    return str(r.physical)


async def delete_linked(r: Resource) -> None:
    """Gone when its task says so."""
    task = (await r.do("iam", "DeleteServiceLinkedRole", RoleName=r.physical))["DeletionTaskId"]
    said = await r.do("iam", "GetServiceLinkedRoleDeletionStatus", DeletionTaskId=task)
    while said["Status"] in ("NOT_STARTED", "IN_PROGRESS"):
        await r.wait(r.call.turn())
        said = await r.do("iam", "GetServiceLinkedRoleDeletionStatus", DeletionTaskId=task)
    if said["Status"] == "FAILED":
        raise AwsError("InvalidRequest", f"Deleting the role failed: {(said.get('Reason') or {}).get('Reason')}")


async def create_device(r: Resource) -> str:
    """A device that nobody holds yet: its two codes come from a person, and a template cannot wait for them."""
    made = await r.do("iam", "CreateVirtualMFADevice", VirtualMFADeviceName=r.properties["VirtualMfaDeviceName"], Path=r.get("Path"), Tags=r.get("Tags"))
    r.physical = r.attributes["SerialNumber"] = made["VirtualMFADevice"]["SerialNumber"]
    return str(r.physical)


TYPES = {
    **{f"AWS::IAM::{kind}Policy": inline(kind) for kind in NAME},
    "AWS::IAM::OIDCProvider": Type(
        create=create_oidc, update=steps(update_oidc, retag("iam", "TagOpenIDConnectProvider", "UntagOpenIDConnectProvider", OpenIDConnectProviderArn="{id}")), attributes=("Arn",),
        delete=op("iam", "DeleteOpenIDConnectProvider", OpenIDConnectProviderArn="{id}"), gone=("NoSuchEntity",)),
    "AWS::IAM::SAMLProvider": Type(
        name="Name", limit=128, create=create_saml, update=steps(update_saml, retag("iam", "TagSAMLProvider", "UntagSAMLProvider", SAMLProviderArn="{id}")), attributes=("Arn",),
        delete=op("iam", "DeleteSAMLProvider", SAMLProviderArn="{id}"), gone=("NoSuchEntity",)),
    "AWS::IAM::ServerCertificate": Type(
        name="ServerCertificateName", limit=128, create=create_certificate, attributes=("Arn",), gone=("NoSuchEntity",),
        update=steps(update_certificate, retag("iam", "TagServerCertificate", "UntagServerCertificate", ServerCertificateName="{id}")),
        delete=op("iam", "DeleteServerCertificate", ServerCertificateName="{id}")),
    "AWS::IAM::ServiceLinkedRole": Type(create=create_linked, update=op("iam", "UpdateRole", RoleName="{id}", Description="{Description}"), delete=delete_linked, gone=("NoSuchEntity",),
                                        attributes=("RoleName",)),
    "AWS::IAM::VirtualMFADevice": Type(
        name="VirtualMfaDeviceName", limit=128, create=create_device, update=retag("iam", "TagMFADevice", "UntagMFADevice", SerialNumber="{id}"), attributes=("SerialNumber",),
        delete=op("iam", "DeleteVirtualMFADevice", SerialNumber="{id}"), gone=("NoSuchEntity",)),
    "AWS::IAM::Role": Type(name="RoleName", limit=64, create=create_role, live=live_role, update=steps(update_role, retag("iam", "TagRole", "UntagRole", RoleName="{id}")), delete=delete_role),
    "AWS::IAM::User": Type(name="UserName", limit=64, create=create_user, update=steps(update_user, retag("iam", "TagUser", "UntagUser", UserName="{id}")), delete=delete_user),
    "AWS::IAM::Group": Type(name="GroupName", limit=128, create=create_group, update=update_group, delete=delete_group),
    "AWS::IAM::UserToGroupAddition": Type(create=members, update=members, delete=disband, replaces=("GroupName",)),
    "AWS::IAM::Policy": Type(create=put_inline, update=put_inline, delete=drop_inline),
    "AWS::IAM::ManagedPolicy": Type(name="ManagedPolicyName", limit=128, create=create_managed, update=update_managed, delete=delete_managed),
    "AWS::IAM::InstanceProfile": Type(name="InstanceProfileName", limit=128, create=create_profile, update=fill, delete=delete_profile),
    "AWS::IAM::AccessKey": Type(
        create=create_key, update=op("iam", "UpdateAccessKey", UserName="{UserName}", AccessKeyId="{id}", Status="{Status}"),
        delete=op("iam", "DeleteAccessKey", UserName="{UserName}", AccessKeyId="{id}")),
}
