"""X-Ray in templates: Group, SamplingRule, ResourcePolicy."""
from __future__ import annotations

from cloche.services.cloudformation.public import Resource, Type, op, tag_map

XRAY = "xray"


async def retagged(r: Resource) -> None:
    old, new = tag_map(r.old.get("Tags")), tag_map(r.get("Tags"))
    if gone := [key for key in old if key not in new]:
        await r.do(XRAY, "UntagResource", ResourceARN=r.physical, TagKeys=gone)
    if new and new != old:
        await r.do(XRAY, "TagResource", ResourceARN=r.physical, Tags=[{"Key": key, "Value": value} for key, value in new.items()])


async def update_group(r: Resource) -> None:
    await r.do(XRAY, "UpdateGroup", GroupARN=r.physical, FilterExpression=r.get("FilterExpression", ""), InsightsConfiguration=r.get("InsightsConfiguration"))
    await retagged(r)


async def create_rule(r: Resource) -> str:
    made = await r.do(XRAY, "CreateSamplingRule", SamplingRule=r.properties["SamplingRule"], Tags=r.get("Tags"))
    r.attributes["RuleARN"] = made["SamplingRuleRecord"]["SamplingRule"]["RuleARN"]
    return str(r.attributes["RuleARN"])


async def update_rule(r: Resource) -> None:
    changes = {name: value for name, value in r.properties["SamplingRule"].items() if name not in ("RuleName", "RuleARN", "Version")}
    await r.do(XRAY, "UpdateSamplingRule", SamplingRuleUpdate={**changes, "RuleARN": r.physical})
    await retagged(r)


TYPES = {
    "AWS::XRay::Group": Type(name="GroupName", limit=32, create=op(XRAY, "CreateGroup", send=True, physical="Group.GroupARN", attributes={"GroupARN": "Group.GroupARN"}), update=update_group,
                             replaces=("GroupName",), delete=op(XRAY, "DeleteGroup", GroupARN="{id}"), gone=("InvalidRequestException",)),
    "AWS::XRay::SamplingRule": Type(create=create_rule, update=update_rule, delete=op(XRAY, "DeleteSamplingRule", RuleARN="{id}"), gone=("InvalidRequestException",)),
    "AWS::XRay::ResourcePolicy": Type(
        create=op(XRAY, "PutResourcePolicy", send=True, physical="{PolicyName}"), update=op(XRAY, "PutResourcePolicy", send=True), replaces=("PolicyName",),
        delete=op(XRAY, "DeleteResourcePolicy", PolicyName="{id}"), gone=("InvalidRequestException",)),
}
