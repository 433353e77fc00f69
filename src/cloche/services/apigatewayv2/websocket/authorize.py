"""May this client connect: a signature, or a function's policy. Only `$connect` asks; what it found out is told with every later event."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.iam import policy as policies
from cloche.iam.decide import Question, decide
from cloche.iam.principal import Principal
from cloche.kernel import AwsError, Response
from cloche.kernel.authenticate import authenticate
from cloche.services.apigateway.public import fault_of, functions, last, read_json
from cloche.wire import sigv4

from .. import service as apigatewayv2
from ..invoke.events import flat
from ..invoke.exchange import plain
from .events import Exchange, proxy

if TYPE_CHECKING:
    from .front import Speaker

ACTION = "execute-api:Invoke"


def arn_of(x: Exchange) -> str:
    return x.call.arn(f"{x.connection.api}/{x.stage.name}/$connect", service="execute-api")


async def check(speaker: Speaker, x: Exchange, route: dict[str, Any]) -> Response | None:
    """The refusal, or None."""
    kind = route.get("AuthorizationType", "NONE")
    if kind == "AWS_IAM":
        return signed(speaker, x)
    if kind == "CUSTOM":
        return await custom(speaker, x, route)
    return None


def signed(speaker: Speaker, x: Exchange) -> Response | None:
    request = x.connection.request
    try:
        claim = sigv4.parse(request)
        if claim is None:
            return plain(403, "Missing Authentication Token")
        principal = authenticate(x.call.cloud, request, claim, apigatewayv2.model)
        speaker.caller = speaker.call.as_principal(principal)
        speaker.caller.require(ACTION, arn_of(x))
    except (AwsError, sigv4.Malformed) as error:
        return plain(403, error.message)
    x.context["identity"] |= {"accountId": principal.account, "caller": principal.id, "user": principal.id, "userArn": principal.arn, "accessKey": claim.access_key}
    return None


async def custom(speaker: Speaker, x: Exchange, route: dict[str, Any]) -> Response | None:
    it = speaker.definition.authorizers.get(route.get("AuthorizerId"))
    if it is None:
        return plain(500, "Internal server error")
    if not all(source_of(x, source) for source in it.get("IdentitySource") or []):
        return plain(401, "Unauthorized")
    event = {"type": "REQUEST", "methodArn": arn_of(x), **{k: v for k, v in proxy(x).items() if k != "isBase64Encoded"}}
    event.setdefault("queryStringParameters", {})
    event.setdefault("multiValueQueryStringParameters", {})
    event.setdefault("stageVariables", {})
    arn = x.call.arn(f"{x.connection.api}/authorizers/{it['AuthorizerId']}", service="execute-api")
    try:
        payload, failed = await functions.ask(x.call, it["AuthorizerUri"], event, source_arn=arn, credentials=it.get("AuthorizerCredentialsArn"), seconds=10)
        answer = read_json(payload or b"null")
    except (functions.Failed, functions.TimedOut, ValueError):
        return plain(500, "Internal server error")
    if failed:
        return plain(401, "Unauthorized") if isinstance(answer, dict) and answer.get("errorMessage") == "Unauthorized" else plain(500, "Internal server error")
    if fault_of(answer):
        return plain(500, "Internal server error")
    principal = Principal(kind="user", arn=x.call.arn(f"user/{answer['principalId']}", service="iam", region=""), account=x.call.account, id=str(answer["principalId"]))
    named = policies.parse(json.dumps(answer["policyDocument"])).alone("authorizer")
    if not decide(Question(principal=principal, action=ACTION, resource=arn_of(x), resource_account=x.call.account, now=x.call.now, identity=named)).allowed:
        return plain(403, "User is not authorized to access this resource with an explicit deny")
    x.connection.authorizer = x.context["authorizer"] = {"principalId": answer["principalId"], **flat(answer.get("context") or {})}
    return None


def source_of(x: Exchange, source: str) -> str | None:
    """`route.request.header.Auth`, `route.request.querystring.token`, `stageVariables.x`, `context.y`."""
    where, _, name = source.removeprefix("route.request.").partition(".")
    match where:
        case "header":
            return last(x.headers, name)
        case "querystring":
            return (x.query.get(name) or [None])[-1]
        case "stageVariables":
            return x.variables.get(name)
    value: Any = x.context
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return None if value is None else str(value)
