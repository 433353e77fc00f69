"""Pools, clients, people, groups: their making, changing and what they may not be."""
import pytest

from cloche.testing.people import refused

from .conftest import WORD, Bench, claims


def test_a_pool_has_defaults_and_an_update_goes_back_to_them(cloud):
    idp = cloud.client("cognito-idp")
    pool = idp.create_user_pool(PoolName="p", Policies={"PasswordPolicy": {"MinimumLength": 12}}, UserPoolTags={"a": "b"})["UserPool"]
    assert pool["Id"].startswith("us-east-1_") and pool["Arn"].endswith(f":userpool/{pool['Id']}") and pool["MfaConfiguration"] == "OFF"
    idp.update_user_pool(UserPoolId=pool["Id"])
    found = idp.describe_user_pool(UserPoolId=pool["Id"])["UserPool"]
    assert found["Policies"]["PasswordPolicy"]["MinimumLength"] == 8 and found["UserPoolTags"] == {"a": "b"}
    idp.add_custom_attributes(UserPoolId=pool["Id"], CustomAttributes=[{"Name": "team", "AttributeDataType": "String"}])
    assert "custom:team" in [a["Name"] for a in idp.describe_user_pool(UserPoolId=pool["Id"])["UserPool"]["SchemaAttributes"]]
    idp.tag_resource(ResourceArn=pool["Arn"], Tags={"c": "d"})
    idp.untag_resource(ResourceArn=pool["Arn"], TagKeys=["a"])
    assert idp.list_tags_for_resource(ResourceArn=pool["Arn"])["Tags"] == {"c": "d"}
    assert pool["Id"] in [p["Id"] for p in idp.list_user_pools(MaxResults=60)["UserPools"]]
    idp.update_user_pool(UserPoolId=pool["Id"], DeletionProtection="ACTIVE")
    refused("InvalidParameterException", idp.delete_user_pool, UserPoolId=pool["Id"])
    idp.update_user_pool(UserPoolId=pool["Id"])
    idp.delete_user_pool(UserPoolId=pool["Id"])
    refused("ResourceNotFoundException", idp.describe_user_pool, UserPoolId=pool["Id"])


def test_clients_are_listed_changed_and_deleted(bench):
    ask = {"UserPoolId": bench.pool, "ClientId": bench.client}
    assert bench.idp.describe_user_pool_client(**ask)["UserPoolClient"]["RefreshTokenValidity"] == 30
    bench.idp.update_user_pool_client(**ask, AccessTokenValidity=10, TokenValidityUnits={"AccessToken": "minutes"}, ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])
    bench.person()
    assert bench.tokens()["ExpiresIn"] == 600
    assert len(bench.idp.list_user_pool_clients(UserPoolId=bench.pool)["UserPoolClients"]) == 1
    bench.idp.delete_user_pool_client(**ask)
    refused("ResourceNotFoundException", bench.sign_in)


