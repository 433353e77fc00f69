"""Identity pools: a user pool's login becomes a role's credentials, in the enhanced and the classic way."""
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from cloche.testing.people import allow, document, keys, refused, trusting

from ..cognito_idp.conftest import Bench, claims
from ..sts.test_web_identity import Issuer


class Pool:
    def __init__(self, cloud, **more):
        self.cloud, self.people = cloud, Bench(cloud)
        self.people.person()
        self.signed = cloud.client("cognito-identity")
        self.anonymous = cloud.client("cognito-identity", config=Config(signature_version=UNSIGNED))
        self.provider = f"cognito-idp.us-east-1.amazonaws.com/{self.people.pool}"
        self.id = self.signed.create_identity_pool(IdentityPoolName="p", AllowUnauthenticatedIdentities=True, AllowClassicFlow=True, DeveloperProviderName="dev.me",
                                                   CognitoIdentityProviders=[{"ProviderName": self.provider, "ClientId": self.people.client}], **more)["IdentityPoolId"]
        self.roles = {kind: self.role(kind, kind) for kind in ("authenticated", "unauthenticated")}
        self.signed.set_identity_pool_roles(IdentityPoolId=self.id, Roles=self.roles)

    def role(self, name, amr):
        trust = trusting({"Federated": "cognito-identity.amazonaws.com"}, "sts:AssumeRoleWithWebIdentity", Condition={
            "StringEquals": {"cognito-identity.amazonaws.com:aud": self.id}, "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": amr}})
        iam = self.cloud.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow(["dynamodb:ListTables", "iam:ListUsers"])))
        return arn

    @property
    def logins(self):
        return {self.provider: self.people.tokens()["IdToken"]}

    def session(self, id_, **more):
        made = self.anonymous.get_credentials_for_identity(IdentityId=id_, **more)["Credentials"]
        return {"key": made["AccessKeyId"], "secret": made["SecretKey"], "token": made["SessionToken"]}


@pytest.fixture
def pool(cloud):
    return Pool(cloud)


def test_a_login_has_one_identity_and_the_authenticated_roles_rights(pool, cloud):
    id_ = pool.anonymous.get_id(IdentityPoolId=pool.id, Logins=pool.logins)["IdentityId"]
    assert pool.anonymous.get_id(IdentityPoolId=pool.id, Logins=pool.logins)["IdentityId"] == id_
    who = pool.session(id_, Logins=pool.logins)
    assert cloud.client("sts", **who).get_caller_identity()["Arn"].endswith(":assumed-role/authenticated/CognitoIdentityCredentials")
    assert cloud.client("iam", **who).list_users()["Users"] == []
    refused("NotAuthorizedException", pool.anonymous.get_credentials_for_identity, IdentityId=id_)
    refused("NotAuthorizedException", pool.anonymous.get_id, IdentityPoolId=pool.id, Logins={pool.provider: pool.people.tokens()["AccessToken"]})
    assert pool.signed.describe_identity(IdentityId=id_)["Logins"] == [pool.provider]
    assert [i["IdentityId"] for i in pool.signed.list_identities(IdentityPoolId=pool.id, MaxResults=10)["Identities"]] == [id_]


def test_a_guest_reaches_some_services_only(pool, cloud):
    who = pool.session(pool.anonymous.get_id(IdentityPoolId=pool.id)["IdentityId"])
    assert cloud.client("dynamodb", **who).list_tables()["TableNames"] == []
    refused("AccessDenied", cloud.client("iam", **who).list_users)


def test_the_classic_flow_takes_a_token_to_sts(pool, cloud):
    id_ = pool.anonymous.get_id(IdentityPoolId=pool.id, Logins=pool.logins)["IdentityId"]
    token = pool.anonymous.get_open_id_token(IdentityId=id_, Logins=pool.logins)["Token"]
    sts = cloud.client("sts", config=Config(signature_version=UNSIGNED))
    ask = {"RoleSessionName": "session", "WebIdentityToken": token}
    assert cloud.client("iam", **keys(sts.assume_role_with_web_identity(RoleArn=pool.roles["authenticated"], **ask))).list_users()["Users"] == []
    refused("AccessDenied", sts.assume_role_with_web_identity, RoleArn=pool.roles["unauthenticated"], **ask)


