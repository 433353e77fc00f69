"""What a bucket may have a thousand of, each under an id: configurations of metrics, analyses, tiers and inventories (those are in `inventory`).

All four are put, read, listed in pages of a hundred and deleted in the same way; each keeps its dict by id under its own word in the settings.
"""
from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import errors
from . import service as s3
from .access import on_bucket
from .buckets import Bucket, find

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

MOST, PAGE = 1000, 100
ID = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
LEAST_DAYS = {"ARCHIVE_ACCESS": 90, "DEEP_ARCHIVE_ACCESS": 180}


def keep(call: Call, req: Any, word: str, member: str) -> tuple[Bucket, dict[str, Any]]:
    """Puts the configuration that came in `member`; the one of its id before, if any, is replaced."""
    bucket, wanted = find(call, req["Bucket"], req), msgspec.to_builtins(req[member])
    kept = bucket.settings.get(word, {})
    if wanted["Id"] != req["Id"] or not ID.match(wanted["Id"]):
        raise errors.argument("The configuration id in the request does not match the one in its body, or is not a valid id.", "id", req["Id"])
    if wanted["Id"] not in kept and len(kept) >= MOST:
        raise errors.AwsError("TooManyConfigurations", f"You are attempting to create a new configuration but have already reached the {MOST:,}-configuration limit.")
    return call.put(bucket.having(**{word: {**kept, wanted["Id"]: wanted}})), wanted


def one(call: Call, req: Any, word: str) -> dict[str, Any]:
    bucket = find(call, req["Bucket"], req)
    found = bucket.settings.get(word, {}).get(req["Id"])
    if found is None:
        raise errors.lacking("NoSuchConfiguration", "The specified configuration does not exist.", bucket.name)
    return found  # type: ignore[no-any-return]


def listed(call: Call, req: Any, word: str, member: str) -> dict[str, Any]:
    kept, token = find(call, req["Bucket"], req).settings.get(word, {}), req.get("ContinuationToken")
    try:
        after = urlsafe_b64decode(token.encode()).decode() if token else ""
    except ValueError:
        raise errors.argument("The continuation token provided is incorrect", "continuation-token", token) from None
    ids = sorted(id_ for id_ in kept if id_ > after)
    page = ids[:PAGE]
    answer: dict[str, Any] = {member: [kept[id_] for id_ in page], "IsTruncated": len(ids) > PAGE}
    if token:
        answer["ContinuationToken"] = token
    if len(ids) > PAGE:
        answer["NextContinuationToken"] = urlsafe_b64encode(page[-1].encode()).decode()
    return answer


def forget(call: Call, req: Any, word: str) -> Bucket:
    one(call, req, word)
    bucket = find(call, req["Bucket"], req)
    return call.put(bucket.having(**{word: {id_: kept for id_, kept in bucket.settings[word].items() if id_ != req["Id"]} or None}))


# --- metrics ------------------------------------------------------------------------------------------------------------------

@s3.op(needs=on_bucket("s3:PutMetricsConfiguration"), partly="the configuration is kept; no request metrics go to CloudWatch")
def put_bucket_metrics_configuration(call: Call, req: t.PutBucketMetricsConfigurationRequest) -> None:
    keep(call, req, "metrics", "MetricsConfiguration")


@s3.op(needs=on_bucket("s3:GetMetricsConfiguration"))
def get_bucket_metrics_configuration(call: Call, req: t.GetBucketMetricsConfigurationRequest) -> t.GetBucketMetricsConfigurationOutput:
    return {"MetricsConfiguration": one(call, req, "metrics")}  # type: ignore[typeddict-item]


@s3.op(needs=on_bucket("s3:GetMetricsConfiguration"))
def list_bucket_metrics_configurations(call: Call, req: t.ListBucketMetricsConfigurationsRequest) -> t.ListBucketMetricsConfigurationsOutput:
    return listed(call, req, "metrics", "MetricsConfigurationList")  # type: ignore[return-value]


