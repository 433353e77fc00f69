"""Tokens: what is in them, who may use them, and how they end.

One sign-in is one row: its refresh token (hashed), and the event that its ID and access tokens name. Revoked or signed out, all of them are.
"""
from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call

from . import clients, errors, groups, keys, pools, triggers, users
from . import service as cognito
from .clients import Client
from .pools import Pool
from .users import User

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t

cognito.table("""
CREATE TABLE IF NOT EXISTS cognito_login (
    hash TEXT PRIMARY KEY, event TEXT NOT NULL, pool TEXT NOT NULL, key TEXT NOT NULL, client TEXT NOT NULL, origin TEXT NOT NULL, auth_time REAL NOT NULL,
    expires REAL NOT NULL, scopes TEXT NOT NULL, revoked INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cognito_login_event ON cognito_login (event);
CREATE INDEX IF NOT EXISTS cognito_login_user ON cognito_login (pool, key);
CREATE INDEX IF NOT EXISTS cognito_login_client ON cognito_login (client);
CREATE INDEX IF NOT EXISTS cognito_login_expires ON cognito_login (expires);
""")

SELF = "aws.cognito.signin.user.admin"
KEPT_SECONDS = 86400
SCOPE_CLAIMS = {"email": ("email", "email_verified"), "phone": ("phone_number", "phone_number_verified")}


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Login:
    """One sign-in."""

    __slots__ = ("auth_time", "client", "event", "expires", "hash", "key", "origin", "pool", "revoked", "scopes")

    def __init__(self, hash_: str, event: str, pool: str, key: str, client: str, origin: str, auth_time: float, expires: float, scopes: str, revoked: int) -> None:
        self.hash, self.event, self.pool, self.key, self.client, self.origin = hash_, event, pool, key, client, origin
        self.auth_time, self.expires, self.scopes, self.revoked = auth_time, expires, scopes, bool(revoked)


def begin(call: Call, client: Client, user: User, scopes: str = SELF) -> tuple[Login, str]:
    """A new sign-in and its refresh token."""
    call.sql("DELETE FROM cognito_login WHERE hash IN (SELECT hash FROM cognito_login WHERE expires < ? LIMIT 100)", call.now - KEPT_SECONDS)
    token = ".".join(call.secret(size) for size in (24, 256, 12, 600, 12))
    login = Login(hashed(token), call.uuid(), client.pool, user.key, client.id, call.uuid(), call.now, call.now + client.seconds("RefreshToken"), scopes, 0)
    keep(call, login)
    return login, token


def keep(call: Call, login: Login) -> None:
    call.sql("INSERT INTO cognito_login VALUES (?,?,?,?,?,?,?,?,?,?)", login.hash, login.event, login.pool, login.key, login.client, login.origin, login.auth_time, login.expires, login.scopes,
             login.revoked)


def login_of(call: Call, refresh: str) -> Login | None:
    row = call.row("SELECT * FROM cognito_login WHERE hash = ?", hashed(refresh))
    return Login(*row) if row else None


async def issue(call: Call, pool: Pool, client: Client, user: User, login: Login, source: str, metadata: dict[str, str] | None = None, nonce: str = "",
                device: str = "") -> dict[str, Any]:
    """ID and access token of a sign-in, as the PreTokenGeneration function likes them."""
    pair = await keys.of(call, pool.id)
    belongs = groups.of(call, user)
    names, roles, preferred = [g.name for g in belongs], [g.role for g in belongs if g.role], groups.preferred_role(belongs)
    scopes = login.scopes.split()
    said = await asked(call, pool, client, user, source, scopes, names, roles, preferred, metadata)
    change_id, change_access = said.get("idTokenGeneration") or {}, said.get("accessTokenGeneration") or {}
    if group := said.get("groupOverrideDetails"):
        names, roles, preferred = group.get("groupsToOverride", names) or [], group.get("iamRolesToOverride", roles) or [], group.get("preferredRole", preferred)
    now = int(call.now)
    common: dict[str, Any] = {"sub": user.sub, "iss": pool.issuer, "event_id": login.event, "auth_time": int(login.auth_time), "iat": now}
    if names:
        common["cognito:groups"] = names
    if client.values["EnableTokenRevocation"]:
        common["origin_jti"] = login.origin
    id_claims = {**common, "aud": client.id, "token_use": "id", "cognito:username": user.name, **visible(client, user, scopes), "exp": now + client.seconds("IdToken"), "jti": call.uuid()}
    if roles:
        id_claims["cognito:roles"] = roles
    if preferred:
        id_claims["cognito:preferred_role"] = preferred
    if nonce:
        id_claims["nonce"] = nonce
    scopes = [s for s in scopes if s not in (change_access.get("scopesToSuppress") or [])] + list(change_access.get("scopesToAdd") or [])
    access = {**common, "client_id": client.id, "token_use": "access", "scope": " ".join(scopes), "username": user.name, "exp": now + client.seconds("AccessToken"), "jti": call.uuid()}
    if device:
        access["device_key"] = device
    if source == "HostedAuth" or scopes != [SELF]:
        access["version"] = 2
    from cloche.languages import jwt
    answer = {"AccessToken": jwt.sign(overridden(access, change_access), pair["access"].private, pair["access"].kid), "ExpiresIn": client.seconds("AccessToken"), "TokenType": "Bearer"}
    if "openid" in scopes or SELF in scopes:
        answer["IdToken"] = jwt.sign(overridden(id_claims, change_id), pair["id"].private, pair["id"].kid)
    return answer


