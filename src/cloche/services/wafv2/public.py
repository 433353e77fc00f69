"""WAF's door for those it stands before: `judge` looks at a request, `inspect` says it as a load balancer does, `forget` when a resource is deleted.

Who has no web ACL pays one look into a dictionary.
"""
from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any

from cloche.kernel import Call, Request, Response
from cloche.languages.waf import Asked, Verdict, decide, fraud, managed
from cloche.services.cloudwatch import public as cloudwatch

from . import associations, firewall_manager, logging, rule_groups, sampling, tokens, web_acls
from .associations import Association
from .entities import Entity

Headers = list[tuple[str, str]]
BODY_BYTES = 8192   # what a load balancer shows of a body; API Gateway shows 16 KB or as much as the ACL's AssociationConfig says
TYPES = {"TEXT_PLAIN": "text/plain", "TEXT_HTML": "text/html", "APPLICATION_JSON": "application/json"}


@lru_cache(maxsize=256)
def networks(addresses: tuple[str, ...]) -> list[Any]:
    return [ipaddress.ip_network(one) for one in addresses]


class World:
    """What the ACL's statements refer to."""

    def __init__(self, here: Call, acl: Entity) -> None:
        self.here, self.acl = here, acl

    def _values(self, arn: str) -> dict[str, Any]:
        found = self.here.get(Entity, arn)
        return found.values if found else {}

    def addresses(self, arn: str) -> list[Any]:
        return networks(tuple(self._values(arn).get("Addresses", ())))

    def patterns(self, arn: str) -> list[str]:
        return [one["RegexString"] for one in self._values(arn).get("RegularExpressionList", ())]

    def group(self, arn: str) -> dict[str, Any] | None:
        owner = arn.split(":")[4]                              # of Firewall Manager's groups: the administrator
        found = self.here.at(owner, self.here.region).get(Entity, arn)
        return {"Rules": found.values["Rules"], "LabelPrefix": rule_groups.prefix(owner, found.name), "Bodies": found.values.get("CustomResponseBodies", {})} if found else None

    def managed(self, vendor: str, name: str) -> dict[str, Any] | None:
        return managed.group(name) if vendor == "AWS" else None

    def count(self, rule: str, key: str, window: int) -> int:
        return sampling.rates(self.here).count(f"{self.acl.arn}/{rule}", key, self.here.now, window)

    def seen(self, rule: str, key: str, window: int) -> int:
        return sampling.rates(self.here).seen(f"{self.acl.arn}/{rule}", key, self.here.now, window)

    def different(self, rule: str, key: str, value: str, window: int) -> int:
        return sampling.rates(self.here).different(f"{self.acl.arn}/{rule}", key, value, self.here.now, window)


async def judge(call: Call, arn: str, request: Request, client: str) -> tuple[Response | str | None, Headers]:
    """None: let it pass, with these headers in the place of any of their names. "": refuse it in your own words. A Response: refuse it in the ACL's."""
    here = call.of("wafv2")
    link = here.get(Association, arn)
    acl = here.get(Entity, link.acl) if link else None
    if acl is None:
        return None, []
    start, longer = await opening(request, _limit(acl, arn))
    headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in request.raw] or list(request.headers.items())
    asked = Asked(request.method, request.path, request.query, headers, start, longer, client, token=tokens.brought(here, acl, request), now=here.now,
                  immunity=tokens.immunity(acl), user_pool=":cognito-idp:" in arn)
    world = World(here, acl)
    said = decide({"LabelPrefix": web_acls.prefix(here.account, acl.name), **firewall_manager.effective(acl.values)}, asked, world)
    answer = tokens.asked_for(here, said.action, asked, request) if said.action in tokens.ACTIONS else refused(said)
    remember(here, acl, asked, said, answer)
    if here.get(logging.Logging, acl.arn) is not None:
        with here.step():
            logging.remember(here, acl, arn, asked, said, None if answer is None else 403 if isinstance(answer, str) else answer.status)
    return answer, said.insert if answer is None else []


async def heard(call: Call, arn: str, request: Request, client: str, response: Response) -> None:
    """What came of an attempt to log in or to make an account, where the ACL's rules against fraud say how to tell. It counts for the next attempt."""
    here = call.of("wafv2")
    link = here.get(Association, arn)
    acl = here.get(Entity, link.acl) if link else None
    told = fraud.inspected(acl.values["Rules"], request.method, request.path) if acl else []
    if acl is None or not told:
        return
    body = await tokens.beginning(response) if any("BodyContains" in how or "Json" in how for _, how, _ in told) else b""
    token = tokens.brought(here, acl, request)
    session = token.session if token.status(here.now, tokens.immunity(acl))[0] == "accepted" else ""
    for rule, how, good in told:
        if fraud.succeeded(how, response.status, response.headers, body) is good:
            for place, key, window in (("ip", client, fraud.TEN_MINUTES), ("session", session, fraud.HALF_HOUR)):
                if key:
                    sampling.rates(here).count(f"{acl.arn}/{rule}/response/{place}", key, here.now, window)


