"""May this caller invoke this method: the API's resource policy, signatures, authorizer functions, API keys.

The resource policy and the caller's own policies are one question to IAM: within an account either may allow, a deny anywhere ends it.
An authorizer's answer is a policy too, kept for its time to live under the identity it was given for.
"""
from __future__ import annotations

import json
import re
from typing import Any

import regex

from cloche.iam import policy as policies
from cloche.iam.decide import Decision, Question, decide
from cloche.iam.principal import ANONYMOUS, Principal
from cloche.kernel import AwsError, authorize, doors
from cloche.kernel.authenticate import authenticate
from cloche.wire import sigv4

from .. import service as apigateway
from ..keys import ApiKey, KeyValue
from ..plans import PlanKey, UsagePlan
from . import events, functions
from .exchange import Exchange, last, read_json, source_ip
from .refusals import DENIED, Refused
from .templates import interpolated

ACTION = "execute-api:Invoke"


def method_arn(x: Exchange) -> str:
    return x.call.arn(f"{x.api}/{x.stage.name}/{x.method}/{x.path.lstrip('/')}", service="execute-api")


def source_arn(x: Exchange) -> str:
    """The method as a function's policy sees it: the resource's path, `*` for each variable."""
    path = re.sub(r"\{[^}]+\}", "*", x.resource.path)
    return x.call.arn(f"{x.api}/{x.stage.name}/{x.spec['httpMethod'] if x.spec['httpMethod'] != 'ANY' else x.method}{path}", service="execute-api")


def question(x: Exchange, principal: Principal, **more: Any) -> Decision:
    call = x.call
    keys = {"aws:SourceIp": source_ip(x.request), "aws:SecureTransport": True, "aws:RequestedRegion": call.region, "aws:UserAgent": x.header("user-agent") or ""}
    if x.request.via:                     # through a VPC endpoint: the address is a private one, and has another name
        keys |= x.request.via
        del keys["aws:SourceIp"]
    policy = x.live.policy
    found = decide(Question(
        principal=principal, action=ACTION, resource=method_arn(x), resource_account=call.account, now=call.now, context=keys, scps=authorize.service_controls(call, principal),
        resource_policy=(f"the policy of API {x.api}", policies.parse(policy)) if policy else None, endpoint=authorize.endpoint(call), **more,
    ))
    x.caller.decision = found
    return found


async def check(x: Exchange) -> None:
    kind = x.spec["authorizationType"]
    if kind == "AWS_IAM":
        signed(x)
    elif kind == "CUSTOM":
        if x.live.policy and (found := question(x, ANONYMOUS)).explicit:
            refuse(x, found, "anonymous")
        await custom(x)
    elif kind == "COGNITO_USER_POOLS":
        if x.live.policy and (found := question(x, ANONYMOUS)).explicit:
            refuse(x, found, "anonymous")
        await user_pools(x)
    elif x.live.policy and not (found := question(x, ANONYMOUS)).allowed:
        refuse(x, found, "anonymous")


def refuse(x: Exchange, found: Decision, who: str) -> None:
    arn = method_arn(x).replace(x.call.account, "*" * 8 + x.call.account[-4:], 1)
    sentence = f"User: {who} is not authorized to perform: {ACTION} on resource: {arn}"
    if found.explicit:
        sentence += " with an explicit deny"
    raise Refused("ACCESS_DENIED", sentence, capital=True)


