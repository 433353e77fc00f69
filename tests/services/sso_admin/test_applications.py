"""Applications: made, assigned, and asking for tokens in the name of people (trusted identity propagation)."""
import pytest

from cloche.testing.people import Person, allow, document, keys, refused, trusting

CUSTOM = "arn:aws:sso::aws:applicationProvider/custom"
BEARER, EXCHANGE = "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange"


def application(center, name="app", **more):
    return center.sso.create_application(InstanceArn=center.arn, ApplicationProviderArn=CUSTOM, Name=name, **more)["ApplicationArn"]


def test_an_application_is_made_described_changed_listed_and_deleted(center):
    sso = center.sso
    arn = application(center, Description="d", PortalOptions={"SignInOptions": {"Origin": "APPLICATION", "ApplicationUrl": "https://app.example.com"}}, Tags=[{"Key": "a", "Value": "b"}])
    instance = center.arn.rpartition("/")[2]
    assert arn.startswith(f"arn:aws:sso::{center.cloud.account}:application/{instance}/apl-")
    found = sso.describe_application(ApplicationArn=arn)
    assert (found["Name"], found["Status"], found["ApplicationAccount"], found["ApplicationProviderArn"]) == ("app", "ENABLED", center.cloud.account, CUSTOM)
    assert found["PortalOptions"] == {"Visibility": "ENABLED", "SignInOptions": {"Origin": "APPLICATION", "ApplicationUrl": "https://app.example.com"}}
    refused("ConflictException", application, center=center)
    assert application(center, "same", ClientToken="t") == application(center, "same", ClientToken="t")
    refused("ValidationException", application, center=center, name="odd", PortalOptions={"SignInOptions": {"Origin": "APPLICATION"}})
    refused("ValidationException", sso.create_application, InstanceArn=center.arn, ApplicationProviderArn="arn:aws:sso::aws:applicationProvider/custom-saml", Name="saml")
    sso.update_application(ApplicationArn=arn, Name="renamed", Status="DISABLED")
    assert [(one["Name"], one["Status"]) for one in sorted(sso.list_applications(InstanceArn=center.arn)["Applications"], key=lambda one: one["Name"])] == [("renamed", "DISABLED"), ("same", "ENABLED")]
    assert sso.list_tags_for_resource(InstanceArn=center.arn, ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    assert {one["ApplicationProviderArn"] for one in sso.list_application_providers()["ApplicationProviders"]} >= {CUSTOM}
    assert sso.describe_application_provider(ApplicationProviderArn=CUSTOM)["FederationProtocol"] == "OAUTH"
    sso.delete_application(ApplicationArn=arn)
    refused("ResourceNotFoundException", sso.describe_application, ApplicationArn=arn)


def test_users_and_groups_are_assigned_to_an_application(center):
    sso, arn = center.sso, application(center)
    assert sso.get_application_assignment_configuration(ApplicationArn=arn)["AssignmentRequired"] is True
    for kind, id_ in (("USER", center.user), ("GROUP", center.group)):
        sso.create_application_assignment(ApplicationArn=arn, PrincipalType=kind, PrincipalId=id_)
    refused("ConflictException", sso.create_application_assignment, ApplicationArn=arn, PrincipalType="USER", PrincipalId=center.user)
    refused("ResourceNotFoundException", sso.create_application_assignment, ApplicationArn=arn, PrincipalType="USER", PrincipalId="0" * 8 + "-0000-0000-0000-" + "0" * 12)
    assert len(sso.list_application_assignments(ApplicationArn=arn)["ApplicationAssignments"]) == 2
    assert sso.list_application_assignments_for_principal(InstanceArn=center.arn, PrincipalType="USER", PrincipalId=center.user)["ApplicationAssignments"] == [
        {"ApplicationArn": arn, "PrincipalId": center.user, "PrincipalType": "USER"}]
    assert sso.describe_application_assignment(ApplicationArn=arn, PrincipalType="GROUP", PrincipalId=center.group)["PrincipalId"] == center.group
    sso.delete_application_assignment(ApplicationArn=arn, PrincipalType="GROUP", PrincipalId=center.group)
    refused("ResourceNotFoundException", sso.describe_application_assignment, ApplicationArn=arn, PrincipalType="GROUP", PrincipalId=center.group)
    refused("ResourceNotFoundException", sso.delete_application_assignment, ApplicationArn=arn, PrincipalType="GROUP", PrincipalId=center.group)
    sso.put_application_assignment_configuration(ApplicationArn=arn, AssignmentRequired=False)
    assert sso.get_application_assignment_configuration(ApplicationArn=arn)["AssignmentRequired"] is False


def issuer(center, url="https://issuer.example.com", **more):
    config = {"IssuerUrl": url, "ClaimAttributePath": "email", "IdentityStoreAttributePath": "emails.value", "JwksRetrievalOption": "OPEN_ID_DISCOVERY"} | more
    return center.sso.create_trusted_token_issuer(InstanceArn=center.arn, Name="issuer", TrustedTokenIssuerType="OIDC_JWT", TrustedTokenIssuerConfiguration={"OidcJwtConfiguration": config})["TrustedTokenIssuerArn"]


def test_a_trusted_token_issuer_is_made_described_changed_and_deleted(center):
    sso, arn = center.sso, issuer(center)
    assert f":trustedTokenIssuer/{center.arn.rpartition('/')[2]}/tti-" in arn
    refused("ConflictException", issuer, center=center)
    refused("ValidationException", issuer, center=center, url="http://plain.example.com")
    sso.update_trusted_token_issuer(TrustedTokenIssuerArn=arn, Name="other", TrustedTokenIssuerConfiguration={"OidcJwtConfiguration": {"ClaimAttributePath": "sub", "IdentityStoreAttributePath": "userName"}})
    found = sso.describe_trusted_token_issuer(TrustedTokenIssuerArn=arn)
    assert found["Name"] == "other" and found["TrustedTokenIssuerConfiguration"]["OidcJwtConfiguration"] == {
        "IssuerUrl": "https://issuer.example.com", "ClaimAttributePath": "sub", "IdentityStoreAttributePath": "userName", "JwksRetrievalOption": "OPEN_ID_DISCOVERY"}
    assert [one["TrustedTokenIssuerArn"] for one in sso.list_trusted_token_issuers(InstanceArn=center.arn)["TrustedTokenIssuers"]] == [arn]
    sso.tag_resource(InstanceArn=center.arn, ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert sso.list_tags_for_resource(InstanceArn=center.arn, ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    sso.delete_trusted_token_issuer(TrustedTokenIssuerArn=arn)
    refused("ResourceNotFoundException", sso.describe_trusted_token_issuer, TrustedTokenIssuerArn=arn)


def test_grants_methods_and_scopes_are_put_shown_and_deleted(center):
    sso, arn = center.sso, application(center)
    refused("ValidationException", sso.put_application_grant, ApplicationArn=arn, GrantType=BEARER, Grant={"RefreshToken": {}})
    refused("ValidationException", sso.put_application_grant, ApplicationArn=arn, GrantType=BEARER, Grant={"JwtBearer": {"AuthorizedTokenIssuers": [{"TrustedTokenIssuerArn": "arn:aws:sso::123456789012:trustedTokenIssuer/ssoins-0123456789abcdef/tti-x"}]}})
    grant = {"JwtBearer": {"AuthorizedTokenIssuers": [{"TrustedTokenIssuerArn": issuer(center), "AuthorizedAudiences": ["me"]}]}}
    sso.put_application_grant(ApplicationArn=arn, GrantType=BEARER, Grant=grant)
    assert sso.get_application_grant(ApplicationArn=arn, GrantType=BEARER)["Grant"] == grant and [one["GrantType"] for one in sso.list_application_grants(ApplicationArn=arn)["Grants"]] == [BEARER]
    sso.delete_application_grant(ApplicationArn=arn, GrantType=BEARER)
    refused("ResourceNotFoundException", sso.get_application_grant, ApplicationArn=arn, GrantType=BEARER)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": center.cloud.account}, "Action": "sso-oauth:CreateTokenWithIAM", "Resource": "*"}]}
    sso.put_application_authentication_method(ApplicationArn=arn, AuthenticationMethodType="IAM", AuthenticationMethod={"Iam": {"ActorPolicy": policy}})
    assert sso.get_application_authentication_method(ApplicationArn=arn, AuthenticationMethodType="IAM")["AuthenticationMethod"] == {"Iam": {"ActorPolicy": policy}}
    assert len(sso.list_application_authentication_methods(ApplicationArn=arn)["AuthenticationMethods"]) == 1
    refused("ValidationException", sso.put_application_authentication_method, ApplicationArn=arn, AuthenticationMethodType="IAM", AuthenticationMethod={"Iam": {"ActorPolicy": {"Statement": "x"}}})
    sso.delete_application_authentication_method(ApplicationArn=arn, AuthenticationMethodType="IAM")
    refused("ResourceNotFoundException", sso.get_application_authentication_method, ApplicationArn=arn, AuthenticationMethodType="IAM")
    other = application(center, "other")
    sso.put_application_access_scope(ApplicationArn=arn, Scope="data:read", AuthorizedTargets=[other])
    assert sso.get_application_access_scope(ApplicationArn=arn, Scope="data:read")["AuthorizedTargets"] == [other]
    assert [one["Scope"] for one in sso.list_application_access_scopes(ApplicationArn=arn)["Scopes"]] == ["data:read"]
    sso.delete_application_access_scope(ApplicationArn=arn, Scope="data:read")
    refused("ResourceNotFoundException", sso.get_application_access_scope, ApplicationArn=arn, Scope="data:read")
    assert sso.get_application_session_configuration(ApplicationArn=arn)["UserBackgroundSessionApplicationStatus"] == "DISABLED"
    sso.put_application_session_configuration(ApplicationArn=arn, UserBackgroundSessionApplicationStatus="ENABLED")
    assert sso.get_application_session_configuration(ApplicationArn=arn)["UserBackgroundSessionApplicationStatus"] == "ENABLED"


class Propagation:
    """A user pool whose tokens an application takes for people of Identity Center, and the role that asks as the application."""

    def __init__(self, center):
        self.center, cloud = center, center.cloud
        self.pools, self.pool = cloud.client("cognito-idp"), cloud.client("cognito-idp").create_user_pool(PoolName="elsewhere", Policies={"PasswordPolicy": {"MinimumLength": 8}})["UserPool"]["Id"]
        self.audience = self.pools.create_user_pool_client(UserPoolId=self.pool, ClientName="c", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])["UserPoolClient"]["ClientId"]
        self.issuer = issuer(center, f"https://cognito-idp.us-east-1.amazonaws.com/{self.pool}")
        self.arn = application(center)
        self.bob = Person(cloud, "bob", allow("sts:AssumeRole"))
        self.stranger = Person(cloud, "stranger", allow("*"))
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": self.bob.arn}, "Action": "sso-oauth:CreateTokenWithIAM", "Resource": "*"}]}
        center.sso.put_application_authentication_method(ApplicationArn=self.arn, AuthenticationMethodType="IAM", AuthenticationMethod={"Iam": {"ActorPolicy": policy}})
        self.policy = policy
        self.grant(BEARER, {"JwtBearer": {"AuthorizedTokenIssuers": [{"TrustedTokenIssuerArn": self.issuer, "AuthorizedAudiences": [self.audience]}]}})

    def grant(self, kind, what, arn=None):
        self.center.sso.put_application_grant(ApplicationArn=arn or self.arn, GrantType=kind, Grant=what)

    def token(self, email="ada@example.com"):
        self.pools.admin_create_user(UserPoolId=self.pool, Username=email.partition("@")[0], MessageAction="SUPPRESS", UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}])
        self.pools.admin_set_user_password(UserPoolId=self.pool, Username=email.partition("@")[0], Password="Good-1-password", Permanent=True)
        return self.pools.admin_initiate_auth(UserPoolId=self.pool, ClientId=self.audience, AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                                              AuthParameters={"USERNAME": email.partition("@")[0], "PASSWORD": "Good-1-password"})["AuthenticationResult"]["IdToken"]

    def assign(self, arn=None):
        self.center.sso.create_application_assignment(ApplicationArn=arn or self.arn, PrincipalType="USER", PrincipalId=self.center.user)

    def ask(self, who=None, **more):
        return (who or self.bob).client("sso-oidc").create_token_with_iam(**{"clientId": self.arn, "grantType": BEARER} | more)


