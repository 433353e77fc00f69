"""The policies that AWS made for everybody, under the ids that its documentation gives them. Nobody can change them."""
from __future__ import annotations

from typing import Any

from .things import Thing

MADE = 1622505600.0  # 1 June 2021
YEAR = 31536000


def listed(*names: str) -> dict[str, Any]:
    return {"Quantity": len(names), "Items": [*names]}


def chosen(kind: str, names: str, given: tuple[str, ...] | str) -> dict[str, Any]:
    """`given`: names, or the behaviour's word."""
    if isinstance(given, str):
        return {f"{kind}Behavior": given}
    return {f"{kind}Behavior": "whitelist", names: listed(*given)}


def cache(id_: str, name: str, comment: str, ttls: tuple[int, int, int], gzip: bool = True, brotli: bool = True, headers: Any = "none", cookies: Any = "none", query: Any = "none") -> Thing:
    low, default, high = ttls
    keyed = {"EnableAcceptEncodingGzip": gzip, "EnableAcceptEncodingBrotli": brotli, "HeadersConfig": chosen("Header", "Headers", headers), "CookiesConfig": chosen("Cookie", "Cookies", cookies),
             "QueryStringsConfig": chosen("QueryString", "QueryStrings", query)}
    return Thing("cache-policy", id_, "E23ZP02F085DFQ", MADE, MADE, {"Comment": comment, "Name": f"Managed-{name}", "DefaultTTL": default, "MaxTTL": high, "MinTTL": low,
                                                                    "ParametersInCacheKeyAndForwardedToOrigin": keyed})


def origin(id_: str, name: str, comment: str, headers: Any = "none", cookies: Any = "none", query: Any = "none") -> Thing:
    config = {"Comment": comment, "Name": f"Managed-{name}", "HeadersConfig": headers if isinstance(headers, dict) else chosen("Header", "Headers", headers),
              "CookiesConfig": chosen("Cookie", "Cookies", cookies), "QueryStringsConfig": chosen("QueryString", "QueryStrings", query)}
    return Thing("origin-request-policy", id_, "E23ZP02F085DFQ", MADE, MADE, config)


def response(id_: str, name: str, comment: str, **parts: Any) -> Thing:
    return Thing("response-headers-policy", id_, "E23ZP02F085DFQ", MADE, MADE, {"Comment": comment, "Name": f"Managed-{name}", **parts})


