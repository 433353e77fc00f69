"""CORS by configuration: the API answers preflights itself, and its own headers replace the backend's."""
from __future__ import annotations

import re
from typing import Any

from cloche.kernel import Response

from .exchange import Exchange


def allowed(config: dict[str, Any], origin: str) -> bool:
    return any(pattern in ("*", origin) or re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), origin, re.I) for pattern in config.get("AllowOrigins") or [])


def preflight(x: Exchange) -> Response | None:
    config = x.api.values.get("CorsConfiguration")
    if not config or x.method != "OPTIONS" or "origin" not in x.headers or "access-control-request-method" not in x.headers:
        return None
    response = Response(204, [])
    add(x, response)
    methods, headers = config.get("AllowMethods") or [], config.get("AllowHeaders") or []
    if response.headers:
        if methods:
            response.headers.append(("access-control-allow-methods", ",".join(methods)))
        if headers:
            response.headers.append(("access-control-allow-headers", ",".join(headers)))
        if config.get("MaxAge") is not None:
            response.headers.append(("access-control-max-age", str(config["MaxAge"])))
    return response


def add(x: Exchange, response: Response) -> None:
    config, origin = x.api.values.get("CorsConfiguration"), x.headers.get("origin")
    if not config:
        return
    response.headers = [h for h in response.headers if not h[0].lower().startswith("access-control-")]
    if origin is None or not allowed(config, origin):
        return
    any_origin = "*" in (config.get("AllowOrigins") or [])
    response.headers.append(("access-control-allow-origin", "*" if any_origin and not config.get("AllowCredentials") else origin))
    if not any_origin:
        response.headers.append(("vary", "origin"))
    if config.get("AllowCredentials"):
        response.headers.append(("access-control-allow-credentials", "true"))
    if config.get("ExposeHeaders"):
        response.headers.append(("access-control-expose-headers", ",".join(config["ExposeHeaders"])))
