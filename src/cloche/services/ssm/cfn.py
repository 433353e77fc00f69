"""Parameter Store in templates: AWS::SSM::Parameter."""
from __future__ import annotations

from cloche.services.cloudformation.public import Resource, Type, op, retag, steps, tag_map


async def create(r: Resource) -> str:
    tags = [{"Key": k, "Value": v} for k, v in tag_map(r.get("Tags")).items()]
    await r.do("ssm", "PutParameter", Tags=tags or None, **{k: v for k, v in r.properties.items() if k != "Tags"})
    return r.properties["Name"]


async def read(r: Resource) -> None:
    r.attributes |= {"Type": r.properties["Type"], "Value": r.properties["Value"]}


async def live(r: Resource) -> dict[str, object]:
    there = (await r.do("ssm", "GetParameter", Name=r.physical))["Parameter"]
    return {"Type": there["Type"], "Value": there["Value"]}


TYPES = {
    "AWS::SSM::Parameter": Type(
        name="Name", limit=1011, create=create, read=read, live=live, attributes=("Type", "Value"), delete=op("ssm", "DeleteParameter", Name="{id}"),
        update=steps(op("ssm", "PutParameter", send=True, skip=("Tags",), Overwrite=True),
                     retag("ssm", "AddTagsToResource", "RemoveTagsFromResource", ResourceType="Parameter", ResourceId="{id}"))),
}