OVERRIDES = ("Host", "Origin", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
CACHE = {one.id: one for one in (
    cache("658327ea-f89d-4fab-a63d-7e88639e58f6", "CachingOptimized", "Policy with caching enabled. Supports Gzip and Brotli compression.", (1, 86400, YEAR)),
    cache("b2884449-e4de-46a7-ac36-70bc7f1ddd6d", "CachingOptimizedForUncompressedObjects", "Default policy when compression is disabled", (1, 86400, YEAR), False, False),
    cache("4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "CachingDisabled", "Policy with caching disabled", (0, 0, 0), False, False),
    cache("08627262-05a9-4f76-9ded-b50ca2e3a84f", "Elemental-MediaPackage", "Policy for Elemental MediaPackage Origin", (0, 86400, YEAR), True, False, ("origin",), "none",
          ("aws.manifestfilter", "start", "end", "m")),
    cache("2e54312d-136d-493c-8eb9-b001f22f67d2", "Amplify", "Policy for Amplify Origin", (2, 2, 600), headers=("Authorization", "CloudFront-Viewer-Country", "Host"), cookies="all", query="all"),
    cache("83da9c7e-98b4-4e11-a168-04f0df8e2c65", "UseOriginCacheControlHeaders", "Policy for origins that return Cache-Control headers. Query strings are not included in the cache key.",
          (0, 0, YEAR), headers=OVERRIDES, cookies="all"),
    cache("4cc15a8a-d715-48a4-82b8-cc0b614638fe", "UseOriginCacheControlHeaders-QueryStrings",
          "Policy for origins that return Cache-Control headers. Query strings are included in the cache key.", (0, 0, YEAR), headers=OVERRIDES, cookies="all", query="all"),
)}

VIEWER = tuple(f"CloudFront-{one}" for one in (
    "Forwarded-Proto", "Is-Android-Viewer", "Is-Desktop-Viewer", "Is-IOS-Viewer", "Is-Mobile-Viewer", "Is-SmartTV-Viewer", "Is-Tablet-Viewer", "Viewer-Address", "Viewer-ASN", "Viewer-City",
    "Viewer-Country", "Viewer-Country-Name", "Viewer-Country-Region", "Viewer-Country-Region-Name", "Viewer-Http-Version", "Viewer-Latitude", "Viewer-Longitude", "Viewer-Metro-Code",
    "Viewer-Postal-Code", "Viewer-Time-Zone", "Viewer-TLS"))
ORIGIN_REQUEST = {one.id: one for one in (
    origin("216adef6-5c7f-47e4-b989-5492eafa07d3", "AllViewer", "Policy to forward all parameters in viewer requests", "allViewer", "all", "all"),
    origin("b689b0a8-53d0-40ab-baf2-68738e2966ac", "AllViewerExceptHostHeader", "Policy to forward all parameters in viewer requests except for the Host header",
           {"HeaderBehavior": "allExcept", "Headers": listed("host")}, "all", "all"),
    origin("33f36d7e-f396-46d9-90e0-52428a34d9dc", "AllViewerAndCloudFrontHeaders-2022-06", "Policy to forward all parameters in viewer requests and all CloudFront headers that were released through June 2022",
           {"HeaderBehavior": "allViewerAndWhitelistCloudFront", "Headers": listed(*VIEWER)}, "all", "all"),
    origin("59781a5b-3903-41f3-afcb-af62929ccde1", "CORS-CustomOrigin", "Policy for CORS with a custom origin", ("origin",)),
    origin("88a5eaf4-2fd4-4709-b370-b4c650ea3fcf", "CORS-S3Origin", "Policy for S3 origin with CORS", ("origin", "access-control-request-headers", "access-control-request-method")),
    origin("775133bc-15f2-49f9-abea-afb2e0bf67d2", "Elemental-MediaTailor-PersonalizedManifests", "Policy for Elemental MediaTailor Origin",
           ("origin", "access-control-request-headers", "access-control-request-method", "user-agent", "x-forwarded-for"), "none", "all"),
    origin("acba4595-bd28-49b8-b9fe-13317c0390fa", "UserAgentRefererHeaders", "Policy to forward user-agent and referer headers", ("user-agent", "referer")),
    origin("bf0718e1-ba1e-49d1-88b1-f726733018ae", "HostHeaderOnly", "Policy to forward the Host header", ("host",)),
)}

SECURITY = {
    "XSSProtection": {"Override": False, "Protection": True, "ModeBlock": True}, "FrameOptions": {"Override": False, "FrameOption": "SAMEORIGIN"},
    "ReferrerPolicy": {"Override": False, "ReferrerPolicy": "strict-origin-when-cross-origin"}, "ContentTypeOptions": {"Override": True},
    "StrictTransportSecurity": {"Override": False, "AccessControlMaxAgeSec": YEAR}}
SIMPLE = {"AccessControlAllowOrigins": listed("*"), "AccessControlAllowHeaders": listed("*"), "AccessControlAllowMethods": listed("GET"), "AccessControlAllowCredentials": False, "OriginOverride": False}
PREFLIGHT = SIMPLE | {"AccessControlAllowMethods": listed("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"), "AccessControlExposeHeaders": listed("*")}
RESPONSE_HEADERS = {one.id: one for one in (
    response("60669652-455b-4ae9-85a4-c4c02393f86c", "SimpleCORS", "Allows all origins for simple CORS requests", CorsConfig=SIMPLE),
    response("5cc3b908-e619-4b99-88e5-2cf7f45965bd", "CORS-With-Preflight", "Allows all origins for CORS requests, including preflight requests", CorsConfig=PREFLIGHT),
    response("67f7725c-6f97-4210-82d7-5512b31e9d03", "SecurityHeadersPolicy", "Adds a set of security headers to every response", SecurityHeadersConfig=SECURITY),
    response("e61eb60c-9c35-4d20-a928-2b84e02af89c", "CORS-and-SecurityHeadersPolicy", "Allows all origins for simple CORS requests and adds security headers", CorsConfig=SIMPLE, SecurityHeadersConfig=SECURITY),
    response("eaab4381-ed33-4a86-88ca-d9558dc6cd63", "CORS-with-preflight-and-SecurityHeadersPolicy", "Allows all origins for CORS requests, including preflight requests, and adds security headers",
             CorsConfig=PREFLIGHT, SecurityHeadersConfig=SECURITY),
)}
