"""Firewall Manager in templates."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op, retag, steps

FMS = "fms"
UNSENT = ("DeleteAllPolicyResources", "Tags", "ResourcesCleanUp")


def policy(r: Resource) -> dict[str, Any]:
    """Renamed where the API has another name: ResourcesCleanUp, and ORGUNIT in the maps."""
    given = {name: value for name, value in r.properties.items() if name not in UNSENT}
    if "ResourcesCleanUp" in r.properties:
        given["DeleteUnusedFMManagedResources"] = r.get("ResourcesCleanUp")
    given.setdefault("ResourceType", "ResourceTypeList")
    for name in ("IncludeMap", "ExcludeMap"):
        if name in given:
            given[name] = {"ORG_UNIT" if key == "ORGUNIT" else key: value for key, value in given[name].items()}
    return given


async def create_policy(r: Resource) -> str:
    tags = {"TagList": r.get("Tags")} if r.get("Tags") else {}
    made = await r.do(FMS, "PutPolicy", Policy=policy(r), **tags)
    r.physical = made["Policy"]["PolicyId"]
    r.attributes |= {"Arn": made["PolicyArn"], "Id": r.physical}
    return r.physical


async def update_policy(r: Resource) -> None:
    token = (await r.do(FMS, "GetPolicy", PolicyId=r.physical))["Policy"]["PolicyUpdateToken"]
    made = await r.do(FMS, "PutPolicy", Policy={**policy(r), "PolicyId": r.physical, "PolicyUpdateToken": token})
    r.attributes |= {"Arn": made["PolicyArn"], "Id": r.physical}


async def delete_policy(r: Resource) -> None:
    await r.do(FMS, "DeletePolicy", PolicyId=r.physical, DeleteAllPolicyResources=r.get("DeleteAllPolicyResources", False))


def resource_set(r: Resource) -> dict[str, Any]:
    return {name: value for name, value in r.properties.items() if name in ("Name", "Description", "ResourceTypeList")}


async def create_set(r: Resource) -> str:
    tags = {"TagList": r.get("Tags")} if r.get("Tags") else {}
    r.physical = (await r.do(FMS, "PutResourceSet", ResourceSet=resource_set(r), **tags))["ResourceSet"]["Id"]
    r.attributes["Id"] = r.physical
    if r.get("Resources"):
        await r.do(FMS, "BatchAssociateResource", ResourceSetIdentifier=r.physical, Items=r.get("Resources"))
    return r.physical


async def update_set(r: Resource) -> None:
    token = (await r.do(FMS, "GetResourceSet", Identifier=r.physical))["ResourceSet"]["UpdateToken"]
    await r.do(FMS, "PutResourceSet", ResourceSet={**resource_set(r), "Id": r.physical, "UpdateToken": token})
    old, new = set(r.old.get("Resources") or []), set(r.get("Resources") or [])
    if new - old:
        await r.do(FMS, "BatchAssociateResource", ResourceSetIdentifier=r.physical, Items=sorted(new - old))
    if old - new:
        await r.do(FMS, "BatchDisassociateResource", ResourceSetIdentifier=r.physical, Items=sorted(old - new))
    r.attributes["Id"] = r.physical


def a_list(noun: str, member: str, items: str) -> Type:
    """AWS::FMS::ApplicationsList, AWS::FMS::ProtocolsList."""

    async def put(r: Resource) -> str:
        given = {"ListName": r.get("ListName"), items: r.get(items)}
        if r.physical:
            now = (await r.do(FMS, f"Get{noun}List", ListId=r.attributes["ListId"]))[member]
            given |= {"ListId": now["ListId"], "ListUpdateToken": now["ListUpdateToken"]}
        made = await r.do(FMS, f"Put{noun}List", **{member: given}, TagList=r.get("Tags") if not r.physical else None)
        r.attributes |= {"Arn": made[f"{member}Arn"], "ListId": made[member]["ListId"]}
        r.physical = r.attributes["Arn"]
        return str(r.physical)

    return Type(create=put, update=steps(put, retag(FMS, "TagResource", "UntagResource", tags="TagList", ResourceArn="{id}")), delete=op(FMS, f"Delete{noun}List", ListId="{.ListId}"),
                gone=GONE, attributes=("Arn", "ListId"))


GONE = ("ResourceNotFoundException", "AccessDeniedException")
TYPES = {
    "AWS::FMS::ApplicationsList": a_list("Apps", "AppsList", "AppsList"),
    "AWS::FMS::ProtocolsList": a_list("Protocols", "ProtocolsList", "ProtocolsList"),
    "AWS::FMS::Policy": Type(create=create_policy, update=update_policy, delete=delete_policy, gone=GONE, attributes=("Arn", "Id")),
    "AWS::FMS::ResourceSet": Type(create=create_set, update=update_set, delete=op(FMS, "DeleteResourceSet", Identifier="{id}"), gone=GONE, attributes=("Id",)),
    "AWS::FMS::NotificationChannel": Type(create=op(FMS, "PutNotificationChannel", send=True, physical="{SnsTopicArn}"), update=op(FMS, "PutNotificationChannel", send=True),
                                          delete=op(FMS, "DeleteNotificationChannel"), gone=GONE),
}