@pytest.fixture
def propagation(center):
    return Propagation(center)


def test_an_application_exchanges_what_an_issuer_said_of_a_person_for_a_token(propagation):
    p, token = propagation, propagation.token()
    refused("AccessDeniedException", p.ask, assertion=token)                     # nobody is assigned
    p.assign()
    made = p.ask(assertion=token)
    assert made["tokenType"] == "Bearer" and made["expiresIn"] == 3600 and set(made["scope"]) == {"aws", "openid", "sts:identity_context"} and "refreshToken" not in made
    assert made["accessToken"] and made["awsAdditionalDetails"]["identityContext"]
    refused("AccessDeniedException", p.ask, who=p.stranger, assertion=token)     # the actor policy names another
    refused("InvalidScopeException", p.ask, assertion=token, scope=["other"])
    assert "awsAdditionalDetails" not in p.ask(assertion=token, scope=["openid"])
    refused("InvalidGrantException", p.ask, assertion=p.token("eve@example.com"))  # a person whom Identity Center does not know
    refused("InvalidRequestException", p.ask, assertion="nonsense")
    refused("InvalidGrantException", p.ask, assertion=token[:-8] + "AAAAAAAA")
    refused("UnauthorizedClientException", p.ask, grantType="refresh_token", refreshToken="x")
    refused("UnsupportedGrantTypeException", p.ask, grantType="password")
    p.center.cloud.advance(hours=2)
    refused("InvalidGrantException", p.ask, assertion=token)
    p.center.sso.update_application(ApplicationArn=p.arn, Status="DISABLED")
    refused("UnauthorizedClientException", p.ask, assertion=token)


