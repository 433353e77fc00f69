"""Lambda@Edge: events of Lambda's shape at four places, and what the functions make of them.

A viewer's request always, the origin's on a miss alone; a request function may answer itself. What changes at the origin's response is kept, at the viewer's it is not.
"""
from __future__ import annotations

import base64
import json
import re
from typing import Any

from cloche.kernel import AwsError, Response
from cloche.services.lambda_ import public as lambdas
from cloche.wire.http import FileBody

from ..things import items
from . import pages, sending
from .exchange import Exchange
from .origins import Answer, Sent

BODY = {"viewer-request": 40 << 10, "viewer-response": 40 << 10, "origin-request": 1 << 20, "origin-response": 1 << 20}
NEVER = re.compile(r"connection|expect|keep-alive|proxy-.*|trailer|upgrade|x-accel-.*|x-amz-cf-.*|x-amzn-.*|x-cache|x-edge-.*|x-forwarded-proto|x-real-ip")
READ_ONLY = {
    "viewer-request": frozenset(("content-length", "host", "transfer-encoding", "via")), "origin-request": frozenset(("accept-encoding", "content-length", "if-modified-since", "if-none-match", "if-range",
                                                                                                                      "if-unmodified-since", "transfer-encoding", "via")),
    "origin-response": frozenset(("transfer-encoding", "via")), "viewer-response": frozenset(("content-encoding", "content-length", "transfer-encoding", "warning", "via"))}


class Broken(Exception):
    def __init__(self, status: int, result: str, text: str) -> None:
        super().__init__(text)
        self.status, self.result, self.text = status, result, text


def associated(x: Exchange, event: str) -> dict[str, Any] | None:
    return next((one for one in items(x.behaviour["LambdaFunctionAssociations"]) if one["EventType"] == event), None)


# -- events -----------------------------------------------------------------------------------------------------------------------

def named(pairs: list[tuple[str, str]]) -> dict[str, list[dict[str, str]]]:
    out: dict[str, list[dict[str, str]]] = {}
    for name, value in pairs:
        out.setdefault(name.lower(), []).append({"key": "-".join(part.capitalize() for part in name.split("-")), "value": value})
    return out


def viewed(x: Exchange) -> dict[str, Any]:
    return {"clientIp": x.client, "headers": named([(name, value) for name, value in x.headers if name != "x-cloche-hops"]), "method": x.method, "querystring": x.query, "uri": x.uri}


def sent(x: Exchange, origin: dict[str, Any], wish: Sent) -> dict[str, Any]:
    uri, _, query = wish.target[len(origin["OriginPath"]):].partition("?")
    custom = {one["HeaderName"].lower() for one in items(origin["CustomHeaders"])}
    pairs = [(name, value) for name, value in wish.headers if name.lower() not in custom]
    place: dict[str, Any] = {"customHeaders": named([(one["HeaderName"], one["HeaderValue"]) for one in items(origin["CustomHeaders"])]), "domainName": origin["DomainName"], "path": origin["OriginPath"]}
    if own := origin.get("CustomOriginConfig"):
        secure = own["OriginProtocolPolicy"] == "https-only" or (own["OriginProtocolPolicy"] == "match-viewer" and x.scheme == "https")
        what = {"custom": {**place, "keepaliveTimeout": own["OriginKeepaliveTimeout"], "port": own["HTTPSPort"] if secure else own["HTTPPort"], "protocol": "https" if secure else "http",
                           "readTimeout": own["OriginReadTimeout"], "sslProtocols": items(own["OriginSslProtocols"])}}
    else:
        identity = origin["S3OriginConfig"].get("OriginAccessIdentity")
        what = {"s3": {**place, "authMethod": "origin-access-identity" if identity else "none", "region": ""}}
    return {"clientIp": x.client, "headers": named([("host", wish.host), *pairs]), "method": wish.method, "querystring": query, "uri": uri, "origin": what}


def responded(status: int, headers: list[tuple[str, str]]) -> dict[str, Any]:
    from http import HTTPStatus
    known = {one.value: one.phrase for one in HTTPStatus}
    return {"headers": named(headers), "status": str(status), "statusDescription": known.get(status, "")}


async def body_of(x: Exchange, event: str) -> dict[str, Any]:
    """IncludeBody: the beginning of the body, read only unless the function replaces it."""
    limit = BODY[event]
    whole = x.origin_body if x.origin_body is not None else await x.request.read()
    x.origin_body = whole
    return {"action": "read-only", "data": base64.b64encode(whole[:limit]).decode(), "encoding": "base64", "inputTruncated": len(whole) > limit}


