"""People who come from elsewhere: an OpenID Connect issuer and a SAML provider on loopback, driven as browsers drive them."""
import base64
import http.server
import json
import threading
import zlib
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloche.languages import jwt
from cloche.testing.people import refused

from ..sts.test_saml import ISSUER, Idp
from .conftest import Bench, claims
from .test_domains import ask


class Issuer:
    """Believes every code to be the subject's name."""

    def __init__(self):
        self.key, self.client_id, self.secret, self.now = rsa.generate_private_key(public_exponent=65537, key_size=2048), "app", "s3cret", 0
        self.kid, self.more, self.forms = "k", {}, []
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.answer(self, issuer.pages(self.path, self.headers.get("authorization", "")))

            def do_POST(self):
                form = {k: v[0] for k, v in parse_qs(self.rfile.read(int(self.headers["content-length"])).decode()).items()}
                issuer.forms.append(form)
                issuer.answer(self, issuer.token(form) if (form["client_id"], form["client_secret"]) == (issuer.client_id, issuer.secret) else None)

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, handler, value):
        body = json.dumps(value).encode()
        handler.send_response(404 if value is None else 200)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def pages(self, path, bearer):
        n = self.key.public_key().public_numbers().n
        text = base64.urlsafe_b64encode(n.to_bytes(256, "big")).decode().rstrip("=")
        return {"/.well-known/openid-configuration": {"issuer": self.url, "authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token",
                                                      "userinfo_endpoint": f"{self.url}/me", "jwks_uri": f"{self.url}/jwks"},
                "/jwks": {"keys": [{"kty": "RSA", "kid": "k", "use": "sig", "n": text, "e": "AQAB"}]},
                "/me": {"sub": bearer.removeprefix("Bearer "), "nickname": "Al"}}.get(path)

    def token(self, form):
        told = {"iss": self.url, "aud": self.client_id, "sub": form["code"], "email": f"{form['code']}@idp.example", "iat": self.now, "exp": self.now + 300} | self.more
        return {"access_token": form["code"], "id_token": jwt.sign(told, self.key, self.kid), "token_type": "Bearer"}


@pytest.fixture(scope="module")
def issuer():
    made = Issuer()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Door:
    """A pool with a domain and an OAuth client that takes people from one provider."""

    def __init__(self, cloud, **provider):
        self.bench = Bench(cloud)
        self.cloud, self.idp, self.pool, self.domain = cloud, self.bench.idp, self.bench.pool, f"f{cloud.account}"
        self.idp.create_user_pool_domain(Domain=self.domain, UserPoolId=self.pool)
        self.made = self.idp.create_identity_provider(UserPoolId=self.pool, **provider)["IdentityProvider"]
        self.name = provider["ProviderName"]
        self.client = self.bench.new_client(AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["code"], AllowedOAuthScopes=["openid", "email", "profile"],
                                            CallbackURLs=["https://app.example/cb"], SupportedIdentityProviders=["COGNITO", self.name])
        self.query = {"response_type": "code", "client_id": self.client, "redirect_uri": "https://app.example/cb", "state": "mine"}

    def leave(self, **more):
        """To the provider; what it is asked."""
        status, headers, _ = ask(self.cloud, self.domain, "GET", f"/oauth2/authorize?{urlencode(self.query | {'identity_provider': self.name} | more)}")
        assert status == 302
        return headers["location"].partition("?")[0], {k: v[0] for k, v in parse_qs(urlsplit(headers["location"]).query).items()}

    def tokens(self, location):
        back = {k: v[0] for k, v in parse_qs(urlsplit(location).query).items()}
        assert back["state"] == "mine" and "code" in back, back
        form = {"grant_type": "authorization_code", "client_id": self.client, "code": back["code"], "redirect_uri": "https://app.example/cb"}
        return ask(self.cloud, self.domain, "POST", "/oauth2/token", form)[2]


