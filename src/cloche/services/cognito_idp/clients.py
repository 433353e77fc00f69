"""App clients: what an application may ask of a pool, how long its tokens live, and the secret it may have."""
from __future__ import annotations

import base64
import hmac
import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record, Sealed, pages

from . import errors, pools
from . import service as cognito
from .pools import Home, Pool, by_id
from .providers import IdentityProvider

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t

ID_LETTERS, SECRET_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnopqrstuvwxyz0123456789"
UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
UNIT_OF = {"AccessToken": "hours", "IdToken": "hours", "RefreshToken": "days"}
LIMITS = {"AccessToken": (300, 86400), "IdToken": (300, 86400), "RefreshToken": (3600, 315360000)}
DEFAULT_SECONDS = {"AccessToken": 3600, "IdToken": 3600, "RefreshToken": 30 * 86400}
STANDARD_SCOPES = ("phone", "email", "openid", "profile", "aws.cognito.signin.user.admin")
LEGACY_FLOWS = ("ADMIN_NO_SRP_AUTH", "CUSTOM_AUTH_FLOW_ONLY", "USER_PASSWORD_AUTH")


class Secret(msgspec.Struct, frozen=True):
    id: str
    value: Sealed
    created: float


class Client(Record, frozen=True):
    kind = "cognito-idp.client"

    id: str
    pool: str
    values: dict[str, Any]
    secrets: list[Secret]
    created: float
    modified: float

    @property
    def key(self) -> str:
        return self.id

    def seconds(self, token: str) -> int:
        """How long its access, ID or refresh tokens live."""
        given = self.values.get(f"{token}Validity")
        unit = (self.values.get("TokenValidityUnits") or {}).get(token, UNIT_OF[token])
        return int(given * UNITS[unit]) if given else DEFAULT_SECONDS[token]

    def allows(self, *flows: str) -> bool:
        given = self.values.get("ExplicitAuthFlows")
        if not given:
            return bool({"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"} & set(flows))
        if given and given[0] in LEGACY_FLOWS and {"ALLOW_REFRESH_TOKEN_AUTH"} & set(flows):
            return True
        if "ALLOW_USER_SRP_AUTH" in flows and given[0] in LEGACY_FLOWS and "CUSTOM_AUTH_FLOW_ONLY" not in given:
            return True
        return bool(set(given) & set(flows))

    @property
    def hides(self) -> bool:
        return bool(self.values.get("PreventUserExistenceErrors") == "ENABLED")

    @property
    def rotates(self) -> bool:
        return bool((self.values.get("RefreshTokenRotation") or {}).get("Feature") == "ENABLED")

    def may(self, what: str, name: str) -> bool:
        """Whether it may read ("ReadAttributes") or write an attribute; silent lists allow all standard ones, and the custom ones there were."""
        listed = self.values.get(what)
        return not listed or name in listed or (what == "ReadAttributes" and name == "sub")


def find(call: Call, pool_id: str, id_: str) -> Client:
    client = call.get(Client, id_)
    if client is None or client.pool != pool_id:
        raise errors.no_client(id_)
    return client


def enter(call: Call, id_: str) -> tuple[Call, Pool, Client]:
    """Where the client of an unsigned request lives."""
    found = pools.home(call, id_)
    client = found[0].get(Client, id_) if found else None
    if found is None or client is None:
        raise errors.no_client(id_)
    return found[0], found[1], client


async def admitted(call: Call, id_: str) -> tuple[Call, Pool, Client]:
    """As `enter`, past the web ACL that may stand before the pool's public operations."""
    there, pool, client = enter(call, id_)
    if call.request is not None and call.wire:
        from cloche.services.wafv2 import public as wafv2
        said, _ = await wafv2.judge(there, pools.arn(there, pool.id), call.request, call.source_ip or "127.0.0.1")
        if said is not None:
            raise errors.forbidden()
    return there, pool, client


def check_hash(client: Client, given: str | None, *names: str) -> None:
    """SECRET_HASH: the user's name and the client's id under the client's secret. One that is sent to a client without a secret is wrong too."""
    if not client.secrets:
        if given:
            raise errors.unauthorized(f"Client {client.id} is not configured for secret but secret hash was received")
        return
    if not given:
        raise errors.no_secret_hash(client.id)
    for name in names:
        for secret in client.secrets:
            made = base64.b64encode(hmac.digest(secret.value.encode(), (name + client.id).encode(), "sha256")).decode()
            if hmac.compare_digest(made.encode(), given.encode()):
                return
    raise errors.bad_secret_hash(client.id)


def knows_secret(client: Client, given: str | None) -> bool:
    return any(hmac.compare_digest(s.value.encode(), (given or "").encode()) for s in client.secrets) if client.secrets else not given


