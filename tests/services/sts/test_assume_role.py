"""AssumeRole: whom a role trusts, for how long, and what its session carries."""
import pytest

from cloche.testing.people import Person, allow, deny, document, keys, refused, trusting


@pytest.fixture
def iam(cloud):
    return cloud.client("iam")


def role(iam, trust, *statements, name="r", **more):
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **more)["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=document(*statements))
    return arn


def test_a_session_has_the_roles_rights_and_not_the_users(cloud, iam):
    bob = Person(cloud, "bob", allow("iam:ListRoles"))
    arn = role(iam, trusting({"AWS": bob.arn}), allow("iam:ListUsers"))
    answer = bob.client("sts").assume_role(RoleArn=arn, RoleSessionName="ses")
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{cloud.account}:assumed-role/r/ses"
    assert answer["AssumedRoleUser"]["AssumedRoleId"] == iam.get_role(RoleName="r")["Role"]["RoleId"] + ":ses"
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA") and len(answer["Credentials"]["AccessKeyId"]) == 20
    session = cloud.client("iam", **keys(answer))
    assert session.list_users()["Users"]
    message = refused("AccessDenied", session.list_roles)
    assert message.startswith(f"User: arn:aws:sts::{cloud.account}:assumed-role/r/ses is not authorized to perform: iam:ListRoles")
    who = cloud.client("sts", **keys(answer)).get_caller_identity()
    assert who["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"] and who["Account"] == cloud.account


def test_a_role_that_trusts_the_account_needs_an_identity_policy_too(cloud, iam):
    bob = Person(cloud, "bob")
    arn = role(iam, trusting({"AWS": cloud.account}))
    said = refused("AccessDenied", bob.assume, arn)
    assert said == (f"User: {bob.arn} is not authorized to perform: sts:AssumeRole on resource: {arn} "
                    "because no identity-based policy allows the sts:AssumeRole action")
    iam.put_user_policy(UserName="bob", PolicyName="p", PolicyDocument=document(allow("sts:AssumeRole", arn)))
    bob.assume(arn)


def test_a_role_that_does_not_exist_or_does_not_trust_is_denied_alike(cloud, iam):
    bob = Person(cloud, "bob", allow("sts:*"))
    arn = role(iam, trusting({"Service": "ec2.amazonaws.com"}))
    for one in (arn, arn + "x"):
        assert refused("AccessDenied", bob.assume, one) == f"User: {bob.arn} is not authorized to perform: sts:AssumeRole on resource: {one}"


def test_root_may_not_assume_roles(cloud, iam):
    arn = role(iam, trusting({"AWS": cloud.account}))
    assert refused("AccessDenied", cloud.client("sts").assume_role, RoleArn=arn, RoleSessionName="ses") == "Roles may not be assumed by root accounts."


def test_across_accounts_both_sides_must_allow(cloud, iam):
    other = cloud.other()
    eve = Person(other, "eve")
    arn = role(iam, trusting({"AWS": f"arn:aws:iam::{other.account}:root"}), allow("iam:ListUsers"))
    refused("AccessDenied", eve.assume, arn)
    other.client("iam").put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=document(allow("sts:AssumeRole", arn)))
    session = cloud.client("iam", **eve.assume(arn))
    assert "Users" in session.list_users()
    assert cloud.client("sts", **eve.assume(arn)).get_caller_identity()["Account"] == cloud.account


def test_a_deny_in_the_trust_policy_wins(cloud, iam):
    bob = Person(cloud, "bob")
    trust = document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": bob.arn}}, {"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": "*"})
    assert refused("AccessDenied", bob.assume, role(iam, trust)).endswith("with an explicit deny in a resource-based policy")


def test_the_external_id_must_match(cloud, iam):
    bob = Person(cloud, "bob")
    arn = role(iam, trusting({"AWS": bob.arn}, Condition={"StringEquals": {"sts:ExternalId": "secret"}}))
    refused("AccessDenied", bob.assume, arn)
    refused("AccessDenied", bob.assume, arn, ExternalId="guess")
    bob.assume(arn, ExternalId="secret")


def test_a_session_policy_caps_the_session(cloud, iam):
    bob = Person(cloud, "bob")
    arn = role(iam, trusting({"AWS": bob.arn}), allow("iam:List*"))
    capped = cloud.client("iam", **bob.assume(arn, Policy=document(allow("iam:ListUsers"))))
    assert "Users" in capped.list_users()
    assert refused("AccessDenied", capped.list_roles).endswith("because no session policy allows the iam:ListRoles action")
    denied = cloud.client("iam", **bob.assume(arn, Policy=document(allow("*"), deny("iam:ListUsers"))))
    assert refused("AccessDenied", denied.list_users).endswith("with an explicit deny in a session policy")
    managed = iam.create_policy(PolicyName="m", PolicyDocument=document(allow("iam:ListRoles")))["Policy"]["Arn"]
    both = cloud.client("iam", **bob.assume(arn, Policy=document(allow("iam:ListUsers")), PolicyArns=[{"arn": managed}]))
    assert "Users" in both.list_users() and "Roles" in both.list_roles()
    refused("AccessDenied", both.list_policies)
    assert bob.client("sts").assume_role(RoleArn=arn, RoleSessionName="ses", Policy=document(allow("*")))["PackedPolicySize"] > 0
    refused("MalformedPolicyDocument", bob.assume, arn, Policy="{}")


