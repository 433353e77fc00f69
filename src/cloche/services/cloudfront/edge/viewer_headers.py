"""Headers that CloudFront makes: those it tells the origin of the viewer, and those that a response headers policy tells the viewer. Pure."""
from __future__ import annotations

import re
from typing import Any

from ..things import items
from .choosing import Pairs

TV, TABLET = re.compile(r"smart-?tv|appletv|googletv|hbbtv|netcast|bravia|roku", re.I), re.compile(r"ipad|tablet|kindle|silk|android(?!.*mobile)", re.I)
MOBILE = re.compile(r"iphone|ipod|android.*mobile|windows phone|blackberry|opera mini|iemobile", re.I)


def of_viewer(agent: str, scheme: str, peer: str, port: int, tls: Any) -> dict[str, str]:
    """Lower-case names. Where a viewer is, these do not say: an address on one's own machine or network is in no country that anybody could know."""
    tv = bool(TV.search(agent))
    tablet = not tv and bool(TABLET.search(agent))
    mobile = not tv and not tablet and bool(MOBILE.search(agent))
    kind = lambda yes: "true" if yes else "false"
    address = f"[{peer}]" if ":" in peer else peer
    out = {
        "cloudfront-is-desktop-viewer": kind(not (tv or tablet or mobile)), "cloudfront-is-mobile-viewer": kind(mobile), "cloudfront-is-smarttv-viewer": kind(tv), "cloudfront-is-tablet-viewer": kind(tablet),
        "cloudfront-is-android-viewer": kind(re.search("android", agent, re.I)), "cloudfront-is-ios-viewer": kind(re.search("iphone|ipad|ipod", agent, re.I)),
        "cloudfront-forwarded-proto": scheme, "cloudfront-viewer-address": f"{address}:{port}", "cloudfront-viewer-http-version": "1.1"}
    if tls is not None and (cipher := tls.cipher()):
        out["cloudfront-viewer-tls"] = f"{tls.version()}:{cipher[0]}:fullHandshake"
    return out


# -- a response headers policy ----------------------------------------------------------------------------------------------------

def policed(config: dict[str, Any] | None, headers: Pairs, origin: str, method: str, timing: str = "") -> Pairs:
    """`origin`: of the viewer's request. What is removed is removed before anything is added."""
    if config is None:
        return headers
    gone = {one["Header"].lower() for one in items(config.get("RemoveHeadersConfig"))}
    out = [(name, value) for name, value in headers if name.lower() not in gone]
    if cors := config.get("CorsConfig"):
        out = with_cors(cors, out, origin, method)
    for name, value, override in secure(config.get("SecurityHeadersConfig") or {}):
        out = put(out, name, value, override)
    for one in items(config.get("CustomHeadersConfig")):
        out = put(out, one["Header"], one.get("Value", ""), one["Override"])
    if timing:
        out.append(("Server-Timing", timing))
    return out


def put(headers: Pairs, name: str, value: str, override: bool) -> Pairs:
    there = any(key.lower() == name.lower() for key, _ in headers)
    if there and not override:
        return headers
    return [*((key, old) for key, old in headers if key.lower() != name.lower()), (name, value)]


def with_cors(cors: dict[str, Any], headers: Pairs, origin: str, method: str) -> Pairs:
    if not origin:
        return headers
    override = cors["OriginOverride"]
    if not override and any(name.lower().startswith("access-control-allow-origin") for name, _ in headers):
        return headers
    out = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
    allowed = items(cors["AccessControlAllowOrigins"])
    if "*" in allowed:
        out.append(("Access-Control-Allow-Origin", "*"))
    elif any(fits(one, origin) for one in allowed):
        out += [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
    else:
        return out if override else headers
    if cors["AccessControlAllowCredentials"]:
        out.append(("Access-Control-Allow-Credentials", "true"))
    if method == "OPTIONS":
        methods = items(cors["AccessControlAllowMethods"])
        out.append(("Access-Control-Allow-Methods", ", ".join(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"] if "ALL" in methods else methods)))
        out.append(("Access-Control-Allow-Headers", ", ".join(items(cors["AccessControlAllowHeaders"]))))
        if "AccessControlMaxAgeSec" in cors:
            out.append(("Access-Control-Max-Age", str(cors["AccessControlMaxAgeSec"])))
    if exposed := items(cors.get("AccessControlExposeHeaders")):
        out.append(("Access-Control-Expose-Headers", ", ".join(exposed)))
    return out


def fits(wanted: str, origin: str) -> bool:
    """`https://*.example.com`, `*.example.com` (any scheme), `https://example.com`."""
    if "://" not in wanted:
        origin = origin.partition("://")[2]
    return re.fullmatch("".join(".*" if c == "*" else re.escape(c) for c in wanted), origin, re.I) is not None


def secure(config: dict[str, Any]) -> list[tuple[str, str, bool]]:
    out: list[tuple[str, str, bool]] = []
    if one := config.get("XSSProtection"):
        value = "0" if not one["Protection"] else "1" + ("; mode=block" if one.get("ModeBlock") else "") + (f"; report={one['ReportUri']}" if one.get("ReportUri") else "")
        out.append(("X-XSS-Protection", value, one["Override"]))
    if one := config.get("FrameOptions"):
        out.append(("X-Frame-Options", one["FrameOption"], one["Override"]))
    if one := config.get("ReferrerPolicy"):
        out.append(("Referrer-Policy", one["ReferrerPolicy"], one["Override"]))
    if one := config.get("ContentSecurityPolicy"):
        out.append(("Content-Security-Policy", one["ContentSecurityPolicy"], one["Override"]))
    if one := config.get("ContentTypeOptions"):
        out.append(("X-Content-Type-Options", "nosniff", one["Override"]))
    if one := config.get("StrictTransportSecurity"):
        value = f"max-age={one['AccessControlMaxAgeSec']}" + ("; includeSubDomains" if one.get("IncludeSubdomains") else "") + ("; preload" if one.get("Preload") else "")
        out.append(("Strict-Transport-Security", value, one["Override"]))
    return out
