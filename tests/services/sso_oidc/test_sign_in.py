"""How `aws sso login` comes by its token: a code that a person confirms, or a browser that comes back."""
import base64
import hashlib
import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from cloche.testing.people import refused

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def fetch(url, form=None, **headers):
    request = urllib.request.Request(url, urlencode(form).encode() if form is not None else None, headers)
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


@pytest.fixture
def oidc(cloud):
    return cloud.client("sso-oidc", config=Config(signature_version=UNSIGNED))


@pytest.fixture
def start(center):
    return f"https://{center.store_id}.awsapps.com/start"


def device(oidc, start, **more):
    client = oidc.register_client(clientName="cli", clientType="public", **more)
    client = {"clientId": client["clientId"], "clientSecret": client["clientSecret"]}
    return client, oidc.start_device_authorization(**client, startUrl=start)


def confirmed(cloud, begun, user="ada"):
    return fetch(begun["verificationUri"], {"user_code": begun["userCode"], "user": user})


def test_a_device_waits_until_somebody_confirms_its_code(cloud, oidc, start):
    client, begun = device(oidc, start)
    asked = {**client, "grantType": DEVICE, "deviceCode": begun["deviceCode"]}
    refused("AuthorizationPendingException", oidc.create_token, **asked)
    status, _, body = fetch(begun["verificationUriComplete"])
    assert status == 200 and "ada" in body and begun["userCode"] in body
    assert confirmed(cloud, begun, "nobody")[0] == 400
    refused("AuthorizationPendingException", oidc.create_token, **asked)
    assert confirmed(cloud, begun)[0] == 200
    got = oidc.create_token(**asked)
    assert got["tokenType"] == "Bearer" and got["expiresIn"] == 28800 and "refreshToken" not in got
    refused("InvalidGrantException", oidc.create_token, **asked)


def test_codes_clients_and_start_urls_that_are_not_good_are_refused(cloud, oidc, start):
    client, begun = device(oidc, start)
    refused("InvalidClientException", oidc.start_device_authorization, clientId=client["clientId"], clientSecret="x", startUrl=start)
    refused("InvalidRequestException", oidc.start_device_authorization, **client, startUrl="https://d-0000000000.awsapps.com/start")
    refused("InvalidGrantException", oidc.create_token, **client, grantType=DEVICE, deviceCode="x")
    refused("UnsupportedGrantTypeException", oidc.create_token, **client, grantType="password")
    other, _ = device(oidc, start)
    confirmed(cloud, begun)
    refused("InvalidGrantException", oidc.create_token, **other, grantType=DEVICE, deviceCode=begun["deviceCode"])
    refused("InvalidRedirectUriException", oidc.register_client, clientName="c", clientType="public", redirectUris=["http://example.com/back"])
    cloud.advance(601)
    refused("InvalidGrantException", oidc.create_token, **client, grantType=DEVICE, deviceCode=begun["deviceCode"])
    assert confirmed(cloud, begun)[0] == 400
    cloud.advance(days=91)
    refused("InvalidClientException", oidc.start_device_authorization, **client, startUrl=start)


def test_a_client_with_scopes_may_refresh_its_token_once_each(cloud, oidc, start):
    client, begun = device(oidc, start, scopes=["sso:account:access"])
    confirmed(cloud, begun)
    first = oidc.create_token(**client, grantType=DEVICE, deviceCode=begun["deviceCode"])
    second = oidc.create_token(**client, grantType="refresh_token", refreshToken=first["refreshToken"])
    assert second["accessToken"] != first["accessToken"]
    refused("InvalidGrantException", oidc.create_token, **client, grantType="refresh_token", refreshToken=first["refreshToken"])


def test_a_browser_brings_a_code_back_which_only_the_verifier_opens(cloud, oidc, start):
    made = oidc.register_client(clientName="cli", clientType="public", grantTypes=["authorization_code", "refresh_token"], scopes=["sso:account:access"], issuerUrl=start,
                                redirectUris=["http://127.0.0.1/oauth/callback"])
    client, verifier, back = {"clientId": made["clientId"], "clientSecret": made["clientSecret"]}, "v" * 64, "http://127.0.0.1:54321/oauth/callback"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {"response_type": "code", "client_id": made["clientId"], "redirect_uri": back, "state": "s", "code_challenge_method": "S256", "code_challenge": challenge, "scopes": "sso:account:access"}
    page = f"{cloud.url}/authorize?{urlencode(query)}"
    assert "ada" in fetch(page)[2]
    assert fetch(f"{cloud.url}/authorize?{urlencode(query | {'redirect_uri': 'http://evil.example/'})}")[0] == 400
    assert fetch(page, {"user": "ada"}, Origin="http://evil.example")[0] == 403

    def code():
        status, headers, _ = fetch(page, {"user": "ada"})
        assert status == 302 and headers["location"].startswith(back)
        brought = parse_qs(urlsplit(headers["location"]).query)
        assert brought["state"] == ["s"]
        return brought["code"][0]
    asked = {**client, "grantType": "authorization_code", "redirectUri": back}
    refused("InvalidGrantException", lambda: oidc.create_token(**asked, code=code(), codeVerifier="w" * 64))
    once = code()
    assert "refreshToken" in oidc.create_token(**asked, code=once, codeVerifier=verifier)
    refused("InvalidGrantException", lambda: oidc.create_token(**asked, code=once, codeVerifier=verifier))
    late = code()
    cloud.advance(301)
    refused("InvalidGrantException", lambda: oidc.create_token(**asked, code=late, codeVerifier=verifier))
    assert fetch(f"{cloud.url}/authorize")[0] == 404, "without its query the path is a bucket's"
