"""Versions: what is written over or deleted is still there."""
from __future__ import annotations

import pytest

from .refusals import refused


@pytest.fixture
def versioned(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def test_a_bucket_begins_without_versions(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert "VersionId" not in s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


def test_every_version_can_be_read(s3, versioned):
    ids = [s3.put_object(Bucket=versioned, Key="k", Body=str(i).encode())["VersionId"] for i in range(3)]
    assert s3.get_object(Bucket=versioned, Key="k")["VersionId"] == ids[2]
    for i, id_ in enumerate(ids):
        assert s3.get_object(Bucket=versioned, Key="k", VersionId=id_)["Body"].read() == str(i).encode()
    assert refused(s3.get_object, Bucket=versioned, Key="other", VersionId=ids[0]) == ("NoSuchVersion", 404)
    assert refused(s3.get_object, Bucket=versioned, Key="k", VersionId="nonsense") == ("InvalidArgument", 400)


def test_deleting_puts_a_marker_on_top_and_deleting_the_marker_takes_it_away(s3, versioned):
    id_ = s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"]
    gone = s3.delete_object(Bucket=versioned, Key="k")
    assert gone["DeleteMarker"] is True
    assert refused(s3.get_object, Bucket=versioned, Key="k") == ("NoSuchKey", 404)
    assert refused(s3.get_object, Bucket=versioned, Key="k", VersionId=gone["VersionId"]) == ("MethodNotAllowed", 405)
    assert refused(s3.head_object, Bucket=versioned, Key="k", VersionId=gone["VersionId"]) == ("405", 405)
    assert s3.list_objects_v2(Bucket=versioned)["KeyCount"] == 0
    assert s3.delete_object(Bucket=versioned, Key="k", VersionId=gone["VersionId"])["DeleteMarker"] is True
    assert s3.get_object(Bucket=versioned, Key="k")["VersionId"] == id_
    s3.delete_object(Bucket=versioned, Key="k", VersionId=id_)
    assert "Versions" not in s3.list_object_versions(Bucket=versioned)


def test_the_newest_that_is_left_becomes_current(s3, versioned):
    ids = [s3.put_object(Bucket=versioned, Key="k", Body=b"x" * (i + 70_000))["VersionId"] for i in range(3)]
    s3.delete_object(Bucket=versioned, Key="k", VersionId=ids[2])
    assert s3.head_object(Bucket=versioned, Key="k")["VersionId"] == ids[1]
    s3.delete_object(Bucket=versioned, Key="k", VersionId=ids[0])
    assert s3.get_object(Bucket=versioned, Key="k")["ContentLength"] == 70_001


def test_suspended_versioning_writes_over_the_null_version_only(s3, versioned):
    id_ = s3.put_object(Bucket=versioned, Key="k", Body=b"one")["VersionId"]
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    for body in (b"two", b"three"):
        assert s3.put_object(Bucket=versioned, Key="k", Body=body)["VersionId"] == "null"
    assert [v["VersionId"] for v in s3.list_object_versions(Bucket=versioned)["Versions"]] == ["null", id_]
    assert s3.get_object(Bucket=versioned, Key="k", VersionId="null")["Body"].read() == b"three"
    assert s3.delete_object(Bucket=versioned, Key="k")["VersionId"] == "null"
    assert s3.get_object(Bucket=versioned, Key="k", VersionId=id_)["Body"].read() == b"one"
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=versioned, Key="k", Body=b"four")
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=versioned, Key="k", Body=b"five")
    found = s3.list_object_versions(Bucket=versioned)
    assert [v["VersionId"] for v in found["Versions"]].count("null") == 1 and "DeleteMarkers" not in found


def test_objects_from_before_versioning_have_the_null_version(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"new")
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"old"
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": "null"}, {"Key": "k"}]})
    assert answer["Deleted"][0]["VersionId"] == "null" and answer["Deleted"][1]["DeleteMarker"] is True
