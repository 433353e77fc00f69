"""Cognito in templates. Properties are the API's own but for a few names."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op
from cloche.services.cognito_identity import cfn as identity_pools

IDP = "cognito-idp"
MFAS = {"SMS_MFA": {}, "SOFTWARE_TOKEN_MFA": {"SoftwareTokenMfaConfiguration": {"Enabled": True}}, "EMAIL_OTP": {"EmailMfaConfiguration": {}}}
FIXED = ("UserPoolName", "EnabledMfas", "Schema", "AliasAttributes", "UsernameAttributes", "UsernameConfiguration", "EmailAuthenticationMessage", "EmailAuthenticationSubject", "WebAuthnRelyingPartyID",
         "WebAuthnUserVerification", "WebAuthnFactorConfiguration")


def settings(r: Resource, *skip: str) -> dict[str, Any]:
    return {k: v for k, v in r.properties.items() if k not in skip}


def known(r: Resource) -> None:
    provider = f"cognito-idp.{r.call.region}.amazonaws.com/{r.physical}"
    r.attributes |= {"UserPoolId": r.physical, "Arn": f"arn:aws:cognito-idp:{r.call.region}:{r.call.account}:userpool/{r.physical}", "ProviderName": provider,
                     "ProviderURL": f"https://{provider}"}


async def mfa(r: Resource) -> None:
    enabled = r.get("EnabledMfas") or []
    if not enabled or r.get("MfaConfiguration", "OFF") == "OFF":
        return
    asked: dict[str, Any] = {}
    for name in enabled:
        asked |= MFAS.get(name, {})
    if "SMS_MFA" in enabled:
        asked["SmsMfaConfiguration"] = {"SmsConfiguration": r.get("SmsConfiguration")} if r.get("SmsConfiguration") else {}
    await r.do(IDP, "SetUserPoolMfaConfig", UserPoolId=r.physical, MfaConfiguration=r.get("MfaConfiguration"), **asked)


async def create_pool(r: Resource) -> str:
    given = settings(r, "UserPoolName", *[f for f in FIXED if f not in ("Schema", "AliasAttributes", "UsernameAttributes", "UsernameConfiguration")])
    answer = await r.do(IDP, "CreateUserPool", PoolName=r.get("UserPoolName") or f"{r.logical}-{r.call.pick('abcdefghijklmnopqrstuvwxyz', 12)}", **given)
    r.physical = answer["UserPool"]["Id"]
    known(r)
    await mfa(r)
    return r.physical


async def update_pool(r: Resource) -> None:
    await r.do(IDP, "UpdateUserPool", UserPoolId=r.physical, PoolName=r.get("UserPoolName"), **settings(r, *FIXED))
    await mfa(r)
    old = {a["Name"] for a in r.old.get("Schema") or []}
    if fresh := [a for a in r.get("Schema") or [] if a["Name"] not in old]:
        await r.do(IDP, "AddCustomAttributes", UserPoolId=r.physical, CustomAttributes=fresh)
    known(r)


async def create_client(r: Resource) -> str:
    answer = await r.do(IDP, "CreateUserPoolClient", ClientName=r.get("ClientName") or f"{r.logical}-{r.call.pick('abcdefghijklmnopqrstuvwxyz', 12)}", **settings(r, "ClientName"))
    made = answer["UserPoolClient"]
    r.physical = made["ClientId"]
    r.attributes |= {"ClientId": r.physical, "Name": made["ClientName"]} | ({"ClientSecret": made["ClientSecret"]} if "ClientSecret" in made else {})
    return r.physical


async def update_client(r: Resource) -> None:
    await r.do(IDP, "UpdateUserPoolClient", ClientId=r.physical, **settings(r, "GenerateSecret"))


async def create_user(r: Resource) -> str:
    """In a pool whose people sign in by email or phone the user's name is made by the pool."""
    answer = await r.do(IDP, "AdminCreateUser", **{"Username": r.logical, **settings(r)})
    return str(answer["User"]["Username"])


async def create_risk(r: Resource) -> str:
    """A template's ClientId ALL is the whole pool."""
    client = r.get("ClientId", "ALL")
    await r.do(IDP, "SetRiskConfiguration", **settings(r, "ClientId"), **({} if client == "ALL" else {"ClientId": client}))
    return f"UserPoolRiskConfigurationAttachment-{r.get('UserPoolId')}-{client}"


async def delete_risk(r: Resource) -> None:
    client = r.get("ClientId", "ALL")
    await r.do(IDP, "SetRiskConfiguration", UserPoolId=r.get("UserPoolId"), **({} if client == "ALL" else {"ClientId": client}))