def test_a_rule_chooses_the_role_by_a_claim(pool, cloud):
    special = pool.role("special", "authenticated")
    rule = {"Claim": "email", "MatchType": "StartsWith", "Value": "ann@", "RoleARN": special}
    pool.signed.set_identity_pool_roles(IdentityPoolId=pool.id, Roles=pool.roles, RoleMappings={
        f"{pool.provider}:{pool.people.client}": {"Type": "Rules", "AmbiguousRoleResolution": "Deny", "RulesConfiguration": {"Rules": [rule]}}})
    assert "RoleMappings" in pool.signed.get_identity_pool_roles(IdentityPoolId=pool.id)
    id_ = pool.anonymous.get_id(IdentityPoolId=pool.id, Logins=pool.logins)["IdentityId"]
    assert ":assumed-role/special/" in cloud.client("sts", **pool.session(id_, Logins=pool.logins)).get_caller_identity()["Arn"]


def test_a_developer_vouches_for_an_identity(pool, cloud):
    made = pool.signed.get_open_id_token_for_developer_identity(IdentityPoolId=pool.id, Logins={"dev.me": "u1"})
    who = pool.session(made["IdentityId"], Logins={"cognito-identity.amazonaws.com": made["Token"]})
    assert ":assumed-role/authenticated/" in cloud.client("sts", **who).get_caller_identity()["Arn"]


def test_identity_pools_are_listed_changed_and_deleted(pool):
    found = pool.signed.describe_identity_pool(IdentityPoolId=pool.id)
    pool.signed.update_identity_pool(**{k: v for k, v in found.items() if k != "ResponseMetadata"} | {"AllowUnauthenticatedIdentities": False})
    refused("NotAuthorizedException", pool.anonymous.get_id, IdentityPoolId=pool.id)
    assert len(pool.signed.list_identity_pools(MaxResults=10)["IdentityPools"]) == 1
    pool.signed.delete_identity_pool(IdentityPoolId=pool.id)
    refused("ResourceNotFoundException", pool.signed.describe_identity_pool, IdentityPoolId=pool.id)


def test_sts_takes_a_user_pools_id_token_where_the_account_knows_the_issuer(cloud):
    people, iam = Bench(cloud), cloud.client("iam")
    people.person()
    issuer = f"cognito-idp.us-east-1.amazonaws.com/{people.pool}"
    provider = iam.create_open_id_connect_provider(Url=f"https://{issuer}", ClientIDList=[people.client], ThumbprintList=["a" * 40])["OpenIDConnectProviderArn"]
    role = iam.create_role(RoleName="web", AssumeRolePolicyDocument=trusting({"Federated": provider}, "sts:AssumeRoleWithWebIdentity"))["Role"]["Arn"]
    sts = cloud.client("sts", config=Config(signature_version=UNSIGNED))
    made = sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="session", WebIdentityToken=people.tokens()["IdToken"])
    assert made["Provider"] == provider and made["Audience"] == people.client


def test_an_identity_reaches_what_its_sub_names_and_nobody_elses(pool, cloud):
    """The classic pattern: one prefix of a bucket for each identity."""
    cloud.client("s3").create_bucket(Bucket=f"b-{cloud.account}")
    cloud.client("iam").put_role_policy(RoleName="authenticated", PolicyName="own", PolicyDocument=document(
        allow("s3:PutObject", f"arn:aws:s3:::b-{cloud.account}/${{cognito-identity.amazonaws.com:sub}}/*"),
        allow("iam:ListGroups", Condition={"StringEquals": {"cognito-identity.amazonaws.com:aud": pool.id}, "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"}})))
    id_ = pool.anonymous.get_id(IdentityPoolId=pool.id, Logins=pool.logins)["IdentityId"]
    who = pool.session(id_, Logins=pool.logins)
    cloud.client("s3", **who).put_object(Bucket=f"b-{cloud.account}", Key=f"{id_}/x", Body=b"")
    refused("AccessDenied", cloud.client("s3", **who).put_object, Bucket=f"b-{cloud.account}", Key="us-east-1:other/x", Body=b"")
    assert cloud.client("iam", **who).list_groups()["Groups"] == []