def test_an_application_that_nobody_may_ask_as_gets_no_token(propagation):
    p = propagation
    p.assign()
    p.center.sso.delete_application_authentication_method(ApplicationArn=p.arn, AuthenticationMethodType="IAM")
    refused("AccessDeniedException", p.ask, assertion=p.token())
    refused("InvalidClientException", p.center.cloud.client("sso-oidc").create_token_with_iam, clientId=p.arn[:-1] + "x", grantType=BEARER, assertion="x")


def test_tokens_are_refreshed_once_and_exchanged_by_the_application_they_are_aimed_at(propagation):
    p = propagation
    p.assign()
    p.grant("refresh_token", {"RefreshToken": {}})
    made = p.ask(assertion=p.token())
    again = p.ask(grantType="refresh_token", refreshToken=made["refreshToken"])
    assert again["refreshToken"] != made["refreshToken"]
    refused("InvalidGrantException", p.ask, grantType="refresh_token", refreshToken=made["refreshToken"])
    second = application(p.center, "second")
    p.center.sso.put_application_authentication_method(ApplicationArn=second, AuthenticationMethodType="IAM", AuthenticationMethod={"Iam": {"ActorPolicy": p.policy}})
    p.grant(EXCHANGE, {"TokenExchange": {}}, second)
    p.assign(second)
    exchange = {"clientId": second, "grantType": EXCHANGE, "subjectToken": again["accessToken"], "subjectTokenType": "urn:ietf:params:oauth:token-type:access_token"}
    refused("InvalidGrantException", p.ask, **exchange)
    p.center.sso.put_application_access_scope(ApplicationArn=p.arn, Scope="second:use", AuthorizedTargets=[second])
    assert p.ask(**exchange)["issuedTokenType"] == "urn:ietf:params:oauth:token-type:access_token"