@s3.op(needs=on_bucket("s3:PutMetricsConfiguration"))
def delete_bucket_metrics_configuration(call: Call, req: t.DeleteBucketMetricsConfigurationRequest) -> None:
    forget(call, req, "metrics")


# --- analyses -----------------------------------------------------------------------------------------------------------------

@s3.op(needs=on_bucket("s3:PutAnalyticsConfiguration"), partly="the configuration is kept; no analysis is made or exported")
def put_bucket_analytics_configuration(call: Call, req: t.PutBucketAnalyticsConfigurationRequest) -> None:
    keep(call, req, "analytics", "AnalyticsConfiguration")


@s3.op(needs=on_bucket("s3:GetAnalyticsConfiguration"))
def get_bucket_analytics_configuration(call: Call, req: t.GetBucketAnalyticsConfigurationRequest) -> t.GetBucketAnalyticsConfigurationOutput:
    return {"AnalyticsConfiguration": one(call, req, "analytics")}  # type: ignore[typeddict-item]


@s3.op(needs=on_bucket("s3:GetAnalyticsConfiguration"))
def list_bucket_analytics_configurations(call: Call, req: t.ListBucketAnalyticsConfigurationsRequest) -> t.ListBucketAnalyticsConfigurationsOutput:
    return listed(call, req, "analytics", "AnalyticsConfigurationList")  # type: ignore[return-value]


@s3.op(needs=on_bucket("s3:PutAnalyticsConfiguration"))
def delete_bucket_analytics_configuration(call: Call, req: t.DeleteBucketAnalyticsConfigurationRequest) -> None:
    forget(call, req, "analytics")


# --- tiers --------------------------------------------------------------------------------------------------------------------

@s3.op(needs=on_bucket("s3:PutIntelligentTieringConfiguration"), partly="objects go to the archive tiers and come back; s3:IntelligentTiering events are not sent")
def put_bucket_intelligent_tiering_configuration(call: Call, req: t.PutBucketIntelligentTieringConfigurationRequest) -> None:
    wanted = req["IntelligentTieringConfiguration"]
    tiers = [tier["AccessTier"] for tier in wanted["Tierings"]]
    if wanted["Status"] not in ("Enabled", "Disabled") or not tiers or len(set(tiers)) < len(tiers) or not LEAST_DAYS.keys() >= set(tiers):
        raise errors.malformed_xml()
    for tier in wanted["Tierings"]:
        if not LEAST_DAYS[tier["AccessTier"]] <= tier["Days"] <= 730:
            raise errors.argument(f"'Days' for {tier['AccessTier']} must be between {LEAST_DAYS[tier['AccessTier']]} and 730", "Days", tier["Days"])
    keep(call, req, "tiering", "IntelligentTieringConfiguration")


@s3.op(needs=on_bucket("s3:GetIntelligentTieringConfiguration"))
def get_bucket_intelligent_tiering_configuration(call: Call, req: t.GetBucketIntelligentTieringConfigurationRequest) -> t.GetBucketIntelligentTieringConfigurationOutput:
    return {"IntelligentTieringConfiguration": one(call, req, "tiering")}  # type: ignore[typeddict-item]


@s3.op(needs=on_bucket("s3:GetIntelligentTieringConfiguration"))
def list_bucket_intelligent_tiering_configurations(call: Call, req: t.ListBucketIntelligentTieringConfigurationsRequest) -> t.ListBucketIntelligentTieringConfigurationsOutput:
    return listed(call, req, "tiering", "IntelligentTieringConfigurationList")  # type: ignore[return-value]


@s3.op(needs=on_bucket("s3:PutIntelligentTieringConfiguration"))
def delete_bucket_intelligent_tiering_configuration(call: Call, req: t.DeleteBucketIntelligentTieringConfigurationRequest) -> None:
    forget(call, req, "tiering")
