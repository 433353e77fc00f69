"""A domain's OAuth endpoints, driven as a browser and an application drive them."""
import base64
import hashlib
import http.client
import json
from urllib.parse import parse_qs, urlencode, urlsplit

from cloche.testing.people import refused

from .conftest import WORD, claims


def ask(cloud, domain, method, path, form=None, **headers):
    place = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=10)
    body = urlencode(form) if form is not None else None
    kind = {"content-type": "application/x-www-form-urlencoded"} if body else {}
    place.request(method, path, body, {"host": f"{domain}.auth.us-east-1.amazoncognito.com", **kind, **headers})
    answer = place.getresponse()
    text = answer.read()
    return answer.status, dict(answer.getheaders()), json.loads(text) if "json" in (answer.getheader("content-type") or "") else text


def test_a_browser_gets_a_code_and_the_application_its_tokens(bench):
    bench.person()
    domain = f"d{bench.cloud.account}"
    bench.idp.create_user_pool_domain(Domain=domain, UserPoolId=bench.pool)
    assert bench.idp.describe_user_pool_domain(Domain=domain)["DomainDescription"]["UserPoolId"] == bench.pool
    assert bench.idp.update_user_pool_domain(Domain=domain, UserPoolId=bench.pool, ManagedLoginVersion=1)["ManagedLoginVersion"] == 1
    client = bench.new_client(AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["code"], AllowedOAuthScopes=["openid", "email"], CallbackURLs=["https://app.example/cb"])
    verifier = "v" * 50
    query = urlencode({"response_type": "code", "client_id": client, "redirect_uri": "https://app.example/cb", "scope": "openid email", "state": "s1", "code_challenge_method": "S256",
                       "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")})
    status, headers, _ = ask(bench.cloud, domain, "GET", f"/oauth2/authorize?{query}")
    assert status == 302 and headers["location"] == f"/login?{query}"
    assert b"password" in ask(bench.cloud, domain, "GET", headers["location"])[2]
    assert b"Incorrect username or password." in ask(bench.cloud, domain, "POST", headers["location"], {"username": "ann", "password": "no"})[2]
    status, headers, _ = ask(bench.cloud, domain, "POST", f"/login?{query}", {"username": "ann", "password": WORD})
    back = parse_qs(urlsplit(headers["location"]).query)
    assert status == 302 and back["state"] == ["s1"]
    form = {"grant_type": "authorization_code", "client_id": client, "code": back["code"][0], "redirect_uri": "https://app.example/cb"}
    status, _, made = ask(bench.cloud, domain, "POST", "/oauth2/token", form | {"code_verifier": verifier})
    assert status == 200 and claims(made["access_token"])["scope"] == "openid email" and claims(made["id_token"])["aud"] == client
    assert ask(bench.cloud, domain, "POST", "/oauth2/token", form | {"code_verifier": verifier})[2] == {"error": "invalid_grant"}
    who = ask(bench.cloud, domain, "GET", "/oauth2/userInfo", authorization=f"Bearer {made['access_token']}")[2]
    assert (who["email"], who["username"]) == ("ann@x.example", "ann")
    again = ask(bench.cloud, domain, "POST", "/oauth2/token", {"grant_type": "refresh_token", "client_id": client, "refresh_token": made["refresh_token"]})
    assert again[0] == 200 and "id_token" in again[2]
    ask(bench.cloud, domain, "POST", "/oauth2/revoke", {"client_id": client, "token": made["refresh_token"]})
    assert ask(bench.cloud, domain, "GET", "/oauth2/userInfo", authorization=f"Bearer {made['access_token']}")[0] == 401
    refused("InvalidParameterException", bench.idp.delete_user_pool, UserPoolId=bench.pool)
    bench.idp.delete_user_pool_domain(Domain=domain, UserPoolId=bench.pool)


def test_a_machine_gets_a_token_for_its_secret(bench):
    domain = f"m{bench.cloud.account}"
    bench.idp.create_user_pool_domain(Domain=domain, UserPoolId=bench.pool)
    bench.idp.create_resource_server(UserPoolId=bench.pool, Identifier="api", Name="API", Scopes=[{"ScopeName": "read", "ScopeDescription": "r"}])
    made = bench.idp.create_user_pool_client(UserPoolId=bench.pool, ClientName="m", GenerateSecret=True, AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["client_credentials"],
                                             AllowedOAuthScopes=["api/read"])["UserPoolClient"]
    basic = base64.b64encode(f"{made['ClientId']}:{made['ClientSecret']}".encode()).decode()
    status, _, got = ask(bench.cloud, domain, "POST", "/oauth2/token", {"grant_type": "client_credentials"}, authorization=f"Basic {basic}")
    assert status == 200 and claims(got["access_token"])["scope"] == "api/read" and claims(got["access_token"])["sub"] == made["ClientId"]
    wrong = {"grant_type": "client_credentials", "client_id": made["ClientId"], "client_secret": "x"}
    assert ask(bench.cloud, domain, "POST", "/oauth2/token", wrong)[:3:2] == (400, {"error": "invalid_client"})
    bad = {"grant_type": "client_credentials", "client_id": made["ClientId"], "client_secret": made["ClientSecret"], "scope": "api/write"}
    assert ask(bench.cloud, domain, "POST", "/oauth2/token", bad)[2] == {"error": "invalid_scope"}


