"""KMS in templates: Key, ReplicaKey, Alias."""
from __future__ import annotations

import json

from cloche.services.cloudformation.public import Resource, Type, op, strings, tag_map


def tags(r: Resource) -> list[dict[str, str]] | None:
    return [{"TagKey": k, "TagValue": v} for k, v in tag_map(r.get("Tags")).items()] or None


async def create(r: Resource) -> str:
    policy = r.get("KeyPolicy")
    answer = await r.do("kms", "CreateKey", Policy=json.dumps(policy) if isinstance(policy, dict) else policy, Description=r.get("Description"), KeyUsage=r.get("KeyUsage"),
                        KeySpec=r.get("KeySpec"), Origin=r.get("Origin"), MultiRegion=r.get("MultiRegion"), Tags=tags(r),
                        BypassPolicyLockoutSafetyCheck=r.get("BypassPolicyLockoutSafetyCheck"))
    r.physical = answer["KeyMetadata"]["KeyId"]
    r.attributes |= {"Arn": answer["KeyMetadata"]["Arn"], "KeyId": r.physical}
    await switches(r)
    return r.physical


async def switches(r: Resource) -> None:
    if r.changed("EnableKeyRotation", "RotationPeriodInDays"):
        if strings(r.get("EnableKeyRotation", False)) == "true":
            await r.do("kms", "EnableKeyRotation", KeyId=r.physical, RotationPeriodInDays=r.get("RotationPeriodInDays"))
        elif r.old:
            await r.do("kms", "DisableKeyRotation", KeyId=r.physical)
    if r.changed("Enabled"):
        if strings(r.get("Enabled", True)) == "false":
            await r.do("kms", "DisableKey", KeyId=r.physical)
        elif r.old:
            await r.do("kms", "EnableKey", KeyId=r.physical)


async def update(r: Resource) -> None:
    if r.changed("KeyPolicy") and r.get("KeyPolicy"):
        await r.do("kms", "PutKeyPolicy", KeyId=r.physical, PolicyName="default", Policy=json.dumps(r.properties["KeyPolicy"]))
    if r.changed("Description"):
        await r.do("kms", "UpdateKeyDescription", KeyId=r.physical, Description=r.get("Description", ""))
    await switches(r)
    new, old = tag_map(r.get("Tags")), tag_map(r.old.get("Tags"))
    if gone := [x for x in old if x not in new and not x.startswith("aws:")]:
        await r.do("kms", "UntagResource", KeyId=r.physical, TagKeys=gone)
    if new != old and tags(r):
        await r.do("kms", "TagResource", KeyId=r.physical, Tags=tags(r))


async def delete(r: Resource) -> None:
    await r.do("kms", "ScheduleKeyDeletion", KeyId=r.physical, PendingWindowInDays=r.get("PendingWindowInDays", 30))


async def replicate(r: Resource) -> str:
    """Asked in the primary's region; the replica is in the stack's."""
    _, _, _, region, account, rest = r.properties["PrimaryKeyArn"].split(":", 5)
    there, policy, id_ = r.call.at(account, region), r.get("KeyPolicy"), rest.removeprefix("key/")
    there.do("kms", "ReplicateKey", KeyId=id_, ReplicaRegion=r.call.region, Policy=json.dumps(policy) if isinstance(policy, dict) else policy,
             **({"Description": r.get("Description")} if r.get("Description") else {}), **({"Tags": tags(r)} if tags(r) else {}))
    r.physical = r.attributes["KeyId"] = id_
    r.attributes["Arn"] = f"arn:aws:kms:{r.call.region}:{account}:{rest}"
    await switches(r)
    return r.physical


TYPES = {
    "AWS::KMS::ReplicaKey": Type(create=replicate, update=update, delete=delete, attributes=("Arn", "KeyId"), gone=("NotFoundException",)),
    "AWS::KMS::Key": Type(create=create, update=update, delete=delete),
    "AWS::KMS::Alias": Type(create=op("kms", "CreateAlias", send=True, physical="{AliasName}"), update=op("kms", "UpdateAlias", send=True),
                            delete=op("kms", "DeleteAlias", AliasName="{id}")),
}