@pytest.fixture
def door(cloud, issuer):
    issuer.now, issuer.more, issuer.forms = int(cloud.now), {}, []
    return Door(cloud, ProviderName="Corp", ProviderType="OIDC", IdpIdentifiers=["corp.example"], AttributeMapping={"email": "email", "nickname": "nickname"}, ProviderDetails={
        "client_id": "app", "client_secret": "s3cret", "oidc_issuer": issuer.url, "attributes_request_method": "GET", "authorize_scopes": "openid email"})


def enter(door, code, state=None, **more):
    state = door.leave()[1]["state"] if state is None else state
    return ask(door.cloud, door.domain, "GET", f"/oauth2/idpresponse?{urlencode({'code': code, 'state': state} | more)}")


def test_an_oidc_provider_vouches_for_a_person_of_the_pool(door, issuer):
    assert door.made["ProviderDetails"]["token_url"] == f"{issuer.url}/token" and door.made["AttributeMapping"]["username"] == "sub"
    place, asked = door.leave()
    here = f"https://{door.domain}.auth.us-east-1.amazoncognito.com/oauth2/idpresponse"
    assert (place, asked["client_id"], asked["response_type"], asked["redirect_uri"]) == (f"{issuer.url}/authorize", "app", "code", here)
    assert "identity_provider=Corp" in ask(door.cloud, door.domain, "GET", f"/login?{urlencode(door.query)}")[2].decode()
    made = door.tokens(enter(door, "alice")[1]["location"])
    assert issuer.forms[-1]["redirect_uri"] == here
    told = claims(made["id_token"])
    assert (told["email"], told["email_verified"], told["nickname"]) == ("alice@idp.example", False, "Al")
    assert told["cognito:username"] == "Corp_alice" and told["cognito:groups"] == [f"{door.pool}_Corp"]
    assert (told["identities"][0]["userId"], told["identities"][0]["providerName"], told["identities"][0]["providerType"]) == ("alice", "Corp", "OIDC")
    user = door.idp.admin_get_user(UserPoolId=door.pool, Username="Corp_alice")
    assert user["UserStatus"] == "EXTERNAL_PROVIDER"
    issuer.more = {"email": "new@idp.example"}
    again = claims(door.tokens(enter(door, "alice")[1]["location"])["id_token"])
    assert again["email"] == "new@idp.example" and again["sub"] == told["sub"]
    assert refused("NotAuthorizedException", door.bench.sign_in, "Corp_alice") == "Incorrect username or password."


def test_a_domain_name_chooses_the_provider_and_a_client_must_support_it(door):
    assert door.leave(identity_provider="", idp_identifier="corp.example")[1]["client_id"] == "app"
    plain = door.bench.new_client(AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["code"], AllowedOAuthScopes=["openid"], CallbackURLs=["https://app.example/cb"],
                                  SupportedIdentityProviders=["COGNITO"])
    query = urlencode(door.query | {"client_id": plain, "identity_provider": "Corp"})
    assert "error=invalid_request" in ask(door.cloud, door.domain, "GET", f"/oauth2/authorize?{query}")[1]["location"]
    only = door.bench.new_client(AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["code"], AllowedOAuthScopes=["openid"], CallbackURLs=["https://app.example/cb"],
                                 SupportedIdentityProviders=["Corp"])
    query = urlencode(door.query | {"client_id": only})
    assert "/authorize?" in ask(door.cloud, door.domain, "GET", f"/oauth2/authorize?{query}")[1]["location"]
    door.bench.person()
    assert b"Incorrect" in ask(door.cloud, door.domain, "POST", f"/login?{query}", {"username": "ann", "password": "Passw0rd!"})[2]
    said = refused("InvalidParameterException", door.bench.new_client, SupportedIdentityProviders=["Nobody"])
    assert said == f"The provider Nobody does not exist for User Pool {door.pool}."