def signed(x: Exchange) -> None:
    """AWS_IAM: a signature for execute-api, then the question to IAM."""
    try:
        claim = sigv4.parse(x.request)
    except sigv4.Malformed as error:
        raise Refused("MISSING_AUTHENTICATION_TOKEN", str(error), error_type="IncompleteSignatureException") from None
    if claim is None:
        raise Refused("MISSING_AUTHENTICATION_TOKEN")
    try:
        principal = authenticate(x.call.cloud, x.request, claim, apigateway.model)
    except AwsError as error:
        kind = {"InvalidSignatureException": "INVALID_SIGNATURE", "ExpiredTokenException": "EXPIRED_TOKEN"}.get(error.code, "DEFAULT_4XX")
        raise Refused(kind, error.message, error_type=error.code, status=403) from None
    x.caller = x.call.as_principal(principal)
    held = doors.policies(x.call.cloud, principal)
    identity = x.context["identity"]
    identity |= {"accountId": principal.account, "caller": principal.id, "user": principal.id, "userArn": principal.arn, "accessKey": claim.access_key}
    found = question(x, principal, identity=held.identity, boundary=held.boundary, session=held.session)
    if not found.allowed:
        refuse(x, found, principal.label)


async def user_pools(x: Exchange) -> None:
    """A token of one of the pools: an ID token; or, where the method names scopes, an access token that has one of them."""
    from cloche.services.cognito_idp import public
    it = x.live.definition.authorizers[x.spec["authorizerId"]]
    text = identities(x, {"identitySource": "method.request.header.Authorization", **it})[0]
    claims = await public.claims(x.call, text[7:] if text[:7].lower() == "bearer " else text, it["providerARNs"])
    wanted = x.spec.get("authorizationScopes") or []
    if claims is None or claims["token_use"] != ("access" if wanted else "id") or (wanted and not set(wanted) & set(str(claims.get("scope", "")).split())):
        raise Refused("UNAUTHORIZED")
    x.context["authorizer"] = {"claims": {name: ",".join(map(str, v)) if isinstance(v, list) else v if isinstance(v, str) else json.dumps(v) for name, v in claims.items()}}


# authorizer functions
async def custom(x: Exchange) -> None:
    it = x.live.definition.authorizers[x.spec["authorizerId"]]
    values = identities(x, it)
    ttl = it.get("authorizerResultTtlInSeconds", 300)
    kept = x.call.cloud.memory.setdefault(f"apigateway.authorized.{x.stage.key}", {})
    key = (it["id"], *values)
    answer = None
    if ttl > 0 and values and (found := kept.get(key)) and found[0] > x.call.now:
        answer = found[1]
    if answer is None:
        answer = await asked(x, it, values)
        if ttl > 0 and values:
            if len(kept) > 10_000:
                kept.clear()
            kept[key] = (x.call.now + ttl, answer)
    accept(x, answer)


def identities(x: Exchange, it: dict[str, Any]) -> list[str]:
    """The caller's identity as the authorizer's sources name it; one missing ends the request unasked."""
    sources = [s.strip() for s in (it.get("identitySource") or "").split(",") if s.strip()]
    values = []
    for source in sources:
        where, _, name = source.removeprefix("method.request.").partition(".")
        match where:
            case "header":
                value = last(x.headers, name)
            case "querystring":
                value = (x.query.get(name) or [None])[-1]
            case "stageVariables":
                value = x.variables.get(name)
            case _:
                from .refusals import text_at
                value = text_at(x.context, name)
        if not value:
            raise Refused("UNAUTHORIZED")
        values.append(value)
    expression = it.get("identityValidationExpression")
    if it["type"] == "TOKEN" and expression:
        try:
            matched = regex.fullmatch(expression, values[0], timeout=0.2)
        except (regex.error, TimeoutError):
            matched = None
        if not matched:
            raise Refused("UNAUTHORIZED")
    return values