def test_policies_and_tags_of_a_session_share_a_limited_space(cloud, iam):
    bob = Person(cloud, "bob")
    arn = role(iam, trusting({"AWS": bob.arn}, ["sts:AssumeRole", "sts:TagSession"]))
    policy = document(allow("s3:*", "arn:aws:s3:::" + "b" * 1900))
    bob.assume(arn, Policy=policy)
    refused("PackedPolicyTooLarge", bob.assume, arn, Policy=policy, Tags=[{"Key": "k", "Value": "v" * 200}])


def test_the_duration_is_the_roles_to_limit(cloud, iam):
    bob = Person(cloud, "bob")
    arn = role(iam, trusting({"AWS": bob.arn}), MaxSessionDuration=7200)
    long = bob.client("sts").assume_role(RoleArn=arn, RoleSessionName="ses", DurationSeconds=7200)["Credentials"]["Expiration"].timestamp()
    assert 7190 <= long - cloud.now <= 7200
    said = refused("ValidationError", bob.assume, arn, DurationSeconds=7201)
    assert said == "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."


def test_chained_sessions_last_an_hour_at_most(cloud, iam):
    bob = Person(cloud, "bob")
    first = role(iam, trusting({"AWS": bob.arn}), name="first")
    second = role(iam, trusting({"AWS": first}), name="second", MaxSessionDuration=43200)
    session = cloud.client("sts", **bob.assume(first))
    session.assume_role(RoleArn=second, RoleSessionName="ses", DurationSeconds=3600)
    said = refused("ValidationError", session.assume_role, RoleArn=second, RoleSessionName="ses", DurationSeconds=3601)
    assert said == "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."


def test_session_tags_need_tag_session_and_transitive_ones_survive_chaining(cloud, iam):
    bob = Person(cloud, "bob")
    first = role(iam, trusting({"AWS": bob.arn}), name="first", Tags=[{"Key": "team", "Value": "role"}])
    said = refused("AccessDenied", bob.assume, first, Tags=[{"Key": "team", "Value": "red"}])
    assert said == f"User: {bob.arn} is not authorized to perform: sts:TagSession on resource: {first}"
    actions = ["sts:AssumeRole", "sts:TagSession"]
    iam.update_assume_role_policy(RoleName="first", PolicyDocument=trusting({"AWS": bob.arn}, actions))
    refused("InvalidParameterValue", bob.assume, first, Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}])
    refused("InvalidParameterValue", bob.assume, first, Tags=[{"Key": "a", "Value": "1"}], TransitiveTagKeys=["b"])
    second = role(iam, trusting({"AWS": first}, actions), allow("iam:ListUsers", Condition={"StringEquals": {"aws:PrincipalTag/team": "red"}}),
                  allow("iam:ListRoles", Condition={"StringEquals": {"aws:PrincipalTag/lost": "x"}}), name="second")
    chain = bob.assume(first, Tags=[{"Key": "team", "Value": "red"}, {"Key": "lost", "Value": "x"}], TransitiveTagKeys=["team"])
    sts = cloud.client("sts", **chain)
    end = cloud.client("iam", **keys(sts.assume_role(RoleArn=second, RoleSessionName="ses")))
    assert "Users" in end.list_users()
    refused("AccessDenied", end.list_roles)
    refused("InvalidParameterValue", sts.assume_role, RoleArn=second, RoleSessionName="ses", Tags=[{"Key": "Team", "Value": "blue"}])


def test_a_source_identity_needs_permission_and_stays(cloud, iam):
    bob = Person(cloud, "bob")
    first = role(iam, trusting({"AWS": bob.arn}), name="first")
    refused("AccessDenied", bob.assume, first, SourceIdentity="robert")
    iam.update_assume_role_policy(RoleName="first", PolicyDocument=trusting({"AWS": bob.arn}, ["sts:AssumeRole", "sts:SetSourceIdentity"]))
    second = role(iam, trusting({"AWS": first}, ["sts:AssumeRole", "sts:SetSourceIdentity"]), name="second")
    sts = cloud.client("sts", **bob.assume(first, SourceIdentity="robert"))
    assert sts.assume_role(RoleArn=second, RoleSessionName="ses")["SourceIdentity"] == "robert"
    refused("AccessDenied", sts.assume_role, RoleArn=second, RoleSessionName="ses", SourceIdentity="somebody")


def test_a_session_ends_on_the_virtual_clock(cloud, iam):
    bob = Person(cloud, "bob")
    session = bob.assume(role(iam, trusting({"AWS": bob.arn}), allow("iam:*", Condition={"Null": {"aws:TokenIssueTime": "false"}})), DurationSeconds=900)
    assert "Users" in cloud.client("iam", **session).list_users()
    cloud.advance(901)
    refused("ExpiredToken", cloud.client("iam", **session).list_users)


def test_the_token_must_come_along(cloud, iam):
    bob = Person(cloud, "bob")
    session = bob.assume(role(iam, trusting({"AWS": bob.arn})))
    refused("InvalidClientTokenId", cloud.client("sts", key=session["key"], secret=session["secret"]).get_caller_identity)
    refused("InvalidClientTokenId", cloud.client("sts", **session | {"token": "x" * 40}).get_caller_identity)


def test_a_session_loses_its_rights_with_its_role(cloud, iam):
    bob = Person(cloud, "bob")
    session = bob.assume(role(iam, trusting({"AWS": bob.arn}), allow("iam:ListUsers")))
    assert "Users" in cloud.client("iam", **session).list_users()
    iam.delete_role_policy(RoleName="r", PolicyName="inline")
    iam.delete_role(RoleName="r")
    role(iam, trusting({"AWS": bob.arn}), allow("iam:ListUsers"))  # the same name, another role
    refused("AccessDenied", cloud.client("iam", **session).list_users)
