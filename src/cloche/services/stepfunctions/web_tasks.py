"""Tasks that speak HTTP: `http:invoke` calls anybody's endpoint with the credentials of an EventBridge connection, `apigateway:invoke` an API of API Gateway.

https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html, connect-api-gateway.html
"""
from __future__ import annotations

import asyncio
import json
from http.client import responses
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from cloche.engines.fetch import Unreachable
from cloche.kernel import AwsError, Call
from cloche.languages.asl.failure import StateError, runtime

from .executions import MOST_BYTES, Execution

ANSWER_SECONDS = 60
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")
RESERVED = ("connection", "content-length", "expect", "host", "max-forwards", "proxy-authenticate", "server", "te", "transfer-encoding", "trailer", "upgrade", "via", "www-authenticate",
            "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")


def needed(given: dict[str, Any], *names: str) -> None:
    for name in names:
        if not given.get(name):
            raise runtime(f"The field '{name}' is required but was missing")


# -- http:invoke ----------------------------------------------------------------------------------------------------------


async def http(here: Call, execution: Execution, given: dict[str, Any], exchange: dict[str, Any] | None = None) -> dict[str, Any]:
    """`exchange` is told the request and the answer; `exchange["reveal"]` says whether with what the connection adds."""
    from cloche.services.events import public as bridge
    needed(given, "ApiEndpoint", "Method")
    arn = (given.get("Authentication") or given.get("InvocationConfig") or {}).get("ConnectionArn")
    if not arn:
        raise runtime("The field 'ConnectionArn' is required but was missing")
    url, method = given["ApiEndpoint"], given["Method"]
    if method not in METHODS or not url.startswith(("https://", "http://")):
        raise runtime(f"{method} {url} is no request that can be made")
    events = here.of("events", arn.split(":")[4], arn.split(":")[3])
    try:
        here.require("states:InvokeHTTPEndpoint", execution.machine, {"states:HTTPEndpoint": url, "states:HTTPMethod": method})
        here.require("events:RetrieveConnectionCredentials", arn)
        connection = bridge.connection(events, arn)
        if connection is not None:
            for action in ("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"):
                here.require(action, connection.secret)
    except AwsError as error:
        raise StateError("States.Permissions", error.message, "States.TaskFailed") from None
    if connection is None or connection.state not in ("AUTHORIZED", "ACTIVE"):
        raise runtime(f"The connection {arn} {'does not exist' if connection is None else 'is ' + connection.state}")
    query, (headers, body) = {name: _query(value) for name, value in (given.get("QueryParameters") or {}).items()}, request(here, given)
    sent: dict[str, Any] = {"url": url + (("&" if "?" in url else "?") + urlencode(query, doseq=True) if query else ""), "headers": headers, "body": body}
    told: dict[str, Any] = {}
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            found = await bridge.send_over(events, connection, method, url, query, headers, (), body, told)
    except (Unreachable, TimeoutError) as error:
        raise StateError("States.Http.Socket", str(error) or f"The endpoint did not answer within {ANSWER_SECONDS} seconds", "States.Timeout" if isinstance(error, TimeoutError) else "") from None
    finally:
        if exchange is not None:
            shown = told if exchange.get("reveal") and told else sent
            exchange["request"] = {"protocol": urlsplit(url).scheme, "method": method, "url": shown["url"], "headers": json.dumps({name: value for name, value in shown["headers"]}),
                                **({"body": shown["body"].decode("utf-8", "replace")} if shown["body"] else {})}
    if exchange is not None:
        exchange["response"] = {"protocol": urlsplit(url).scheme, "statusCode": str(found.status), "statusMessage": responses.get(found.status, ""), "headers": json.dumps(_headers(found.headers)),
                             "body": found.body.decode("utf-8", "replace")}
    return _answer(found.status, found.headers, found.body, f"States.Http.StatusCode.{found.status}")


