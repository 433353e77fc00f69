"""Integrations: make the request that the backend gets, wait for it, and make the client's answer of what it said."""
from __future__ import annotations

import asyncio
import base64
import re
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from cloche.engines.fetch import Unreachable, fetch
from cloche.kernel import Response
from cloche.languages import vtl

from ..client_certificates import ClientCertificate
from . import authorize, aws, events, functions, private, responses
from .exchange import Exchange, last, read_json, trace
from .reach import reach
from .refusals import Refused, mapped
from .responses import Answer
from .templates import interpolated, render

HOP = {"host", "connection", "content-length", "transfer-encoding", "keep-alive", "te", "trailer", "upgrade", "expect", "proxy-connection"}


async def run(x: Exchange) -> Response:
    it = x.spec["methodIntegration"]
    if it["type"] == "MOCK":                            # waits for nobody
        return mock(x, it)
    try:
        async with asyncio.timeout(it.get("timeoutInMillis", 29000) / 1000):
            return await KINDS[it["type"]](x, it)
    except (TimeoutError, functions.TimedOut):
        raise Refused("INTEGRATION_TIMEOUT") from None
    except functions.TooLong as error:
        raise Refused("REQUEST_TOO_LARGE", why=str(error)) from None
    except functions.Failed as error:
        raise Refused("DEFAULT_5XX", status=500, why=f"Execution failed due to configuration error: {error}") from None
    except Unreachable as error:
        raise Refused("INTEGRATION_FAILURE", why=str(error)) from None


# the request side
def template_for(x: Exchange, it: dict[str, Any]) -> str | None:
    """The mapping template of the content type; what happens without one is passthroughBehavior's to say."""
    templates = it.get("requestTemplates") or {}
    if x.media in templates:
        return templates[x.media]
    if "$default" in templates:
        return templates["$default"]
    behavior = it.get("passthroughBehavior") or "WHEN_NO_MATCH"
    if behavior == "NEVER" or (behavior == "WHEN_NO_TEMPLATES" and templates):
        raise Refused("UNSUPPORTED_MEDIA_TYPE")
    return None


def body_for(x: Exchange, it: dict[str, Any]) -> tuple[bytes, bool]:
    """(what the backend gets, whether a template made it)."""
    x.context["requestOverride"] = {"header": {}, "querystring": {}, "path": {}}
    content = x.body
    if it.get("contentHandling") == "CONVERT_TO_TEXT" and x.live.is_binary(x.media):
        content = base64.b64encode(content)
    elif it.get("contentHandling") == "CONVERT_TO_BINARY":
        try:
            content = base64.b64decode(content, validate=True)
        except ValueError:
            raise Refused("BAD_REQUEST_BODY", "Unable to base64 decode the body") from None
    source = template_for(x, it)
    if source is None:
        return content, False
    try:
        return render(x, source, content.decode("utf-8", "replace")).encode("utf-8", "replace"), True
    except vtl.VtlError as error:
        raise Refused("DEFAULT_5XX", status=500, why=f"Execution failed due to configuration error: Unable to transform request: {error}") from None


class Outgoing:
    """Path values, query and headers of the backend's request, mapped and overridden."""

    def __init__(self, x: Exchange, it: dict[str, Any]) -> None:
        self.path: dict[str, str] = {}
        self.query: dict[str, list[str]] = {}
        self.headers: dict[str, list[str]] = {}
        for target, source in (it.get("requestParameters") or {}).items():
            where, _, name = target.removeprefix("integration.request.").partition(".")
            value = mapped(x, source)
            if value is None:
                continue
            if where == "path":
                self.path[name] = value
            else:
                (self.query if where == "querystring" else self.headers)[name] = [value]
        override = x.context["requestOverride"]
        self.path |= {n: vtl.text(v) for n, v in (override.get("path") or {}).items()}
        self.query |= {n: [vtl.text(v)] for n, v in (override.get("querystring") or {}).items()}
        for name, value in (override.get("header") or {}).items():
            self.set(name, vtl.text(value))

    def set(self, name: str, value: str) -> None:
        self.headers = {n: v for n, v in self.headers.items() if n.lower() != name.lower()} | {name: [value]}

    def url(self, uri: str) -> str:
        """Path variables in their places, query joined on."""
        for name, value in self.path.items():
            uri = uri.replace("{" + name + "+}", quote(value, safe="/~")).replace("{" + name + "}", quote(value, safe="/~"))
        parts = urlsplit(uri)
        query = "&".join(q for q in (parts.query, urlencode(self.query, doseq=True)) if q)
        return urlunsplit((parts.scheme, parts.netloc, quote(parts.path, safe="/%:@!$&'()*+,;=~"), query, ""))


