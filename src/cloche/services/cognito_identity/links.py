"""What identities are tied to, and how that ends: a developer's own names, logins taken away, identities deleted; and the tags of pools."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, identities, pools
from . import service as identity
from .pools import IdentityPool, by_id

if TYPE_CHECKING:
    from cloche.shapes import cognito_identity as t


def developer(call: Call, req: Any) -> tuple[IdentityPool, str]:
    pool = pools.find(call, req["IdentityPoolId"])
    name = pool.values.get("DeveloperProviderName")
    if not name or req.get("DeveloperProviderName", name) != name:
        raise errors.parameter("Please provide the developer provider of the identity pool.")
    return pool, str(name)


@identity.op(resource=by_id)
def lookup_developer_identity(call: Call, req: t.LookupDeveloperIdentityInput) -> t.LookupDeveloperIdentityResponse:
    pool, name = developer(call, req)
    id_, user = req.get("IdentityId"), req.get("DeveloperUserIdentifier")
    if not id_ and not user:
        raise errors.parameter("Either IdentityId or DeveloperUserIdentifier is required.")
    if user:
        found = identities.of_login(call, pool, name, user)
        if found is None:
            raise errors.no_developer(user)
        if id_ and id_ != found:
            raise errors.conflict("The developer user identifier is linked to another identity.")
        id_ = found
    rows = call.sql("SELECT subject FROM cognito_identity_login WHERE id = ? AND pool = ? AND provider = ? AND subject > ? ORDER BY subject LIMIT ?", id_, pool.id, name, req.get("NextToken", ""),
                    (req.get("MaxResults") or 60) + 1)
    names = [row[0] for row in rows][: req.get("MaxResults") or 60]
    return {"IdentityId": id_, "DeveloperUserIdentifierList": names} | ({"NextToken": names[-1]} if len(rows) > len(names) else {})  # type: ignore[return-value]


@identity.op(resource=by_id)
def merge_developer_identities(call: Call, req: t.MergeDeveloperIdentitiesInput) -> t.MergeDeveloperIdentitiesResponse:
    """The source's names go over to the destination's identity; the source is no more."""
    pool, name = developer(call, req)
    source, target = (identities.of_login(call, pool, name, req[which]) for which in ("SourceUserIdentifier", "DestinationUserIdentifier"))  # type: ignore[literal-required]
    if source is None or target is None:
        raise errors.no_developer(req["SourceUserIdentifier"] if source is None else req["DestinationUserIdentifier"])
    if source != target:
        call.sql("UPDATE cognito_identity_login SET id = ? WHERE id = ?", target, source)
        drop(call, source)
    return {"IdentityId": target}


@identity.op(resource=by_id)
def unlink_developer_identity(call: Call, req: t.UnlinkDeveloperIdentityInput) -> None:
    pool, name = developer(call, req)
    if identities.of_login(call, pool, name, req["DeveloperUserIdentifier"]) != req["IdentityId"]:
        raise errors.no_developer(req["DeveloperUserIdentifier"])
    call.sql("DELETE FROM cognito_identity_login WHERE pool = ? AND provider = ? AND subject = ?", pool.id, name, req["DeveloperUserIdentifier"])


@identity.op(unsigned=True)
async def unlink_identity(call: Call, req: t.UnlinkIdentityInput) -> None:
    here, pool, logins = await identities.who(call, req)
    gone = [(provider, subject) for provider, subject, _ in logins if provider in req["LoginsToRemove"]]
    if len(gone) != len(set(req["LoginsToRemove"])):
        raise errors.unauthorized("Logins to remove must be among the logins.")
    with here.step():
        for provider, subject in gone:
            here.sql("DELETE FROM cognito_identity_login WHERE pool = ? AND provider = ? AND subject = ?", pool.id, provider, subject)


def drop(call: Call, id_: str) -> None:
    call.sql("DELETE FROM cognito_identity WHERE id = ?", id_)
    call.sql("DELETE FROM cognito_identity_login WHERE id = ?", id_)
    if home := call.get(pools.Home, id_):
        call.delete(home)


@identity.op(resource=lambda call, req: "*")
def delete_identities(call: Call, req: t.DeleteIdentitiesInput) -> t.DeleteIdentitiesResponse:
    """Those of others are told as not done."""
    left = []
    for id_ in req["IdentityIdsToDelete"]:
        row = call.row("SELECT pool FROM cognito_identity WHERE id = ?", id_)
        if row and call.get(IdentityPool, row[0]):
            drop(call, id_)
        elif row:
            left.append({"IdentityId": id_, "ErrorCode": "AccessDenied"})
    return {"UnprocessedIdentityIds": left}  # type: ignore[typeddict-item]


# -- tags -----------------------------------------------------------------------------------------------------------------------

def tagged(call: Call, req: Any) -> str:
    return str(req["ResourceArn"])


def pool_of(call: Call, req: Any) -> IdentityPool:
    return pools.find(call, req["ResourceArn"].rpartition("/")[2])


@identity.op(resource=tagged)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceInput) -> t.ListTagsForResourceResponse:
    return {"Tags": pool_of(call, req).values.get("IdentityPoolTags") or {}}


@identity.op(resource=tagged, context=lambda call, req: {"aws:TagKeys": list(req["Tags"]), **{f"aws:RequestTag/{k}": v for k, v in req["Tags"].items()}})
def tag_resource(call: Call, req: t.TagResourceInput) -> t.TagResourceResponse:
    pool = pool_of(call, req)
    tags = {**(pool.values.get("IdentityPoolTags") or {}), **req["Tags"]}
    if len(tags) > 50:
        raise errors.parameter("A resource can have at most 50 tags.")
    call.put(pool.but(values={**pool.values, "IdentityPoolTags": tags}))
    return {}


@identity.op(resource=tagged, context=lambda call, req: {"aws:TagKeys": req["TagKeys"]})
def untag_resource(call: Call, req: t.UntagResourceInput) -> t.UntagResourceResponse:
    pool = pool_of(call, req)
    call.put(pool.but(values={**pool.values, "IdentityPoolTags": {k: v for k, v in (pool.values.get("IdentityPoolTags") or {}).items() if k not in req["TagKeys"]}}))
    return {}