def test_what_a_provider_says_is_believed_only_if_signed_for_this_client_and_now(door, issuer):
    refusal = lambda answer: parse_qs(urlsplit(answer[1]["location"]).query)["error_description"][0]
    for change, said in (({"aud": "other"}, "audience"), ({"iss": "https://evil.example"}, "issuer"), ({"exp": int(door.cloud.now) - 1}, "expired")):
        issuer.more = change
        assert said in refusal(enter(door, "eve"))
    issuer.more, own = {}, issuer.key
    state = door.leave()[1]["state"]
    forged, token = rsa.generate_private_key(public_exponent=65537, key_size=2048), issuer.token

    def bad(form):
        issuer.key = forged
        try:
            return token(form)
        finally:
            issuer.key = own
    issuer.token = bad
    try:
        assert "signature" in refusal(enter(door, "eve", state))
    finally:
        issuer.token = token
    assert enter(door, "eve", state)[::2] == (400, {"error": "invalid_request", "error_description": "Invalid state"})
    no = urlencode({"error": "access_denied", "state": door.leave()[1]["state"]})
    assert refusal(ask(door.cloud, door.domain, "GET", f"/oauth2/idpresponse?{no}")) == "access_denied"
    refused("UserNotFoundException", door.idp.admin_get_user, UserPoolId=door.pool, Username="Corp_eve")


def test_an_administrator_links_a_subject_to_a_person(door):
    sub = door.bench.person()
    ask_ = {"UserPoolId": door.pool, "DestinationUser": {"ProviderName": "Cognito", "ProviderAttributeValue": "ann"},
            "SourceUser": {"ProviderName": "Corp", "ProviderAttributeName": "Cognito_Subject", "ProviderAttributeValue": "a1"}}
    door.idp.admin_link_provider_for_user(**ask_)
    assert refused("InvalidParameterException", door.idp.admin_link_provider_for_user, **ask_) == "SourceUser is already linked to DestinationUser"
    told = claims(door.tokens(enter(door, "a1")[1]["location"])["id_token"])
    assert (told["sub"], told["cognito:username"], told["identities"][0]["userId"]) == (sub, "ann", "a1")
    who = {"ProviderName": "Corp", "ProviderAttributeName": "Cognito_Subject", "ProviderAttributeValue": "a1"}
    door.idp.admin_disable_provider_for_user(UserPoolId=door.pool, User=who)
    assert claims(door.tokens(enter(door, "a1")[1]["location"])["id_token"])["cognito:username"] == "Corp_a1"
    assert refused("InvalidParameterException", door.idp.admin_link_provider_for_user, **ask_).startswith("Merging is not currently supported")
    door.idp.admin_disable_provider_for_user(UserPoolId=door.pool, User=who)
    assert "not+enabled" in enter(door, "a1")[1]["location"]
    door.idp.admin_disable_provider_for_user(UserPoolId=door.pool, User={"ProviderName": "Cognito", "ProviderAttributeName": "Cognito_Subject", "ProviderAttributeValue": "ann"})
    refused("NotAuthorizedException", door.bench.sign_in)