async def inspect(call: Call, arn: str, request: Request, client: str) -> tuple[Response | None, Headers]:
    from cloche.services.elbv2 import public as elbv2
    said, insert = await judge(call, arn, request, client)
    return (Response(403, *elbv2.rewriting.page(403)) if isinstance(said, str) else said), insert


def placed(headers: Headers, insert: Headers) -> Headers:
    """What WAF inserts counts: nobody can send it himself."""
    names = {name.lower() for name, _ in insert}
    return [one for one in headers if one[0].lower() not in names] + insert


def forget(call: Call, arn: str) -> None:
    """The resource is deleted: no ACL stands before it any more."""
    here = call.of("wafv2")
    if link := here.get(Association, arn):
        here.delete(link)


def acl_before(call: Call, arn: str) -> str:
    """The ACL of a resource, or ""."""
    link = call.of("wafv2").get(Association, arn)
    return link.acl if link else ""


def is_global(call: Call, acl: str) -> bool:
    """Is there such a web ACL of the scope CLOUDFRONT? `call` stands in us-east-1."""
    found = call.of("wafv2").get(Entity, acl)
    return found is not None and found.type == "webacl" and found.reach == "CLOUDFRONT"


def stand(call: Call, arn: str, acl: str) -> None:
    """From now on the ACL stands before a distribution; "" for none. Inside a step."""
    here = call.of("wafv2")
    if acl:
        here.put(Association(arn, acl))
    else:
        forget(call, arn)


def stands_before(call: Call, acl: str) -> list[str]:
    """The resources of an ACL."""
    return associations.of(call.of("wafv2"), acl)


weigh, managed_by_firewall_manager, drop_managed, release = firewall_manager.weigh, firewall_manager.managed, firewall_manager.drop, firewall_manager.release


def _limit(acl: Entity, arn: str) -> int:
    if ":elasticloadbalancing:" in arn:
        return BODY_BYTES
    given = acl.values.get("AssociationConfig", {}).get("RequestBody", {}).get("COGNITO_USER_POOL" if ":cognito-idp:" in arn else "CLOUDFRONT" if ":cloudfront:" in arn else "API_GATEWAY", {}).get("DefaultSizeInspectionLimit", "KB_16")
    return int(given.removeprefix("KB_")) * 1024


async def opening(request: Request, limit: int) -> tuple[bytes, bool]:
    """The start of the body, and whether there is more; who reads the request later gets all of it."""
    if request.stream is None:
        return request.body[:limit], len(request.body) > limit
    stream, taken = request.stream, b""
    async for part in stream:
        taken += part
        if len(taken) > limit:
            break

    async def again() -> AsyncIterator[bytes]:
        if taken:
            yield taken
        async for part in stream:
            yield part
    request.stream = again()
    return taken[:limit], len(taken) > limit


def refused(said: Verdict) -> Response | str | None:
    if said.action == "Allow":
        return None
    custom = said.settings.get("CustomResponse")
    if not custom:
        return ""
    body = said.bodies.get(custom.get("CustomResponseBodyKey", ""))
    headers = [(one["Name"], one["Value"]) for one in custom.get("ResponseHeaders", ())]
    return Response(custom["ResponseCode"], [*([("content-type", TYPES[body["ContentType"]])] if body else []), *headers], body["Content"].encode() if body else b"")


def remember(here: Call, acl: Entity, asked: Asked, said: Verdict, answer: Response | str | None) -> None:
    """Metrics and samples: of the rule that ended it, of those that counted, or of the default action."""
    rules = {rule["Name"]: rule["VisibilityConfig"] for rule in firewall_manager.effective(acl.values)["Rules"]}
    whole = acl.values["VisibilityConfig"]
    status = {} if answer is None else {"ResponseCodeSent": 403 if isinstance(answer, str) else answer.status}
    for name, action in [*((one, "Count") for one in said.counted), (said.rule, said.action)]:
        seen = rules.get(name, whole)
        word = {"Allow": "AllowedRequests", "Block": "BlockedRequests", "Count": "CountedRequests", "Captcha": "CaptchaRequests", "Challenge": "ChallengeRequests"}[action]
        if seen["CloudWatchMetricsEnabled"]:
            rule = seen["MetricName"] if name in rules else "Default_Action"
            cloudwatch.put(here, "AWS/WAFV2", word, (("Region", here.region), ("Rule", rule), ("WebACL", acl.name)), 1, "Count")
        if whole["CloudWatchMetricsEnabled"]:
            cloudwatch.put(here, "AWS/WAFV2", word, (("Region", here.region), ("Rule", "ALL"), ("WebACL", acl.name)), 1, "Count")
        if seen["SampledRequestsEnabled"]:
            sample: dict[str, Any] = {
                "Request": {"ClientIP": asked.address, "Country": "-", "URI": asked.path, "Method": asked.method, "HTTPVersion": "HTTP/1.1", "Headers": [{"Name": k, "Value": v} for k, v in asked.headers]},
                "Weight": 1, "Timestamp": here.now, "Action": action.upper(), "Labels": [{"Name": one} for one in sorted(asked.labels)], **(status if action != "Count" else {})}
            if said.within and name == said.rule:
                sample["RuleNameWithinRuleGroup"] = said.within
            sampling.keep(here, acl.arn, seen["MetricName"], sample)
