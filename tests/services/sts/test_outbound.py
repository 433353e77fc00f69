"""Outbound identity federation: tokens by which services elsewhere know an AWS principal."""
import json
import urllib.error
import urllib.request

import pytest

from cloche.languages import jwt
from cloche.testing.people import Person, allow, keys, refused, trusting

NAMESPACE = "https://sts.amazonaws.com/"


@pytest.fixture
def issuer(cloud):
    return cloud.client("iam").enable_outbound_web_identity_federation()["IssuerIdentifier"]


def document(cloud, issuer, path):
    request = urllib.request.Request(f"{cloud.url}/.well-known/{path}", headers={"Host": issuer.removeprefix("https://")})
    return json.loads(urllib.request.urlopen(request).read())


def ask(client, **more):
    return client.get_web_identity_token(**{"Audience": ["https://api.example.com"], "SigningAlgorithm": "RS256"} | more)


def test_the_feature_is_switched_on_and_off_and_keeps_its_issuer(cloud):
    iam = cloud.client("iam")
    refused("FeatureDisabled", iam.get_outbound_web_identity_federation_info)
    refused("FeatureDisabled", iam.disable_outbound_web_identity_federation)
    refused("OutboundWebIdentityFederationDisabledException", ask, client=cloud.client("sts"))
    issuer = iam.enable_outbound_web_identity_federation()["IssuerIdentifier"]
    assert issuer.startswith("https://") and issuer.endswith(".tokens.sts.global.api.aws")
    refused("FeatureEnabled", iam.enable_outbound_web_identity_federation)
    assert iam.get_outbound_web_identity_federation_info() | {"ResponseMetadata": 0} == {"IssuerIdentifier": issuer, "JwtVendingEnabled": True, "ResponseMetadata": 0}
    iam.disable_outbound_web_identity_federation()
    refused("OutboundWebIdentityFederationDisabledException", ask, client=cloud.client("sts"))
    assert iam.enable_outbound_web_identity_federation()["IssuerIdentifier"] == issuer
    assert cloud.other().client("iam").enable_outbound_web_identity_federation()["IssuerIdentifier"] != issuer


@pytest.mark.parametrize("algorithm", ["RS256", "ES384"])
def test_a_token_names_the_role_and_is_verified_with_the_issuers_key(cloud, issuer, algorithm):
    iam = cloud.client("iam")
    arn = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trusting({"AWS": f"arn:aws:iam::{cloud.account}:root"}), Tags=[{"Key": "team", "Value": "data"}])["Role"]["Arn"]
    iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow(["sts:GetWebIdentityToken", "sts:TagGetWebIdentityToken"])]}))
    session = Person(cloud, "bob", allow("sts:AssumeRole")).assume(arn)
    made = ask(cloud.client("sts", **session), SigningAlgorithm=algorithm, DurationSeconds=600, Tags=[{"Key": "job", "Value": "7"}], Scope="read write")
    about = document(cloud, issuer, "openid-configuration")
    assert about["issuer"] == issuer and about["jwks_uri"] == f"{issuer}/.well-known/jwks.json" and set(about["id_token_signing_alg_values_supported"]) == {"RS256", "ES384"}
    token = jwt.read(made["WebIdentityToken"])
    key = jwt.key_for(token, document(cloud, issuer, "jwks.json")["keys"])
    jwt.verify(token, key)
    assert token.head["alg"] == algorithm == key["alg"]
    claims = token.claims
    assert (claims["iss"], claims["aud"], claims["sub"], claims["scope"]) == (issuer, "https://api.example.com", arn, "read write") and claims["jti"]
    assert claims["exp"] - claims["iat"] == 600 and made["Expiration"].timestamp() == claims["exp"]
    assert claims[NAMESPACE] == {"aws_account": cloud.account, "source_region": "us-east-1", "principal_id": arn, "principal_tags": {"team": "data"}, "request_tags": {"job": "7"}}