def request(here: Call, given: dict[str, Any]) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body, transformed if that is wanted."""
    own = {name: ",".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in (given.get("Headers") or {}).items()}
    if wrong := [name for name in own if name.lower() in RESERVED]:
        raise runtime(f"The header '{wrong[0]}' cannot be set")
    body, transform = given.get("RequestBody"), given.get("Transform") or {}
    media = next((value for name, value in own.items() if name.lower() == "content-type"), "application/json")
    if transform.get("RequestBodyEncoding", "NONE") == "URL_ENCODED":
        if not media.startswith("application/x-www-form-urlencoded"):
            raise runtime("The Content-Type must be application/x-www-form-urlencoded for a body that is URL_ENCODED")
        if not isinstance(body, dict):
            raise runtime("A RequestBody that is to be URL_ENCODED must be an object")
        text = "&".join(encoded(body, (transform.get("RequestEncodingOptions") or {}).get("ArrayFormat", "INDICES")))
    else:
        text = "" if body is None else body if isinstance(body, str) and not media.startswith("application/json") else json.dumps(body, separators=(",", ":"))
    headers = {"User-Agent": f"Amazon|StepFunctions|HttpInvoke|{here.region}", "Range": f"bytes=0-{MOST_BYTES}", "Content-Type": "application/json"}
    headers = {name: value for name, value in headers.items() if name.lower() not in {one.lower() for one in own}} | own
    return list(headers.items()), text.encode()


def encoded(value: Any, arrays: str, name: str = "") -> list[str]:
    """An object as a form: `a[b]=1`, arrays as the format says."""
    if isinstance(value, dict):
        return [part for key, one in value.items() for part in encoded(one, arrays, f"{name}[{quote(str(key), safe='')}]" if name else quote(str(key), safe=""))]
    if isinstance(value, list):
        if arrays == "COMMAS":
            return [f"{name}={','.join(quote(_plain(one), safe='') for one in value)}"]
        suffix = {"REPEAT": lambda number: "", "BRACKETS": lambda number: "[]"}.get(arrays, lambda number: f"[{number}]")
        return [part for number, one in enumerate(value) for part in encoded(one, arrays, name + suffix(number))]
    return [f"{name}={quote(_plain(value), safe='')}"]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _query(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, list) else _plain(value)


def _headers(headers: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    return found


def _answer(status: int, headers: list[tuple[str, str]], body: bytes, error: str) -> dict[str, Any]:
    if len(body) > MOST_BYTES:
        raise StateError("States.DataLimitExceeded", "The task returned a result with a size exceeding the maximum number of bytes service limit.")
    text = body.decode("utf-8", "replace")
    if status >= 400 or status < 200:
        raise StateError(error, text)
    try:
        said: Any = json.loads(text) if text else {}
    except ValueError:
        said = text
    return {"Headers": _headers(headers), "ResponseBody": said, "StatusCode": status, "StatusText": responses.get(status, "")}


# -- apigateway:invoke ----------------------------------------------------------------------------------------------------


async def api(here: Call, given: dict[str, Any]) -> dict[str, Any]:
    from cloche.services.apigateway import public as apigateway
    needed(given, "ApiEndpoint", "Method")
    auth, method = given.get("AuthType", "NO_AUTH"), given["Method"]
    if auth not in ("NO_AUTH", "IAM_ROLE"):
        raise runtime(f"The AuthType {auth} is not built in Cloche")
    if method not in METHODS:
        raise runtime(f"{method} is no method of HTTP")
    path = "/" + "/".join(part.strip("/") for part in (given.get("Stage") or "", given.get("Path") or "") if part.strip("/"))
    headers = {name: ",".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in (given.get("Headers") or {}).items()}
    if wrong := [name for name in headers if name.lower() in (*RESERVED, "authorization") or name.lower().startswith("x-amz-")]:
        raise runtime(f"The header '{wrong[0]}' cannot be set")
    body = given.get("RequestBody")
    text = "" if body is None or method in ("GET", "HEAD") else body if isinstance(body, str) else json.dumps(body if given.get("AllowNullValues") else _without_nulls(body), separators=(",", ":"))
    headers = {"content-type": "application/json", "user-agent": f"Amazon|StepFunctions|{here.region}", **{name.lower(): value for name, value in headers.items()}}
    query = {name: _query(value) for name, value in (given.get("QueryParameters") or {}).items()}
    try:
        said = await apigateway.call_api(here, given["ApiEndpoint"], method, path, query, headers, text.encode(), signed=auth == "IAM_ROLE")
    except AwsError as error:
        raise StateError("ApiGateway.NotFoundException", error.message) from None
    return _answer(said.status, said.headers, said.body, f"ApiGateway.{said.status}")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value