def test_a_role_session_knows_for_whom_it_acts(propagation):
    p, cloud = propagation, propagation.center.cloud
    p.assign()
    context = p.ask(assertion=p.token())["awsAdditionalDetails"]["identityContext"]
    iam = cloud.client("iam")
    trust = trusting({"AWS": p.bob.arn}, ["sts:AssumeRole", "sts:SetContext"])
    arn = iam.create_role(RoleName="acting", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    held = {"Condition": {"StringEquals": {"identitystore:UserId": p.center.user, "identitycenter:ApplicationArn": p.arn}}}
    iam.put_role_policy(RoleName="acting", PolicyName="p", PolicyDocument=document(allow("sqs:ListQueues") | held))
    provided = [{"ProviderArn": "arn:aws:iam::aws:contextProvider/IdentityCenter", "ContextAssertion": context}]
    assume = p.bob.client("sts").assume_role
    refused("AccessDenied", cloud.client("sqs", **keys(assume(RoleArn=arn, RoleSessionName="plain"))).list_queues)
    assert "QueueUrls" not in cloud.client("sqs", **keys(assume(RoleArn=arn, RoleSessionName="acting", ProvidedContexts=provided))).list_queues()
    refused("ValidationError", assume, RoleArn=arn, RoleSessionName="acting", ProvidedContexts=[provided[0] | {"ContextAssertion": "nonsense"}])
    iam.update_assume_role_policy(RoleName="acting", PolicyDocument=trusting({"AWS": p.bob.arn}))
    refused("AccessDenied", assume, RoleArn=arn, RoleSessionName="acting", ProvidedContexts=provided)