def test_providers_are_listed_changed_and_deleted(door):
    ask_ = {"UserPoolId": door.pool, "ProviderName": "Corp"}
    refused("DuplicateProviderException", door.idp.create_identity_provider, **ask_, ProviderType="OIDC", ProviderDetails=door.made["ProviderDetails"])
    refused("InvalidParameterException", door.idp.create_identity_provider, UserPoolId=door.pool, ProviderName="Mine", ProviderType="Google", ProviderDetails={"client_id": "x", "authorize_scopes": "y"})
    refused("InvalidParameterException", door.idp.create_identity_provider, UserPoolId=door.pool, ProviderName="Mine", ProviderType="OIDC", ProviderDetails={"client_id": "x"})
    google = door.idp.create_identity_provider(UserPoolId=door.pool, ProviderName="Google", ProviderType="Google", ProviderDetails={"client_id": "x", "client_secret": "y", "authorize_scopes": "email"})
    assert google["IdentityProvider"]["ProviderDetails"]["client_secret"] == "y"
    assert [p["ProviderName"] for p in door.idp.list_identity_providers(UserPoolId=door.pool)["Providers"]] == ["Corp", "Google"]
    assert door.idp.get_identity_provider_by_identifier(UserPoolId=door.pool, IdpIdentifier="corp.example")["IdentityProvider"]["ProviderName"] == "Corp"
    refused("InvalidParameterException", door.idp.update_identity_provider, **ask_, AttributeMapping={"nonsense": "x"})
    assert door.idp.update_identity_provider(**ask_, IdpIdentifiers=["a.example"])["IdentityProvider"]["IdpIdentifiers"] == ["a.example"]
    door.idp.delete_identity_provider(**ask_)
    refused("ResourceNotFoundException", door.idp.describe_identity_provider, **ask_)


class Saml(Idp):
    def vouch(self, now, pool, recipient, subject="bob", audience=None, signed=True, **attributes):
        at = lambda seconds: (datetime.fromtimestamp(now, UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        rows = "".join(f'<saml:Attribute Name="{name}"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>' for name, value in attributes.items())
        head = f'<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a1" IssueInstant="{at(0)}" Version="2.0"><saml:Issuer>{ISSUER}</saml:Issuer>'
        tail = (f'<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{subject}</saml:NameID><saml:SubjectConfirmation '
                f'Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="{at(300)}" Recipient="{recipient}"></saml:SubjectConfirmationData>'
                f'</saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="{at(-60)}" NotOnOrAfter="{at(300)}"><saml:AudienceRestriction><saml:Audience>'
                f'{audience or "urn:amazon:cognito:sp:" + pool}</saml:Audience></saml:AudienceRestriction></saml:Conditions>'
                f'<saml:AttributeStatement>{rows}</saml:AttributeStatement></saml:Assertion>')
        signature = self.signature(head + tail) if signed else ""
        return base64.b64encode((f'<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r1" Version="2.0"><samlp:Status><samlp:StatusCode '
                                 f'Value="urn:oasis:names:tc:SAML:2.0:status:Success"></samlp:StatusCode></samlp:Status>{head}{signature}{tail}</samlp:Response>').encode()).decode()


def test_a_saml_provider_vouches_by_a_signed_assertion(cloud):
    idp = Saml()
    door = Door(cloud, ProviderName="ADFS", ProviderType="SAML", ProviderDetails={"MetadataFile": idp.metadata()}, AttributeMapping={"email": "mail"})
    here = f"https://{door.domain}.auth.us-east-1.amazoncognito.com/saml2/idpresponse"

    def arrive(**more):
        place, asked = door.leave()
        request = zlib.decompress(base64.b64decode(asked["SAMLRequest"]), wbits=-15).decode()
        assert place == ISSUER and f"urn:amazon:cognito:sp:{door.pool}" in request and here in request
        said = idp.vouch(cloud.now, door.pool, **({"recipient": here, "mail": "bob@corp.example"} | more))
        return ask(cloud, door.domain, "POST", "/saml2/idpresponse", {"SAMLResponse": said, "RelayState": asked["RelayState"]})[1]["location"]
    told = claims(door.tokens(arrive())["id_token"])
    assert (told["cognito:username"], told["email"], told["identities"][0]["providerType"]) == ("ADFS_bob", "bob@corp.example", "SAML")
    for more in ({"audience": "urn:other"}, {"recipient": "https://evil.example/"}, {"signed": False}):
        assert "error=invalid_request" in arrive(**more)
    refused("InvalidParameterException", door.idp.create_identity_provider, UserPoolId=door.pool, ProviderName="Xyz", ProviderType="SAML", ProviderDetails={"MetadataFile": "<x/>"})
