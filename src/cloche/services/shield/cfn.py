"""Shield Advanced in templates. The subscription itself is not the template's: it must be there."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op, retag, steps

SHIELD = "shield"
GONE = ("ResourceNotFoundException",)


# -- protections ----------------------------------------------------------------------------------------------------------------

async def create_protection(r: Resource) -> str:
    id_ = (await r.do(SHIELD, "CreateProtection", Name=r.get("Name"), ResourceArn=r.get("ResourceArn"), Tags=r.get("Tags")))["ProtectionId"]
    r.attributes |= {"ProtectionId": id_, "ProtectionArn": f"arn:aws:shield::{r.call.account}:protection/{id_}"}
    r.physical = r.attributes["ProtectionArn"]
    await settle(r)
    return r.physical


async def settle(r: Resource) -> None:
    """Health checks and the automatic answer."""
    new, old, id_ = r.get("HealthCheckArns") or [], r.old.get("HealthCheckArns") or [], r.attributes["ProtectionId"]
    for arn in [one for one in old if one not in new]:
        await r.do(SHIELD, "DisassociateHealthCheck", ProtectionId=id_, HealthCheckArn=arn)
    for arn in [one for one in new if one not in old]:
        await r.do(SHIELD, "AssociateHealthCheck", ProtectionId=id_, HealthCheckArn=arn)
    if r.changed("ApplicationLayerAutomaticResponseConfiguration"):
        now, before = (_answer(source.get("ApplicationLayerAutomaticResponseConfiguration")) for source in (r.properties, r.old))
        if now:
            await r.do(SHIELD, "UpdateApplicationLayerAutomaticResponse" if before else "EnableApplicationLayerAutomaticResponse", ResourceArn=r.get("ResourceArn"), Action=now)
        elif before:
            await r.do(SHIELD, "DisableApplicationLayerAutomaticResponse", ResourceArn=r.get("ResourceArn"))


def _answer(config: Any) -> Any:
    return config["Action"] if config and config.get("Status") == "ENABLED" else None


# -- the response team ----------------------------------------------------------------------------------------------------------

async def team(r: Resource) -> str:
    if r.changed("RoleArn"):
        await r.do(SHIELD, "AssociateDRTRole", RoleArn=r.get("RoleArn"))
    new, old = r.get("LogBucketList") or [], r.old.get("LogBucketList") or []
    for bucket in [one for one in new if one not in old]:
        await r.do(SHIELD, "AssociateDRTLogBucket", LogBucket=bucket)
    for bucket in [one for one in old if one not in new]:
        await r.do(SHIELD, "DisassociateDRTLogBucket", LogBucket=bucket)
    r.attributes["AccountId"] = r.call.account
    return str(r.call.account)


async def engage(r: Resource) -> str:
    if not r.old:
        await r.do(SHIELD, "AssociateProactiveEngagementDetails", EmergencyContactList=r.get("EmergencyContactList"))
    elif r.changed("EmergencyContactList"):
        await r.do(SHIELD, "UpdateEmergencyContactSettings", EmergencyContactList=r.get("EmergencyContactList"))
    await r.do(SHIELD, "EnableProactiveEngagement" if r.get("ProactiveEngagementStatus") == "ENABLED" else "DisableProactiveEngagement")
    r.attributes["AccountId"] = r.call.account
    return str(r.call.account)


async def disengage(r: Resource) -> None:
    await r.do(SHIELD, "DisableProactiveEngagement")
    await r.do(SHIELD, "UpdateEmergencyContactSettings", EmergencyContactList=[])


async def group_arn(r: Resource) -> None:
    r.attributes["ProtectionGroupArn"] = f"arn:aws:shield::{r.call.account}:protection-group/{r.get('ProtectionGroupId')}"


TYPES = {
    "AWS::Shield::Protection": Type(create=create_protection, update=steps(settle, retag(SHIELD, "TagResource", "UntagResource", ResourceARN="{id}")),
                                    delete=op(SHIELD, "DeleteProtection", ProtectionId="{.ProtectionId}"), gone=GONE, attributes=("ProtectionId", "ProtectionArn")),
    "AWS::Shield::ProtectionGroup": Type(
        create=op(SHIELD, "CreateProtectionGroup", send=True, physical="{ProtectionGroupId}"), read=group_arn, attributes=("ProtectionGroupArn",), gone=GONE,
        update=steps(op(SHIELD, "UpdateProtectionGroup", send=True, skip=("Tags",)), retag(SHIELD, "TagResource", "UntagResource", ResourceARN="{.ProtectionGroupArn}")),
        delete=op(SHIELD, "DeleteProtectionGroup", ProtectionGroupId="{ProtectionGroupId}")),
    "AWS::Shield::DRTAccess": Type(create=team, update=team, delete=op(SHIELD, "DisassociateDRTRole"), gone=GONE, attributes=("AccountId",)),
    "AWS::Shield::ProactiveEngagement": Type(create=engage, update=engage, delete=disengage, gone=GONE, attributes=("AccountId",)),
}
