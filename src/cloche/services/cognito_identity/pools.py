"""Identity pools and their roles."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record, pages

from . import errors
from . import service as identity

if TYPE_CHECKING:
    from cloche.shapes import cognito_identity as t

FIELDS = ("IdentityPoolName", "AllowUnauthenticatedIdentities", "AllowClassicFlow", "SupportedLoginProviders", "DeveloperProviderName", "OpenIdConnectProviderARNs",
          "CognitoIdentityProviders", "SamlProviderARNs", "IdentityPoolTags")


class IdentityPool(Record, frozen=True):
    kind = "cognito-identity.pool"

    id: str
    values: dict[str, Any]
    roles: dict[str, str] = {}
    mappings: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return self.id


class Home(Record, frozen=True):
    kind = "cognito-identity.home"
    scope = "cloud"

    id: str
    account: str
    region: str

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> IdentityPool:
    if pool := call.get(IdentityPool, id_):
        return pool
    raise errors.no_pool(id_)


def enter(call: Call, id_: str) -> tuple[Call, IdentityPool]:
    """Where the pool of an unsigned request lives."""
    home = call.get(Home, id_)
    if home is None:
        raise errors.no_pool(id_)
    there = call.at(home.account, home.region)
    return there, find(there, id_)


def by_id(call: Call, req: Any) -> str:
    return call.arn(f"identitypool/{req['IdentityPoolId']}")


def shown(pool: IdentityPool) -> Any:
    return {"IdentityPoolId": pool.id, **pool.values}


@identity.op(resource=ANY, partly="Social and SAML logins are kept, but not taken: only those of user pools, of the account's OpenID Connect providers and the developer's own.")
def create_identity_pool(call: Call, req: t.CreateIdentityPoolInput) -> t.IdentityPool:
    pool = call.put(IdentityPool(f"{call.region}:{call.uuid()}", {k: req[k] for k in FIELDS if k in req}))  # type: ignore[literal-required]
    call.put(Home(pool.id, call.account, call.region))
    return shown(pool)  # type: ignore[no-any-return]


@identity.op(resource=by_id)
def describe_identity_pool(call: Call, req: t.DescribeIdentityPoolInput) -> t.IdentityPool:
    return shown(find(call, req["IdentityPoolId"]))  # type: ignore[no-any-return]


@identity.op(resource=ANY)
def list_identity_pools(call: Call, req: t.ListIdentityPoolsInput) -> t.ListIdentityPoolsResponse:
    found, more = pages.page(sorted(call.all(IdentityPool), key=lambda p: p.id), req, lambda p: p.id, 60, errors.bad_page)
    return {"IdentityPools": [{"IdentityPoolId": p.id, "IdentityPoolName": p.values["IdentityPoolName"]} for p in found], **more}  # type: ignore[typeddict-item]


@identity.op(resource=by_id)
def update_identity_pool(call: Call, req: t.IdentityPool) -> t.IdentityPool:
    pool = find(call, req["IdentityPoolId"])
    old = pool.values.get("DeveloperProviderName")
    if old and req.get("DeveloperProviderName") != old:
        raise errors.parameter("The developer provider name of an identity pool cannot be changed.")
    return shown(call.put(pool.but(values={k: req[k] for k in FIELDS if k in req})))  # type: ignore[no-any-return,literal-required]


@identity.op(resource=by_id)
def delete_identity_pool(call: Call, req: t.DeleteIdentityPoolInput) -> None:
    pool = find(call, req["IdentityPoolId"])
    call.sql("DELETE FROM cognito_identity WHERE pool = ?", pool.id)
    call.sql("DELETE FROM cognito_identity_login WHERE pool = ?", pool.id)
    call.delete(pool)
    call.delete(Home(pool.id, call.account, call.region))


@identity.op(resource=by_id)
def set_identity_pool_roles(call: Call, req: t.SetIdentityPoolRolesInput) -> None:
    pool = find(call, req["IdentityPoolId"])
    if unknown := req["Roles"].keys() - {"authenticated", "unauthenticated"}:
        raise errors.parameter(f"Invalid role type: {', '.join(sorted(unknown))}")
    for role in req["Roles"].values():
        call.pass_role(role, "cognito-identity.amazonaws.com")
    call.put(pool.but(roles=req["Roles"], mappings=req.get("RoleMappings") or {}))


@identity.op(resource=by_id)
def get_identity_pool_roles(call: Call, req: t.GetIdentityPoolRolesInput) -> t.GetIdentityPoolRolesResponse:
    pool = find(call, req["IdentityPoolId"])
    answer: Any = {"IdentityPoolId": pool.id, "Roles": pool.roles}
    return answer | ({"RoleMappings": pool.mappings} if pool.mappings else {})  # type: ignore[no-any-return]
