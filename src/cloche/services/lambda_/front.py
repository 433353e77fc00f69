"""What answers behind a function's URL, and behind a code location: the request as an event (format 2.0), the answer as HTTP."""
from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, unquote

from cloche.iam import principal as principals
from cloche.kernel import AwsError, Call, Request, Response
from cloche.kernel.authenticate import authenticate
from cloche.wire import sigv4
from cloche.wire.http import TooLarge

from . import functions, names, records, running
from . import service as lambda_
from .invoke import SYNC_LIMIT
from .running import Result
from .urls import Url

PRELUDE = "application/vnd.awslambda.http-integration-response"
TROUBLE = "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
TEXTUAL = ("text/", "application/json", "application/xml", "application/javascript", "application/x-www-form-urlencoded")


@lambda_.serve
async def serve(call: Call, request: Request, match: dict[str, str]) -> Response:
    if "signature" in match:
        return await functions.code(call, match)
    url = call.get(Url, match["id"])
    if url is None or (match.get("region") or url.region) != url.region:
        return refusal(404, "ResourceNotFoundException", None)
    call = call.at(url.account, url.region)
    origin = cors(url, request)
    if request.method == "OPTIONS" and url.cors and "origin" in request.headers:
        return Response(200, [*origin, ("content-length", "0")])
    try:
        body = await request.read(SYNC_LIMIT)
    except TooLarge:
        return refusal(413, "RequestEntityTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation")
    name = names.Name(url.account, url.region, url.function, url.qualifier or None)
    try:
        principal = authenticate(call.cloud, request, sigv4.parse(request), lambda_.model) if url.auth == "AWS_IAM" else principals.ANONYMOUS
        authorize(call.as_principal(principal), url, name)
    except (AwsError, sigv4.Malformed):
        return refusal(403, "AccessDeniedException", TROUBLE)
    trace = request.headers.get("x-amzn-trace-id") or running.trace_id(call).split(";")[0]
    payload = json.dumps(event(call, url, request, body, principal, trace), separators=(",", ":")).encode()
    answer = await (streamed if url.mode == "RESPONSE_STREAM" else buffered)(call, request, name, payload, trace)
    answer.headers += origin
    return answer


def authorize(call: Call, url: Url, name: names.Name) -> None:
    """Both permissions, since October 2025; a URL without authorization is open only as far as its policy opens it."""
    arn = names.arn_of(call, name)
    policy = records.policy(call, arn)
    context = {"lambda:FunctionUrlAuthType": url.auth, "lambda:InvokedViaFunctionUrl": True}
    call.require("lambda:InvokeFunctionUrl", arn, context, policy=policy)
    call.require("lambda:InvokeFunction", arn, context, policy=policy)


def event(call: Call, url: Url, request: Request, body: bytes, principal: Any, trace: str) -> dict[str, Any]:
    headers = {k: v for k, v in request.headers.items() if k != "cookie"}
    headers |= {"host": url.host, "x-forwarded-for": request.peer or "127.0.0.1", "x-forwarded-proto": "https", "x-forwarded-port": "443", "x-amzn-trace-id": trace}
    pairs = parse_qsl(request.query, keep_blank_values=True)
    parameters: dict[str, str] = {}
    for key, value in pairs:
        parameters[key] = f"{parameters[key]},{value}" if key in parameters else value
    now = call.now
    context: dict[str, Any] = {
        "accountId": "anonymous", "apiId": url.id, "domainName": url.host, "domainPrefix": url.id,
        "http": {"method": request.method, "path": unquote(request.path), "protocol": "HTTP/1.1", "sourceIp": request.peer or "127.0.0.1", "userAgent": request.headers.get("user-agent", "")},
        "requestId": call.request_id, "routeKey": "$default", "stage": "$default", "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)), "timeEpoch": int(now * 1000),
    }
    if url.auth == "AWS_IAM":
        context["accountId"] = principal.account
        context["authorizer"] = {"iam": {"accessKey": principal.access_key, "accountId": principal.account, "callerId": principal.id, "cognitoIdentity": None, "principalOrgId": None,
                                         "userArn": principal.arn, "userId": principal.id}}
    out: dict[str, Any] = {"version": "2.0", "routeKey": "$default", "rawPath": unquote(request.path), "rawQueryString": request.query, "headers": headers}
    if cookie := request.headers.get("cookie"):
        out["cookies"] = [c.strip() for c in cookie.split(";")]
    if parameters:
        out["queryStringParameters"] = parameters
    out["requestContext"] = context
    text = textual(request.headers.get("content-type", ""), body)
    if body:
        out["body"] = body.decode() if text else base64.b64encode(body).decode()
    out["isBase64Encoded"] = bool(body) and not text
    return out


