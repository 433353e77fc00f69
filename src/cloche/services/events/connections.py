"""Connections: how an API destination is asked to let EventBridge in. AWS keeps their secrets in Secrets Manager, here they are in the record."""
from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors
from . import service as events
from .buses import page

if TYPE_CHECKING:
    from cloche.shapes import events as t

KEPT_HERE = "no secret in Secrets Manager stands behind it; OAuth and private connectivity answer 501"
NEEDED = {"BASIC": "BasicAuthParameters", "API_KEY": "ApiKeyAuthParameters"}
PARTS = ("HeaderParameters", "QueryStringParameters", "BodyParameters")


class Connection(Record, frozen=True):
    kind = "events.connection"

    name: str
    arn: str
    authorization: str
    parameters: dict[str, Any]
    created: float
    changed: float
    authorized: float
    description: str = ""
    state: str = "AUTHORIZED"

    @property
    def key(self) -> str:
        return self.name


def by_name(call: Call, req: Any) -> str:
    connection = call.get(Connection, req["Name"])
    return connection.arn if connection else call.arn(f"connection/{req['Name']}")


def all_connections(call: Call, req: Any) -> str:
    return call.arn("connection/*")


def find(call: Call, name: str) -> Connection:
    connection = call.get(Connection, name)
    if connection is None:
        raise errors.not_found(f"Failed to describe the connection(s). Connection '{name}' does not exist.")
    return connection


def by_arn(call: Call, arn: str) -> Connection | None:
    name = arn.partition(":connection/")[2].partition("/")[0]
    connection = call.get(Connection, name)
    return connection if connection is not None and connection.arn == arn else None


def check(authorization: str, parameters: dict[str, Any]) -> None:
    if authorization == "OAUTH_CLIENT_CREDENTIALS":
        raise errors.not_built("a connection with OAUTH_CLIENT_CREDENTIALS")
    if parameters.get("ConnectivityParameters"):
        raise errors.not_built("a connection to a private API")
    if not parameters.get(NEEDED[authorization]):
        raise errors.parameter("AuthParameters", f"{NEEDED[authorization]} is required for AuthorizationType {authorization}.")


@events.op(resource=by_name, partly=KEPT_HERE)
def create_connection(call: Call, req: t.CreateConnectionRequest) -> t.CreateConnectionResponse:
    name, parameters = req["Name"], dict(req["AuthParameters"])
    if req.get("InvocationConnectivityParameters"):
        raise errors.not_built("a connection to a private API")
    check(req["AuthorizationType"], parameters)
    if call.get(Connection, name):
        raise errors.exists("Connection", name)
    connection = call.put(Connection(
        name, call.arn(f"connection/{name}/{call.uuid()}"), req["AuthorizationType"], parameters, call.now, call.now, call.now, req.get("Description") or ""))
    return changed(connection)


def changed(connection: Connection) -> dict[str, Any]:
    return {"ConnectionArn": connection.arn, "ConnectionState": connection.state, "CreationTime": connection.created, "LastModifiedTime": connection.changed}


@events.op(resource=by_name, partly=KEPT_HERE)
def describe_connection(call: Call, req: t.DescribeConnectionRequest) -> t.DescribeConnectionResponse:
    connection = find(call, req["Name"])
    result = shown(connection) | {"AuthParameters": without_secrets(connection.parameters)}
    return result | {"Description": connection.description} if connection.description else result


def shown(connection: Connection) -> dict[str, Any]:
    return changed(connection) | {"Name": connection.name, "AuthorizationType": connection.authorization, "LastAuthorizedTime": connection.authorized}


def without_secrets(parameters: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if basic := parameters.get("BasicAuthParameters"):
        result["BasicAuthParameters"] = {"Username": basic["Username"]}
    if key := parameters.get("ApiKeyAuthParameters"):
        result["ApiKeyAuthParameters"] = {"ApiKeyName": key["ApiKeyName"]}
    if more := parameters.get("InvocationHttpParameters"):
        result["InvocationHttpParameters"] = {
            part: [{k: v for k, v in one.items() if k != "Value" or not one.get("IsValueSecret")} for one in more[part]] for part in PARTS if more.get(part)}
    return result


@events.op(resource=all_connections)
def list_connections(call: Call, req: t.ListConnectionsRequest) -> t.ListConnectionsResponse:
    prefix, state = req.get("NamePrefix") or "", req.get("ConnectionState")
    found, token = page(sorted((c for c in call.all(Connection) if c.name.startswith(prefix) and state in (None, c.state)), key=lambda c: c.name), req)
    result: dict[str, Any] = {"Connections": [shown(connection) for connection in found]}
    return result | {"NextToken": token} if token else result


@events.op(resource=by_name, partly=KEPT_HERE)
def update_connection(call: Call, req: t.UpdateConnectionRequest) -> t.UpdateConnectionResponse:
    old = find(call, req["Name"])
    authorization = req.get("AuthorizationType") or old.authorization
    parameters = old.parameters | (req.get("AuthParameters") or {})
    check(authorization, parameters)
    connection = call.put(old.but(
        authorization=authorization, parameters=parameters, changed=call.now, authorized=call.now, state="AUTHORIZED",
        description=req["Description"] or "" if "Description" in req else old.description))
    return changed(connection) | {"LastAuthorizedTime": connection.authorized}


@events.op(resource=by_name)
def deauthorize_connection(call: Call, req: t.DeauthorizeConnectionRequest) -> t.DeauthorizeConnectionResponse:
    """Its secrets are forgotten; what uses it fails until it is updated."""
    old = find(call, req["Name"])
    connection = call.put(old.but(state="DEAUTHORIZED", changed=call.now, parameters={}))
    return changed(connection) | {"ConnectionState": "DEAUTHORIZING", "LastAuthorizedTime": connection.authorized}


@events.op(resource=by_name)
def delete_connection(call: Call, req: t.DeleteConnectionRequest) -> t.DeleteConnectionResponse:
    connection = find(call, req["Name"])
    call.delete(connection)
    return changed(connection) | {"ConnectionState": "DELETING", "LastAuthorizedTime": connection.authorized}


# -- for the request --------------------------------------------------------------------------------------------------

def headers(connection: Connection) -> list[tuple[str, str]]:
    found = [(one["Key"], one.get("Value") or "") for one in (connection.parameters.get("InvocationHttpParameters") or {}).get("HeaderParameters") or ()]
    if connection.authorization == "BASIC":
        basic = connection.parameters["BasicAuthParameters"]
        return [*found, ("Authorization", "Basic " + base64.b64encode(f"{basic['Username']}:{basic['Password']}".encode()).decode())]
    key = connection.parameters["ApiKeyAuthParameters"]
    return [*found, (key["ApiKeyName"], key["ApiKeyValue"])]


def parameters(connection: Connection, part: str) -> dict[str, str]:
    return {one["Key"]: one.get("Value") or "" for one in (connection.parameters.get("InvocationHttpParameters") or {}).get(part) or ()}
