"""What a function is given: the proxy event (payload format 1.0) of REST APIs, and the request of a REQUEST authorizer."""
from __future__ import annotations

from typing import Any

from .exchange import Exchange, clf, forwarded

IDENTITY = ("cognitoIdentityPoolId", "accountId", "cognitoIdentityId", "caller", "sourceIp", "principalOrgId", "accessKey", "cognitoAuthenticationType", "cognitoAuthenticationProvider",
            "userArn", "userAgent", "user")


def full_headers(x: Exchange) -> dict[str, list[str]]:
    """The client's headers and what the door adds."""
    extra = forwarded(x)
    lower = {n.lower() for n in extra} | {"connection", "transfer-encoding", "content-length", "expect", "keep-alive"}
    found = {n: vs for n, vs in x.headers.items() if n.lower() not in lower}
    found |= {n: [v] for n, v in extra.items()}
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))


def request_context(x: Exchange) -> dict[str, Any]:
    c = x.context
    identity = {name: c["identity"].get(name) for name in IDENTITY}
    if "apiKey" in c["identity"]:
        identity |= {"apiKey": c["identity"]["apiKey"], "apiKeyId": c["identity"]["apiKeyId"]}
    identity |= {name: c["identity"][name] for name in ("clientCert", "vpceId", "vpcId") if name in c["identity"]}
    context = {
        "resourceId": x.resource.id, "resourcePath": x.resource.path, "httpMethod": x.method, "extendedRequestId": c["extendedRequestId"], "requestTime": clf(x.started),
        "path": x.prefixed + x.path, "accountId": x.call.account, "protocol": "HTTP/1.1", "stage": x.stage.name, "domainPrefix": c["domainPrefix"],
        "requestTimeEpoch": int(x.started * 1000), "requestId": c["requestId"], "identity": identity, "domainName": c["domainName"],
        "deploymentId": c["deploymentId"], "apiId": x.api,
    }
    if x.spec.get("operationName"):
        context["operationName"] = x.spec["operationName"]
    if c.get("authorizer") is not None:
        context["authorizer"] = c["authorizer"]
    return context


def proxy(x: Exchange) -> dict[str, Any]:
    headers = full_headers(x)
    body, packed = x.packed((x.live.is_binary(x.media) and "content-type" in x.request.headers) or "*/*" in x.live.binary)
    return {
        "resource": x.resource.path, "path": x.based + x.path, "httpMethod": x.method,
        "headers": {n: vs[-1] for n, vs in headers.items()} or None, "multiValueHeaders": headers or None,
        "queryStringParameters": {n: vs[-1] for n, vs in x.query.items()} or None, "multiValueQueryStringParameters": x.query or None,
        "pathParameters": x.params or None, "stageVariables": dict(x.variables) or None, "requestContext": request_context(x), "body": body, "isBase64Encoded": packed,
    }


def authorizer_request(x: Exchange, arn: str) -> dict[str, Any]:
    event = proxy(x)
    for name in ("body", "isBase64Encoded"):
        del event[name]
    for name in ("headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables"):
        event[name] = event[name] or {}
    return {"type": "REQUEST", "methodArn": arn, **event}