def test_a_token_says_for_which_pool_and_how_somebody_came(pool, cloud):
    told = claims(pool.anonymous.get_open_id_token(IdentityId=pool.anonymous.get_id(IdentityPoolId=pool.id, Logins=pool.logins)["IdentityId"], Logins=pool.logins)["Token"])
    assert told["aud"] == pool.id and told["iss"] == "https://cognito-identity.amazonaws.com" and told["amr"][:2] == ["authenticated", pool.provider]
    assert told["amr"][2].startswith(f"{pool.provider}:CognitoSignIn:")
    guest = pool.anonymous.get_id(IdentityPoolId=pool.id)["IdentityId"]
    assert claims(pool.anonymous.get_open_id_token(IdentityId=guest)["Token"])["amr"] == ["unauthenticated"]
    spoilt = pool.logins[pool.provider][:-6] + "AAAAAA"
    assert refused("NotAuthorizedException", pool.anonymous.get_id, IdentityPoolId=pool.id, Logins={pool.provider: spoilt}) == "Invalid login token."
    old = pool.logins
    cloud.advance(3601)
    refused("NotAuthorizedException", pool.anonymous.get_id, IdentityPoolId=pool.id, Logins=old)


def test_the_classic_flow_must_be_allowed(pool):
    plain = pool.signed.create_identity_pool(IdentityPoolName="q", AllowUnauthenticatedIdentities=True)["IdentityPoolId"]
    id_ = pool.anonymous.get_id(IdentityPoolId=plain)["IdentityId"]
    assert refused("InvalidParameterException", pool.anonymous.get_open_id_token, IdentityId=id_) == "Basic (classic) flow is not enabled, please use enhanced flow."
    refused("InvalidIdentityPoolConfigurationException", pool.anonymous.get_credentials_for_identity, IdentityId=id_)


def test_a_token_chooses_the_role_of_a_group(pool, cloud):
    special, other = pool.role("special", "authenticated"), pool.role("other", "authenticated")
    people = pool.people
    for name, role, precedence in (("staff", special, 1), ("rest", other, 5)):
        people.idp.create_group(UserPoolId=people.pool, GroupName=name, RoleArn=role, Precedence=precedence)
        people.idp.admin_add_user_to_group(UserPoolId=people.pool, GroupName=name, Username="ann")
    pool.signed.set_identity_pool_roles(IdentityPoolId=pool.id, Roles=pool.roles, RoleMappings={
        f"{pool.provider}:{people.client}": {"Type": "Token", "AmbiguousRoleResolution": "Deny"}})
    id_ = pool.anonymous.get_id(IdentityPoolId=pool.id, Logins=pool.logins)["IdentityId"]
    whose = lambda **more: cloud.client("sts", **pool.session(id_, Logins=pool.logins, **more)).get_caller_identity()["Arn"]
    assert ":assumed-role/special/" in whose() and ":assumed-role/other/" in whose(CustomRoleArn=other)
    refused("NotAuthorizedException", whose, CustomRoleArn=pool.roles["authenticated"])
    for name in ("staff", "rest"):
        people.idp.admin_remove_user_from_group(UserPoolId=people.pool, GroupName=name, Username="ann")
    refused("NotAuthorizedException", whose)


