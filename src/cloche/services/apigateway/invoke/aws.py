"""AWS integrations: the request that a template made, put through the very API of the service it names, under the integration's role.

The request is read by the service's own codec and its answer written by it, so templates meet what they meet on AWS; services of the
query protocol answer in JSON, because API Gateway asks them to (`Accept: application/json`).
"""
from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import urlencode

from cloche import _index
from cloche.kernel import AwsError, Request, Response
from cloche.wire import codec, model, route

from .exchange import Exchange
from .functions import Failed
from .responses import Answer

URI = re.compile(r"arn:aws[\w-]*:apigateway:([\w-]+):(?:([\w.-]+)\.)?([\w-]+):(path|action)/(.*)", re.S)
NAMES = {"states": "stepfunctions", "email": "ses", "monitoring": "cloudwatch"}
ROLE = "BackplaneAssumeRoleSession"


async def ask(x: Exchange, it: dict[str, Any], uri: str, body: bytes, out: Any) -> Answer:
    found = URI.fullmatch(uri)
    if found is None:
        raise Failed(f"{uri} names no service")
    region, subdomain, signing, kind, rest = found.groups()
    name = NAMES.get(signing) or next(iter(_index.SIGNING.get(signing, ())), signing)
    credentials = it.get("credentials") or ""
    if ":role/" not in credentials:
        raise Failed("the integration has no role")
    caller = x.call.at(x.call.account, region).as_role(credentials, ROLE, "apigateway.amazonaws.com")
    wire = model.load(name)
    protocol = "query" if "query" in wire.protocols else next((p for p in wire.protocols if p.startswith("rest")), wire.protocols[0])
    request = request_for(x, it, wire, protocol, kind, rest, subdomain, body, out)
    try:
        op = route.operation(wire, protocol, request)
        value = codec.read(op, protocol, request)
        result = caller.do(name, op.name, **value)
        if asyncio.iscoroutine(result):
            result = await result
        response = result if isinstance(result, Response) else codec.write(op, protocol, result or {}, x.call.request_id)
        content = query_json(op.name, result or {}, x.call.request_id) if protocol == "query" else await whole(response.body)
    except route.Unknown as error:
        raise Failed(f"{uri}: {error}") from None
    except (AwsError, codec.Invalid) as error:
        if isinstance(error, codec.Invalid):
            error = AwsError(error.code, error.message, getattr(error, "status", 400))
        response = codec.write_error(wire, protocol, error, x.call.request_id)
        content = query_error(error, x.call.request_id) if protocol == "query" else await whole(response.body)
    headers: dict[str, list[str]] = {}
    for key, text in response.headers:
        headers.setdefault(key, []).append(text)
    if protocol == "query":
        headers = {k: v for k, v in headers.items() if k.lower() != "content-type"} | {"Content-Type": ["application/json"]}
    return Answer(str(response.status), headers, content, response.status)


def request_for(x: Exchange, it: dict[str, Any], wire: Any, protocol: str, kind: str, rest: str, subdomain: str | None, body: bytes, out: Any) -> Request:
    headers = {"host": "aws", "content-type": x.media}
    headers |= {name.lower(): values[-1] for name, values in out.headers.items()}
    verb = it.get("httpMethod") or "POST"
    if kind == "action":
        action, _, query = rest.partition("?")
        if protocol == "query":
            pairs = {"Action": action, "Version": wire.meta["apiVersion"], **{n: vs[-1] for n, vs in out.query.items()}}
            text = urlencode(pairs) + ("&" + query if query else "") + ("&" + body.decode() if b"=" in body and not body.lstrip().startswith(b"{") else "")
            headers["content-type"] = "application/x-www-form-urlencoded"
            return Request("POST", "/", headers, text.encode())
        if protocol == "json":
            headers["x-amz-target"] = f"{wire.meta['targetPrefix']}.{action}"
            return Request("POST", "/", headers, body)
        op = wire.operations.get(action)
        target = op.http["requestUri"] if op else "/"
        return Request(op.http["method"] if op else verb, target, headers, body)
    path, _, query = rest.partition("?")
    if not query and out.query:
        query = urlencode(out.query, doseq=True)
    path = "/" + path.lstrip("/")
    if subdomain and wire.name == "s3":
        path = f"/{subdomain}{path}"
    if protocol == "json" and wire.meta.get("targetPrefix") and "x-amz-target" not in headers:
        headers["x-amz-target"] = f"{wire.meta['targetPrefix']}.{path.strip('/')}"
    if protocol == "query" and wire.name == "sqs" and "QueueUrl" not in query + body.decode("utf-8", "replace"):
        queue = urlencode({"QueueUrl": f"https://sqs.{x.call.region}.amazonaws.com{path}"})
        if body.strip() and "Action=" in body.decode("utf-8", "replace"):
            body += b"&" + queue.encode()
        else:
            query = f"{query}&{queue}" if query else queue
    if protocol == "query" and not body.strip():
        headers["content-type"] = "application/x-www-form-urlencoded"
        body, query = query.encode(), ""
        verb = "POST"
    return Request(verb, path + ("?" + query if query else ""), headers, body)


def query_json(action: str, value: Any, request_id: str) -> bytes:
    answer: dict[str, Any] = {"ResponseMetadata": {"RequestId": request_id}}
    if value:
        answer = {f"{action}Result": value, **answer}
    return json.dumps({f"{action}Response": answer}, separators=(",", ":"), default=str).encode()


def query_error(error: AwsError, request_id: str) -> bytes:
    detail = {"Code": error.query_code or error.code, "Message": error.message, "Type": "Sender" if error.status < 500 else "Receiver"}
    return json.dumps({"Error": detail, "RequestId": request_id}, separators=(",", ":")).encode()


async def whole(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    if hasattr(body, "path"):
        def read() -> bytes:
            with open(body.path, "rb") as file:
                file.seek(body.offset)
                return file.read(body.length)
        return await asyncio.to_thread(read)
    return b"".join([part async for part in body])


async def ask_later(x: Exchange, it: dict[str, Any], function: str, body: bytes) -> None:
    """X-Amz-Invocation-Type: Event."""
    from . import authorize
    caller = x.call.as_role(it["credentials"], ROLE, "apigateway.amazonaws.com") if it.get("credentials") else x.call.as_service("apigateway.amazonaws.com", authorize.source_arn(x))
    try:
        result = caller.do("lambda", "Invoke", FunctionName=function, InvocationType="Event", Payload=body)
        if asyncio.iscoroutine(result):
            await result
    except AwsError as error:
        raise Failed(f"{error.code}: {error.message}") from None
