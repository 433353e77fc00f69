"""GuardDuty in templates."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import LETTERS, Resource, Type, op, tag_map

GUARD = "guardduty"


def tags(r: Resource) -> dict[str, str] | None:
    """GuardDuty's model lets no tag of AWS's own through."""
    return {key: value for key, value in tag_map(r.get("Tags")).items() if not key.startswith("aws:")} or None


def detail(r: Resource) -> dict[str, Any]:
    given = {name: r.get(name) for name in ("Enable", "FindingPublishingFrequency", "DataSources", "Features")}
    if given["Features"]:
        given["Features"] = [{"Name": one["Name"], "Status": one["Status"]} for one in given["Features"]]
    return given


async def create_detector(r: Resource) -> str:
    r.physical = (await r.do(GUARD, "CreateDetector", **detail(r), Tags=tags(r)))["DetectorId"]
    r.attributes["Id"] = r.physical
    return r.physical


async def update_detector(r: Resource) -> None:
    await r.do(GUARD, "UpdateDetector", DetectorId=r.physical, **detail(r))
    arn = r.call.arn(f"detector/{r.physical}", service=GUARD)
    if gone := [key for key in tag_map(r.old.get("Tags")) if key not in tag_map(r.get("Tags"))]:
        await r.do(GUARD, "UntagResource", ResourceArn=arn, TagKeys=gone)
    if r.changed("Tags") and tags(r):
        await r.do(GUARD, "TagResource", ResourceArn=arn, Tags=tags(r))


def _name(r: Resource) -> str:
    return str(r.get("Name") or f"{r.stack_name}-{r.logical}-{r.call.pick(LETTERS, 12)}")


async def create_filter(r: Resource) -> str:
    criteria = {"Criterion": {path: {word: value for word, value in one.items()} for path, one in (r.properties["FindingCriteria"].get("Criterion") or {}).items()}}
    return str((await r.do(GUARD, "CreateFilter", DetectorId=r.properties["DetectorId"], Name=_name(r), Description=r.get("Description"), Action=r.get("Action"), Rank=r.get("Rank"),
                           FindingCriteria=criteria, Tags=tags(r)))["Name"])


async def update_filter(r: Resource) -> None:
    await r.do(GUARD, "UpdateFilter", DetectorId=r.properties["DetectorId"], FilterName=r.physical, Description=r.get("Description"), Action=r.get("Action"), Rank=r.get("Rank"),
               FindingCriteria=r.get("FindingCriteria"))


def _list(noun: str, member: str) -> Type:
    async def create(r: Resource) -> str:
        made = await r.do(GUARD, f"Create{noun}", DetectorId=r.properties["DetectorId"], Name=_name(r), Format=r.properties["Format"], Location=r.properties["Location"],
                          Activate=r.get("Activate", True), ExpectedBucketOwner=r.get("ExpectedBucketOwner"), Tags=tags(r))
        r.attributes["Id"] = made[member]
        return str(made[member])

    async def update(r: Resource) -> None:
        await r.do(GUARD, f"Update{noun}", DetectorId=r.properties["DetectorId"], **{member: r.physical}, Name=r.get("Name"), Location=r.get("Location"), Activate=r.get("Activate"))
    return Type(create=create, update=update, delete=op(GUARD, f"Delete{noun}", DetectorId="{DetectorId}", **{member: "{id}"}), gone=("BadRequestException",), attributes=("Id",))


async def create_member(r: Resource) -> str:
    """As far as the template says: created, or invited too."""
    detector, account = r.properties["DetectorId"], r.properties["MemberId"]
    await r.do(GUARD, "CreateMembers", DetectorId=detector, AccountDetails=[{"AccountId": account, "Email": r.get("Email") or f"{account}@example.com"}])
    if r.get("Status") == "Invited":
        await r.do(GUARD, "InviteMembers", DetectorId=detector, AccountIds=[account], Message=r.get("Message"), DisableEmailNotification=r.get("DisableEmailNotification"))
    return str(account)


async def delete_member(r: Resource) -> None:
    detector = r.properties["DetectorId"]
    await r.do(GUARD, "DisassociateMembers", DetectorId=detector, AccountIds=[r.physical])
    await r.do(GUARD, "DeleteMembers", DetectorId=detector, AccountIds=[r.physical])


async def create_master(r: Resource) -> str:
    """Accepts the administrator's invitation: that which is named, or the one there is."""
    master, detector = r.properties["MasterId"], r.properties["DetectorId"]
    id_ = r.get("InvitationId") or next((one["InvitationId"] for one in (await r.do(GUARD, "ListInvitations"))["Invitations"] if one["AccountId"] == master), "none")
    await r.do(GUARD, "AcceptAdministratorInvitation", DetectorId=detector, AdministratorId=master, InvitationId=id_)
    return str(master)


async def create_destination(r: Resource) -> str:
    return str((await r.do(GUARD, "CreatePublishingDestination", DetectorId=r.properties["DetectorId"], DestinationType=r.properties["DestinationType"],
                           DestinationProperties=r.properties["DestinationProperties"], Tags=tags(r)))["DestinationId"])


GONE = ("BadRequestException",)
TYPES = {
    "AWS::GuardDuty::Detector": Type(create=create_detector, update=update_detector, delete=op(GUARD, "DeleteDetector", DetectorId="{id}"), gone=GONE, attributes=("Id",)),
    "AWS::GuardDuty::Filter": Type(create=create_filter, update=update_filter, delete=op(GUARD, "DeleteFilter", DetectorId="{DetectorId}", FilterName="{id}"), gone=GONE),
    "AWS::GuardDuty::IPSet": _list("IPSet", "IpSetId"),
    "AWS::GuardDuty::ThreatIntelSet": _list("ThreatIntelSet", "ThreatIntelSetId"),
    "AWS::GuardDuty::Member": Type(create=create_member, delete=delete_member, gone=GONE),
    "AWS::GuardDuty::Master": Type(create=create_master, delete=op(GUARD, "DisassociateFromAdministratorAccount", DetectorId="{DetectorId}"), gone=GONE),
    "AWS::GuardDuty::PublishingDestination": Type(
        create=create_destination, update=op(GUARD, "UpdatePublishingDestination", send=("DestinationProperties",), DetectorId="{DetectorId}", DestinationId="{id}"),
        delete=op(GUARD, "DeletePublishingDestination", DetectorId="{DetectorId}", DestinationId="{id}"), gone=GONE),
}
