"""Connections: how an API destination, or a state machine's HTTP task, is let in at an endpoint.

What is secret lies in a secret of Secrets Manager that EventBridge owns; the record has the rest. OAuth tokens are asked for when they are needed and kept until they are over.
"""
from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from cloche.engines.fetch import Fetched, Unreachable, fetch
from cloche.kernel import Call, Record
from cloche.services.secretsmanager import public as secrets

from . import errors
from . import service as events
from .buses import page

if TYPE_CHECKING:
    from cloche.shapes import events as t

KEPT_HERE = "private connectivity answers 501"
NEEDED = {"BASIC": "BasicAuthParameters", "API_KEY": "ApiKeyAuthParameters", "OAUTH_CLIENT_CREDENTIALS": "OAuthParameters"}
PARTS = ("HeaderParameters", "QueryStringParameters", "BodyParameters")


class Connection(Record, frozen=True):
    kind = "events.connection"

    name: str
    arn: str
    authorization: str
    parameters: dict[str, Any]  # without what is secret
    created: float
    changed: float
    authorized: float
    description: str = ""
    state: str = "AUTHORIZED"
    reason: str = ""
    secret: str = ""  # its ARN
    kms_key: str = ""

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
    if parameters.get("ConnectivityParameters"):
        raise errors.not_built("a connection to a private API")
    if not parameters.get(NEEDED[authorization]):
        raise errors.parameter("AuthParameters", f"{NEEDED[authorization]} is required for AuthorizationType {authorization}.")


def secret_name(arn: str) -> str:
    return "events!" + arn.rpartition(":")[2]


@events.op(resource=by_name, partly=KEPT_HERE)
def create_connection(call: Call, req: t.CreateConnectionRequest) -> t.CreateConnectionResponse:
    name, parameters = req["Name"], dict(req["AuthParameters"])
    if req.get("InvocationConnectivityParameters"):
        raise errors.not_built("a connection to a private API")
    check(req["AuthorizationType"], parameters)
    if call.get(Connection, name):
        raise errors.exists("Connection", name)
    arn = call.arn(f"connection/{name}/{call.uuid()}")
    secret = secrets.keep(call, secret_name(arn), json.dumps(parameters), "events")
    connection = call.put(Connection(name, arn, req["AuthorizationType"], without_secrets(parameters), call.now, call.now, call.now, req.get("Description") or "",
                                     secret=secret, kms_key=req.get("KmsKeyIdentifier") or ""))
    return changed(authorizing(call, connection))


def authorizing(call: Call, connection: Connection) -> Connection:
    """OAuth asks for its first token behind the answer; the others are as good as they are."""
    if connection.authorization != "OAUTH_CLIENT_CREDENTIALS":
        return connection
    call.cloud.memory.get("events.tokens", {}).pop(connection.arn, None)
    call.wake(authorize, connection.name)
    return call.put(connection.but(state="AUTHORIZING"))


@events.worker
async def authorize(call: Call, key: str) -> None:
    connection = call.get(Connection, key)
    if connection is None or connection.state != "AUTHORIZING":
        return
    try:
        await token(call, connection)
        reason = ""
    except Unreachable as error:
        reason = str(error)
    with call.step():
        now = call.get(Connection, key)
        if now is not None and now.changed == connection.changed and now.state == "AUTHORIZING":
            call.put(now.but(state="DEAUTHORIZED", reason=reason) if reason else now.but(state="AUTHORIZED", reason="", authorized=call.now))


def changed(connection: Connection) -> dict[str, Any]:
    return {"ConnectionArn": connection.arn, "ConnectionState": connection.state, "CreationTime": connection.created, "LastModifiedTime": connection.changed}


@events.op(resource=by_name, partly=KEPT_HERE)
def describe_connection(call: Call, req: t.DescribeConnectionRequest) -> t.DescribeConnectionResponse:
    connection = find(call, req["Name"])
    result = shown(connection) | {"AuthParameters": connection.parameters, "SecretArn": connection.secret}
    result |= {"KmsKeyIdentifier": connection.kms_key} if connection.kms_key else {}
    return result | {"Description": connection.description} if connection.description else result


def shown(connection: Connection) -> dict[str, Any]:
    result = changed(connection) | {"Name": connection.name, "AuthorizationType": connection.authorization, "LastAuthorizedTime": connection.authorized}
    return result | {"StateReason": connection.reason} if connection.reason else result


