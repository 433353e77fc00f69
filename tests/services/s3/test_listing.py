"""Listings, against the same thing done in memory."""
from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .refusals import refused

KEYS = ["a", "a/", "a/b", "a/b/c", "a/c", "a//d", "b", "b b+b", "c/d", "c/é", "c/ü/x", "d&<>", "日本/語", "~tilde"]


@pytest.fixture
def filled(s3, bucket):
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def expected(prefix: str, delimiter: str, after: str = "") -> list[str]:
    out = []
    for key in sorted(KEYS, key=str.encode):
        if key.startswith(prefix):
            if delimiter and (cut := key.find(delimiter, len(prefix))) >= 0:
                key = key[: cut + len(delimiter)]
            if key.encode() > after.encode() and (not out or out[-1] != key):
                out.append(key)
    return out


def shown(page) -> list[str]:
    return [one["Key"] for one in page.get("Contents", [])] + [one["Prefix"] for one in page.get("CommonPrefixes", [])]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prefix=st.sampled_from(["", "a", "a/", "a/b", "c/", "zz", "日"]), delimiter=st.sampled_from(["", "/", "b", "//", "é"]), most=st.integers(1, 6))
def test_pages_of_keys_and_prefixes_make_up_the_whole(s3, filled, prefix, delimiter, most):
    for pages in (s3.get_paginator("list_objects_v2"), s3.get_paginator("list_objects")):
        found = []
        for page in pages.paginate(Bucket=filled, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": most}):
            part = sorted(shown(page), key=str.encode)
            assert len(part) <= most
            found += part
        assert found == expected(prefix, delimiter)


def test_a_listing_may_start_anywhere(s3, filled):
    assert shown(s3.list_objects_v2(Bucket=filled, StartAfter="b")) == expected("", "", "b")
    assert shown(s3.list_objects_v2(Bucket=filled, StartAfter="nothing"))[:1] == ["~tilde"]
    assert shown(s3.list_objects(Bucket=filled, Marker="c/d")) == expected("", "", "c/d")
    page = s3.list_objects_v2(Bucket=filled, MaxKeys=2)
    assert page["IsTruncated"] and page["KeyCount"] == 2
    assert refused(s3.list_objects_v2, Bucket=filled, ContinuationToken="!!") == ("InvalidArgument", 400)
    assert refused(s3.list_objects_v2, Bucket=filled, MaxKeys=-1) == ("InvalidArgument", 400)
    assert s3.list_objects_v2(Bucket=filled, MaxKeys=0)["IsTruncated"] is False


def test_each_entry_says_what_it_is(s3, filled):
    [one] = s3.list_objects_v2(Bucket=filled, Prefix="b b", FetchOwner=True)["Contents"]
    head = s3.head_object(Bucket=filled, Key="b b+b")
    assert (one["Size"], one["ETag"], one["LastModified"], one["StorageClass"]) == (5, head["ETag"], head["LastModified"], "STANDARD")
    assert one["ChecksumAlgorithm"] == ["CRC32"] and len(one["Owner"]["ID"]) == 64


def test_versions_are_listed_newest_first_in_pages(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k1", Body=b"null")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    ids = {key: [s3.put_object(Bucket=bucket, Key=key, Body=b"x")["VersionId"] for _ in range(3)] for key in ("k1", "k2", "d/1", "d/2")}
    marker = s3.delete_object(Bucket=bucket, Key="k2")["VersionId"]
    whole = s3.list_object_versions(Bucket=bucket)
    assert [(v["Key"], v["VersionId"], v["IsLatest"]) for v in whole["Versions"] if v["Key"] == "k1"] == [
        ("k1", id_, i == 0) for i, id_ in enumerate([*ids["k1"][::-1], "null"])]
    assert [(v["VersionId"], v["IsLatest"]) for v in whole["DeleteMarkers"]] == [(marker, True)]
    assert not any(v["IsLatest"] for v in whole["Versions"] if v["Key"] == "k2")
    for size in (1, 2, 3, 5):
        found = []
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": size}):
            part = page.get("Versions", []) + page.get("DeleteMarkers", [])
            assert len(part) <= size
            found += [v["VersionId"] for v in part]
        assert sorted(found) == sorted(v["VersionId"] for v in whole["Versions"] + whole["DeleteMarkers"])
    page = s3.list_object_versions(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["d/"] and {v["Key"] for v in page["Versions"]} == {"k1", "k2"}
    assert refused(s3.list_object_versions, Bucket=bucket, VersionIdMarker=marker) == ("InvalidArgument", 400)
