"""Listeners that let in only who has signed in: a user pool of Cognito, and any provider of OpenID Connect."""
import base64
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.services.cognito_idp.conftest import WORD
from tests.services.cognito_idp.conftest import bench as people  # noqa: F401 - a fixture
from tests.services.cognito_idp.test_domains import ask

from .conftest import forward, says
from .test_listeners import imported

TELLS = ("import json\ndef handler(event, context):\n    return {'statusCode': 200, 'body': json.dumps({k: v for k, v in event['headers'].items() if k.startswith('x-amzn-oidc')})}\n")


def cookies_of(answer):
    return "; ".join(one.split(";")[0] for one in answer.headers.get_all("set-cookie") or [])


@pytest.fixture
def gate(lb, people):  # noqa: F811
    people.person()
    balancer = lb.balancer()
    people.domain = f"d{lb.cloud.account}"
    people.idp.create_user_pool_domain(Domain=people.domain, UserPoolId=people.pool)
    client = people.idp.create_user_pool_client(
        UserPoolId=people.pool, ClientName="alb", GenerateSecret=True, AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["code"], AllowedOAuthScopes=["openid", "email"],
        CallbackURLs=[f"https://{balancer['DNSName']}/oauth2/idpresponse"], ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])["UserPoolClient"]
    group = lb.group(TargetType="lambda")
    lb.function("tells", TELLS, group)
    arn = people.idp.describe_user_pool(UserPoolId=people.pool)["UserPool"]["Arn"]
    action = {"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": {
        "UserPoolArn": arn, "UserPoolClientId": client["ClientId"], "UserPoolDomain": people.domain, "Scope": "openid email", "SessionTimeout": 600}}
    balancer["action"], balancer["client"], balancer["people"], balancer["group"] = action, client, people, group
    balancer["listener"] = lb.listener(balancer, action, forward(group) | {"Order": 2}, Protocol="HTTPS", port=443, Certificates=[{"CertificateArn": imported(lb, "example.com")}])
    balancer["host"] = f"{balancer['DNSName']}:443"
    return balancer


def test_who_is_not_signed_in_is_sent_to_the_pool_and_comes_back_known(lb, gate):
    first = lb.ask(gate["host"], "/page?x=1")
    assert first.status == 302
    where = urlsplit(first.headers["location"])
    query = parse_qs(where.query)
    assert where.netloc == f"{gate['people'].domain}.auth.us-east-1.amazoncognito.com" and query["client_id"] == [gate["client"]["ClientId"]] and query["scope"] == ["openid email"]
    assert query["redirect_uri"] == [f"https://{gate['DNSName']}/oauth2/idpresponse"] and query["response_type"] == ["code"]
    mark = cookies_of(first)
    assert mark.startswith("AWSALBAuthNonce=")
    domain = gate["people"].domain
    login = ask(lb.cloud, domain, "GET", f"{where.path}?{where.query}")[1]["location"]
    back = ask(lb.cloud, domain, "POST", login, {"username": "ann", "password": WORD})[1]["location"]
    path = back.partition(gate["DNSName"])[2]
    assert path.startswith("/oauth2/idpresponse?") and lb.ask(gate["host"], path).status == 401          # without the mark it is somebody else
    landed = lb.ask(gate["host"], path, headers={"Cookie": mark})
    assert landed.status == 302 and landed.headers["location"] == f"https://{gate['DNSName']}/page?x=1"
    session = cookies_of(landed)
    assert session.startswith("AWSELBAuthSessionCookie-0=") and "ann" not in session
    told = lb.ask(gate["host"], "/page", headers={"Cookie": session, "x-amzn-oidc-identity": "somebody else"}).json
    head, claims, signature = told["x-amzn-oidc-data"].split(".")
    read = lambda text: json.loads(base64.urlsafe_b64decode(text + "=="))
    assert read(claims)["email"] == "ann@x.example" and read(claims)["sub"] == told["x-amzn-oidc-identity"] and told["x-amzn-oidc-accesstoken"].count(".") == 2
    assert read(head)["signer"] == gate["LoadBalancerArn"] and read(head)["client"] == gate["client"]["ClientId"]
    pem = lb.ask("public-keys.auth.elb.us-east-1.amazonaws.com", f"/{read(head)['kid']}").body
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    raw = base64.urlsafe_b64decode(signature)
    proof = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    serialization.load_pem_public_key(pem).verify(proof, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    lb.cloud.advance(601)
    assert lb.ask(gate["host"], "/page", headers={"Cookie": session}).status == 302                      # the session is over


def test_who_is_not_signed_in_can_be_refused_or_let_through_unknown(lb, gate):
    change = lambda what: lb.client.modify_listener(ListenerArn=gate["listener"], DefaultActions=[
        gate["action"] | {"AuthenticateCognitoConfig": gate["action"]["AuthenticateCognitoConfig"] | {"OnUnauthenticatedRequest": what}}, forward(gate["group"]) | {"Order": 2}])
    change("deny")
    assert lb.ask(gate["host"]).status == 401
    change("allow")
    assert lb.ask(gate["host"], headers={"x-amzn-oidc-identity": "a lie"}).json == {}


def test_a_provider_that_cannot_be_asked_is_561(lb):
    balancer = lb.balancer()
    config = {"Issuer": "https://idp.example", "AuthorizationEndpoint": "https://idp.example/a", "TokenEndpoint": "https://idp.example/t", "UserInfoEndpoint": "https://idp.example/u",
              "ClientId": "me", "ClientSecret": "hidden", "AuthenticationRequestExtraParams": {"prompt": "login"}}
    listener = lb.listener(balancer, {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": config}, says("x") | {"Order": 2}, Protocol="HTTPS", port=443,
                           Certificates=[{"CertificateArn": imported(lb, "example.com")}])
    shown = lb.client.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"][0]["AuthenticateOidcConfig"]
    assert "ClientSecret" not in shown and shown["Scope"] == "openid" and shown["SessionTimeout"] == 604800
    first = lb.ask(f"{balancer['DNSName']}:443")
    query = parse_qs(urlsplit(first.headers["location"]).query)
    assert query["prompt"] == ["login"]
    said = lb.ask(f"{balancer['DNSName']}:443", f"/oauth2/idpresponse?code=1&state={query['state'][0].replace('+', '%2B')}", headers={"Cookie": cookies_of(first)})
    assert said.status == 561
