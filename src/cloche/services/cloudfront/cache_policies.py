"""Cache policies: what a cached answer is found by, and for how long it may be kept."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import errors, managed, things
from . import service as cloudfront
from .things import Noun, Thing

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t

NOUN = Noun("cache-policy", "cache policy", "CachePolicy", "CachePolicy", 20, "TooManyCachePolicies", used=things.named("CachePolicyId"), uuid=True)
DAY, YEAR = 86400, 31536000


def find(call: Call, id_: str) -> Thing:
    return managed.CACHE.get(id_) or things.find(call, NOUN, id_)


def checked(config: Any) -> dict[str, Any]:
    config = dict(config)
    low = config["MinTTL"]
    config.setdefault("DefaultTTL", max(DAY, low))
    config.setdefault("MaxTTL", max(YEAR, config["DefaultTTL"]))
    if not 0 <= low <= config["DefaultTTL"] <= config["MaxTTL"]:
        raise errors.invalid("The parameter MinTTL, DefaultTTL and MaxTTL must be in order: 0 <= MinTTL <= DefaultTTL <= MaxTTL.")
    keyed = config.setdefault("ParametersInCacheKeyAndForwardedToOrigin", {
        "EnableAcceptEncodingGzip": False, "EnableAcceptEncodingBrotli": False, "HeadersConfig": {"HeaderBehavior": "none"}, "CookiesConfig": {"CookieBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "none"}})
    keyed.setdefault("EnableAcceptEncodingBrotli", False)
    if config["MaxTTL"] == 0 and (keyed["EnableAcceptEncodingGzip"] or keyed["EnableAcceptEncodingBrotli"] or any(
            how != "none" for how in (keyed["HeadersConfig"]["HeaderBehavior"], keyed["CookiesConfig"]["CookieBehavior"], keyed["QueryStringsConfig"]["QueryStringBehavior"]))):
        raise errors.invalid("The parameter EnableAcceptEncodingGzip, HeaderBehavior, CookieBehavior and QueryStringBehavior must be off for a policy with caching disabled.")
    for part, behaviour, names in (("HeadersConfig", "HeaderBehavior", "Headers"), ("CookiesConfig", "CookieBehavior", "Cookies"), ("QueryStringsConfig", "QueryStringBehavior", "QueryStrings")):
        chosen(keyed[part], behaviour, names)
    if any(one.lower() == "accept-encoding" for one in things.items(keyed["HeadersConfig"].get("Headers"))):
        raise errors.invalid("The parameter Headers contains Accept-Encoding that is not allowed.")
    return config


def chosen(config: dict[str, Any], behaviour: str, names: str) -> None:
    """Names are given where, and only where, the behaviour is about names."""
    if bool(things.items(config.get(names))) != (config[behaviour] in ("whitelist", "allExcept", "allViewerAndWhitelistCloudFront")):
        raise errors.invalid(f"The parameter {names} must be given if, and only if, {behaviour} is about some.")


@cloudfront.op(ANY)
def create_cache_policy(call: Call, req: t.CreateCachePolicyRequest) -> t.CreateCachePolicyResult:
    return things.answer(NOUN, things.make(call, NOUN, checked(req["CachePolicyConfig"])), made=True)


@cloudfront.op(**NOUN.on())
def get_cache_policy(call: Call, req: t.GetCachePolicyRequest) -> t.GetCachePolicyResult:
    return things.answer(NOUN, find(call, req["Id"]))


@cloudfront.op(**NOUN.on())
def get_cache_policy_config(call: Call, req: t.GetCachePolicyConfigRequest) -> t.GetCachePolicyConfigResult:
    return things.config_of(NOUN, find(call, req["Id"]))


@cloudfront.op(ANY)
def list_cache_policies(call: Call, req: t.ListCachePoliciesRequest) -> t.ListCachePoliciesResult:
    return {"CachePolicyList": policies(call, req, NOUN, managed.CACHE)}  # type: ignore[typeddict-item]


def policies(call: Call, req: Any, noun: Noun, given: dict[str, Thing]) -> dict[str, Any]:
    """AWS's and the account's own."""
    mine = things.every(call, noun)
    found = {"managed": [*given.values()], "custom": mine}.get(req.get("Type") or "", [*given.values(), *mine])
    return things.listed(req, sorted(found, key=lambda one: one.id), lambda one: {"Type": "managed" if one.id in given else "custom", noun.member: things.shown(noun, one)})


def own(req: Any, given: dict[str, Thing], delete: bool = False) -> None:
    if req["Id"] in given:
        raise errors.managed(delete)


@cloudfront.op(**NOUN.on())
def update_cache_policy(call: Call, req: t.UpdateCachePolicyRequest) -> t.UpdateCachePolicyResult:
    own(req, managed.CACHE)
    return things.answer(NOUN, things.change(call, NOUN, req, checked(req["CachePolicyConfig"])))


@cloudfront.op(**NOUN.on())
def delete_cache_policy(call: Call, req: t.DeleteCachePolicyRequest) -> None:
    own(req, managed.CACHE, True)
    things.drop(call, NOUN, req)