def test_oauth_errors_have_their_names(bench):
    bench.person()
    domain = f"e{bench.cloud.account}"
    bench.idp.create_user_pool_domain(Domain=domain, UserPoolId=bench.pool)
    taken = lambda: bench.idp.create_user_pool_domain(Domain=domain, UserPoolId=bench.idp.create_user_pool(PoolName="q")["UserPool"]["Id"])
    assert refused("InvalidParameterException", taken) == "Domain already associated with another user pool."
    oauth = {"AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthScopes": ["openid", "email"], "CallbackURLs": ["https://app.example/cb"]}
    client = bench.new_client(**oauth, AllowedOAuthFlows=["code"])
    query = {"response_type": "code", "client_id": client, "redirect_uri": "https://app.example/cb", "code_challenge_method": "S256", "code_challenge": "x" * 43}
    token = lambda **form: ask(bench.cloud, domain, "POST", "/oauth2/token", form)[:3:2]
    page = lambda **more: ask(bench.cloud, domain, "GET", f"/oauth2/authorize?{urlencode(query | more)}")
    assert page(redirect_uri="https://evil.example/")[0] == 400
    for change, said in (({"scope": "api/none"}, "invalid_scope"), ({"response_type": "token"}, "unauthorized_client"), ({"response_type": "x"}, "invalid_request")):
        assert parse_qs(urlsplit(page(**change)[1]["location"]).query)["error"] == [said]
    code = lambda: parse_qs(urlsplit(ask(bench.cloud, domain, "POST", f"/login?{urlencode(query)}", {"username": "ann", "password": WORD})[1]["location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "client_id": client, "redirect_uri": "https://app.example/cb"}
    assert token(**form, code=code(), code_verifier="wrong") == (400, {"error": "invalid_grant"})
    assert token(**form, code="nonsense", code_verifier="x") == (400, {"error": "invalid_grant"})
    assert token(grant_type="client_credentials", client_id=client) == (400, {"error": "unauthorized_client"})
    assert token(grant_type="refresh_token", client_id=client, refresh_token="x") == (400, {"error": "invalid_grant"})
    assert token(grant_type="authorization_code", client_id="nobody", code="x") == (400, {"error": "invalid_client"})
    assert token(grant_type="password", client_id=client) == (400, {"error": "unsupported_grant_type"})
    late = code()
    bench.cloud.advance(301)
    assert token(**form, code=late, code_verifier="x") == (400, {"error": "invalid_grant"})
    implicit = bench.new_client(**oauth, AllowedOAuthFlows=["implicit"])
    asked = urlencode(query | {"client_id": implicit, "response_type": "token"})
    place = ask(bench.cloud, domain, "POST", f"/login?{asked}", {"username": "ann", "password": WORD})[1]["location"]
    made = parse_qs(urlsplit(place).fragment)
    assert claims(made["id_token"][0])["aud"] == implicit and made["token_type"] == ["Bearer"]


def test_the_pages_of_a_domain_wear_the_pools_colours(bench):
    ask_ = {"UserPoolId": bench.pool, "ClientId": bench.client}
    assert "existing domain" in refused("InvalidParameterException", bench.idp.set_ui_customization, **ask_, CSS="")
    domain = f"u{bench.cloud.account}"
    bench.idp.create_user_pool_domain(Domain=domain, UserPoolId=bench.pool)
    refused("InvalidParameterException", bench.idp.set_ui_customization, **ask_, CSS=".nonsense {color: red}")
    client = bench.new_client(AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["code"], AllowedOAuthScopes=["openid"], CallbackURLs=["https://app.example/cb"])
    made = bench.idp.set_ui_customization(UserPoolId=bench.pool, CSS=".submitButton-customizable {color: red}", ImageFile=b"\x89PNG....")["UICustomization"]
    assert made["ClientId"] == "ALL" and "ImageUrl" in made
    query = urlencode({"response_type": "code", "client_id": client, "redirect_uri": "https://app.example/cb"})
    assert b".submitButton-customizable {color: red}" in ask(bench.cloud, domain, "GET", f"/login?{query}")[2]
    assert ask(bench.cloud, domain, "GET", f"/assets/logo?client_id={client}")[2] == b"\x89PNG...."
    assert bench.idp.get_ui_customization(**ask_)["UICustomization"]["CSS"].startswith(".submitButton")