FIXED_CLAIMS = {"iss", "aud", "exp", "iat", "sub", "token_use", "client_id", "event_id", "origin_jti", "jti", "auth_time", "username", "cognito:username", "nonce", "scope", "cognito:groups",
                "cognito:roles", "cognito:preferred_role", "version"}


def overridden(claims: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """What a function may add and take away; the token's own claims are not its business."""
    added = {k: v for k, v in (change.get("claimsToAddOrOverride") or {}).items() if k not in FIXED_CLAIMS}
    gone = set(change.get("claimsToSuppress") or []) - FIXED_CLAIMS
    return {k: v for k, v in (claims | added).items() if k not in gone}


async def asked(call: Call, pool: Pool, client: Client, user: User, source: str, scopes: list[str], names: list[str], roles: list[str], preferred: str | None,
                metadata: dict[str, str] | None) -> dict[str, Any]:
    if not triggers.has(pool, "PreTokenGeneration"):
        return {}
    version = (pool.values["LambdaConfig"].get("PreTokenGenerationConfig") or {}).get("LambdaVersion", "V1_0")
    request: dict[str, Any] = {"userAttributes": triggers.told(user), "groupConfiguration": {"groupsToOverride": names, "iamRolesToOverride": roles, "preferredRole": preferred}}
    if metadata:
        request["clientMetadata"] = metadata
    if version == "V1_0":
        answer = await triggers.run(call, pool, "PreTokenGeneration", source, user.name, client.id, request)
        details = answer.get("claimsOverrideDetails") or {}
        return {"idTokenGeneration": details, "groupOverrideDetails": details.get("groupOverrideDetails")}
    answer = await triggers.run(call, pool, "PreTokenGeneration", source, user.name, client.id, request | {"scopes": scopes}, version=version[1],
                                response={"claimsAndScopeOverrideDetails": None})
    return answer.get("claimsAndScopeOverrideDetails") or {}


def visible(client: Client, user: User, scopes: list[str]) -> dict[str, Any]:
    """The attributes of an ID token: what the client reads, of that what the scopes allow."""
    found: dict[str, Any] = {}
    everything = SELF in scopes or "profile" in scopes or scopes == ["openid"]
    allowed = {name for scope in scopes for name in SCOPE_CLAIMS.get(scope, ())}
    for name, value in users.readable(client, user).items():
        if name == "sub" or value == "" or name.startswith("dev:"):
            continue
        if everything or name in allowed:
            found[name] = value == "true" if name in ("email_verified", "phone_number_verified") else json.loads(value) if name == "identities" else value
    return found


# -- who carries an access token ------------------------------------------------------------------------------------------------------------

def enter(call: Call, text: str, scope: str = SELF) -> tuple[Call, Pool, Client, User, dict[str, Any]]:
    """Where and who, of an access token that is ours, alive, and may do this."""
    from cloche.languages import jwt
    try:
        token = jwt.read(text)
    except jwt.Invalid:
        raise errors.bad_access_token() from None
    claims = token.claims
    found = pools.home(call, str(claims.get("iss", "")).rpartition("/")[2])
    pair = keys.kept(call.cloud, found[1].id) if found else None
    if found is None or pair is None or claims.get("token_use") != "access" or claims.get("iss") != found[1].issuer:
        raise errors.bad_access_token()
    there, pool = found
    try:
        jwt.verify(token, pair["access"].jwk)
    except jwt.Invalid:
        raise errors.bad_access_token() from None
    if call.now >= claims["exp"]:
        raise errors.access_token_expired()
    client = there.get(Client, str(claims.get("client_id")))
    row = there.row("SELECT revoked, key FROM cognito_login WHERE event = ?", str(claims.get("event_id")))
    if client is None or row is None or row[0]:
        raise errors.access_token_revoked()
    if scope and scope not in str(claims.get("scope", "")).split():
        raise errors.no_scope()
    user = users.get(there, pool, row[1])
    if user is None:
        raise errors.no_user()
    if not user.enabled:
        raise errors.disabled()
    return there, pool, client, user, claims


# -- refreshing ---------------------------------------------------------------------------------------------------------------------------

def usable(call: Call, pool: Pool, client: Client, refresh: str) -> tuple[Login, User]:
    login = login_of(call, refresh)
    if login is None or login.client != client.id:
        raise errors.unauthorized("Invalid Refresh Token")
    if login.revoked:
        raise errors.unauthorized("Refresh Token has been revoked")
    if login.expires <= call.now:
        raise errors.unauthorized("Refresh Token has expired")
    user = users.get(call, pool, login.key)
    if user is None:
        raise errors.unauthorized("Invalid Refresh Token")
    if not user.enabled:
        raise errors.disabled()
    return login, user


@cognito.op(unsigned=True)
async def get_tokens_from_refresh_token(call: Call, req: t.GetTokensFromRefreshTokenRequest) -> t.GetTokensFromRefreshTokenResponse:
    call, pool, client = await clients.admitted(call, req["ClientId"])
    if not clients.knows_secret(client, req.get("ClientSecret")):
        raise errors.unauthorized(f"Unable to verify secret for client {client.id}" if client.secrets else "Client is not configured for secret but secret was received")
    login, user = usable(call, pool, client, req["RefreshToken"])
    return {"AuthenticationResult": await refreshed(call, pool, client, user, login, req.get("ClientMetadata"))}


async def refreshed(call: Call, pool: Pool, client: Client, user: User, login: Login, metadata: dict[str, str] | None = None) -> dict[str, Any]:
    """New tokens of an old sign-in; where refresh tokens rotate, a new one of those too, and the old one lives its grace out."""
    answer = await issue(call, pool, client, user, login, "RefreshTokens", metadata)
    if client.rotates:
        with call.step():
            token = ".".join(call.secret(size) for size in (24, 256, 12, 600, 12))
            grace = client.values["RefreshTokenRotation"].get("RetryGracePeriodSeconds") or 0
            call.sql("UPDATE cognito_login SET expires = min(expires, ?) WHERE hash = ?", call.now + grace, login.hash)
            keep(call, Login(hashed(token), login.event, login.pool, login.key, login.client, login.origin, login.auth_time, login.expires, login.scopes, 0))
        answer["RefreshToken"] = token
    return answer


# -- the end --------------------------------------------------------------------------------------------------------------------------------

@cognito.op(unsigned=True)
def revoke_token(call: Call, req: t.RevokeTokenRequest) -> None:
    call, _, client = clients.enter(call, req["ClientId"])
    if not clients.knows_secret(client, req.get("ClientSecret")):
        raise AwsError("UnauthorizedException", "Client authentication failed.")
    if not client.values["EnableTokenRevocation"]:
        raise errors.unsupported("Token revocation is not enabled for this client.")
    revoke(call, client, req["Token"])


def revoke(call: Call, client: Client, token: str) -> None:
    login = login_of(call, token)
    if login is None:
        if token.count(".") == 2:
            raise AwsError("UnsupportedTokenTypeException", "Unsupported token type.")
        return                                              # unknown tokens are as good as revoked (RFC 7009)
    if login.client != client.id:
        raise AwsError("UnauthorizedException", "The token was not issued to this client.")
    call.sql("UPDATE cognito_login SET revoked = 1 WHERE event = ?", login.event)


def sign_out(call: Call, user: User) -> None:
    call.sql("UPDATE cognito_login SET revoked = 1 WHERE pool = ? AND key = ?", user.pool, user.key)


@cognito.op(unsigned=True)
def global_sign_out(call: Call, req: t.GlobalSignOutRequest) -> None:
    there, _, _, user, _ = enter(call, req["AccessToken"])
    sign_out(there, user)


@cognito.op(resource=pools.by_id)
def admin_user_global_sign_out(call: Call, req: t.AdminUserGlobalSignOutRequest) -> None:
    sign_out(call, users.find(call, pools.find(call, req["UserPoolId"]), req["Username"]))
