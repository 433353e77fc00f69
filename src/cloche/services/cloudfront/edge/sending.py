"""What of a viewer's request goes on to the origin, and how an origin is asked: with its signature, its protocol, its twin in a group."""
from __future__ import annotations

import re
from typing import Any

from cloche.kernel import Call
from cloche.services.s3 import public as s3

from .. import distribution_config, origin_access, things
from ..things import items
from . import choosing, origins, signing
from .exchange import Exchange
from .origins import Answer, Sent, Trouble, Way

UNSIGNED, EMPTY = "UNSIGNED-PAYLOAD", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
# of headers that no policy speaks of: what goes on with the older settings is all but these, with policies these alone
REMOVED = frozenset(("accept", "accept-charset", "accept-encoding", "accept-language", "authorization", "cookie", "host", "referer", "user-agent", "x-forwarded-proto", "x-forwarded-for", "x-real-ip",
                     "x-http-method-override", "content-length", "via", "x-amz-cf-id"))
BODY = frozenset(("content-type", "content-encoding", "content-md5", "content-language", "content-range", "x-amz-content-sha256"))
CONDITIONS = frozenset(("range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"))
DROPPED = frozenset(("connection", "keep-alive", "transfer-encoding", "trailer", "upgrade", "proxy-authenticate", "x-amz-id-2", "x-amz-request-id", "x-amzn-trace-id-internal"))
LAMBDA_URL = re.compile(r"[a-z0-9]+\.lambda-url\.(?P<region>[a-z0-9-]+)\.on\.aws")


def via(x: Exchange) -> str:
    return f"1.1 {x.distribution.id.lower().encode().hex()[:32]}.cloudfront.net (CloudFront)"


def sent_headers(x: Exchange, cached: bool) -> tuple[str, list[tuple[str, str]]]:
    """(Host or "" for the origin's own, the others). `cached`: conditions and ranges are between the viewer and the cache."""
    rules, out = x.rules, []
    everything = rules.headers.how == "all" or rules.sent_headers.how == "all"
    for name, value in x.headers:
        if name in ("cookie", "accept-encoding", "x-forwarded-for", "content-length", "x-cloche-hops") or name.startswith("x-edge-"):
            continue
        if name in CONDITIONS:
            if not cached:
                out.append((name, value))
            continue
        chosen = rules.headers.takes(name) or (rules.sent_headers.how != "none" and rules.sent_headers.takes(name))
        if name == "authorization" and rules.legacy and not chosen and x.method not in ("GET", "HEAD"):
            chosen = True
        if chosen or (x.request.tunnel is not None and name.startswith("sec-websocket-")) or (name in BODY and x.method not in ("GET", "HEAD")) or (rules.legacy and name not in REMOVED):
            out.append((name, value))
    host = next((value for name, value in out if name == "host"), "")
    out = [(name, value) for name, value in out if name not in ("host", "via", "x-amz-cf-id", "x-forwarded-proto")]
    if not any(name == "user-agent" for name, _ in out):
        out.append(("user-agent", "Amazon CloudFront"))
    told = choosing.taken(choosing.cookies(x.headers), rules.cookies, rules.sent_cookies)
    if told:
        out.append(("cookie", "; ".join(told)))
    encodings = choosing.encodings(x.headers, rules.gzip, rules.brotli)
    raw = x.header("accept-encoding")
    if everything or "accept-encoding" in rules.headers.names or "accept-encoding" in rules.sent_headers.names:
        encodings = raw
    if encodings:
        out.append(("accept-encoding", encodings))
    out.append(("x-forwarded-for", ", ".join([*([x.header("x-forwarded-for")] if x.header("x-forwarded-for") else []), x.client])))
    out += [(name, value) for name, value in x.own.items() if name in rules.also or name in rules.headers.names or (rules.sent_headers.how == "whitelist" and name in rules.sent_headers.names)]
    return host, [*out, ("via", via(x)), ("x-amz-cf-id", x.id)]


def query(x: Exchange) -> str:
    return "&".join(choosing.taken(choosing.parameters(x.query), x.rules.query, x.rules.sent_query))


def members(x: Exchange, id_: str) -> tuple[list[dict[str, Any]], set[int]]:
    """The origins of a behaviour in the order in which they are tried, and the statuses on which the next one is."""
    by_id = {one["Id"]: one for one in items(x.config["Origins"])}
    if id_ in by_id:
        return [by_id[id_]], set()
    group = next(one for one in items(x.config["OriginGroups"]) if one["Id"] == id_)
    return [by_id[one["OriginId"]] for one in items(group["Members"])], set(items(group["FailoverCriteria"]["StatusCodes"]))


