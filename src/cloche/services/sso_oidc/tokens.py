"""From a user code that a person confirms, or a code that a browser brings back, to tokens for the portal."""
from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.services.sso_admin import public as center

from . import errors
from . import service as oidc
from .clients import Client, find, hashed, store_of

if TYPE_CHECKING:
    from cloche.shapes import sso_oidc as t

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
DEVICE_SECONDS, CODE_SECONDS, ACCESS_SECONDS, REFRESH_SECONDS, POLL_SECONDS = 600, 300, 28800, 90 * 86400, 1
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class Device(Record, frozen=True):
    """A program that waits for a person to confirm its user code."""

    kind = "sso-oidc.device"
    scope = "cloud"

    code: str                                          # hashed
    user_code: str
    client: str
    store: str
    expires: float
    user: str = ""

    @property
    def key(self) -> str:
        return self.code


class UserCode(Record, frozen=True):
    kind = "sso-oidc.user-code"
    scope = "cloud"

    code: str
    device: str

    @property
    def key(self) -> str:
        return self.code


class Code(Record, frozen=True):
    """An authorization code on its way through a browser."""

    kind = "sso-oidc.code"
    scope = "cloud"

    code: str                                          # hashed
    client: str
    store: str
    user: str
    redirect: str
    challenge: str
    expires: float

    @property
    def key(self) -> str:
        return self.code


class Token(Record, frozen=True):
    """An access or refresh token; only its hash is kept."""

    kind = "sso-oidc.token"
    scope = "cloud"

    hash: str
    use: str                                           # access | refresh
    client: str
    store: str
    user: str
    expires: float
    pair: str = ""                                     # of an access token: its refresh token's hash

    @property
    def key(self) -> str:
        return self.hash


@oidc.op(unsigned=True)
def start_device_authorization(call: Call, req: t.StartDeviceAuthorizationRequest) -> t.StartDeviceAuthorizationResponse:
    client, store = find(call, req), store_of(req["startUrl"])
    if center.instance(call, store) is None:
        raise errors.bad_request("Invalid start URL provided")
    code, user_code = call.secret(60), f"{call.pick(LETTERS, 4)}-{call.pick(LETTERS, 4)}"
    device = call.put(Device(hashed(code), user_code, client.id, store, call.now + DEVICE_SECONDS))
    call.put(UserCode(user_code, device.code))
    call.after(DEVICE_SECONDS, forget, name=device.code, kind="device", key=device.code)
    where = f"http://{call.host}/_sso/{store}/device"
    return {"deviceCode": code, "userCode": user_code, "verificationUri": where, "verificationUriComplete": f"{where}?user_code={user_code}", "expiresIn": DEVICE_SECONDS, "interval": POLL_SECONDS}


@oidc.timer
def forget(call: Call, kind: str, key: str) -> None:
    """Keep what ran out for as long again, so that its owner hears so, then drop it."""
    if kind == "device" and (device := call.get(Device, key)):
        call.delete(UserCode(device.user_code, key))
        call.delete(device)
    elif kind == "token" and (token := call.get(Token, key)):
        call.delete(token)
    elif kind == "code" and (code := call.get(Code, key)):
        call.delete(code)


@oidc.op(unsigned=True)
def create_token(call: Call, req: t.CreateTokenRequest) -> t.CreateTokenResponse:
    client, grant = find(call, req), req["grantType"]
    if grant == DEVICE:
        return by_device(call, req, client)
    if grant == "authorization_code":
        return by_code(call, req, client)
    if grant == "refresh_token":
        return refreshed(call, req, client)
    raise errors.unsupported_grant()


def by_device(call: Call, req: Any, client: Client) -> Any:
    device = call.get(Device, hashed(req.get("deviceCode", "")))
    if device is None or device.client != client.id:
        raise errors.bad_grant("Invalid device code provided")
    if call.now >= device.expires:
        raise errors.expired("The device code")
    if not device.user:
        raise errors.pending()
    call.delete(UserCode(device.user_code, device.code))
    call.delete(device)
    return begun(call, client, device.store, device.user)


def by_code(call: Call, req: Any, client: Client) -> Any:
    code = call.get(Code, hashed(req.get("code", "")))
    if code is None or code.client != client.id or code.redirect != req.get("redirectUri"):
        raise errors.bad_grant("Invalid authorization code or redirect URI provided")
    call.delete(code)
    if call.now >= code.expires:
        raise errors.bad_grant("The authorization code has expired")
    made = base64.urlsafe_b64encode(hashlib.sha256(req.get("codeVerifier", "").encode()).digest()).decode().rstrip("=")
    if not hmac.compare_digest(made, code.challenge):
        raise errors.bad_grant("Invalid code verifier provided")
    return begun(call, client, code.store, code.user)


def refreshed(call: Call, req: Any, client: Client) -> Any:
    token = call.get(Token, hashed(req.get("refreshToken", "")))
    if token is None or token.use != "refresh" or token.client != client.id or call.now >= token.expires:
        raise errors.bad_grant("Invalid refresh token provided")
    call.delete(token)                                 # the next one comes with the answer
    return begun(call, client, token.store, token.user)


def begun(call: Call, client: Client, store: str, user: str) -> Any:
    """Tokens for a user; one to refresh with, only where the client asked for a scope (as newer CLIs do)."""
    access, refresh = call.secret(120), call.secret(120) if client.scopes else ""
    keep(call, Token(hashed(access), "access", client.id, store, user, call.now + ACCESS_SECONDS, hashed(refresh) if refresh else ""))
    if refresh:
        keep(call, Token(hashed(refresh), "refresh", client.id, store, user, call.now + REFRESH_SECONDS))
    return {"accessToken": access, "tokenType": "Bearer", "expiresIn": ACCESS_SECONDS} | ({"refreshToken": refresh} if refresh else {})


def keep(call: Call, token: Token) -> None:
    call.put(token)
    call.due(token.expires, forget, name=token.hash, kind="token", key=token.hash)