def settled(call: Call, pool: Pool, given: dict[str, Any]) -> dict[str, Any]:
    values = {
        "RefreshTokenValidity": 30, "TokenValidityUnits": {}, "AllowedOAuthFlowsUserPoolClient": False, "EnableTokenRevocation": True,
        "EnablePropagateAdditionalUserContextData": False, "AuthSessionValidity": 3,
    } | {k: v for k, v in given.items() if k not in ("UserPoolId", "ClientId", "GenerateSecret", "ClientSecret", "PublishSecretsInAWSSecretsManager")}
    if not values["RefreshTokenValidity"]:
        values["RefreshTokenValidity"] = 30
    for token, (least, most) in LIMITS.items():
        if (amount := values.get(f"{token}Validity")) and not least <= amount * UNITS[values["TokenValidityUnits"].get(token, UNIT_OF[token])] <= most:
            raise errors.parameter(f"Invalid range for {token} validity.")
    longest = values["RefreshTokenValidity"] * UNITS[values["TokenValidityUnits"].get("RefreshToken", "days")]
    for token in ("AccessToken", "IdToken"):
        if (amount := values.get(f"{token}Validity")) and amount * UNITS[values["TokenValidityUnits"].get(token, "hours")] > longest:
            raise errors.parameter("Refresh token validity must be greater than or equal to the validity of access and ID tokens.")
    flows = values.get("ExplicitAuthFlows") or []
    if any(f in LEGACY_FLOWS for f in flows) and any(f not in LEGACY_FLOWS for f in flows):
        raise errors.parameter("Cannot mix legacy and new auth flows in ExplicitAuthFlows; those with the prefix ALLOW_ cannot be used with those without.")
    if (values.get("RefreshTokenRotation") or {}).get("Feature") == "ENABLED" and "ALLOW_REFRESH_TOKEN_AUTH" in flows:
        raise errors.parameter("Refresh token rotation cannot be enabled while ALLOW_REFRESH_TOKEN_AUTH is in ExplicitAuthFlows.")
    for name in [*values.get("ReadAttributes", []), *values.get("WriteAttributes", [])]:
        if name not in pool.schema:
            raise errors.parameter(f"Invalid attribute {name} specified while creating a client")
    for name in values.get("SupportedIdentityProviders") or []:
        if name != "COGNITO" and not call.get(IdentityProvider, f"{pool.id}/{name}"):
            raise errors.parameter(f"The provider {name} does not exist for User Pool {pool.id}.")
    check_oauth(call, pool, values, bool(given.get("GenerateSecret") or given.get("ClientSecret") or given.get("ClientId")))
    return values


def check_oauth(call: Call, pool: Pool, values: dict[str, Any], secret: bool) -> None:
    flows, scopes = values.get("AllowedOAuthFlows") or [], values.get("AllowedOAuthScopes") or []
    if (flows and not scopes) or (scopes and not flows):
        raise errors.parameter("AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows.")
    if values["AllowedOAuthFlowsUserPoolClient"] and not flows:
        raise errors.parameter("AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows.")
    if "client_credentials" in flows:
        if len(flows) > 1:
            raise errors.parameter("client_credentials flow can not be selected along with code flow or implicit flow")
        if not secret:
            raise errors.parameter("client_credentials flow can not be selected if client does not have a client secret")
        if any(s in STANDARD_SCOPES for s in scopes):
            raise errors.parameter("client_credentials flow can not be selected along with the scopes of users")
    from .resource_servers import scopes_of
    known = scopes_of(call, pool.id)
    for scope in scopes:
        if scope not in STANDARD_SCOPES and scope not in known:
            raise errors.no_such_scope(scope)
    for url in [*(values.get("CallbackURLs") or []), *(values.get("LogoutURLs") or [])]:
        if not re.match(r"https://|http://localhost|http://127\.0\.0\.1|[a-zA-Z][\w+.-]*://", url) or "#" in url:
            raise errors.parameter(f"{url} is not allowed. Redirect URLs must be absolute, use https, and have no fragment.")
        if re.match(r"http://(?!localhost|127\.0\.0\.1)", url):
            raise errors.parameter(f"cannot use the HTTP protocol: {url}")
    if (first := values.get("DefaultRedirectURI")) and first not in (values.get("CallbackURLs") or []):
        raise errors.parameter("DefaultRedirectURI must be in the CallbackURLs list.")
    if ({"code", "implicit"} & set(flows)) and not values.get("CallbackURLs"):
        raise errors.parameter("CallbackURLs are required for the code and implicit flows.")


def shown(client: Client) -> dict[str, Any]:
    answer = {"UserPoolId": client.pool, "ClientId": client.id, "CreationDate": client.created, "LastModifiedDate": client.modified, **client.values}
    if client.secrets:
        answer["ClientSecret"] = str(client.secrets[0].value)
    return answer