# the kinds
def mock(x: Exchange, it: dict[str, Any]) -> Response:
    """The request template is the backend: it says `{"statusCode": 200}`."""
    content, _ = body_for(x, it)
    try:
        said = vtl_json(content)
        status = str(int(said["statusCode"]))
    except (ValueError, KeyError, TypeError):
        raise Refused("DEFAULT_5XX", status=500, why="Unable to parse statusCode. It should be an integer and defined in request template") from None
    return responses.mapped_response(x, it, Answer(status, {}, content, int(status)), mock=True)


def vtl_json(content: bytes) -> Any:
    """A MOCK's template is read leniently: names may lack their quotes (`{statusCode: 200}`)."""

    text = content.decode("utf-8", "replace")
    try:
        return read_json(text)
    except ValueError:
        return read_json(re.sub(r"([{,]\s*)([A-Za-z_]\w*)\s*:", r'\1"\2":', text.replace("'", '"')))


async def lambda_proxy(x: Exchange, it: dict[str, Any]) -> Response:
    uri = interpolated(it["uri"], x.variables)
    payload, failed = await functions.ask(x.call, uri, events.proxy(x), source_arn=authorize.source_arn(x), credentials=it.get("credentials"), seconds=it["timeoutInMillis"] / 1000, trace=trace(x))
    x.context["integration"] = {"status": "200", "integrationStatus": "200"}
    return responses.proxy(x, payload, failed)


async def service(x: Exchange, it: dict[str, Any]) -> Response:
    """AWS: a function with mapped request and answer, or any other service by its own API."""
    uri = interpolated(it["uri"], x.variables)
    content, _ = body_for(x, it)
    out = Outgoing(x, it)
    if not functions.URI.fullmatch(uri):
        answer = await aws.ask(x, it, out.url(uri) if ":path/" in uri else uri, content, out)
        return responses.mapped_response(x, it, answer)
    if last(out.headers, "x-amz-invocation-type") == "Event":
        await aws.ask_later(x, it, functions.function_of(uri), content)
        return responses.mapped_response(x, it, Answer("", {}, b"", 202))
    payload, failed = await functions.ask(x.call, uri, content or b"{}", source_arn=authorize.source_arn(x), credentials=it.get("credentials"), seconds=it["timeoutInMillis"] / 1000, trace=trace(x))
    subject = ""
    if failed:
        try:
            subject = str(read_json(payload).get("errorMessage"))
        except (ValueError, AttributeError):
            subject = payload.decode("utf-8", "replace")
    return responses.mapped_response(x, it, Answer(subject, {}, payload, 200))


async def http(x: Exchange, it: dict[str, Any]) -> Response:
    content, _ = body_for(x, it)
    out = Outgoing(x, it)
    if not last(out.headers, "content-type"):
        out.set("Content-Type", x.header("content-type") or "application/json")
    return responses.mapped_response(x, it, await sent(x, it, out, content))


async def http_proxy(x: Exchange, it: dict[str, Any]) -> Response:
    """Everything passes: headers, query, body, the greedy path."""
    out = Outgoing(x, it)
    headers = {n: vs for n, vs in events.full_headers(x).items() if n.lower() not in HOP}
    for name in out.headers:
        headers = {n: v for n, v in headers.items() if n.lower() != name.lower()}
    out.headers = headers | out.headers
    out.query = {**x.query, **out.query}
    out.path = {**x.params, **out.path}
    return responses.http_proxy(x, await sent(x, it, out, x.body))


async def sent(x: Exchange, it: dict[str, Any], out: Outgoing, content: bytes) -> Answer:
    verb = it["httpMethod"] if it["httpMethod"] != "ANY" else x.method
    out.headers.setdefault("X-Amzn-Apigateway-Api-Id", [x.api])
    if not last(out.headers, "user-agent"):
        out.set("User-Agent", f"AmazonAPIGateway_{x.api}")
    pairs = [(name, value) for name, values in out.headers.items() for value in values]
    verify = not (it.get("tlsConfig") or {}).get("insecureSkipVerification", False)
    url = out.url(interpolated(it["uri"], x.variables))
    if it.get("connectionType") == "VPC_LINK":
        got = await fetch(verb, url, pairs, content, verify=verify, through=await private.connect(x, it, url), identity=identity(x))
    else:
        got = await reach(x.call, verb, url, pairs, content, verify=verify, identity=identity(x))
    headers: dict[str, list[str]] = {}
    for name, value in got.headers:
        headers.setdefault(name, []).append(value)
    return Answer(str(got.status), headers, got.body, got.status)


def identity(x: Exchange) -> tuple[str, str] | None:
    """What the stage shows to backends that ask who calls."""
    id_ = x.stage.values.get("clientCertificateId")
    found = x.call.get(ClientCertificate, id_) if id_ else None
    return (str(found.private_key), found.certificate) if found else None


KINDS = {"AWS_PROXY": lambda_proxy, "AWS": service, "HTTP": http, "HTTP_PROXY": http_proxy}
