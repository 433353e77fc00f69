"""A distribution's configuration: what AWS adds to one that was sent, and what it refuses."""
from __future__ import annotations

import re
from typing import Any

from cloche.kernel import Call

from . import (
    associations,
    cache_policies,
    errors,
    field_encryption,
    keys,
    origin_access,
    origin_request_policies,
    realtime_logs,
    response_headers_policies,
    things,
)
from .things import behaviours, items

NONE: dict[str, Any] = {"Quantity": 0}
METHODS = (("GET", "HEAD"), ("GET", "HEAD", "OPTIONS"), ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))
ERRORS = (400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504)
ANSWERS = ("200", *map(str, ERRORS))
MOST = {"Origins": (25, "TooManyOrigins"), "CacheBehaviors": (25, "TooManyCacheBehaviors"), "Aliases": (100, "TooManyDistributionCNAMEs"), "OriginGroups": (10, "TooManyOriginGroupsPerDistribution")}
BUCKET = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.s3(?:[.-](?:dualstack\.)?(?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com")
PATTERN = re.compile(r"[A-Za-z0-9_.*$/~\"'@:+?&;=,%()! -]{1,255}")
DAY, YEAR = 86400, 31536000


def filled(config: Any) -> dict[str, Any]:
    """As GetDistributionConfig tells it: everything that was left out is there with its default."""
    out = {
        "Aliases": NONE, "DefaultRootObject": "", "OriginGroups": NONE, "CacheBehaviors": NONE, "CustomErrorResponses": NONE, "PriceClass": "PriceClass_All", "WebACLId": "", "HttpVersion": "http2",
        "Logging": {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""}, "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
        "IsIPV6Enabled": False, "ContinuousDeploymentPolicyId": "", "Staging": False, **config}
    out["Logging"] = {"Enabled": bool((config.get("Logging") or {}).get("Bucket")), "IncludeCookies": False, "Bucket": "", "Prefix": "", **(config.get("Logging") or {})}
    out["Origins"] = {**out["Origins"], "Items": [_origin(one) for one in items(out["Origins"])]}
    out["DefaultCacheBehavior"] = _behaviour(out["DefaultCacheBehavior"])
    if items(out["CacheBehaviors"]):
        out["CacheBehaviors"] = {**out["CacheBehaviors"], "Items": [_behaviour(one) for one in items(out["CacheBehaviors"])]}
    if items(out["Aliases"]):
        out["Aliases"] = {**out["Aliases"], "Items": [one.lower() for one in items(out["Aliases"])]}
    out["ViewerCertificate"] = _certificate(out.get("ViewerCertificate") or {})
    return out


def _origin(one: dict[str, Any]) -> dict[str, Any]:
    out = {"OriginPath": "", "CustomHeaders": NONE, "ConnectionAttempts": 3, "ConnectionTimeout": 10, "OriginShield": {"Enabled": False}, "OriginAccessControlId": "", **one}
    if own := one.get("CustomOriginConfig"):
        out["CustomOriginConfig"] = {"OriginSslProtocols": {"Quantity": 3, "Items": ["TLSv1", "TLSv1.1", "TLSv1.2"]}, "OriginReadTimeout": 30, "OriginKeepaliveTimeout": 5, **own}
    return out


def _behaviour(one: dict[str, Any]) -> dict[str, Any]:
    out = {
        "TrustedSigners": {"Enabled": False, "Quantity": 0}, "TrustedKeyGroups": {"Enabled": False, "Quantity": 0}, "SmoothStreaming": False, "Compress": False, "LambdaFunctionAssociations": NONE,
        "FunctionAssociations": NONE, "FieldLevelEncryptionId": "", **one}
    allowed = {"Quantity": 2, "Items": ["HEAD", "GET"], **(one.get("AllowedMethods") or {})}
    out["AllowedMethods"] = {**allowed, "CachedMethods": allowed.get("CachedMethods") or {"Quantity": 2, "Items": ["HEAD", "GET"]}}
    if legacy := one.get("ForwardedValues"):
        out["ForwardedValues"] = {"Headers": NONE, "QueryStringCacheKeys": NONE, **legacy}
        low = one.get("MinTTL", 0)
        high = one.get("MaxTTL", max(YEAR, low, one.get("DefaultTTL", 0)))
        out |= {"MinTTL": low, "DefaultTTL": one.get("DefaultTTL", min(max(DAY, low), high)), "MaxTTL": high}
    return out


def _certificate(one: dict[str, Any]) -> dict[str, Any]:
    if one.get("ACMCertificateArn"):
        return {"CloudFrontDefaultCertificate": False, "MinimumProtocolVersion": "TLSv1", **one, "Certificate": one["ACMCertificateArn"], "CertificateSource": "acm"}
    if one.get("IAMCertificateId"):
        return {"CloudFrontDefaultCertificate": False, "MinimumProtocolVersion": "TLSv1", **one, "Certificate": one["IAMCertificateId"], "CertificateSource": "iam"}
    return {"CloudFrontDefaultCertificate": True, "SSLSupportMethod": "vip", "MinimumProtocolVersion": "TLSv1", "CertificateSource": "cloudfront"}


# -- what is refused --------------------------------------------------------------------------------------------------------------

def check(call: Call, config: dict[str, Any]) -> None:
    """A filled configuration; certificates, aliases and web ACLs are looked at elsewhere."""
    things.counted(config)
    for member, (most, code) in MOST.items():
        if len(items(config[member])) > most:
            raise errors.too_many(code, member)
    if config["DefaultRootObject"].startswith("/"):
        raise errors.said("InvalidDefaultRootObject", "The default root object file name is too big or contains an invalid character.")
    ids = [one["Id"] for one in items(config["Origins"])]
    groups = [one["Id"] for one in items(config["OriginGroups"])]
    if not ids or len({*ids, *groups}) != len(ids) + len(groups):
        raise errors.invalid("The parameter Origin Id is not unique, or there is no origin.")
    for one in items(config["Origins"]):
        origin(call, one)
    for one in items(config["OriginGroups"]):
        group(one, ids)
    patterns = [one["PathPattern"] for one in items(config["CacheBehaviors"])]
    if len(set(patterns)) != len(patterns) or not all(PATTERN.fullmatch(one) for one in patterns):
        raise errors.invalid("The parameter PathPattern contains a value that is not valid, or twice the same.")
    for one in behaviours(config):
        behaviour(call, config, one, {*ids, *groups})
    for one in items(config["CustomErrorResponses"]):
        error_response(one)
    restriction = config["Restrictions"]["GeoRestriction"]
    if (restriction["RestrictionType"] == "none") == bool(items(restriction)):
        raise errors.said("InvalidGeoRestrictionParameter", "The specified geo restriction parameter is not valid.")
    if not all(re.fullmatch("[A-Z]{2}", one) for one in items(restriction)):
        raise errors.said("InvalidLocationCode", "The location code specified is not valid.")


def origin(call: Call, one: dict[str, Any]) -> None:
    bucket, own, vpc = one.get("S3OriginConfig"), one.get("CustomOriginConfig"), one.get("VpcOriginConfig")
    if sum(x is not None for x in (bucket, own, vpc)) != 1:
        raise errors.bad_origin("The specified origin server does not exist or is not valid: an origin has either S3OriginConfig or CustomOriginConfig.")
    if vpc is not None:
        raise errors.bad_origin("VPC origins are not built in Cloche.")
    if one["OriginPath"] and (not one["OriginPath"].startswith("/") or one["OriginPath"].endswith("/")):
        raise errors.invalid("The parameter OriginPath must start with '/' and not end with '/'.")
    if not 1 <= one["ConnectionAttempts"] <= 3 or not 1 <= one["ConnectionTimeout"] <= 10:
        raise errors.invalid("The parameter ConnectionAttempts must be 1 to 3, ConnectionTimeout 1 to 10.")
    if len(items(one["CustomHeaders"])) > 30:
        raise errors.too_many("TooManyOriginCustomHeaders", "custom headers of an origin")
    control = one["OriginAccessControlId"]
    if control and call.get(things.Thing, f"{origin_access.CONTROL.path}/{control}") is None:
        raise errors.said("InvalidOriginAccessControl", "The origin access control is not valid.")
    if bucket is not None:
        identity = bucket["OriginAccessIdentity"]
        if not BUCKET.fullmatch(one["DomainName"]):
            raise errors.not_a_bucket()
        if identity and control:
            raise errors.bad_access("An origin cannot contain both an origin access control (OAC) and an origin access identity (OAI).")
        if identity and call.get(things.Thing, f"{origin_access.IDENTITY.path}/{identity.removeprefix(origin_access.PREFIX)}") is None:
            raise errors.said("InvalidOriginAccessIdentity", "The specified origin access identity does not exist or is not valid.")
        return
    assert own is not None
    if not own["OriginSslProtocols"] or not all(port in (80, 443) or 1024 <= port <= 65535 for port in (own["HTTPPort"], own["HTTPSPort"])):
        raise errors.invalid("The parameter HTTPPort or HTTPSPort must be 80, 443 or 1024 to 65535.")
    if not 1 <= own["OriginReadTimeout"] <= 120:
        raise errors.said("InvalidOriginReadTimeout", "The read timeout specified for the origin is not valid.")
    if not 1 <= own["OriginKeepaliveTimeout"] <= 120:
        raise errors.said("InvalidOriginKeepaliveTimeout", "The keep alive timeout specified for the origin is not valid.")


def group(one: dict[str, Any], ids: list[str]) -> None:
    members = [member["OriginId"] for member in items(one["Members"])]
    if len(members) != 2 or members[0] == members[1]:
        raise errors.invalid("The parameter Members must name two different origins.")
    if missing := [member for member in members if member not in ids]:
        raise errors.no_such_origin(missing[0])
    codes = items(one["FailoverCriteria"]["StatusCodes"])
    if not codes or not set(codes) <= {403, 404, 429, 500, 502, 503, 504}:
        raise errors.invalid("The parameter FailoverCriteria contains a status code that is not valid.")


def behaviour(call: Call, config: dict[str, Any], one: dict[str, Any], origins: set[str]) -> None:
    if one["TargetOriginId"] not in origins:
        raise errors.no_such_origin(one["TargetOriginId"])
    allowed, cached = sorted(items(one["AllowedMethods"])), sorted(items(one["AllowedMethods"]["CachedMethods"]))
    if tuple(allowed) not in METHODS or tuple(cached) not in METHODS[:2] or not set(cached) <= set(allowed):
        raise errors.invalid("The parameter AllowedMethods or CachedMethods contains a set of methods that is not valid.")
    if one.get("CachePolicyId"):
        if one.get("ForwardedValues") or any(name in one for name in ("MinTTL", "DefaultTTL", "MaxTTL")):
            raise errors.invalid("The parameter ForwardedValues cannot be used when a cache policy is associated to the cache behavior.")
        cache_policies.find(call, one["CachePolicyId"])
    elif not one.get("ForwardedValues"):
        raise errors.invalid("The parameter ForwardedValues is required.")
    elif not 0 <= one["MinTTL"] <= one["DefaultTTL"] <= one["MaxTTL"]:
        raise errors.said("InvalidTTLOrder", "The TTL order specified is not valid.")
    if one.get("OriginRequestPolicyId"):
        if not one.get("CachePolicyId"):
            raise errors.invalid("The parameter OriginRequestPolicyId needs a cache policy.")
        origin_request_policies.find(call, one["OriginRequestPolicyId"])
    if one.get("ResponseHeadersPolicyId"):
        response_headers_policies.find(call, one["ResponseHeadersPolicyId"])
    for id_ in items(one["TrustedKeyGroups"]):
        if call.get(things.Thing, f"{keys.GROUP.path}/{id_}") is None:
            raise errors.said("TrustedKeyGroupDoesNotExist", "The specified key group does not exist.")
    if len(items(one["TrustedKeyGroups"])) > 4:
        raise errors.too_many("TooManyKeyGroupsAssociatedToDistribution", "key groups")
    if one["TrustedKeyGroups"]["Enabled"] != bool(items(one["TrustedKeyGroups"])):
        raise errors.invalid("The parameter TrustedKeyGroups must be enabled if, and only if, it names key groups.")
    if one["TrustedSigners"]["Enabled"]:
        raise errors.said("TrustedSignerDoesNotExist", "One or more of your trusted signers don't exist. (Accounts' own CloudFront key pairs are not built in Cloche: use trusted key groups.)")
    if one["FieldLevelEncryptionId"]:
        field_encryption.check_use(call, one)
    if one.get("RealtimeLogConfigArn"):
        realtime_logs.by_arn(call, one["RealtimeLogConfigArn"])
    associations.check(call, one)


def error_response(one: dict[str, Any]) -> None:
    if one["ErrorCode"] not in ERRORS:
        raise errors.said("InvalidErrorCode", "An invalid error code was specified.")
    page, code = one.get("ResponsePagePath") or "", one.get("ResponseCode") or ""
    if bool(page) != bool(code):
        raise errors.invalid("The parameter ResponsePagePath and ResponseCode must be given together.")
    if code and code not in ANSWERS:
        raise errors.said("InvalidResponseCode", "A response code is not valid.")
    if page and not page.startswith("/"):
        raise errors.invalid("The parameter ResponsePagePath must start with '/'.")