def fresh_secret(call: Call, given: str | None = None) -> Secret:
    id_ = f"{call.now:.0f}{call.pick('0123456789', 3)}"
    return Secret(f"cs--{id_}", Sealed(given or call.pick(SECRET_LETTERS, 51)), call.now)


@cognito.op(resource=by_id, partly="Analytics and publishing secrets in Secrets Manager are kept, but do nothing.")
def create_user_pool_client(call: Call, req: t.CreateUserPoolClientRequest) -> t.CreateUserPoolClientResponse:
    pool = pools.find(call, req["UserPoolId"])
    if req.get("GenerateSecret") and req.get("ClientSecret"):
        raise errors.parameter("GenerateSecret and ClientSecret cannot both be given.")
    values = settled(call, pool, dict(req))
    secrets = [fresh_secret(call, req.get("ClientSecret"))] if req.get("GenerateSecret") or req.get("ClientSecret") else []
    client = call.put(Client(call.pick(ID_LETTERS, 26), pool.id, values, secrets, call.now, call.now))
    call.put(Home(client.id, call.account, call.region, pool.id))
    return {"UserPoolClient": shown(client)}


@cognito.op(resource=by_id)
def describe_user_pool_client(call: Call, req: t.DescribeUserPoolClientRequest) -> t.DescribeUserPoolClientResponse:
    pools.find(call, req["UserPoolId"])
    return {"UserPoolClient": shown(find(call, req["UserPoolId"], req["ClientId"]))}


@cognito.op(resource=by_id)
def list_user_pool_clients(call: Call, req: t.ListUserPoolClientsRequest) -> t.ListUserPoolClientsResponse:
    pool = pools.find(call, req["UserPoolId"])
    here = sorted((c for c in call.all(Client) if c.pool == pool.id), key=lambda c: c.id)
    found, more = pages.page(here, req, lambda c: c.id, 60, errors.bad_page)
    return {"UserPoolClients": [{"ClientId": c.id, "UserPoolId": pool.id, "ClientName": c.values["ClientName"]} for c in found], **more}


@cognito.op(resource=by_id)
def update_user_pool_client(call: Call, req: t.UpdateUserPoolClientRequest) -> t.UpdateUserPoolClientResponse:
    pool = pools.find(call, req["UserPoolId"])
    client = find(call, pool.id, req["ClientId"])
    values = settled(call, pool, {"ClientName": client.values["ClientName"], **req})
    client = call.put(client.but(values=values, modified=call.now))
    return {"UserPoolClient": shown(client)}


@cognito.op(resource=by_id)
def delete_user_pool_client(call: Call, req: t.DeleteUserPoolClientRequest) -> None:
    pools.find(call, req["UserPoolId"])
    client = find(call, req["UserPoolId"], req["ClientId"])
    call.sql("DELETE FROM cognito_login WHERE client = ?", client.id)
    call.delete(client)
    if place := call.get(Home, client.id):
        call.delete(place)


# -- secrets, of which there may be two while one takes the other's place ------------------------------------------------------------

@cognito.op(resource=by_id)
def add_user_pool_client_secret(call: Call, req: t.AddUserPoolClientSecretRequest) -> t.AddUserPoolClientSecretResponse:
    client = find(call, req["UserPoolId"], req["ClientId"])
    if len(client.secrets) > 1:
        raise errors.too_many_tries()
    made = fresh_secret(call, req.get("ClientSecret"))
    call.put(client.but(secrets=[*client.secrets, made]))
    return {"ClientSecretDescriptor": {"ClientSecretId": made.id, "ClientSecretValue": str(made.value), "ClientSecretCreateDate": made.created}}


@cognito.op(resource=by_id)
def list_user_pool_client_secrets(call: Call, req: t.ListUserPoolClientSecretsRequest) -> t.ListUserPoolClientSecretsResponse:
    client = find(call, req["UserPoolId"], req["ClientId"])
    return {"ClientSecrets": [{"ClientSecretId": s.id, "ClientSecretCreateDate": s.created} for s in client.secrets]}


@cognito.op(resource=by_id)
def delete_user_pool_client_secret(call: Call, req: t.DeleteUserPoolClientSecretRequest) -> None:
    client = find(call, req["UserPoolId"], req["ClientId"])
    kept = [s for s in client.secrets if s.id != req["ClientSecretId"]]
    if len(kept) == len(client.secrets):
        raise errors.missing(f"Client secret {req['ClientSecretId']} does not exist.")
    if not kept:
        raise errors.parameter("The last secret of a client cannot be deleted.")
    call.put(client.but(secrets=kept))