def without_secrets(parameters: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if basic := parameters.get("BasicAuthParameters"):
        result["BasicAuthParameters"] = {"Username": basic["Username"]}
    if key := parameters.get("ApiKeyAuthParameters"):
        result["ApiKeyAuthParameters"] = {"ApiKeyName": key["ApiKeyName"]}
    if oauth := parameters.get("OAuthParameters"):
        result["OAuthParameters"] = {"AuthorizationEndpoint": oauth["AuthorizationEndpoint"], "HttpMethod": oauth["HttpMethod"], "ClientParameters": {"ClientID": oauth["ClientParameters"]["ClientID"]}}
        if more := oauth.get("OAuthHttpParameters"):
            result["OAuthParameters"]["OAuthHttpParameters"] = open_parts(more)
    if more := parameters.get("InvocationHttpParameters"):
        result["InvocationHttpParameters"] = open_parts(more)
    return result


def open_parts(given: dict[str, Any]) -> dict[str, Any]:
    return {part: [{k: v for k, v in one.items() if k != "Value" or not one.get("IsValueSecret")} for one in given[part]] for part in PARTS if given.get(part)}


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
    parameters = whole(call, old) | (req.get("AuthParameters") or {})
    check(authorization, parameters)
    secret = secrets.keep(call, secret_name(old.arn), json.dumps(parameters), "events")
    connection = authorizing(call, call.put(old.but(
        authorization=authorization, parameters=without_secrets(parameters), changed=call.now, authorized=call.now, state="AUTHORIZED", reason="", secret=secret,
        description=req["Description"] or "" if "Description" in req else old.description)))
    return changed(connection) | {"LastAuthorizedTime": connection.authorized}


@events.op(resource=by_name)
def deauthorize_connection(call: Call, req: t.DeauthorizeConnectionRequest) -> t.DeauthorizeConnectionResponse:
    """Its secrets are forgotten; what uses it fails until it is updated."""
    old = find(call, req["Name"])
    secrets.forget(call, secret_name(old.arn))
    connection = call.put(old.but(state="DEAUTHORIZED", changed=call.now))
    return changed(connection) | {"ConnectionState": "DEAUTHORIZING", "LastAuthorizedTime": connection.authorized}


@events.op(resource=by_name)
def delete_connection(call: Call, req: t.DeleteConnectionRequest) -> t.DeleteConnectionResponse:
    connection = find(call, req["Name"])
    secrets.forget(call, secret_name(connection.arn))
    call.delete(connection)
    return changed(connection) | {"ConnectionState": "DELETING", "LastAuthorizedTime": connection.authorized}


# -- for the request --------------------------------------------------------------------------------------------------

def whole(call: Call, connection: Connection) -> dict[str, Any]:
    """The parameters with what is secret."""
    return json.loads(secrets.value(call, secret_name(connection.arn)) or "{}")  # type: ignore[no-any-return]


def pairs(parameters: dict[str, Any], part: str) -> dict[str, str]:
    return {one["Key"]: one.get("Value") or "" for one in (parameters or {}).get(part) or ()}


async def token(call: Call, connection: Connection) -> str:
    """An OAuth token that is still good. Raises Unreachable if none is to be had."""
    kept: dict[str, tuple[str, float]] = call.cloud.memory.setdefault("events.tokens", {})
    found, until = kept.get(connection.arn, ("", 0.0))
    if found and call.now < until:
        return found
    about = whole(call, connection).get("OAuthParameters") or {}
    if not about:
        raise Unreachable("The connection has no client credentials")
    client, more = about["ClientParameters"], about.get("OAuthHttpParameters") or {}
    form = urlencode({"grant_type": "client_credentials", "client_id": client["ClientID"], "client_secret": client["ClientSecret"], **pairs(more, "BodyParameters")})
    query = urlencode(pairs(more, "QueryStringParameters"))
    if about["HttpMethod"] == "GET":
        query, form = "&".join(one for one in (query, form) if one), ""
    url = about["AuthorizationEndpoint"] + (("&" if "?" in about["AuthorizationEndpoint"] else "?") + query if query else "")
    headers = [("User-Agent", "Amazon/EventBridge/ApiDestinations"), ("Content-Type", "application/x-www-form-urlencoded"), *pairs(more, "HeaderParameters").items()]
    said = await fetch(about["HttpMethod"], url, headers, form.encode())
    try:
        answer = json.loads(said.body)
        found = str(answer["access_token"])
    except (ValueError, KeyError, TypeError):
        raise Unreachable(f"The authorization endpoint answered {said.status} without an access token") from None
    kept[connection.arn] = (found, call.now + float(answer.get("expires_in") or 3600) - 5)
    return found


async def send(call: Call, connection: Connection, method: str, url: str, query: dict[str, Any], headers: list[tuple[str, str]], own: Iterable[tuple[str, str]], body: bytes, told: dict[str, Any] | None = None) -> Fetched:
    """A request with what the connection adds: credentials and parameters. A token that is not taken is asked for once more. Raises Unreachable. `told` hears what was sent."""
    parameters = whole(call, connection)
    http = parameters.get("InvocationHttpParameters") or {}
    asked = pairs(http, "QueryStringParameters") | query
    if asked:
        url += ("&" if "?" in url else "?") + urlencode(asked, doseq=True)
    if more := pairs(http, "BodyParameters"):
        try:
            said = json.loads(body or b"{}")
        except ValueError:
            said = None
        body = json.dumps(said | more).encode() if isinstance(said, dict) else body
    body = b"" if method in ("GET", "HEAD") else body
    fixed = [*own, *pairs(http, "HeaderParameters").items()]
    while True:
        had = connection.arn in call.cloud.memory.get("events.tokens", {})
        given = [*fixed, await credentials(call, connection, parameters)]
        given = [h for h in headers if h[0].lower() not in {name.lower() for name, _ in given}] + given
        if told is not None:
            told |= {"url": url, "headers": given, "body": body}
        found = await fetch(method, url, given, body)
        if found.status != 401 or not had or connection.authorization != "OAUTH_CLIENT_CREDENTIALS":
            return found
        call.cloud.memory["events.tokens"].pop(connection.arn, None)


async def credentials(call: Call, connection: Connection, parameters: dict[str, Any]) -> tuple[str, str]:
    if connection.authorization == "BASIC":
        basic = parameters["BasicAuthParameters"]
        return "Authorization", "Basic " + base64.b64encode(f"{basic['Username']}:{basic['Password']}".encode()).decode()
    if connection.authorization == "API_KEY":
        return parameters["ApiKeyAuthParameters"]["ApiKeyName"], parameters["ApiKeyAuthParameters"]["ApiKeyValue"]
    return "Authorization", f"Bearer {await token(call, connection)}"
