"""authenticate-oidc and authenticate-cognito: signed in at the provider, back with a code at /oauth2/idpresponse, and from then on a sealed session in a cookie.

Targets are told who it is in x-amzn-oidc-identity, -accesstoken and -data, a token that the load balancer signs; what a client claims in those is dropped.
The provider is asked for tokens from within this Cloche: one that it does not serve cannot be reached (561).
"""
from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from cloche.kernel import Call, Record, Request, Response
from cloche.kernel.front import by_host

from ..index import index
from ..listeners import Listener
from . import cookies, rewriting
from .entry import Entry
from .state import nonce, seal

BACK = "/oauth2/idpresponse"
NONCE, NONCE_SECONDS = "AWSALBAuthNonce", 900
SHARD = 3900                                                   # of a cookie; a session may take several
KINDS = ("authenticate-oidc", "authenticate-cognito")


class Signer(Record, frozen=True):
    """The key that a region's load balancers sign x-amzn-oidc-data with; its public half is had at public-keys.auth.elb.REGION.amazonaws.com/KEY-ID."""

    kind = "elbv2.signer"
    scope = "cloud"

    region: str
    id: str
    private: str

    @property
    def key(self) -> str:
        return self.region


class Trouble(Exception):
    """With the status that is said: 401 for who is not whom we sent, 561 for a provider that fails."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


# -- the configuration, of both kinds in one form -------------------------------------------------------------------------------------

def configuration(call: Call, action: Any) -> dict[str, Any]:
    if action["Type"] == "authenticate-oidc":
        return dict(action["AuthenticateOidcConfig"])
    config = dict(action["AuthenticateCognitoConfig"])
    domain = config["UserPoolDomain"]
    host = domain if "." in domain else f"{domain}.auth.{call.region}.amazoncognito.com"
    pool = config["UserPoolArn"].rpartition("/")[2]
    told = call.as_root().do("cognito-idp", "DescribeUserPoolClient", UserPoolId=pool, ClientId=config["UserPoolClientId"])["UserPoolClient"]
    return config | {"Issuer": f"https://cognito-idp.{call.region}.amazonaws.com/{pool}", "AuthorizationEndpoint": f"https://{host}/oauth2/authorize",
                     "TokenEndpoint": f"https://{host}/oauth2/token", "UserInfoEndpoint": f"https://{host}/oauth2/userInfo", "ClientId": config["UserPoolClientId"],
                     "ClientSecret": told.get("ClientSecret", "")}


def every(call: Call, listener: Listener) -> list[Any]:
    """The authenticating actions of a listener and its rules."""
    there = [listener.actions, *(rule.actions for rule in index(call).rules.get(listener.arn, ()))]
    return [action for actions in there for action in actions if action["Type"] in KINDS]


# -- a request ------------------------------------------------------------------------------------------------------------------------

async def answer(call: Call, listener: Listener, action: Any, request: Request, asked: Any, entry: Entry) -> Response | None:
    """None: go on, with the claims in `entry`."""
    config = configuration(call, action)
    session = read(call, config, cookies.given(entry.headers))
    if session is not None:
        entry.claims = told(call, listener, config, session)
        return None
    if config["OnUnauthenticatedRequest"] == "allow":
        return None
    if config["OnUnauthenticatedRequest"] == "deny":
        return refused(entry, 401)
    return away(call, config, request)


async def returned(call: Call, listener: Listener, request: Request, entry: Entry) -> Response | None:
    """Somebody comes back from the provider; None if this is no such request."""
    if request.path != BACK or listener.protocol != "HTTPS" or not (actions := every(call, listener)):
        return None
    entry.done.append("authenticate")
    query = dict(parse_qsl(request.query))
    try:
        state = cookies.unseal(seal(call), query.get("state", ""))
        if not isinstance(state, list) or len(state) != 4 or state[3] < call.now or cookies.given(entry.headers).get(NONCE) != state[1]:
            raise Trouble(401, "AuthInvalidStateParam")
        config = next((found for action in actions if (found := configuration(call, action))["ClientId"] == state[2]), None)
        if config is None:
            raise Trouble(401, "AuthInvalidStateParam")
        if "error" in query or "code" not in query:
            raise Trouble(401 if query.get("error") == "access_denied" else 561, "AuthInvalidGrantError")
        return await signed_in(call, config, request, query["code"], state[0])
    except Trouble as trouble:
        return refused(entry, trouble.status, str(trouble))


def refused(entry: Entry, status: int, reason: str = "") -> Response:
    entry.own, entry.error = True, reason
    return Response(status, *rewriting.page(status))


def home(request: Request) -> str:
    return f"https://{request.headers.get('host', '').removesuffix(':443')}"


def away(call: Call, config: Any, request: Request) -> Response:
    mark = call.id(digits=32)
    state = cookies.seal(seal(call), nonce(call), [f"{home(request)}{request.target}", mark, config["ClientId"], call.now + NONCE_SECONDS])
    asked = {"client_id": config["ClientId"], "redirect_uri": f"{home(request)}{BACK}", "response_type": "code", "scope": config["Scope"], "state": state}
    where = f"{config['AuthorizationEndpoint']}?{urlencode(dict(config.get('AuthenticationRequestExtraParams') or {}) | asked)}"
    headers, body = rewriting.page(302)
    return Response(302, [*headers, ("location", where), ("set-cookie", f"{NONCE}={mark}; Expires={cookies.expires(call.now + NONCE_SECONDS)}; Path=/; Secure; HttpOnly; SameSite=None")], body)


async def signed_in(call: Call, config: Any, request: Request, code: str, where: str) -> Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": f"{home(request)}{BACK}", "client_id": config["ClientId"]}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    if config.get("ClientSecret"):
        headers["authorization"] = "Basic " + base64.b64encode(f"{config['ClientId']}:{config['ClientSecret']}".encode()).decode()
    tokens = await ask(call, "POST", config["TokenEndpoint"], headers, urlencode(form).encode(), "AuthTokenEpRequestFailed")
    if "access_token" not in tokens:
        raise Trouble(561, "AuthMissingAccessToken")
    who = await ask(call, "GET", config["UserInfoEndpoint"], {"authorization": f"Bearer {tokens['access_token']}"}, b"", "AuthUserinfoEpRequestFailed")
    if "sub" not in who:
        raise Trouble(561, "AuthInvalidUserinfo")
    until = call.now + config["SessionTimeout"]
    text = cookies.seal(seal(call), nonce(call), [config["ClientId"], config["Issuer"], who, tokens["access_token"], until])
    page, body = rewriting.page(302)
    shards = [text[i : i + SHARD] for i in range(0, len(text), SHARD)]
    kept = [("set-cookie", f"{config['SessionCookieName']}-{i}={part}; Expires={cookies.expires(until)}; Path=/; Secure; HttpOnly; SameSite=None") for i, part in enumerate(shards)]
    return Response(302, [*page, ("location", where), *kept], body)


def read(call: Call, config: Any, given: dict[str, str]) -> Any:
    """The session that a client carries, if it is of this client id and issuer and not over."""
    text, name = "", config["SessionCookieName"]
    for i in range(10):
        if f"{name}-{i}" not in given:
            break
        text += given[f"{name}-{i}"]
    said = cookies.unseal(seal(call), text) if text else None
    good = isinstance(said, list) and len(said) == 5 and said[0] == config["ClientId"] and said[1] == config["Issuer"] and said[4] > call.now
    return said if good else None


async def ask(call: Call, method: str, url: str, headers: dict[str, str], body: bytes, reason: str) -> dict[str, Any]:
    """A provider that this Cloche serves, asked as over the network."""
    parts = urlsplit(url)
    if by_host(parts.netloc.lower()) is None:
        raise Trouble(561, reason)
    answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    request = Request(method, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), headers | {"host": parts.netloc, "content-length": str(len(body))}, body, None, True, "127.0.0.1")
    call.cloud.handle(request, lambda response: answered.done() or answered.set_result(response))
    response = await answered
    try:
        said = json.loads(response.body) if isinstance(response.body, bytes) else None
    except ValueError:
        said = None
    if response.status != 200 or not isinstance(said, dict):
        raise Trouble(561, reason)
    return said


# -- what targets are told ------------------------------------------------------------------------------------------------------------

def told(call: Call, listener: Listener, config: Any, session: Any) -> list[tuple[str, str]]:
    _, issuer, who, token, until = session
    return [("x-amzn-oidc-accesstoken", token), ("x-amzn-oidc-identity", str(who["sub"])), ("x-amzn-oidc-data", signed(call, listener, config, issuer, who, until))]


def signer(call: Call) -> Signer:
    found = call.get(Signer, call.region)
    if found is None:
        from cryptography.hazmat.primitives import serialization as forms
        from cryptography.hazmat.primitives.asymmetric import ec
        key = ec.generate_private_key(ec.SECP256R1())
        with call.step():
            found = call.put(Signer(call.region, call.uuid(), key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()).decode()))
    return found


def signed(call: Call, listener: Listener, config: Any, issuer: str, who: dict[str, Any], until: float) -> str:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    found, part = signer(call), lambda value: base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()
    balancer = listener.arn.replace(":listener/", ":loadbalancer/").rpartition("/")[0]
    head = {"typ": "JWT", "kid": found.id, "alg": "ES256", "iss": issuer, "client": config["ClientId"], "signer": balancer, "exp": int(min(until, call.now + 120))}
    text = f"{part(head)}.{part(who | {'exp': head['exp'], 'iss': issuer})}"
    key = serialization.load_pem_private_key(found.private.encode(), None)
    r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))  # type: ignore[union-attr, call-arg, arg-type]
    return f"{text}.{base64.urlsafe_b64encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big')).decode()}"


def public_key(call: Call, region: str, id_: str) -> Response:
    found = call.get(Signer, region)
    if found is None or found.id != id_:
        return Response(404, [("content-type", "text/plain")], b"No such key.\n")
    from cryptography.hazmat.primitives import serialization as forms
    key = forms.load_pem_private_key(found.private.encode(), None).public_key()
    return Response(200, [("content-type", "text/plain")], key.public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo))
