"""The identity store in templates: User, Group, GroupMembership."""
from __future__ import annotations

from cloche.services.cloudformation.public import Resource, Type, op


async def update_group(r: Resource) -> None:
    changes = [{"AttributePath": path, "AttributeValue": r.get(name)} for name, path in (("DisplayName", "displayName"), ("Description", "description")) if r.changed(name)]
    if changes:
        await r.do("identitystore", "UpdateGroup", IdentityStoreId=r.properties["IdentityStoreId"], GroupId=r.attributes["GroupId"], Operations=changes)


# property -> the path by which UpdateUser knows it
PATHS = {"DisplayName": "displayName", "Name": "name", "NickName": "nickName", "ProfileUrl": "profileUrl", "UserType": "userType", "Title": "title", "PreferredLanguage": "preferredLanguage",
         "Locale": "locale", "Timezone": "timezone", "Website": "website", "Birthdate": "birthdate"}


async def create_user(r: Resource) -> str:
    made = await r.do("identitystore", "CreateUser", **r.properties)
    r.attributes["UserId"] = made["UserId"]
    r.physical = f"arn:aws:identitystore::{r.call.account}:user/{made['UserId']}"
    r.attributes["Arn"] = r.physical
    return r.physical


async def update_user(r: Resource) -> None:
    lower = lambda value: {key[:1].lower() + key[1:]: each for key, each in value.items()} if isinstance(value, dict) else value
    changes = [{"AttributePath": path, "AttributeValue": lower(r.get(name))} for name, path in PATHS.items() if r.changed(name)]
    if changes:
        await r.do("identitystore", "UpdateUser", IdentityStoreId=r.properties["IdentityStoreId"], UserId=r.attributes["UserId"], Operations=changes)


TYPES = {
    "AWS::IdentityStore::User": Type(create=create_user, update=update_user, attributes=("UserId", "Arn"), gone=("ResourceNotFoundException",),
                                     delete=op("identitystore", "DeleteUser", IdentityStoreId="{IdentityStoreId}", UserId="{.UserId}")),
    "AWS::IdentityStore::Group": Type(create=op("identitystore", "CreateGroup", send=True, attributes={"GroupId": "GroupId"}, physical="{.GroupId}|{IdentityStoreId}"), update=update_group,
                                      delete=op("identitystore", "DeleteGroup", IdentityStoreId="{IdentityStoreId}", GroupId="{.GroupId}")),
    "AWS::IdentityStore::GroupMembership": Type(
        create=op("identitystore", "CreateGroupMembership", send=True, attributes={"MembershipId": "MembershipId"}, physical="{.MembershipId}|{IdentityStoreId}"),
        delete=op("identitystore", "DeleteGroupMembership", IdentityStoreId="{IdentityStoreId}", MembershipId="{.MembershipId}")),
}
