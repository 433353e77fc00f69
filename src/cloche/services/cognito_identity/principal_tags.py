"""Claims of a login as tags of the session: by default `username` (sub) and `client` (aud), or a map of one's own for each provider. The role must allow sts:TagSession."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors, pools
from . import service as identity
from .pools import IdentityPool, by_id

if TYPE_CHECKING:
    from cloche.shapes import cognito_identity as t

DEFAULTS = {"username": "sub", "client": "aud"}


class TagMap(Record, frozen=True):
    kind = "cognito-identity.tag-map"

    pool: str
    provider: str
    defaults: bool
    tags: dict[str, str]

    @property
    def key(self) -> str:
        return f"{self.pool}/{self.provider}"


def of(call: Call, pool: IdentityPool, logins: list[Any]) -> dict[str, str]:
    """The session's tags; of several logins the first that has a map."""
    for provider, _, claims in logins:
        kept = call.get(TagMap, f"{pool.id}/{provider}")
        if kept is not None:
            return {name: str(claims[claim]) for name, claim in kept.tags.items() if isinstance(claims.get(claim), (str, int, bool))}
    return {}


def shown(one: TagMap) -> Any:
    return {"IdentityPoolId": one.pool, "IdentityProviderName": one.provider, "UseDefaults": one.defaults, "PrincipalTags": one.tags}


@identity.op(resource=by_id)
def set_principal_tag_attribute_map(call: Call, req: t.SetPrincipalTagAttributeMapInput) -> t.SetPrincipalTagAttributeMapResponse:
    pool = pools.find(call, req["IdentityPoolId"])
    defaults = bool(req.get("UseDefaults"))
    if defaults and req.get("PrincipalTags"):
        raise errors.parameter("PrincipalTags cannot be given with UseDefaults.")
    return shown(call.put(TagMap(pool.id, req["IdentityProviderName"], defaults, dict(DEFAULTS) if defaults else dict(req.get("PrincipalTags") or {}))))  # type: ignore[no-any-return]


@identity.op(resource=by_id)
def get_principal_tag_attribute_map(call: Call, req: t.GetPrincipalTagAttributeMapInput) -> t.GetPrincipalTagAttributeMapResponse:
    pool = pools.find(call, req["IdentityPoolId"])
    kept = call.get(TagMap, f"{pool.id}/{req['IdentityProviderName']}")
    if kept is None:
        raise errors.no_tag_map(req["IdentityProviderName"])
    return shown(kept)  # type: ignore[no-any-return]