def test_claims_become_tags_of_the_session(pool, cloud):
    iam = cloud.client("iam")
    trust = trusting({"Federated": "cognito-identity.amazonaws.com"}, ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"], Condition={"StringEquals": {"cognito-identity.amazonaws.com:aud": pool.id}})
    iam.update_assume_role_policy(RoleName="authenticated", PolicyDocument=trust)
    iam.put_role_policy(RoleName="authenticated", PolicyName="tagged", PolicyDocument=document(allow("iam:ListGroups", Condition={"StringEquals": {"aws:PrincipalTag/mail": "ann@x.example"}})))
    refused("ResourceNotFoundException", pool.signed.get_principal_tag_attribute_map, IdentityPoolId=pool.id, IdentityProviderName=pool.provider)
    assert pool.signed.set_principal_tag_attribute_map(IdentityPoolId=pool.id, IdentityProviderName=pool.provider, UseDefaults=True)["PrincipalTags"] == {"username": "sub", "client": "aud"}
    id_ = pool.anonymous.get_id(IdentityPoolId=pool.id, Logins=pool.logins)["IdentityId"]
    refused("AccessDenied", cloud.client("iam", **pool.session(id_, Logins=pool.logins)).list_groups)
    pool.signed.set_principal_tag_attribute_map(IdentityPoolId=pool.id, IdentityProviderName=pool.provider, UseDefaults=False, PrincipalTags={"mail": "email"})
    assert pool.signed.get_principal_tag_attribute_map(IdentityPoolId=pool.id, IdentityProviderName=pool.provider)["PrincipalTags"] == {"mail": "email"}
    assert cloud.client("iam", **pool.session(id_, Logins=pool.logins)).list_groups()["Groups"] == []


def test_a_developers_names_are_looked_up_merged_and_unlinked(pool):
    made = [pool.signed.get_open_id_token_for_developer_identity(IdentityPoolId=pool.id, Logins={"dev.me": name})["IdentityId"] for name in ("u1", "u2")]
    assert made[0] != made[1]
    assert pool.signed.lookup_developer_identity(IdentityPoolId=pool.id, DeveloperUserIdentifier="u1")["IdentityId"] == made[0]
    pool.signed.merge_developer_identities(IdentityPoolId=pool.id, DeveloperProviderName="dev.me", SourceUserIdentifier="u1", DestinationUserIdentifier="u2")
    assert pool.signed.lookup_developer_identity(IdentityPoolId=pool.id, IdentityId=made[1])["DeveloperUserIdentifierList"] == ["u1", "u2"]
    refused("ResourceNotFoundException", pool.signed.describe_identity, IdentityId=made[0])
    pool.signed.unlink_developer_identity(IdentityPoolId=pool.id, IdentityId=made[1], DeveloperProviderName="dev.me", DeveloperUserIdentifier="u1")
    refused("ResourceNotFoundException", pool.signed.lookup_developer_identity, IdentityPoolId=pool.id, DeveloperUserIdentifier="u1")


def test_logins_are_taken_away_and_identities_deleted(pool):
    logins = pool.logins
    id_ = pool.anonymous.get_id(IdentityPoolId=pool.id, Logins=logins)["IdentityId"]
    pool.anonymous.unlink_identity(IdentityId=id_, Logins=logins, LoginsToRemove=[pool.provider])
    assert "Logins" not in pool.signed.describe_identity(IdentityId=id_)
    assert pool.anonymous.get_id(IdentityPoolId=pool.id, Logins=logins)["IdentityId"] != id_
    assert pool.signed.delete_identities(IdentityIdsToDelete=[id_])["UnprocessedIdentityIds"] == []
    refused("ResourceNotFoundException", pool.signed.describe_identity, IdentityId=id_)


def test_identity_pools_have_tags(pool, cloud):
    arn = f"arn:aws:cognito-identity:us-east-1:{cloud.account}:identitypool/{pool.id}"
    pool.signed.tag_resource(ResourceArn=arn, Tags={"a": "1", "b": "2"})
    pool.signed.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert pool.signed.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"b": "2"}


def test_an_openid_connect_provider_of_the_account_is_a_login(pool, cloud, tmp_path):
    issuer = Issuer(tmp_path)
    host = issuer.url.removeprefix("https://")
    arn = cloud.client("iam").create_open_id_connect_provider(Url=issuer.url, ClientIDList=["app"], ThumbprintList=[issuer.thumbprint])["OpenIDConnectProviderArn"]
    found = pool.signed.describe_identity_pool(IdentityPoolId=pool.id)
    pool.signed.update_identity_pool(**{k: v for k, v in found.items() if k != "ResponseMetadata"} | {"OpenIdConnectProviderARNs": [arn]})
    login = {host: issuer.token(cloud.now, aud="app")}
    id_ = pool.anonymous.get_id(IdentityPoolId=pool.id, Logins=login)["IdentityId"]
    assert ":assumed-role/authenticated/" in cloud.client("sts", **pool.session(id_, Logins=login)).get_caller_identity()["Arn"]
    refused("NotAuthorizedException", pool.anonymous.get_id, IdentityPoolId=pool.id, Logins={host: issuer.token(cloud.now, aud="other")})
    issuer.server.shutdown()
    issuer.server.server_close()