def test_signing_up_wants_a_code_from_the_mail(bench):
    new = {"ClientId": bench.client, "Username": "ann", "Password": WORD, "UserAttributes": [{"Name": "email", "Value": "ann@x.example"}]}
    assert refused("InvalidPasswordException", bench.anonymous.sign_up, **new | {"Password": "abcdefgh"}) == "Password did not conform with policy: Password must have uppercase characters"
    made = bench.anonymous.sign_up(**new)
    assert made["UserConfirmed"] is False and made["CodeDeliveryDetails"] == {"Destination": "a***@x***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
    assert refused("UsernameExistsException", bench.anonymous.sign_up, **new) == "User already exists"
    refused("UserNotConfirmedException", bench.sign_in)
    who = {"ClientId": bench.client, "Username": "ann"}
    right = bench.code()
    wrong = f"{(int(right) + 1) % 1000000:06d}"
    refused("CodeMismatchException", bench.anonymous.confirm_sign_up, **who, ConfirmationCode=wrong)
    bench.cloud.advance(days=2)
    refused("ExpiredCodeException", bench.anonymous.confirm_sign_up, **who, ConfirmationCode=right)
    bench.anonymous.resend_confirmation_code(**who)
    bench.anonymous.confirm_sign_up(**who, ConfirmationCode=bench.code())
    assert claims(bench.tokens()["IdToken"])["email_verified"] is True


def test_a_forgotten_password_is_reset_by_a_code(bench):
    bench.person()
    who = {"ClientId": bench.client, "Username": "ann"}
    bench.anonymous.forgot_password(**who)
    bench.anonymous.confirm_forgot_password(**who, ConfirmationCode=bench.code(), Password="An0ther!word")
    assert bench.tokens(word="An0ther!word")
    bench.idp.admin_reset_user_password(UserPoolId=bench.pool, Username="ann")
    refused("PasswordResetRequiredException", bench.sign_in, word="An0ther!word")
    bench.anonymous.confirm_forgot_password(**who, ConfirmationCode=bench.code(), Password=WORD)
    assert bench.tokens()


def test_people_read_and_change_themselves(bench):
    bench.person()
    access = bench.tokens()["AccessToken"]
    me = lambda: {a["Name"]: a["Value"] for a in bench.anonymous.get_user(AccessToken=access)["UserAttributes"]}
    bench.anonymous.update_user_attributes(AccessToken=access, UserAttributes=[{"Name": "nickname", "Value": "a"}, {"Name": "email", "Value": "b@x.example"}])
    assert (me()["nickname"], me()["email"], me()["email_verified"]) == ("a", "b@x.example", "false")
    bench.anonymous.verify_user_attribute(AccessToken=access, AttributeName="email", Code=bench.code("b@x.example"))
    assert me()["email_verified"] == "true"
    assert bench.anonymous.get_user_attribute_verification_code(AccessToken=access, AttributeName="email")["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"
    bench.anonymous.delete_user_attributes(AccessToken=access, UserAttributeNames=["nickname"])
    assert "nickname" not in me()
    refused("NotAuthorizedException", bench.anonymous.change_password, AccessToken=access, PreviousPassword="Wrong0ne!", ProposedPassword="An0ther!word")
    bench.anonymous.change_password(AccessToken=access, PreviousPassword=WORD, ProposedPassword="An0ther!word")
    assert bench.tokens(word="An0ther!word")
    bench.anonymous.delete_user(AccessToken=access)
    refused("UserNotFoundException", bench.idp.admin_get_user, UserPoolId=bench.pool, Username="ann")


def test_administrators_find_and_change_people(bench):
    for name in ("ann", "abe", "bob"):
        bench.person(name)
    ask = {"UserPoolId": bench.pool}
    names = lambda **more: sorted(u["Username"] for u in bench.idp.list_users(**ask, **more)["Users"])
    assert names(Filter='email ^= "a"') == ["abe", "ann"] and names(Filter='username = "bob"') == ["bob"] and names(Filter='cognito:user_status = "CONFIRMED"') == ["abe", "ann", "bob"]
    assert [len(p["Users"]) for p in bench.idp.get_paginator("list_users").paginate(**ask, PaginationConfig={"PageSize": 2})] == [2, 1]
    bench.idp.admin_update_user_attributes(**ask, Username="bob", UserAttributes=[{"Name": "name", "Value": "Bob"}])
    assert {"Name": "name", "Value": "Bob"} in bench.idp.admin_get_user(**ask, Username="bob")["UserAttributes"]
    bench.idp.admin_delete_user_attributes(**ask, Username="bob", UserAttributeNames=["name"])
    refused("UsernameExistsException", bench.idp.admin_create_user, **ask, Username="bob")
    bench.idp.admin_delete_user(**ask, Username="bob")
    assert names() == ["abe", "ann"]
    bench.anonymous.sign_up(ClientId=bench.client, Username="eve", Password=WORD)
    bench.idp.admin_confirm_sign_up(**ask, Username="eve")
    assert bench.tokens("eve")


def test_groups_are_in_tokens_by_precedence(bench):
    bench.person()
    ask = {"UserPoolId": bench.pool}
    role = f"arn:aws:iam::{bench.cloud.account}:role/r"
    bench.idp.create_group(**ask, GroupName="low", Precedence=9)
    bench.idp.create_group(**ask, GroupName="high", Precedence=1, RoleArn=role)
    refused("GroupExistsException", bench.idp.create_group, **ask, GroupName="high")
    for group in ("low", "high"):
        bench.idp.admin_add_user_to_group(**ask, GroupName=group, Username="ann")
    id_ = claims(bench.tokens()["IdToken"])
    assert (id_["cognito:groups"], id_["cognito:preferred_role"], id_["cognito:roles"]) == (["high", "low"], role, [role])
    assert [g["GroupName"] for g in bench.idp.admin_list_groups_for_user(**ask, Username="ann")["Groups"]] == ["high", "low"]
    assert [u["Username"] for u in bench.idp.list_users_in_group(**ask, GroupName="low")["Users"]] == ["ann"]
    bench.idp.update_group(**ask, GroupName="low", Precedence=0)
    assert bench.idp.get_group(**ask, GroupName="low")["Group"]["Precedence"] == 0
    bench.idp.admin_remove_user_from_group(**ask, GroupName="high", Username="ann")
    bench.idp.delete_group(**ask, GroupName="high")
    assert [g["GroupName"] for g in bench.idp.list_groups(**ask)["Groups"]] == ["low"]
    assert claims(bench.tokens()["IdToken"])["cognito:groups"] == ["low"]


@pytest.mark.parametrize("way", [{"UsernameAttributes": ["email"]}, {"AliasAttributes": ["email"]}], ids=["as the name", "as an alias"])
def test_people_may_sign_in_by_email(cloud, way):
    bench = Bench(cloud, UsernameConfiguration={"CaseSensitive": False}, **way)
    name = "Ann@x.example" if "UsernameAttributes" in way else "ann"
    new = {"ClientId": bench.client, "Password": WORD, "UserAttributes": [{"Name": "email", "Value": "ann@x.example"}]}
    bench.anonymous.sign_up(Username=name, **new)
    bench.anonymous.confirm_sign_up(ClientId=bench.client, Username=name, ConfirmationCode=bench.code())
    assert bench.tokens("ANN@x.example")
    if "UsernameAttributes" in way:
        refused("UsernameExistsException", bench.anonymous.sign_up, Username="ann@x.example", **new)


def test_resource_servers_name_scopes(bench):
    ask = {"UserPoolId": bench.pool, "Identifier": "api"}
    bench.idp.create_resource_server(**ask, Name="API", Scopes=[{"ScopeName": "read", "ScopeDescription": "r"}])
    bench.idp.update_resource_server(**ask, Name="Api", Scopes=[{"ScopeName": "read", "ScopeDescription": "r"}])
    assert bench.idp.describe_resource_server(**ask)["ResourceServer"]["Name"] == "Api"
    assert len(bench.idp.list_resource_servers(UserPoolId=bench.pool)["ResourceServers"]) == 1
    bench.idp.delete_resource_server(**ask)
    refused("ResourceNotFoundException", bench.idp.describe_resource_server, **ask)