def textual(kind: str, body: bytes) -> bool:
    if kind and not kind.startswith(TEXTUAL) and not kind.split(";")[0].endswith(("+json", "+xml")):
        return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return bool(kind) or not body


async def buffered(call: Call, request: Request, name: names.Name, payload: bytes, trace: str) -> Response:
    try:
        result = await running.run(call, name, payload, request_id=call.request_id, trace=trace)
    except AwsError as error:
        return broken(error)
    if result.failed:
        return malformed()
    return response(result.outcome.payload)


def response(payload: bytes) -> Response:
    """An answer with a status is one; anything else is the body of a 200."""
    try:
        said = json.loads(payload)
    except ValueError:
        return Response(200, [("content-type", "application/json")], payload)
    if not isinstance(said, dict) or "statusCode" not in said:
        body = said.encode() if isinstance(said, str) else payload
        return Response(200, [("content-type", "application/json")], b"" if said is None else body)
    try:
        headers = headers_of(said)
        body = said.get("body", "")
        data = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
        if said.get("isBase64Encoded"):
            data = base64.b64decode(data)
        status = int(said["statusCode"])
    except (ValueError, TypeError, AttributeError):
        return malformed()
    if not 200 <= status < 600:
        return malformed()
    if not any(k == "content-type" for k, _ in headers):
        headers.append(("content-type", "application/json"))
    return Response(status, [h for h in headers if h[0] not in ("content-length", "connection", "transfer-encoding")], data)


async def streamed(call: Call, request: Request, name: names.Name, payload: bytes, trace: str) -> Response:
    chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
    kinds: list[str] = []

    def on_chunk(data: bytes, kind: str) -> None:
        kinds.append(kind) if not kinds else None
        chunks.put_nowait(data)

    task = asyncio.ensure_future(running.run(call, name, payload, request_id=call.request_id, trace=trace, on_chunk=on_chunk, limit=200 << 20))
    task.add_done_callback(lambda _: chunks.put_nowait(None))
    first = await chunks.get()
    if first is None:
        try:
            result: Result = await task
        except AwsError as error:
            return broken(error)
        return malformed() if result.failed else response(result.outcome.payload)
    status, headers, rest = 200, [("content-type", kinds[0] or "application/octet-stream")], first
    if kinds[0] == PRELUDE:
        while b"\0" * 8 not in rest and (more := await chunks.get()) is not None:
            rest += more
        prelude, _, rest = rest.partition(b"\0" * 8)
        try:
            said = json.loads(prelude or b"{}")
            status, headers = int(said.get("statusCode", 200)), headers_of(said)
        except (ValueError, TypeError, AttributeError):
            return malformed()

    async def body() -> AsyncIterator[bytes]:
        if rest:
            yield rest
        while (chunk := await chunks.get()) is not None:
            yield chunk
        await task

    return Response(status, headers, body())


def headers_of(said: dict[str, Any]) -> list[tuple[str, str]]:
    """What the function says; a line end in it would be the begin of another header."""
    headers = [(str(k).lower(), str(v)) for k, v in (said.get("headers") or {}).items()]
    headers += [("set-cookie", str(cookie)) for cookie in said.get("cookies") or []]
    if any(not k.isascii() or set(k + v) & set("\r\n\0") for k, v in headers):
        raise ValueError("not a header")
    return [(k, v.encode().decode("latin-1")) for k, v in headers]  # UTF-8 on the wire


def malformed() -> Response:
    return refusal(502, "InternalServerErrorException", "Internal Server Error")


def broken(error: AwsError) -> Response:
    return refusal(error.status, error.code, error.message)


def refusal(status: int, kind: str, message: str | None) -> Response:
    return Response(status, [("content-type", "application/json"), ("x-amzn-errortype", kind)], json.dumps({"Message": message}, separators=(",", ":")).encode())


def cors(url: Url, request: Request) -> list[tuple[str, str]]:
    rules, origin = url.cors, request.headers.get("origin", "")
    allowed = rules.get("AllowOrigins", [])
    if not rules or not origin or not ("*" in allowed or origin in allowed):
        return []
    out = [("access-control-allow-origin", origin if origin in allowed else "*"), ("vary", "Origin")]
    if rules.get("AllowCredentials"):
        out.append(("access-control-allow-credentials", "true"))
    if rules.get("ExposeHeaders"):
        out.append(("access-control-expose-headers", ",".join(rules["ExposeHeaders"])))
    if request.method == "OPTIONS":
        for name, key in (("access-control-allow-methods", "AllowMethods"), ("access-control-allow-headers", "AllowHeaders")):
            if rules.get(key):
                out.append((name, ",".join(rules[key])))
        if "MaxAge" in rules:
            out.append(("access-control-max-age", str(rules["MaxAge"])))
    return out
