"""Systems Manager in templates: Parameter, Document."""
from __future__ import annotations

import json
from typing import Any

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


async def create_document(r: Resource) -> str:
    content = r.properties["Content"]
    await r.do("ssm", "CreateDocument", Content=content if isinstance(content, str) else json.dumps(content), Name=r.properties["Name"], DocumentType=r.get("DocumentType"),
               DocumentFormat=r.get("DocumentFormat"), TargetType=r.get("TargetType"), VersionName=r.get("VersionName"), Requires=r.get("Requires"), Attachments=r.get("Attachments"),
               Tags=[{"Key": k, "Value": v} for k, v in tag_map(r.get("Tags")).items()] or None)
    return str(r.properties["Name"])


async def update_document(r: Resource) -> None:
    """A new version, which is the default at once; UpdateMethod Replace makes another document (`renewed`)."""
    if r.changed("Content", "DocumentFormat", "TargetType", "VersionName", "Attachments"):
        content = r.properties["Content"]
        made = await r.do("ssm", "UpdateDocument", Name=r.physical, Content=content if isinstance(content, str) else json.dumps(content), DocumentVersion="$LATEST",
                          DocumentFormat=r.get("DocumentFormat"), TargetType=r.get("TargetType"), VersionName=r.get("VersionName"), Attachments=r.get("Attachments"))
        await r.do("ssm", "UpdateDocumentDefaultVersion", Name=r.physical, DocumentVersion=made["DocumentDescription"]["DocumentVersion"])


def renewed(old: dict[str, Any], new: dict[str, Any], policies: dict[str, Any]) -> bool:
    return new.get("UpdateMethod", "Replace") == "Replace" and any(old.get(name) != new.get(name) for name in ("Content", "DocumentFormat", "TargetType", "VersionName", "Attachments", "Requires"))


TYPES = {
    "AWS::SSM::Document": Type(
        name="Name", limit=128, create=create_document, renews=renewed, delete=op("ssm", "DeleteDocument", Name="{id}"), gone=("InvalidDocument",),
        update=steps(update_document, retag("ssm", "AddTagsToResource", "RemoveTagsFromResource", ResourceType="Document", ResourceId="{id}"))),
    "AWS::SSM::Parameter": Type(
        name="Name", limit=1011, create=create, read=read, live=live, attributes=("Type", "Value"), delete=op("ssm", "DeleteParameter", Name="{id}"),
        update=steps(op("ssm", "PutParameter", send=True, skip=("Tags",), Overwrite=True),
                     retag("ssm", "AddTagsToResource", "RemoveTagsFromResource", ResourceType="Parameter", ResourceId="{id}"))),
}