def test_a_user_asks_with_permission_for_an_audience_and_a_time(cloud, issuer):
    refused("AccessDenied", ask, client=Person(cloud, "poor").client("sts"))
    held = {"Condition": {"ForAllValues:StringEquals": {"sts:IdentityTokenAudience": "https://api.example.com"}, "NumericLessThanEquals": {"sts:DurationSeconds": 600}, "StringEquals": {"sts:SigningAlgorithm": "ES384"}}}
    bob = Person(cloud, "bob", allow("sts:GetWebIdentityToken") | held)
    sts = bob.client("sts")
    made = ask(sts, SigningAlgorithm="ES384")
    claims = jwt.read(made["WebIdentityToken"]).claims
    assert claims["sub"] == bob.arn and claims["exp"] - claims["iat"] == 300
    for wrong in ({"Audience": ["https://elsewhere"]}, {"DurationSeconds": 601}, {"SigningAlgorithm": "RS256"}, {"Tags": [{"Key": "a", "Value": "b"}]}):
        refused("AccessDenied", ask, client=sts, **({"SigningAlgorithm": "ES384"} | wrong))
    root = cloud.client("sts")
    assert jwt.read(ask(root, Audience=["a", "b"])["WebIdentityToken"]).claims["aud"] == ["a", "b"]
    refused("ValidationError", ask, client=root, SigningAlgorithm="HS256")
    refused("ValidationError", ask, client=root, DurationSeconds=3601)


def test_a_token_does_not_outlive_the_session_that_asks_for_it(cloud, issuer):
    iam = cloud.client("iam")
    arn = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trusting({"AWS": f"arn:aws:iam::{cloud.account}:root"}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow("sts:GetWebIdentityToken")]}))
    session = keys(Person(cloud, "bob", allow("sts:AssumeRole")).client("sts").assume_role(RoleArn=arn, RoleSessionName="visit", DurationSeconds=900))
    sts = cloud.client("sts", **session)
    refused("SessionDurationEscalationException", ask, client=sts, DurationSeconds=3600)
    assert ask(sts, DurationSeconds=600)["WebIdentityToken"]


def test_another_account_that_trusts_the_issuer_opens_a_role_to_the_token(cloud, issuer):
    other = cloud.other()
    iam = other.client("iam")
    provider = iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["their-app"], ThumbprintList=["0" * 40])["OpenIDConnectProviderArn"]
    bob = Person(cloud, "bob", allow("sts:GetWebIdentityToken"))
    host = issuer.removeprefix("https://")
    trust = trusting({"Federated": provider}, "sts:AssumeRoleWithWebIdentity", Condition={"StringEquals": {f"{host}:sub": bob.arn, f"{host}:aud": "their-app"}})
    role = iam.create_role(RoleName="visitor", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    enter = other.client("sts").assume_role_with_web_identity
    token = ask(bob.client("sts"), Audience=["their-app"])["WebIdentityToken"]
    entered = enter(RoleArn=role, RoleSessionName="visit", WebIdentityToken=token)
    assert entered["SubjectFromWebIdentityToken"] == bob.arn
    assert other.client("sts", **keys(entered)).get_caller_identity()["Arn"] == f"arn:aws:sts::{other.account}:assumed-role/visitor/visit"
    refused("AccessDenied", enter, RoleArn=role, RoleSessionName="visit", WebIdentityToken=ask(cloud.client("sts"), Audience=["their-app"])["WebIdentityToken"])
    cloud.advance(minutes=6)
    refused("ExpiredTokenException", enter, RoleArn=role, RoleSessionName="visit", WebIdentityToken=token)


def test_an_issuer_that_nobody_has_is_not_found(cloud):
    for host, path in (("https://nobody.tokens.sts.global.api.aws", "jwks.json"), ("https://nobody.tokens.sts.global.api.aws", "openid-configuration")):
        with pytest.raises(urllib.error.HTTPError) as caught:
            document(cloud, host, path)
        assert caught.value.code == 404
