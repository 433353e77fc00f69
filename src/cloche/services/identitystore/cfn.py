"""The identity store in templates: Group, GroupMembership."""
from __future__ import annotations

from cloche.services.cloudformation.public import Resource, Type, op


async def update_group(r: Resource) -> None:
    changes = [{"AttributePath": path, "AttributeValue": r.get(name)} for name, path in (("DisplayName", "displayName"), ("Description", "description")) if r.changed(name)]
    if changes:
        await r.do("identitystore", "UpdateGroup", IdentityStoreId=r.properties["IdentityStoreId"], GroupId=r.attributes["GroupId"], Operations=changes)


TYPES = {
    "AWS::IdentityStore::Group": Type(create=op("identitystore", "CreateGroup", send=True, attributes={"GroupId": "GroupId"}, physical="{.GroupId}|{IdentityStoreId}"), update=update_group,
                                      delete=op("identitystore", "DeleteGroup", IdentityStoreId="{IdentityStoreId}", GroupId="{.GroupId}")),
    "AWS::IdentityStore::GroupMembership": Type(
        create=op("identitystore", "CreateGroupMembership", send=True, attributes={"MembershipId": "MembershipId"}, physical="{.MembershipId}|{IdentityStoreId}"),
        delete=op("identitystore", "DeleteGroupMembership", IdentityStoreId="{IdentityStoreId}", MembershipId="{.MembershipId}")),
}