async def ask(x: Exchange, cached: bool, conditions: list[tuple[str, str]]) -> Answer:
    """The origin's answer; raises Trouble. `conditions` are the cache's own. Only what changes nothing is asked of a second origin."""
    from . import lambdas
    chosen, statuses = members(x, x.behaviour["TargetOriginId"])
    if x.method not in ("GET", "HEAD", "OPTIONS"):
        chosen = chosen[:1]
    for i, origin in enumerate(chosen):
        last = i == len(chosen) - 1
        try:
            answer = await lambdas.around(x, origin, cached, conditions)
        except Trouble as trouble:
            # as documented: a connection that fails counts as a 503, an answer that is late as a 504
            if last or not statuses & ({504} if trouble.status == 504 else {502, 503}):
                raise
            continue
        if last or answer.status not in statuses:
            return answer
    raise Trouble(502, "there is no origin")


def wish(x: Exchange, origin: dict[str, Any], cached: bool, conditions: list[tuple[str, str]]) -> Sent:
    """What the origin would be asked, before a function has seen it."""
    host, headers = sent_headers(x, cached)
    own = [(one["HeaderName"], one["HeaderValue"]) for one in items(origin["CustomHeaders"])]
    names = {name.lower() for name, _ in own}
    host = next((value for name, value in own if name.lower() == "host"), host) or origin["DomainName"]
    headers = [*((name, value) for name, value in headers if name not in names), *((name, value) for name, value in own if name.lower() != "host"), *conditions]
    told, request = query(x), x.request
    body: Any = x.origin_body if x.origin_body is not None else None if x.method in ("GET", "HEAD") else request.stream if request.stream is not None else request.body
    length = request.headers.get("content-length") if x.origin_body is None else None
    return Sent(x.method, origin["OriginPath"] + x.uri + ("?" + told if told else ""), host, headers, body, length, request.tunnel)


async def reach(x: Exchange, origin: dict[str, Any], sent: Sent) -> Answer:
    own = origin.get("CustomOriginConfig")
    if own is not None:
        secure = own["OriginProtocolPolicy"] == "https-only" or (own["OriginProtocolPolicy"] == "match-viewer" and x.scheme == "https")
        way = Way(origin["DomainName"], own["HTTPSPort"] if secure else own["HTTPPort"], secure, origin["ConnectionAttempts"], float(origin["ConnectionTimeout"]), float(own["OriginReadTimeout"]),
                  tuple(items(own["OriginSslProtocols"])))
    else:
        way = Way(origin["DomainName"], 443, True, origin["ConnectionAttempts"], float(origin["ConnectionTimeout"]), float(origin["S3OriginConfig"].get("OriginReadTimeout", 30)))
    sent = signed(x, origin, sent)
    began = x.call.cloud.clock.real()
    try:
        answer = await origins.reach(x.call, way, sent, x.hops)
    finally:
        x.origin_seconds += x.call.cloud.clock.real() - began
    return Answer(answer.status, [(name, value) for name, value in answer.headers if name not in DROPPED], answer.body)


def signed(x: Exchange, origin: dict[str, Any], sent: Sent) -> Sent:
    """With the signature that the origin's access control or identity asks for."""
    bucket, there = distribution_config.BUCKET.fullmatch(origin["DomainName"]), LAMBDA_URL.fullmatch(origin["DomainName"])
    control = x.call.get(things.Thing, f"{origin_access.CONTROL.path}/{origin['OriginAccessControlId']}") if origin["OriginAccessControlId"] else None
    identity = (origin.get("S3OriginConfig") or {}).get("OriginAccessIdentity", "")
    if control is not None:
        how = control.config["SigningBehavior"]
        if how == "never" or (how == "no-override" and any(name == "authorization" for name, _ in sent.headers)):
            return sent
        who = signing.for_control(x.distribution.arn, x.distribution.account)
    elif identity:
        who = signing.for_identity(identity.removeprefix(origin_access.PREFIX))
    else:
        return sent
    headers = [(name, value) for name, value in sent.headers if name not in ("authorization", "x-amz-date", "x-amz-security-token")]
    if bucket is not None:
        service, region, payload = "s3", region_of(x.call, bucket), UNSIGNED
    elif there is not None:
        said = next((value for name, value in headers if name == "x-amz-content-sha256"), EMPTY)   # of a body, the viewer says its hash
        service, region, payload = "lambda", there["region"], said
    else:
        return sent
    headers = [(name, value) for name, value in headers if name != "x-amz-content-sha256"]
    sent = sent._replace(host=origin["DomainName"])
    return sent._replace(headers=[*headers, *signing.sign(x.call, who, service, region, sent.method, sent.host, sent.target, headers, payload)])


def region_of(call: Call, bucket: re.Match[str]) -> str:
    place = s3.place(call.of("s3"), bucket["bucket"])
    return bucket["region"] or (place[1] if place else "us-east-1")
