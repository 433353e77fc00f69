"""May this caller take this route: a JWT, a function's yes or policy, or a signature."""
from __future__ import annotations

import json
from typing import Any

from cloche.iam import policy as policies
from cloche.iam.decide import Question, decide
from cloche.iam.principal import Principal
from cloche.kernel import AwsError
from cloche.kernel.authenticate import authenticate
from cloche.services.apigateway.public import fault_of, functions, read_json
from cloche.wire import sigv4

from .. import service as apigatewayv2
from . import events, jwt
from .exchange import Exchange, forbidden, internal, unauthorized
from .mapping import value_of

ACTION = "execute-api:Invoke"


def arn_of(x: Exchange) -> str:
    return x.call.arn(f"{x.api.id}/{x.stage.name}/{x.method}/{x.path.lstrip('/')}", service="execute-api")


def route_arn(x: Exchange) -> str:
    """As a function's policy and an authorizer's event name the route."""
    key = x.route["RouteKey"]
    verb, _, path = key.partition(" ")
    rest = f"{verb}{path}" if path else "$default"
    return x.call.arn(f"{x.api.id}/{x.stage.name}/{rest}", service="execute-api")


async def check(x: Exchange) -> None:
    kind = x.route.get("AuthorizationType", "NONE")
    if kind == "AWS_IAM":
        signed(x)
    elif kind in ("JWT", "CUSTOM"):
        it = x.live.definition.authorizers.get(x.route.get("AuthorizerId"))
        if it is None:
            raise internal("the route's authorizer is gone")
        sources = [value_of(x, source) for source in it.get("IdentitySource") or []]
        if not all(sources):
            raise unauthorized()
        if kind == "JWT":
            await jwt.check(x, it, sources[0] or "")
        else:
            await custom(x, it, [s or "" for s in sources])


def signed(x: Exchange) -> None:
    try:
        claim = sigv4.parse(x.request)
        if claim is None:
            raise forbidden()
        principal = authenticate(x.call.cloud, x.request, claim, apigatewayv2.model)
    except (AwsError, sigv4.Malformed) as error:
        raise forbidden(str(error)) from None
    x.caller = x.call.as_principal(principal)
    try:
        x.caller.require(ACTION, arn_of(x))
    except AwsError as error:
        raise forbidden(error.message) from None
    iam = {"accessKey": claim.access_key, "accountId": principal.account, "callerId": principal.id, "cognitoIdentity": None, "principalOrgId": None, "userArn": principal.arn, "userId": principal.id}
    x.authorizer = {"v2": {"iam": iam}, "v1": {}, "flat": {"iam": iam}}


async def custom(x: Exchange, it: dict[str, Any], sources: list[str]) -> None:
    ttl = it.get("AuthorizerResultTtlInSeconds", 0)
    kept = x.call.cloud.memory.setdefault(f"apigatewayv2.authorized.{x.stage.key}", {})
    key = (it["AuthorizerId"], *sources)
    found = kept.get(key) if ttl and sources else None
    answer = found[1] if found and found[0] > x.call.now else None
    if answer is None:
        answer = await asked(x, it, sources)
        if ttl and sources:
            if len(kept) > 10_000:
                kept.clear()
            kept[key] = (x.call.now + ttl, answer)
    accept(x, it, answer)


async def asked(x: Exchange, it: dict[str, Any], sources: list[str]) -> Any:
    uri = it["AuthorizerUri"]
    arn = x.call.arn(f"{x.api.id}/authorizers/{it['AuthorizerId']}", service="execute-api")
    try:
        payload, failed = await functions.ask(x.call, uri, events.authorizer(x, it, sources, route_arn(x) if it["AuthorizerPayloadFormatVersion"] == "2.0" else arn_of(x)),
                                              source_arn=arn, credentials=it.get("AuthorizerCredentialsArn"), seconds=10)
        answer = read_json(payload or b"null")
    except (functions.Failed, functions.TimedOut, ValueError) as error:
        raise internal(f"authorizer: {error}") from None
    if failed:
        raise internal(f"authorizer: {answer}")
    return answer


def accept(x: Exchange, it: dict[str, Any], answer: Any) -> None:
    if it.get("EnableSimpleResponses"):
        if not isinstance(answer, dict) or not isinstance(answer.get("isAuthorized"), bool):
            raise internal("authorizer: not a simple response")
        if not answer["isAuthorized"]:
            raise forbidden()
    else:
        if fault := fault_of(answer):
            raise internal(f"authorizer: {fault}")
        principal = Principal(kind="user", arn=x.call.arn(f"user/{answer['principalId']}", service="iam", region=""), account=x.call.account, id=str(answer["principalId"]))
        named = policies.parse(json.dumps(answer["policyDocument"])).alone("authorizer")
        question = Question(principal=principal, action=ACTION, resource=arn_of(x), resource_account=x.call.account, now=x.call.now, identity=named)
        if not decide(question).allowed:
            raise forbidden()
    context = answer.get("context") or {}
    extra = {"principalId": answer["principalId"]} if "principalId" in answer else {}
    x.authorizer = {"v2": {"lambda": context or None}, "v1": {**extra, **events.flat(context)}, "flat": {**extra, **events.flat(context)}}
