"""Groups: what a group may, its members may."""
import pytest

from cloche.testing.people import Person, allow, deny, document, refused


@pytest.fixture
def iam(cloud):
    return cloud.client("iam")


def test_members_may_what_their_group_may_until_they_leave(cloud, iam):
    bob = Person(cloud, "bob")
    group = iam.create_group(GroupName="readers", Path="/x/")["Group"]
    assert group["Arn"] == f"arn:aws:iam::{cloud.account}:group/x/readers" and group["GroupId"].startswith("AGPA")
    iam.put_group_policy(GroupName="readers", PolicyName="p", PolicyDocument=document(allow("iam:ListUsers")))
    refused("AccessDenied", bob.client("iam").list_users)
    iam.add_user_to_group(GroupName="readers", UserName="bob")
    assert bob.client("iam").list_users()["Users"]
    iam.remove_user_from_group(GroupName="readers", UserName="bob")
    refused("AccessDenied", bob.client("iam").list_users)


def test_a_denial_in_one_group_outweighs_every_other_policy(cloud, iam):
    bob = Person(cloud, "bob", allow("*"))
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="bob")
    iam.put_group_policy(GroupName="g", PolicyName="no", PolicyDocument=document(deny("iam:ListUsers")))
    assert refused("AccessDenied", bob.client("iam").list_users).endswith("with an explicit deny in an identity-based policy")


def test_group_policies_are_listed_got_and_deleted(iam):
    iam.create_group(GroupName="g")
    for name in ("b", "a"):
        iam.put_group_policy(GroupName="g", PolicyName=name, PolicyDocument=document(allow("s3:*")))
    assert iam.list_group_policies(GroupName="g")["PolicyNames"] == ["a", "b"]
    assert iam.get_group_policy(GroupName="g", PolicyName="a")["PolicyDocument"]["Statement"][0]["Action"] == "s3:*"
    iam.delete_group_policy(GroupName="g", PolicyName="a")
    assert refused("NoSuchEntity", iam.get_group_policy, GroupName="g", PolicyName="a") == "The group policy with name a cannot be found."


def test_a_user_is_in_ten_groups_at_most(iam):
    iam.create_user(UserName="bob")
    for i in range(11):
        iam.create_group(GroupName=f"g{i:02}")
    for i in range(10):
        iam.add_user_to_group(GroupName=f"g{i:02}", UserName="bob")
    iam.add_user_to_group(GroupName="g00", UserName="bob")  # again: nothing happens
    assert refused("LimitExceeded", iam.add_user_to_group, GroupName="g10", UserName="bob") == "Cannot exceed quota for GroupsPerUser: 10"
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName="bob", MaxItems=2)["Groups"]] == ["g00", "g01"]


def test_delete_group_wants_it_empty(iam):
    iam.create_group(GroupName="g")
    iam.create_user(UserName="bob")
    iam.add_user_to_group(GroupName="g", UserName="bob")
    iam.attach_group_policy(GroupName="g", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    assert refused("DeleteConflict", iam.delete_group, GroupName="g") == "Cannot delete entity, must remove users from group first."
    iam.remove_user_from_group(GroupName="g", UserName="bob")
    refused("DeleteConflict", iam.delete_group, GroupName="g")
    assert iam.list_attached_group_policies(GroupName="g")["AttachedPolicies"][0]["PolicyName"] == "ReadOnlyAccess"
    iam.detach_group_policy(GroupName="g", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.delete_group(GroupName="g")
    assert iam.list_groups()["Groups"] == []


def test_a_renamed_group_keeps_its_members(cloud, iam):
    bob = Person(cloud, "bob")
    iam.create_group(GroupName="g")
    iam.create_group(GroupName="h")
    iam.attach_group_policy(GroupName="g", PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    iam.add_user_to_group(GroupName="g", UserName="bob")
    refused("EntityAlreadyExists", iam.update_group, GroupName="g", NewGroupName="H")
    iam.update_group(GroupName="g", NewGroupName="k", NewPath="/p/")
    assert [u["UserName"] for u in iam.get_group(GroupName="k")["Users"]] == ["bob"]
    assert [g["GroupName"] for g in bob.client("iam").list_groups_for_user(UserName="bob")["Groups"]] == ["k"]
    assert iam.list_entities_for_policy(PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess", EntityFilter="Group")["PolicyGroups"][0]["GroupName"] == "k"


def test_the_inline_policies_of_a_group_are_limited_to_5120_characters_together(iam):
    iam.create_group(GroupName="g")
    half = document(allow([f"s3:Get{'x' * 40}{i:02}" for i in range(50)]))
    iam.put_group_policy(GroupName="g", PolicyName="a", PolicyDocument=half)
    said = refused("LimitExceeded", iam.put_group_policy, GroupName="g", PolicyName="b", PolicyDocument=document(allow([f"s3:Get{'y' * 40}{i:03}" for i in range(60)])))
    assert said == "Maximum policy size of 5120 bytes exceeded for group g"
    iam.put_group_policy(GroupName="g", PolicyName="a", PolicyDocument=half)
