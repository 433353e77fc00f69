"""Users, groups and memberships of an identity store."""
import pytest

from cloche.testing.people import Person, allow, refused


@pytest.fixture
def store(cloud):
    cloud.client("sso-admin").create_instance()
    return cloud.client("identitystore"), cloud.client("identitystore").list_identity_stores()["IdentityStores"][0]["IdentityStoreId"]


def test_a_user_is_made_found_changed_and_deleted(store):
    client, id = store
    made = client.create_user(IdentityStoreId=id, UserName="Ada", DisplayName="Ada L", Name={"GivenName": "Ada", "FamilyName": "L"}, Emails=[{"Value": "a@example.com", "Type": "work", "Primary": True}])
    assert made["UserArn"] == f"arn:aws:identitystore:::user/{made['UserId']}"
    refused("ConflictException", client.create_user, IdentityStoreId=id, UserName="ada")
    refused("ValidationException", client.create_user, IdentityStoreId=id, DisplayName="nobody")
    for path, value in (("userName", "ADA"), ("emails.value", "a@example.com")):
        assert client.get_user_id(IdentityStoreId=id, AlternateIdentifier={"UniqueAttribute": {"AttributePath": path, "AttributeValue": value}})["UserId"] == made["UserId"]
    client.update_user(IdentityStoreId=id, UserId=made["UserId"], Operations=[
        {"AttributePath": "title", "AttributeValue": "Countess"}, {"AttributePath": "name.familyName", "AttributeValue": "Lovelace"}, {"AttributePath": "displayName"},
        {"AttributePath": "emails", "AttributeValue": [{"value": "b@example.com"}]}])
    found = client.describe_user(IdentityStoreId=id, UserId=made["UserId"])
    assert found["Title"] == "Countess" and found["Name"] == {"GivenName": "Ada", "FamilyName": "Lovelace"} and "DisplayName" not in found and found["Emails"] == [{"Value": "b@example.com"}]
    assert [one["UserId"] for one in client.list_users(IdentityStoreId=id, Filters=[{"AttributePath": "UserName", "AttributeValue": "ada"}])["Users"]] == [made["UserId"]]
    refused("ValidationException", client.list_users, IdentityStoreId=id, Filters=[{"AttributePath": "Title", "AttributeValue": "x"}])
    client.delete_user(IdentityStoreId=id, UserId=made["UserId"])
    assert "USER" in refused("ResourceNotFoundException", client.describe_user, IdentityStoreId=id, UserId=made["UserId"])
    client.create_user(IdentityStoreId=id, UserName="ada")


def test_users_are_paged(store):
    client, id = store
    for i in range(5):
        client.create_user(IdentityStoreId=id, UserName=f"u{i}")
    first = client.list_users(IdentityStoreId=id, MaxResults=3)
    rest = client.list_users(IdentityStoreId=id, MaxResults=3, NextToken=first["NextToken"])
    assert [one["UserName"] for one in first["Users"] + rest["Users"]] == [f"u{i}" for i in range(5)] and "NextToken" not in rest
    refused("ValidationException", client.list_users, IdentityStoreId=id, NextToken="garbage!")


def test_groups_have_members_and_forget_them_with_either(store):
    client, id = store
    at = {"IdentityStoreId": id}
    group = client.create_group(**at, DisplayName="builders", Description="d")["GroupId"]
    refused("ConflictException", client.create_group, **at, DisplayName="Builders")
    ada, bea = (client.create_user(**at, UserName=name)["UserId"] for name in ("ada", "bea"))
    membership = client.create_group_membership(**at, GroupId=group, MemberId={"UserId": ada})["MembershipId"]
    client.create_group_membership(**at, GroupId=group, MemberId={"UserId": bea})
    refused("ConflictException", client.create_group_membership, **at, GroupId=group, MemberId={"UserId": ada})
    assert client.get_group_membership_id(**at, GroupId=group, MemberId={"UserId": ada})["MembershipId"] == membership
    assert client.describe_group_membership(**at, MembershipId=membership)["MemberId"] == {"UserId": ada}
    assert len(client.list_group_memberships(**at, GroupId=group)["GroupMemberships"]) == 2
    assert [one["GroupId"] for one in client.list_group_memberships_for_member(**at, MemberId={"UserId": ada})["GroupMemberships"]] == [group]
    other = client.create_group(**at, DisplayName="others")["GroupId"]
    assert [one["MembershipExists"] for one in client.is_member_in_groups(**at, MemberId={"UserId": ada}, GroupIds=[group, other])["Results"]] == [True, False]
    client.delete_group_membership(**at, MembershipId=membership)
    refused("ResourceNotFoundException", client.describe_group_membership, **at, MembershipId=membership)
    client.delete_user(**at, UserId=bea)
    assert client.list_group_memberships(**at, GroupId=group)["GroupMemberships"] == []
    client.update_group(**at, GroupId=group, Operations=[{"AttributePath": "displayName", "AttributeValue": "makers"}])
    assert client.get_group_id(**at, AlternateIdentifier={"UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": "makers"}})["GroupId"] == group
    assert client.describe_group(**at, GroupId=group)["DisplayName"] == "makers"
    client.delete_group(**at, GroupId=group)
    assert [one["DisplayName"] for one in client.list_groups(**at)["Groups"]] == ["others"]


def test_permission_is_asked_for_the_store_and_the_user(cloud, store):
    client, id = store
    ada = client.create_user(IdentityStoreId=id, UserName="ada")["UserId"]
    here = f"arn:aws:identitystore::{cloud.account}:identitystore/{id}"
    one = Person(cloud, "one", allow("identitystore:DescribeUser", [here, f"arn:aws:identitystore:::user/{ada}"]))
    assert one.client("identitystore").describe_user(IdentityStoreId=id, UserId=ada)["UserName"] == "ada"
    two = Person(cloud, "two", allow("identitystore:DescribeUser", here))
    assert f"user/{ada}" in refused("AccessDeniedException", two.client("identitystore").describe_user, IdentityStoreId=id, UserId=ada)
