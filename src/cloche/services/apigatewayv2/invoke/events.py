"""The events functions get from HTTP APIs: payload formats 1.0 and 2.0, and those of REQUEST authorizers."""
from __future__ import annotations

import base64
import json
from typing import Any

from cloche.services.apigateway.public import clf, client_certificate, source_ip

from .exchange import Exchange

IDENTITY = ("accessKey", "accountId", "caller", "cognitoAmr", "cognitoAuthenticationProvider", "cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId")


def packed(x: Exchange) -> tuple[str | None, bool]:
    if not x.body:
        return None, False
    if x.is_text():
        return x.body.decode("utf-8", "replace"), False
    return base64.b64encode(x.body).decode(), True


def context_v2(x: Exchange) -> dict[str, Any]:
    context = {
        "accountId": x.call.account, "apiId": x.api.id, "domainName": x.host, "domainPrefix": x.host.partition(".")[0],
        "http": {"method": x.method, "path": x.raw_path, "protocol": "HTTP/1.1", "sourceIp": source_ip(x.request), "userAgent": x.headers.get("user-agent", "")},
        "requestId": x.request_id, "routeKey": x.route["RouteKey"], "stage": x.stage.name, "time": clf(x.started), "timeEpoch": int(x.started * 1000),
    }
    if x.authorizer:
        context["authorizer"] = x.authorizer["v2"]
    if (certificate := client_certificate(x.request)) is not None:
        context["authentication"] = {"clientCert": certificate}
    return context


def v2(x: Exchange) -> dict[str, Any]:
    """Empty parts are left out; repeated values are joined by commas; cookies stand by themselves."""
    headers = x.full_headers()
    cookie = headers.pop("cookie", None)
    body, is_base64 = packed(x)
    event: dict[str, Any] = {"version": "2.0", "routeKey": x.route["RouteKey"], "rawPath": x.raw_path, "rawQueryString": x.request.query}
    if cookie:
        event["cookies"] = [c.strip() for c in cookie.split(";") if c.strip()]
    event["headers"] = headers
    if x.query:
        event["queryStringParameters"] = {n: ",".join(vs) for n, vs in x.query.items()}
    event["requestContext"] = context_v2(x)
    if x.params:
        event["pathParameters"] = x.params
    if x.variables:
        event["stageVariables"] = x.variables
    if body is not None:
        event["body"] = body
    event["isBase64Encoded"] = is_base64
    return event


def context_v1(x: Exchange) -> dict[str, Any]:
    identity: dict[str, Any] = dict.fromkeys(IDENTITY) | {"sourceIp": source_ip(x.request), "user": None, "userAgent": x.headers.get("user-agent", ""), "userArn": None}
    if iam := (x.authorizer.get("v2") or {}).get("iam"):
        identity |= {"accessKey": iam["accessKey"], "accountId": iam["accountId"], "caller": iam["callerId"], "user": iam["userId"], "userArn": iam["userArn"]}
    context = {
        "accountId": x.call.account, "apiId": x.api.id, "domainName": x.host, "domainPrefix": x.host.partition(".")[0], "extendedRequestId": x.request_id, "httpMethod": x.method,
        "identity": identity, "path": x.raw_path, "protocol": "HTTP/1.1", "requestId": x.request_id, "requestTime": clf(x.started), "requestTimeEpoch": int(x.started * 1000),
        "resourceId": x.route["RouteKey"], "resourcePath": resource(x), "stage": x.stage.name,
    }
    if x.authorizer.get("v1"):
        context["authorizer"] = x.authorizer["v1"]
    return context


def resource(x: Exchange) -> str:
    return x.route["RouteKey"].partition(" ")[2] or "$default"


def v1(x: Exchange) -> dict[str, Any]:
    headers = x.full_headers()
    multi = {n: [v] for n, v in headers.items()} | {n.lower(): vs for n, vs in x.multi.items() if n.lower() in headers and n.lower() != "x-forwarded-for"}
    body, is_base64 = packed(x)
    return {
        "version": "1.0", "resource": resource(x), "path": x.raw_path, "httpMethod": x.method, "headers": {n: vs[-1] for n, vs in multi.items()}, "multiValueHeaders": multi,
        "queryStringParameters": {n: vs[-1] for n, vs in x.query.items()} or None, "multiValueQueryStringParameters": x.query or None, "requestContext": context_v1(x),
        "pathParameters": x.params or None, "stageVariables": x.variables or None, "body": body, "isBase64Encoded": is_base64,
    }


def authorizer(x: Exchange, it: dict[str, Any], sources: list[str], arn: str) -> dict[str, Any]:
    if it["AuthorizerPayloadFormatVersion"] == "2.0":
        event = v2(x)
        for name in ("body", "isBase64Encoded"):
            event.pop(name, None)
        return {**event, "type": "REQUEST", "routeArn": arn, "identitySource": sources or None}
    event = v1(x)
    for name in ("body", "isBase64Encoded"):
        del event[name]
    return {**event, "type": "REQUEST", "methodArn": arn, "identitySource": ",".join(sources), "authorizationToken": ",".join(sources)}


def flat(context: dict[str, Any]) -> dict[str, Any]:
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in context.items()}
