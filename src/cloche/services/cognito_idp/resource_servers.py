"""Resource servers: APIs of one's own, and the scopes (`identifier/scope`) that clients may be granted for them."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import errors, pools
from . import service as cognito
from .pools import by_id

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t


class ResourceServer(Record, frozen=True):
    kind = "cognito-idp.resource-server"

    pool: str
    identifier: str
    name: str
    scopes: list[dict[str, str]] = []

    @property
    def key(self) -> str:
        return f"{self.pool}/{self.identifier}"


def scopes_of(call: Call, pool_id: str) -> set[str]:
    return {f"{one.identifier}/{scope['ScopeName']}" for one in call.all(ResourceServer) if one.pool == pool_id for scope in one.scopes}


def find(call: Call, req: Any) -> ResourceServer:
    pools.find(call, req["UserPoolId"])
    if one := call.get(ResourceServer, f"{req['UserPoolId']}/{req['Identifier']}"):
        return one
    raise errors.missing(f"Resource server {req['Identifier']} does not exist.")


def shown(one: ResourceServer) -> Any:
    return {"UserPoolId": one.pool, "Identifier": one.identifier, "Name": one.name, "Scopes": one.scopes}


@cognito.op(resource=by_id)
def create_resource_server(call: Call, req: t.CreateResourceServerRequest) -> t.CreateResourceServerResponse:
    pool = pools.find(call, req["UserPoolId"])
    if call.get(ResourceServer, f"{pool.id}/{req['Identifier']}"):
        raise errors.parameter(f"{req['Identifier']} already exists in user pool {pool.id}.")
    return {"ResourceServer": shown(call.put(ResourceServer(pool.id, req["Identifier"], req["Name"], list(req.get("Scopes") or []))))}  # type: ignore[arg-type]


@cognito.op(resource=by_id)
def describe_resource_server(call: Call, req: t.DescribeResourceServerRequest) -> t.DescribeResourceServerResponse:
    return {"ResourceServer": shown(find(call, req))}


@cognito.op(resource=by_id)
def list_resource_servers(call: Call, req: t.ListResourceServersRequest) -> t.ListResourceServersResponse:
    pool = pools.find(call, req["UserPoolId"])
    here = sorted((o for o in call.all(ResourceServer) if o.pool == pool.id), key=lambda o: o.identifier)
    found, more = pages.page(here, req, lambda o: o.identifier, 50, errors.bad_page)
    return {"ResourceServers": [shown(o) for o in found], **more}  # type: ignore[typeddict-item]


@cognito.op(resource=by_id)
def update_resource_server(call: Call, req: t.UpdateResourceServerRequest) -> t.UpdateResourceServerResponse:
    return {"ResourceServer": shown(call.put(find(call, req).but(name=req["Name"], scopes=list(req.get("Scopes") or []))))}


@cognito.op(resource=by_id)
def delete_resource_server(call: Call, req: t.DeleteResourceServerRequest) -> None:
    call.delete(find(call, req))
