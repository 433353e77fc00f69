"""Identity pools in templates."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op

IDENTITY = "cognito-identity"
UNSENT = ("CognitoEvents", "CognitoStreams", "PushSync")


def settings(r: Resource) -> dict[str, Any]:
    return {"IdentityPoolName": r.get("IdentityPoolName") or r.logical, **{k: v for k, v in r.properties.items() if k not in UNSENT}}


async def create_pool(r: Resource) -> str:
    r.physical = (await r.do(IDENTITY, "CreateIdentityPool", **settings(r)))["IdentityPoolId"]
    r.attributes |= {"Id": r.physical, "Name": settings(r)["IdentityPoolName"]}
    return r.physical


async def update_pool(r: Resource) -> None:
    await r.do(IDENTITY, "UpdateIdentityPool", IdentityPoolId=r.physical, **settings(r))


async def attach(r: Resource) -> str:
    """Mappings are keyed by a name of the template's; the provider may be a value within."""
    mappings = {value.get("IdentityProvider", name): {k: v for k, v in value.items() if k != "IdentityProvider"} for name, value in (r.get("RoleMappings") or {}).items()}
    await r.do(IDENTITY, "SetIdentityPoolRoles", IdentityPoolId=r.properties["IdentityPoolId"], Roles=r.get("Roles") or {}, RoleMappings=mappings or None)
    return str(r.properties["IdentityPoolId"])


async def detach(r: Resource) -> None:
    await r.do(IDENTITY, "SetIdentityPoolRoles", IdentityPoolId=r.physical, Roles={})


TYPES = {
    "AWS::Cognito::IdentityPoolPrincipalTag": Type(
        create=op(IDENTITY, "SetPrincipalTagAttributeMap", send=True, physical="{IdentityPoolId}|{IdentityProviderName}"), update=op(IDENTITY, "SetPrincipalTagAttributeMap", send=True),
        delete=op(IDENTITY, "SetPrincipalTagAttributeMap", IdentityPoolId="{IdentityPoolId}", IdentityProviderName="{IdentityProviderName}", UseDefaults=False),
        replaces=("IdentityPoolId", "IdentityProviderName"), gone=("ResourceNotFoundException",)),
    "AWS::Cognito::IdentityPool": Type(create=create_pool, update=update_pool, delete=op(IDENTITY, "DeleteIdentityPool", IdentityPoolId="{id}"), gone=("ResourceNotFoundException",)),
    "AWS::Cognito::IdentityPoolRoleAttachment": Type(create=attach, update=attach, delete=detach,
                                                     replaces=("IdentityPoolId",), gone=("ResourceNotFoundException",)),
}