async def asked(x: Exchange, it: dict[str, Any], values: list[str]) -> dict[str, Any]:
    if it["type"] == "TOKEN":
        event = {"type": "TOKEN", "methodArn": method_arn(x), "authorizationToken": values[0]}
    else:
        event = events.authorizer_request(x, method_arn(x))
    arn = x.call.arn(f"{x.api}/authorizers/{it['id']}", service="execute-api")
    uri = interpolated(it["authorizerUri"], x.variables)
    try:
        payload, failed = await functions.ask(x.call, uri, event, source_arn=arn, credentials=it.get("authorizerCredentials"), seconds=29)
    except (functions.Failed, functions.TimedOut) as error:
        raise Refused("AUTHORIZER_CONFIGURATION_ERROR", why=str(error)) from None
    try:
        answer = read_json(payload or b"null")
    except ValueError:
        answer = None
    if failed:
        if isinstance(answer, dict) and answer.get("errorMessage") == "Unauthorized":
            raise Refused("UNAUTHORIZED")
        raise Refused("AUTHORIZER_FAILURE", why=str(answer))
    if fault := fault_of(answer):
        raise Refused("AUTHORIZER_CONFIGURATION_ERROR", why=fault)
    return answer


def fault_of(answer: Any) -> str:
    """What is wrong with an authorizer's answer: it needs a principalId, a policy that can be read, and a flat context."""
    try:
        if not isinstance(answer, dict) or not isinstance(answer["principalId"], (str, int)):
            return "principalId"
        policies.parse(json.dumps(answer["policyDocument"]))
        context = answer.get("context") or {}
        if not isinstance(context, dict) or any(isinstance(v, (dict, list)) for v in context.values()):
            return "context"
    except (KeyError, ValueError, TypeError, policies.MalformedPolicy) as error:
        return f"policyDocument: {error}"
    return ""


def accept(x: Exchange, answer: dict[str, Any]) -> None:
    """Ask the policy it returned about this very method; a kept answer may allow one path and deny another."""
    named = policies.parse(json.dumps(answer["policyDocument"])).alone("authorizer")
    principal = Principal(kind="user", arn=x.call.arn(f"user/{answer['principalId']}", service="iam", region=""), account=x.call.account, id=str(answer["principalId"]))
    found = question(x, principal, identity=named)
    if not found.allowed:
        raise Refused("ACCESS_DENIED", f"{DENIED} with an explicit deny in an identity-based policy" if found.explicit else DENIED, capital=True)
    context = {k: v if isinstance(v, str) else json.dumps(v) for k, v in (answer.get("context") or {}).items() if v is not None}
    x.context["authorizer"] = {"principalId": str(answer["principalId"]), **context, "integrationLatency": 0}
    if key := answer.get("usageIdentifierKey"):
        x.context["authorizer"]["usageIdentifierKey"] = key


# API keys
def key(x: Exchange) -> None:
    """The key must exist, be enabled, and belong to a plan of this stage. It says who uses, never who may."""
    if not x.spec.get("apiKeyRequired"):
        return
    if (x.live.settings.get("apiKeySource") or "HEADER") == "AUTHORIZER":
        secret = (x.context.get("authorizer") or {}).get("usageIdentifierKey")
    else:
        secret = x.header("x-api-key")
    named = x.call.get(KeyValue, secret) if secret else None
    found = x.call.get(ApiKey, named.id) if named else None
    if found is None or not found.values.get("enabled"):
        raise Refused("INVALID_API_KEY")
    x.plan = plan_of(x, found.id)
    if x.plan is None:
        raise Refused("INVALID_API_KEY")
    x.context["identity"] |= {"apiKey": found.value, "apiKeyId": found.id}


def plan_of(x: Exchange, key_id: str) -> UsagePlan | None:
    for plan in x.call.all(UsagePlan):
        if x.call.get(PlanKey, f"{plan.id}/{key_id}") and any((s["apiId"], s["stage"]) == (x.api, x.stage.name) for s in plan.values.get("apiStages") or []):
            return plan
    return None


def may_invalidate(x: Exchange) -> bool:
    """Is the signed caller granted execute-api:InvalidateCache on this method?"""
    try:
        claim = sigv4.parse(x.request)
        principal = authenticate(x.call.cloud, x.request, claim, apigateway.model) if claim else ANONYMOUS
    except (AwsError, sigv4.Malformed):
        return False
    return x.call.as_principal(principal).allowed("execute-api:InvalidateCache", method_arn(x), {}, x.live.policy)
