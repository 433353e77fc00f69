"""Inventories, delivered at midnight; and configurations that are kept by their ids."""
from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from datetime import UTC, datetime

import pytest

from cloche.testing.people import allow, document

from .refusals import refused

DAY = 86400


@pytest.fixture
def target(cloud, s3, bucket):
    """A bucket that lets S3 deliver what it has to say of the first."""
    name = f"reports-{cloud.account}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=document(allow("s3:PutObject", f"arn:aws:s3:::{name}/*", Principal={"Service": "s3.amazonaws.com"}, Condition={
        "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}, "StringEquals": {"aws:SourceAccount": cloud.account, "s3:x-amz-acl": "bucket-owner-full-control"}})))
    return name


def configure(s3, bucket, target, id_="list", fields=(), versions="Current", frequency="Daily", destination=(), **more):
    s3.put_bucket_inventory_configuration(Bucket=bucket, Id=id_, InventoryConfiguration={
        "Id": id_, "IsEnabled": True, "IncludedObjectVersions": versions, "Schedule": {"Frequency": frequency},
        "Destination": {"S3BucketDestination": {"Bucket": f"arn:aws:s3:::{target}", "Format": "CSV", "Prefix": "inv"} | dict(destination)}}
        | ({"OptionalFields": list(fields)} if fields else {}) | more)


def read(s3, bucket, key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def delivered(s3, target, end="manifest.json"):
    return [one["Key"] for one in s3.list_objects_v2(Bucket=target).get("Contents", ()) if one["Key"].endswith(end)]


def report(s3, target):
    """The manifest that came last, and the rows of its files."""
    manifest = json.loads(read(s3, target, delivered(s3, target)[-1]))
    return manifest, [row for file in manifest["files"] for row in csv.reader(io.StringIO(gzip.decompress(read(s3, target, file["key"])).decode()))]


def test_an_inventory_comes_at_midnight_with_its_manifest(cloud, s3, bucket, target):
    s3.put_object(Bucket=bucket, Key="a b/ü", Body=b"hello", StorageClass="STANDARD_IA")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    configure(s3, bucket, target, fields=("ETag", "Size", "StorageClass", "EncryptionStatus", "IsMultipartUploaded", "LastModifiedDate", "ChecksumAlgorithm", "BucketKeyStatus"))
    assert not delivered(s3, target)
    cloud.advance(DAY)
    [key] = delivered(s3, target)
    night = datetime.fromtimestamp(cloud.now // DAY * DAY, UTC)
    assert key == f"inv/{bucket}/list/{night:%Y-%m-%dT%H-%MZ}/manifest.json"
    assert read(s3, target, key.replace(".json", ".checksum")).decode() == hashlib.md5(read(s3, target, key)).hexdigest()
    manifest, rows = report(s3, target)
    assert (manifest["sourceBucket"], manifest["destinationBucket"], manifest["fileFormat"], manifest["version"]) == (bucket, f"arn:aws:s3:::{target}", "CSV", "2016-11-30")
    assert datetime.fromtimestamp(int(manifest["creationTimestamp"]) / 1000, UTC).replace(second=0, microsecond=0) == night
    fields = manifest["fileSchema"].split(", ")
    assert fields == ["Bucket", "Key", "Size", "LastModifiedDate", "StorageClass", "ETag", "IsMultipartUploaded", "EncryptionStatus", "BucketKeyStatus", "ChecksumAlgorithm"]
    first, second = [dict(zip(fields, row, strict=True)) for row in rows]
    assert (first["Bucket"], first["Key"], first["Size"], first["StorageClass"], first["ETag"]) == (bucket, "a+b/%C3%BC", "5", "STANDARD_IA", hashlib.md5(b"hello").hexdigest())
    assert (first["EncryptionStatus"], second["EncryptionStatus"], second["BucketKeyStatus"], second["IsMultipartUploaded"]) == ("SSE-S3", "SSE-KMS", "DISABLED", "false")
    [file] = manifest["files"]
    assert hashlib.md5(read(s3, target, file["key"])).hexdigest() == file["MD5checksum"] and len(read(s3, target, file["key"])) == file["size"]
    [hive] = delivered(s3, target, "symlink.txt")
    assert read(s3, target, hive).decode() == f"s3://{target}/{file['key']}"
    cloud.advance(DAY)
    assert len(delivered(s3, target)) == 2


def test_all_versions_are_listed_where_that_is_asked(cloud, s3, bucket, target):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    ids = [s3.put_object(Bucket=bucket, Key="in/k", Body=b"x" * n)["VersionId"] for n in (1, 2)]
    ids.append(s3.delete_object(Bucket=bucket, Key="in/k")["VersionId"])
    s3.put_object(Bucket=bucket, Key="out", Body=b"x")
    configure(s3, bucket, target, fields=["Size"], versions="All", Filter={"Prefix": "in/"})
    cloud.advance(DAY)
    manifest, rows = report(s3, target)
    assert manifest["fileSchema"] == "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size"
    assert rows == [[bucket, "in/k", ids[2], "true", "true", ""], [bucket, "in/k", ids[1], "false", "false", "2"], [bucket, "in/k", ids[0], "false", "false", "1"]]


def test_a_weekly_inventory_comes_on_sundays(cloud, s3, bucket, target):
    configure(s3, bucket, target, frequency="Weekly")
    cloud.advance(days=14)
    keys = [key.split("/")[3] for key in delivered(s3, target)]
    assert len(keys) == 2 and all(datetime.strptime(key, "%Y-%m-%dT%H-%MZ").weekday() == 6 for key in keys)


def test_nothing_comes_where_the_policy_does_not_let_it_or_it_is_switched_off(cloud, s3, bucket, target):
    configure(s3, bucket, target)
    policy = s3.get_bucket_policy(Bucket=target)["Policy"]
    s3.delete_bucket_policy(Bucket=target)
    cloud.advance(DAY)
    assert not delivered(s3, target)
    s3.put_bucket_policy(Bucket=target, Policy=policy)
    cloud.advance(DAY)
    assert len(delivered(s3, target)) == 1
    configure(s3, bucket, target, IsEnabled=False)
    cloud.advance(DAY)
    configure(s3, bucket, target)
    s3.delete_bucket_inventory_configuration(Bucket=bucket, Id="list")
    cloud.advance(DAY)
    assert len(delivered(s3, target)) == 1


def test_an_inventory_may_be_sealed_with_a_key_that_lets_s3_in(cloud, s3, bucket, target):
    kms = cloud.client("kms")
    key = kms.create_key(Policy=document(allow("kms:*", Principal={"AWS": cloud.account}), allow("kms:GenerateDataKey", Principal={"Service": "s3.amazonaws.com"})))["KeyMetadata"]["Arn"]
    configure(s3, bucket, target, destination={"Encryption": {"SSEKMS": {"KeyId": key}}})
    cloud.advance(DAY)
    assert s3.head_object(Bucket=target, Key=delivered(s3, target)[0])["SSEKMSKeyId"] == key


def test_inventories_that_make_no_sense_are_refused(s3, bucket, target):
    assert refused(configure, s3, bucket, target, fields=["Colour"]) == ("MalformedXML", 400)
    assert refused(configure, s3, bucket, target, frequency="Hourly") == ("MalformedXML", 400)
    assert refused(configure, s3, bucket, target, destination={"Bucket": target}) == ("InvalidArgument", 400)
    assert refused(configure, s3, bucket, target, destination={"Format": "ORC"})[1] == 501


FAMILIES = [
    ("put_bucket_metrics_configuration get_bucket_metrics_configuration list_bucket_metrics_configurations delete_bucket_metrics_configuration",
     "MetricsConfiguration", {"Filter": {"Prefix": "a/"}}),
    ("put_bucket_analytics_configuration get_bucket_analytics_configuration list_bucket_analytics_configurations delete_bucket_analytics_configuration",
     "AnalyticsConfiguration", {"StorageClassAnalysis": {}}),
    ("put_bucket_intelligent_tiering_configuration get_bucket_intelligent_tiering_configuration list_bucket_intelligent_tiering_configurations delete_bucket_intelligent_tiering_configuration",
     "IntelligentTieringConfiguration", {"Status": "Enabled", "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]}),
    ("put_bucket_inventory_configuration get_bucket_inventory_configuration list_bucket_inventory_configurations delete_bucket_inventory_configuration",
     "InventoryConfiguration", {"IsEnabled": False, "IncludedObjectVersions": "All", "Schedule": {"Frequency": "Daily"},
                                "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::any", "Format": "CSV"}}})]


@pytest.mark.parametrize(("operations", "member", "content"), FAMILIES)
def test_configurations_are_kept_by_id_and_listed_in_pages(s3, bucket, operations, member, content):
    verbs = {name.partition("_")[0]: getattr(s3, name) for name in operations.split()}
    listing = verbs["list"]

    def call(verb, **more):
        return verbs[verb](Bucket=bucket, **more)

    def put(id_):
        return call("put", Id=id_, **{member: content | {"Id": id_}})
    assert refused(call, "get", Id="a") == refused(call, "delete", Id="a") == ("NoSuchConfiguration", 404)
    assert not listing(Bucket=bucket).get(f"{member}List")
    for n in range(101):
        put(f"n{n:03d}")
    put("n000")
    assert call("get", Id="n000")[member] == content | {"Id": "n000"}
    first = listing(Bucket=bucket)
    assert (len(first[f"{member}List"]), first["IsTruncated"]) == (100, True)
    second = listing(Bucket=bucket, ContinuationToken=first["NextContinuationToken"])
    assert ([one["Id"] for one in second[f"{member}List"]], second["IsTruncated"]) == (["n100"], False)
    call("delete", Id="n100")
    assert not listing(Bucket=bucket)["IsTruncated"]
    assert refused(call, "put", Id="a", **{member: content | {"Id": "b"}}) == ("InvalidArgument", 400)


def test_tiers_have_their_least_days(s3, bucket):
    def tiers(days, tier):
        s3.put_bucket_intelligent_tiering_configuration(Bucket=bucket, Id="t", IntelligentTieringConfiguration={"Id": "t", "Status": "Enabled", "Tierings": [{"Days": days, "AccessTier": tier}]})
    for days, tier in ((89, "ARCHIVE_ACCESS"), (179, "DEEP_ARCHIVE_ACCESS"), (731, "ARCHIVE_ACCESS")):
        assert refused(tiers, days, tier) == ("InvalidArgument", 400)
    tiers(180, "DEEP_ARCHIVE_ACCESS")