async def ran(x: Exchange, one: dict[str, Any], event: str, request: dict[str, Any], response: dict[str, Any] | None = None) -> dict[str, Any]:
    cf: dict[str, Any] = {"config": {"distributionDomainName": x.distribution.domain, "distributionId": x.distribution.id, "eventType": event, "requestId": x.id}, "request": request}
    if response is not None:
        cf["response"] = response
    try:
        result = await lambdas.at_edge(x.call, one["LambdaFunctionARN"], json.dumps({"Records": [{"cf": cf}]}).encode())
    except AwsError as error:
        if error.status == 429:
            raise Broken(503, "LambdaLimitExceeded", pages.LAMBDA) from None
        raise Broken(503, "LambdaExecutionError", pages.LAMBDA) from None
    if result.failed:
        raise Broken(503, "LambdaExecutionError", pages.LAMBDA)
    try:
        said = json.loads(result.payload)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise invalid("The Lambda function returned invalid JSON: The json must be an object type.")
    return said


def invalid(text: str) -> Broken:
    return Broken(502, "LambdaValidationError", text)


def pairs_of(event: str, given: Any, before: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers as the function wants them; those that it may not touch must be as they were."""
    out: list[tuple[str, str]] = []
    if not isinstance(given, dict):
        raise invalid("The Lambda function result failed validation: The headers are not an object.")
    old: dict[str, list[str]] = {}
    for name, value in before:
        old.setdefault(name.lower(), []).append(value)
    for name, values in given.items():
        if not isinstance(values, list) or not all(isinstance(one, dict) and isinstance(one.get("value"), str) for one in values):
            raise invalid("The Lambda function result failed validation: A header is not a list of key and value.")
        new = [one["value"] for one in values]
        if any(not one.get("key", name).lower() == name.lower() for one in values) or name != name.lower():
            raise invalid(f"The Lambda function result failed validation: The header {name} must be in lower case, with the same key.")
        if new != old.get(name) and (NEVER.fullmatch(name) or name in READ_ONLY[event]):
            kind = "blacklisted" if NEVER.fullmatch(name) else "read-only"
            raise invalid(f"The Lambda function result failed validation: The function tried to add, delete or change a {kind} header: {name}.")
        if any(set(one) & set("\r\n\0") for one in new):
            raise invalid(f"The Lambda function result failed validation: The header {name} has a value that is not valid.")
        out += [(name, one.encode().decode("latin-1")) for one in new]
    for name in old:
        if name not in given and name in READ_ONLY[event]:
            raise invalid(f"The Lambda function result failed validation: The function tried to add, delete or change a read-only header: {name}.")
    return out


def generated(event: str, said: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes | None]:
    """Status, headers, body (None: not spoken of)."""
    try:
        status = int(said["status"])
    except (KeyError, ValueError, TypeError):
        raise invalid("The Lambda function result failed validation: The status is not valid.") from None
    if not 100 <= status <= 599:
        raise invalid("The Lambda function result failed validation: The status is not valid.")
    headers = pairs_of(event, said.get("headers") or {}, []) if event.endswith("request") else []
    if "body" not in said:
        return status, headers, None
    try:
        body = base64.b64decode(said["body"], validate=True) if said.get("bodyEncoding") == "base64" else str(said["body"]).encode()
    except ValueError:
        raise invalid("The Lambda function result failed validation: The body is not base64.") from None
    if len(body) > BODY[event]:
        raise invalid("The Lambda function result failed validation: The body is too large.")
    return status, headers, body


def body_after(x: Exchange, event: str, said: dict[str, Any]) -> None:
    """A body that the function put in the place of the viewer's."""
    new = said.get("body")
    if isinstance(new, dict) and new.get("action") == "replace":
        try:
            data = base64.b64decode(new.get("data", ""), validate=True) if new.get("encoding", "base64") == "base64" else str(new.get("data", "")).encode()
        except ValueError:
            raise invalid("The Lambda function result failed validation: The body is not base64.") from None
        if len(data) > BODY[event]:
            raise invalid("The Lambda function result failed validation: The body is too large.")
        x.origin_body = data


# -- the viewer's events ------------------------------------------------------------------------------------------------------------

async def on_viewer_request(x: Exchange, one: dict[str, Any]) -> Response | None:
    from .pipeline import Stop
    request = viewed(x)
    try:
        if one.get("IncludeBody"):
            request["body"] = await body_of(x, "viewer-request")
        said = await ran(x, one, "viewer-request", request)
        if "status" in said:
            status, headers, body = generated("viewer-request", said)
            x.result = "LambdaGeneratedResponse"
            return Response(status, headers, body or b"")
        headers = pairs_of("viewer-request", said.get("headers"), [(name, value) for name, value in x.headers if name != "x-cloche-hops"])
        if not isinstance(said.get("uri"), str) or not said["uri"].startswith("/"):
            raise invalid("The Lambda function result failed validation: The URI must begin with a slash.")
        if said.get("method") != x.method:
            raise invalid("The Lambda function result failed validation: The method is read-only.")
        body_after(x, "viewer-request", said)
    except Broken as broken:
        raise Stop(pages.page(broken.status, broken.text, x.id), broken.result) from None
    x.headers, x.uri, x.query = headers, said["uri"], str(said.get("querystring", ""))
    return None


async def on_viewer_response(x: Exchange, one: dict[str, Any], response: Response) -> Response:
    """Headers alone: neither the status nor the body."""
    from .pipeline import Stop
    before = [(name.lower(), value) for name, value in response.headers]
    try:
        said = await ran(x, one, "viewer-response", viewed(x), responded(response.status, before))
        status, _, _ = generated("viewer-response", {key: value for key, value in said.items() if key != "body"})
        if status != response.status:
            raise invalid("The Lambda function result failed validation: The status code cannot be changed in a viewer response.")
        headers = pairs_of("viewer-response", said.get("headers"), before)
    except Broken as broken:
        raise Stop(pages.page(broken.status, broken.text, x.id), broken.result) from None
    return Response(response.status, headers, response.body)


# -- the origin's events ------------------------------------------------------------------------------------------------------------

async def around(x: Exchange, origin: dict[str, Any], cached: bool, conditions: list[tuple[str, str]]) -> Answer:
    """The origin's answer, with the functions before and behind it. Raises Trouble, Broken."""
    wish, one = sending.wish(x, origin, cached, conditions), associated(x, "origin-request")
    answer: Answer | None = None
    if one is not None:
        request = sent(x, origin, wish)
        if one.get("IncludeBody"):
            request["body"] = await body_of(x, "origin-request")
        said = await ran(x, one, "origin-request", request)
        if "status" in said:
            status, headers, body = generated("origin-request", said)
            x.detail = "LambdaGeneratedResponse"
            answer = Answer(status, [*headers, ("content-length", str(len(body or b"")))], body or b"")
        else:
            origin, wish = asked(x, origin, wish, said)
    if answer is None:
        answer = await sending.reach(x, origin, wish)
    behind = associated(x, "origin-response")
    if behind is None or answer.status == 304:
        return answer
    said = await ran(x, behind, "origin-response", sent(x, origin, wish), responded(answer.status, answer.headers))
    status, _, body = generated("origin-response", said)
    headers = pairs_of("origin-response", said.get("headers"), answer.headers)
    if body is None:
        return Answer(status, headers, answer.body)
    await dropped(answer.body)
    return Answer(status, [*((name, value) for name, value in headers if name not in ("content-length", "content-encoding")), ("content-length", str(len(body)))], body)


async def dropped(body: Any) -> None:
    if not isinstance(body, bytes | FileBody):
        async for _ in body:
            continue


def asked(x: Exchange, origin: dict[str, Any], wish: Sent, said: dict[str, Any]) -> tuple[dict[str, Any], Sent]:
    """The request as the function changed it; another origin, if it names one."""
    custom = {one["HeaderName"].lower() for one in items(origin["CustomHeaders"])}
    before = [("host", wish.host), *((name, value) for name, value in wish.headers if name.lower() not in custom)]
    headers = pairs_of("origin-request", said.get("headers"), before)
    if not isinstance(said.get("uri"), str) or not said["uri"].startswith("/") or said.get("method") != wish.method:
        raise invalid("The Lambda function result failed validation: The URI must begin with a slash, and the method is read-only.")
    body_after(x, "origin-request", said)
    origin = elsewhere(origin, said.get("origin") or {})
    own = [(one["HeaderName"], one["HeaderValue"]) for one in items(origin["CustomHeaders"])]
    host = next((value for name, value in headers if name == "host"), wish.host)
    query = str(said.get("querystring", ""))
    body: Any = x.origin_body if x.origin_body is not None else wish.body
    return origin, Sent(wish.method, origin["OriginPath"] + said["uri"] + ("?" + query if query else ""), host,
                        [*((name, value) for name, value in headers if name != "host"), *own], body, None if x.origin_body is not None else wish.length, wish.tunnel)


def elsewhere(origin: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    if len(said) != 1:
        raise invalid("The Lambda function result failed validation: A request has one origin.")
    [(kind, one)] = said.items()
    headers = [{"HeaderName": each["key"], "HeaderValue": each["value"]} for values in (one.get("customHeaders") or {}).values() for each in values]
    new = {**origin, "DomainName": one["domainName"], "OriginPath": one.get("path", ""), "CustomHeaders": {"Quantity": len(headers), "Items": headers}}
    same = one["domainName"] == origin["DomainName"]
    if kind == "custom":
        old = origin.get("CustomOriginConfig") or {}
        secure, port = one.get("protocol", "http") == "https", int(one.get("port", 80))
        new |= {"CustomOriginConfig": {**old, "HTTPPort": port, "HTTPSPort": port, "OriginProtocolPolicy": "https-only" if secure else "http-only", "OriginReadTimeout": one.get("readTimeout", 30),
                                       "OriginKeepaliveTimeout": one.get("keepaliveTimeout", 5), "OriginSslProtocols": {"Quantity": len(one.get("sslProtocols", [])), "Items": one.get("sslProtocols", [])}}}
        new.pop("S3OriginConfig", None)
    else:
        new.pop("CustomOriginConfig", None)
        old = origin.get("S3OriginConfig") or {"OriginAccessIdentity": ""}
        new["S3OriginConfig"] = old if one.get("authMethod", "none") != "none" else {"OriginAccessIdentity": ""}
    if not same and kind == "custom":
        new["OriginAccessControlId"] = ""
    return new
