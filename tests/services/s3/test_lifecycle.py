"""Lifecycle rules that move: which classes, in which order, from which size, and what of older versions."""
from __future__ import annotations

import pytest

from .refusals import refused

LARGE, SMALL = b"x" * (128 << 10), b"x" * ((128 << 10) - 1)


def rules(s3, bucket, *wanted, **more):
    filled = [{"ID": str(n), "Status": "Enabled", "Filter": {"Prefix": ""}} | rule for n, rule in enumerate(wanted)]
    return s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": filled}, **more)


def classes(s3, bucket):
    return {one["Key"]: one["StorageClass"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", ())}


def moves(*steps):
    return {"Transitions": [{"Days": days, "StorageClass": storage_class} for days, storage_class in steps]}


def test_objects_go_down_the_waterfall_and_never_up(cloud, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=LARGE)
    s3.put_object(Bucket=bucket, Key="cold", Body=LARGE, StorageClass="GLACIER")
    s3.put_object(Bucket=bucket, Key="zone", Body=LARGE, StorageClass="ONEZONE_IA")
    rules(s3, bucket, moves((30, "STANDARD_IA"), (60, "GLACIER_IR"), (90, "DEEP_ARCHIVE")))
    cloud.advance(days=29)
    assert classes(s3, bucket)["k"] == "STANDARD"
    cloud.advance(days=2.1)
    assert classes(s3, bucket) == {"k": "STANDARD_IA", "cold": "GLACIER", "zone": "ONEZONE_IA"}
    cloud.advance(days=30)
    assert classes(s3, bucket) == {"k": "GLACIER_IR", "cold": "GLACIER", "zone": "ONEZONE_IA"}  # One Zone-IA does not become Glacier Instant Retrieval
    cloud.advance(days=30)
    assert set(classes(s3, bucket).values()) == {"DEEP_ARCHIVE"}
    assert refused(s3.get_object, Bucket=bucket, Key="k") == ("InvalidObjectState", 403)


@pytest.mark.parametrize("storage_class", ["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"])
def test_small_objects_stay_unless_the_rule_or_the_bucket_says_so(cloud, s3, bucket, storage_class):
    for key, body in (("small", SMALL), ("large", LARGE), ("asked/small", SMALL)):
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    step = {"Transitions": [{"Days": 30, "StorageClass": storage_class}]}
    sized = {"Filter": {"And": {"Prefix": "asked/", "ObjectSizeGreaterThan": 10}}} | step
    answer = rules(s3, bucket, step, sized)
    assert answer["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    cloud.advance(days=31.1)
    assert classes(s3, bucket) == {"small": "STANDARD", "large": storage_class, "asked/small": storage_class}
    rules(s3, bucket, step, TransitionDefaultMinimumObjectSize="varies_by_storage_class")
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    cloud.advance(days=1)
    assert classes(s3, bucket)["small"] == (storage_class if storage_class in ("GLACIER", "DEEP_ARCHIVE") else "STANDARD")


def test_infrequent_access_begins_after_thirty_days_and_lasts_as_long(s3, bucket):
    for storage_class in ("STANDARD_IA", "ONEZONE_IA"):
        assert refused(rules, s3, bucket, moves((29, storage_class))) == ("InvalidArgument", 400)
        rules(s3, bucket, moves((30, storage_class)))
    assert refused(rules, s3, bucket, moves((30, "STANDARD_IA"), (59, "GLACIER"))) == ("InvalidArgument", 400)
    rules(s3, bucket, moves((30, "STANDARD_IA"), (60, "GLACIER")))
    rules(s3, bucket, moves((0, "GLACIER")))
    assert refused(rules, s3, bucket, moves((1, "GLACIER")) | {"Expiration": {"Days": 1}}) == ("InvalidArgument", 400)
    older = {"NoncurrentVersionTransitions": [{"NoncurrentDays": 29, "StorageClass": "STANDARD_IA"}]}
    assert refused(rules, s3, bucket, older) == ("InvalidArgument", 400)


def test_older_versions_move_and_go_by_the_day_they_were_replaced(cloud, s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    rules(s3, bucket, {"NoncurrentVersionTransitions": [{"NoncurrentDays": 30, "StorageClass": "STANDARD_IA"}],
                       "NoncurrentVersionExpiration": {"NoncurrentDays": 60, "NewerNoncurrentVersions": 1}})
    ids = []
    for _ in range(3):
        ids.append(s3.put_object(Bucket=bucket, Key="k", Body=LARGE)["VersionId"])
        cloud.advance(days=10)

    def kept():
        return {ids.index(one["VersionId"]): one["StorageClass"] for one in s3.list_object_versions(Bucket=bucket)["Versions"]}
    cloud.advance(days=9)      # day 39: the first was replaced on day 10
    assert kept() == {0: "STANDARD", 1: "STANDARD", 2: "STANDARD"}
    cloud.advance(days=2.1)    # day 41
    assert kept() == {0: "STANDARD_IA", 1: "STANDARD", 2: "STANDARD"}
    cloud.advance(days=60)     # day 101: both are old enough, but one older version is kept
    assert kept() == {1: "STANDARD_IA", 2: "STANDARD"}


def test_a_marker_with_nothing_under_it_goes(cloud, s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("a", "b"):
        id_ = s3.put_object(Bucket=bucket, Key=key, Body=b"x")["VersionId"]
        s3.delete_object(Bucket=bucket, Key=key)
        if key == "a":
            s3.delete_object(Bucket=bucket, Key=key, VersionId=id_)
    rules(s3, bucket, {"Expiration": {"ExpiredObjectDeleteMarker": True}})
    cloud.advance(days=1.1)
    assert [one["Key"] for one in s3.list_object_versions(Bucket=bucket)["DeleteMarkers"]] == ["b"]


def test_all_nights_of_a_long_advance_come_in_order(cloud, s3, bucket):
    """Moved on the 30th night and gone on the 40th, in one jump of the clock."""
    s3.put_object(Bucket=bucket, Key="k", Body=LARGE)
    rules(s3, bucket, moves((30, "STANDARD_IA")) | {"Expiration": {"Days": 40}})
    cloud.advance(days=35)
    assert classes(s3, bucket) == {"k": "STANDARD_IA"}
    head = s3.head_object(Bucket=bucket, Key="k")
    assert 'rule-id="0"' in head["Expiration"]
    cloud.advance(days=365)
    assert classes(s3, bucket) == {}
