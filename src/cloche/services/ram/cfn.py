"""Resource Access Manager in templates: ResourceShare, and what is associated with one elsewhere."""
from __future__ import annotations

from cloche.services.cloudformation.public import Resource, Type, tag_map


def tags(r: Resource) -> list[dict[str, str]] | None:
    return [{"key": key, "value": value} for key, value in tag_map(r.get("Tags")).items()] or None


async def create(r: Resource) -> str:
    made = await r.do("ram", "CreateResourceShare", name=r.properties["Name"], resourceArns=r.get("ResourceArns"), principals=r.get("Principals"), permissionArns=r.get("PermissionArns"),
                      allowExternalPrincipals=r.get("AllowExternalPrincipals"), tags=tags(r))
    r.attributes["Arn"] = made["resourceShare"]["resourceShareArn"]
    return str(r.attributes["Arn"])


async def update(r: Resource) -> None:
    if r.changed("Name", "AllowExternalPrincipals"):
        await r.do("ram", "UpdateResourceShare", resourceShareArn=r.physical, name=r.properties["Name"], allowExternalPrincipals=r.get("AllowExternalPrincipals"))
    for prop, member in (("ResourceArns", "resourceArns"), ("Principals", "principals")):
        new, old = r.get(prop) or [], r.old.get(prop) or []
        if fresh := [one for one in new if one not in old]:
            await r.do("ram", "AssociateResourceShare", resourceShareArn=r.physical, **{member: fresh})
        if gone := [one for one in old if one not in new]:
            await r.do("ram", "DisassociateResourceShare", resourceShareArn=r.physical, **{member: gone})
    if r.changed("Tags"):
        if gone := [key for key in tag_map(r.old.get("Tags")) if key not in tag_map(r.get("Tags"))]:
            await r.do("ram", "UntagResource", resourceShareArn=r.physical, tagKeys=gone)
        if tags(r):
            await r.do("ram", "TagResource", resourceShareArn=r.physical, tags=tags(r))


async def delete(r: Resource) -> None:
    await r.do("ram", "DeleteResourceShare", resourceShareArn=r.physical)


async def joined(r: Resource) -> str:
    member, value = ("principals", r.get("Principal")) if "Principal" in r.properties else ("resourceArns", r.get("ResourceArn"))
    await r.do("ram", "AssociateResourceShare", resourceShareArn=r.properties["ResourceShareArn"], **{member: [value]})
    return f"{r.properties['ResourceShareArn']}|{value}"


async def left(r: Resource) -> None:
    member, value = ("principals", r.get("Principal")) if "Principal" in r.properties else ("resourceArns", r.get("ResourceArn"))
    await r.do("ram", "DisassociateResourceShare", resourceShareArn=r.properties["ResourceShareArn"], **{member: [value]})


TYPES = {
    "AWS::RAM::ResourceShare": Type(create=create, update=update, delete=delete),
    "AWS::RAM::PrincipalAssociation": Type(create=joined, delete=left),
    "AWS::RAM::ResourceAssociation": Type(create=joined, delete=left),
}
