"""The stage's cache: answers of GET methods kept for their time to live on the virtual clock.

A key is the resource's path and the values of the declared cache key parameters. The cache is memory and may be flushed.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import Response

from . import authorize
from .exchange import Exchange
from .refusals import Refused, mapped
from .throttle import method_setting

LIMIT = 1 << 20


def lookup(x: Exchange) -> tuple[Response | None, Any]:
    """(a kept answer, the key to keep a new one under)."""
    values = x.stage.values
    if values.get("cacheClusterStatus") != "AVAILABLE":
        return None, None
    setting = method_setting(values.get("methodSettings") or {}, x.resource.path, x.spec["httpMethod"])
    if not setting or not setting.get("cachingEnabled") or not setting.get("cacheTtlInSeconds", 300):
        return None, None
    it = x.spec["methodIntegration"]
    exact = method_key(x) in (values.get("methodSettings") or {})
    if x.method != "GET" and not exact:
        return None, None
    key = (it.get("cacheNamespace"), x.method, x.path, *(mapped(x, name) for name in it.get("cacheKeyParameters") or []))
    if "max-age=0" in (x.header("cache-control") or "") and invalidates(x, setting):
        return None, key
    found = kept(x).get(key)
    if found and found[0] > x.call.now:
        return Response(found[1], list(found[2]), found[3]), None
    return None, key


def method_key(x: Exchange) -> str:
    path = x.resource.path
    return f"{path.lstrip('/')}/{x.spec['httpMethod']}" if path != "/" else f"/{x.spec['httpMethod']}"


def invalidates(x: Exchange, setting: dict[str, Any]) -> bool:
    """`Cache-Control: max-age=0` works for anybody, unless the stage wants execute-api:InvalidateCache for it."""
    if not setting.get("requireAuthorizationForCacheControl", True) or authorize.may_invalidate(x):
        return True
    strategy = setting.get("unauthorizedCacheControlHeaderStrategy", "SUCCEED_WITH_RESPONSE_HEADER")
    if strategy == "FAIL_WITH_403":
        raise Refused("ACCESS_DENIED")
    if strategy == "SUCCEED_WITH_RESPONSE_HEADER":
        x.warnings.append("199 Cache-control headers were ignored because the caller was unauthorized")
    return False


def keep(x: Exchange, key: Any, response: Response) -> None:
    if response.status < 300 and isinstance(response.body, bytes) and len(response.body) <= LIMIT:
        setting = method_setting(x.stage.values.get("methodSettings") or {}, x.resource.path, x.spec["httpMethod"]) or {}
        answers = kept(x)
        if len(answers) > 5_000:
            answers.clear()
        answers[key] = (x.call.now + setting.get("cacheTtlInSeconds", 300), response.status, list(response.headers), response.body)


def kept(x: Exchange) -> dict[Any, Any]:
    return x.call.cloud.memory.setdefault(f"apigateway.cache.{x.stage.key}", {})  # type: ignore[no-any-return]