TYPES = identity_pools.TYPES | {
    "AWS::Cognito::UserPool": Type(create=create_pool, update=update_pool, attributes=("ProviderName", "ProviderURL", "Arn", "UserPoolId"), delete=op(IDP, "DeleteUserPool", UserPoolId="{id}"), gone=("ResourceNotFoundException",),
                                   replaces=("AliasAttributes", "UsernameAttributes", "UsernameConfiguration")),
    "AWS::Cognito::UserPoolClient": Type(create=create_client, update=update_client, attributes=("ClientSecret", "Name", "ClientId"), replaces=("UserPoolId", "GenerateSecret"), gone=("ResourceNotFoundException",),
                                         delete=op(IDP, "DeleteUserPoolClient", UserPoolId="{UserPoolId}", ClientId="{id}")),
    "AWS::Cognito::UserPoolDomain": Type(
        create=op(IDP, "CreateUserPoolDomain", send=True, physical="{Domain}"), delete=op(IDP, "DeleteUserPoolDomain", UserPoolId="{UserPoolId}", Domain="{id}"),
        replaces=("Domain", "UserPoolId"), gone=("ResourceNotFoundException", "InvalidParameterException")),
    "AWS::Cognito::UserPoolGroup": Type(
        create=op(IDP, "CreateGroup", send=True, physical="Group.GroupName"), update=op(IDP, "UpdateGroup", send=True, GroupName="{id}"), name="GroupName",
        delete=op(IDP, "DeleteGroup", UserPoolId="{UserPoolId}", GroupName="{id}"), replaces=("UserPoolId", "GroupName"), gone=("ResourceNotFoundException",)),
    "AWS::Cognito::UserPoolUser": Type(create=create_user, delete=op(IDP, "AdminDeleteUser", UserPoolId="{UserPoolId}", Username="{id}"),
                                       gone=("ResourceNotFoundException", "UserNotFoundException")),
    "AWS::Cognito::UserPoolUserToGroupAttachment": Type(
        create=op(IDP, "AdminAddUserToGroup", send=True, physical="{UserPoolId}-{GroupName}-{Username}"),
        delete=op(IDP, "AdminRemoveUserFromGroup", UserPoolId="{UserPoolId}", GroupName="{GroupName}", Username="{Username}"),
        gone=("ResourceNotFoundException", "UserNotFoundException")),
    "AWS::Cognito::UserPoolIdentityProvider": Type(
        create=op(IDP, "CreateIdentityProvider", send=True, physical="{ProviderName}"), update=op(IDP, "UpdateIdentityProvider", send=True, skip=("ProviderType",)),
        replaces=("UserPoolId", "ProviderName", "ProviderType"), delete=op(IDP, "DeleteIdentityProvider", UserPoolId="{UserPoolId}", ProviderName="{id}"), gone=("ResourceNotFoundException",)),
    "AWS::Cognito::UserPoolUICustomizationAttachment": Type(
        create=op(IDP, "SetUICustomization", send=True, physical="UserPoolUICustomizationAttachment-{UserPoolId}-{ClientId}"), update=op(IDP, "SetUICustomization", send=True),
        delete=op(IDP, "SetUICustomization", UserPoolId="{UserPoolId}", ClientId="{ClientId}", CSS=""), replaces=("UserPoolId", "ClientId"), gone=("ResourceNotFoundException", "InvalidParameterException")),
    "AWS::Cognito::UserPoolRiskConfigurationAttachment": Type(
        create=create_risk, update=create_risk, delete=delete_risk,
        replaces=("UserPoolId", "ClientId"), gone=("ResourceNotFoundException", "UserPoolAddOnNotEnabledException")),
    "AWS::Cognito::LogDeliveryConfiguration": Type(
        create=op(IDP, "SetLogDeliveryConfiguration", send=True, physical="{UserPoolId}"), update=op(IDP, "SetLogDeliveryConfiguration", send=True),
        delete=op(IDP, "SetLogDeliveryConfiguration", UserPoolId="{id}", LogConfigurations=[]), replaces=("UserPoolId",), gone=("ResourceNotFoundException",)),
    "AWS::Cognito::UserPoolResourceServer": Type(
        create=op(IDP, "CreateResourceServer", send=True, physical="{Identifier}"), update=op(IDP, "UpdateResourceServer", send=True), replaces=("UserPoolId", "Identifier"),
        delete=op(IDP, "DeleteResourceServer", UserPoolId="{UserPoolId}", Identifier="{id}"), gone=("ResourceNotFoundException",)),
}
