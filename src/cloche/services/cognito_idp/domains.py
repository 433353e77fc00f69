"""Domains: the host at which a pool's pages and OAuth endpoints answer. A prefix is one name in the whole cloud (of a region)."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import errors, pools
from . import service as cognito
from .pools import by_id

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t


class Domain(Record, frozen=True):
    kind = "cognito-idp.domain"
    scope = "cloud"

    name: str
    account: str
    region: str
    pool: str
    login_version: int = 1

    @property
    def key(self) -> str:
        return self.name


@cognito.op(resource=by_id, partly="Domains of one's own (CustomDomainConfig) are not built; managed login looks like the classic pages.")
def create_user_pool_domain(call: Call, req: t.CreateUserPoolDomainRequest) -> t.CreateUserPoolDomainResponse:
    pool = pools.find(call, req["UserPoolId"])
    if req.get("CustomDomainConfig"):
        raise errors.unbuilt("a custom domain")
    if any(word in req["Domain"] for word in ("aws", "amazon", "cognito")):
        raise errors.domain("Domain cannot contain reserved word: " + next(w for w in ("aws", "amazon", "cognito") if w in req["Domain"]))
    if pool.domain:
        raise errors.domain("User pool already has a domain configured.")
    if call.get(Domain, req["Domain"]):
        raise errors.domain("Domain already associated with another user pool.")
    version = req.get("ManagedLoginVersion", 1)
    call.put(Domain(req["Domain"], call.account, call.region, pool.id, version))
    call.put(pool.but(domain=req["Domain"]))
    return {"ManagedLoginVersion": version}


@cognito.op(resource=by_id, partly="Domains of one's own and routing to a second region are not built.")
def update_user_pool_domain(call: Call, req: t.UpdateUserPoolDomainRequest) -> t.UpdateUserPoolDomainResponse:
    pool, one = pools.find(call, req["UserPoolId"]), call.get(Domain, req["Domain"])
    if one is None or one.pool != pool.id:
        raise errors.domain("No such domain or user pool exists.")
    if req.get("Routing") or req.get("CustomDomainConfig"):
        raise errors.unbuilt("a custom domain or its routing")
    return {"ManagedLoginVersion": call.put(one.but(login_version=req.get("ManagedLoginVersion", one.login_version))).login_version}


@cognito.op(resource=ANY)
def describe_user_pool_domain(call: Call, req: t.DescribeUserPoolDomainRequest) -> t.DescribeUserPoolDomainResponse:
    """Of a name that nobody has, AWS says an empty description."""
    one = call.get(Domain, req["Domain"])
    if one is None or (one.account, one.region) != (call.account, call.region):
        return {"DomainDescription": {}}
    return {"DomainDescription": {"UserPoolId": one.pool, "AWSAccountId": one.account, "Domain": one.name, "Status": "ACTIVE", "ManagedLoginVersion": one.login_version,
                                  "S3Bucket": f"aws-cognito-prod-{one.region}-assets", "Version": "1", "CustomDomainConfig": {}}}  # type: ignore[typeddict-item]


@cognito.op(resource=by_id)
def delete_user_pool_domain(call: Call, req: t.DeleteUserPoolDomainRequest) -> None:
    pool = pools.find(call, req["UserPoolId"])
    one: Any = call.get(Domain, req["Domain"])
    if one is None or one.pool != pool.id:
        raise errors.domain("No such domain or user pool exists.")
    call.delete(one)
    call.put(pool.but(domain=""))
