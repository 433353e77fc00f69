"""Objects: written, read whole and in part, described, deleted."""
from __future__ import annotations

import hashlib

import pytest

from cloche.wire import checksums

from .refusals import refused


def test_what_is_put_is_got(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="a/b c+d&é.txt", Body=b"hello", ContentType="text/plain", Metadata={"colour": "blue"}, CacheControl="no-cache")
    assert put["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert put["ServerSideEncryption"] == "AES256"
    got = s3.get_object(Bucket=bucket, Key="a/b c+d&é.txt")
    assert got["Body"].read() == b"hello"
    assert (got["ETag"], got["ContentType"], got["Metadata"], got["CacheControl"], got["ContentLength"]) == (put["ETag"], "text/plain", {"colour": "blue"}, "no-cache", 5)
    head = s3.head_object(Bucket=bucket, Key="a/b c+d&é.txt")
    assert {name: head[name] for name in ("ETag", "ContentType", "Metadata", "LastModified", "ContentLength")} == {
        name: got[name] for name in ("ETag", "ContentType", "Metadata", "LastModified", "ContentLength")}


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 1 << 20, (1 << 20) + 1, 5 << 20])
def test_bodies_of_all_sizes_come_back_whole_and_in_part(s3, bucket, size):
    body = bytes(i * 7 % 251 for i in range(min(size, 1000))) * (size // 1000 + 1)
    body = body[:size]
    assert s3.put_object(Bucket=bucket, Key="k", Body=body)["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body
    if size > 10:
        part = s3.get_object(Bucket=bucket, Key="k", Range="bytes=2-5")
        assert (part["Body"].read(), part["ContentRange"], part["ResponseMetadata"]["HTTPStatusCode"]) == (body[2:6], f"bytes 2-5/{size}", 206)
        assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=-3")["Body"].read() == body[-3:]
        assert s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={size - 2}-")["Body"].read() == body[-2:]
        assert s3.head_object(Bucket=bucket, Key="k", Range="bytes=0-0")["ContentLength"] == 1
    assert refused(s3.get_object, Bucket=bucket, Key="k", Range=f"bytes={size}-") == ("InvalidRange", 416)


def test_an_object_is_overwritten(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1" * 100_000)
    s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_a_missing_key_and_a_missing_bucket_are_told_apart(s3, bucket):
    assert refused(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert refused(s3.head_object, Bucket=bucket, Key="none") == ("404", 404)
    assert refused(s3.get_object, Bucket=bucket + "x", Key="none") == ("NoSuchBucket", 404)


def test_reads_may_be_conditional(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)["ETag"] == etag
    assert refused(s3.get_object, Bucket=bucket, Key="k", IfMatch='"other"') == ("PreconditionFailed", 412)
    assert refused(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag) == ("304", 304)
    assert refused(s3.get_object, Bucket=bucket, Key="k", IfModifiedSince=modified) == ("304", 304)
    assert refused(s3.get_object, Bucket=bucket, Key="k", IfUnmodifiedSince="2015-01-01T00:00:00Z") == ("PreconditionFailed", 412)
    assert s3.get_object(Bucket=bucket, Key="k", IfNoneMatch='"other"', IfModifiedSince=modified)["ETag"] == etag
    assert refused(s3.head_object, Bucket=bucket, Key="k", IfMatch='"other"') == ("412", 412)


def test_writes_may_be_conditional(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x", IfNoneMatch="*")["ETag"]
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"y", IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"y", IfMatch='"other"') == ("PreconditionFailed", 412)
    assert refused(s3.put_object, Bucket=bucket, Key="none", Body=b"y", IfMatch=etag) == ("NoSuchKey", 404)
    s3.put_object(Bucket=bucket, Key="k", Body=b"y", IfMatch=etag)
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"y" * (2 << 20), IfMatch=etag) == ("PreconditionFailed", 412)
    assert refused(s3.delete_object, Bucket=bucket, Key="k", IfMatch=etag) == ("PreconditionFailed", 412)


def test_checksums_are_kept_and_wrong_ones_refused(s3, bucket):
    for name, value in (("CRC32", None), ("CRC32C", "yZRlqg=="), ("CRC64NVME", checksums.of("crc64nvme", b"hello world")), ("SHA1", None), ("SHA256", None)):
        if name in ("CRC32C", "CRC64NVME"):
            put = s3.put_object(Bucket=bucket, Key=name, Body=b"hello world", **{f"Checksum{name}": value})
        else:
            put = s3.put_object(Bucket=bucket, Key=name, Body=b"hello world", ChecksumAlgorithm=name)
        got = s3.get_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")
        assert got[f"Checksum{name}"] == put[f"Checksum{name}"] and got["ChecksumType"] == "FULL_OBJECT"
        attributes = s3.get_object_attributes(Bucket=bucket, Key=name, ObjectAttributes=["Checksum", "ETag", "ObjectSize", "StorageClass"])
        assert (attributes["Checksum"][f"Checksum{name}"], attributes["ObjectSize"], attributes["StorageClass"]) == (put[f"Checksum{name}"], 11, "STANDARD")
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"hello", ChecksumCRC32="AAAAAA==") == ("BadDigest", 400)
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"hello", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==") == ("BadDigest", 400)
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"hello", ContentMD5="nonsense") == ("InvalidDigest", 400)
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"h" * (3 << 20), ChecksumSHA256="n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=") == ("BadDigest", 400)
    assert refused(s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)


def test_a_stream_of_unknown_rest_is_taken_out_of_its_chunks(cloud, bucket, tmp_path):
    """Over HTTPS boto3 sends aws-chunked bodies with a trailing checksum; here the same is made to happen over HTTP."""
    from botocore.config import Config
    client = cloud.client("s3", config=Config(s3={"payload_signing_enabled": False}))
    for size in (10, 3 << 20):
        file = tmp_path / "f"
        file.write_bytes(b"z" * size)
        with file.open("rb") as body:
            put = client.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm="SHA256")
        assert put["ChecksumSHA256"]
        got = client.get_object(Bucket=bucket, Key="k")
        assert got["Body"].read() == b"z" * size and "ContentEncoding" not in got


def test_response_headers_may_be_asked_for(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/plain")
    got = s3.get_object(Bucket=bucket, Key="k", ResponseContentType="image/png", ResponseContentDisposition="attachment", ResponseCacheControl="max-age=1")
    assert (got["ContentType"], got["ContentDisposition"], got["CacheControl"]) == ("image/png", "attachment", "max-age=1")


def test_deleting_what_is_not_there_is_fine(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for _ in range(2):
        assert s3.delete_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)


def test_many_are_deleted_at_once(s3, bucket):
    for i in range(3):
        s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"x")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k0"}, {"Key": "none"}]})
    assert [one["Key"] for one in answer["Deleted"]] == ["k0", "none"] and "Errors" not in answer
    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete={"Quiet": True, "Objects": [{"Key": "k1"}]})
    assert [one["Key"] for one in s3.list_objects(Bucket=bucket)["Contents"]] == ["k2"]
    assert refused(s3.delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": str(i)} for i in range(1001)]}) == ("MalformedXML", 400)


def test_limits_of_keys_and_metadata(s3, bucket):
    s3.put_object(Bucket=bucket, Key="é" * 512, Body=b"")
    assert refused(s3.put_object, Bucket=bucket, Key="é" * 513, Body=b"") == ("KeyTooLongError", 400)
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"", Metadata={"a": "b" * 2048}) == ("MetadataTooLarge", 400)
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"", StorageClass="COLD") == ("InvalidStorageClass", 400)


def test_the_answer_made_by_hand_is_the_codecs(s3, bucket):
    """A range of everything takes the long way; its headers must be those of the short way."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ContentType="text/plain", Metadata={"a": "b"}, Tagging="x=y", ContentLanguage="de")
    plain = s3.get_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPHeaders"]
    ranged = s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-4")["ResponseMetadata"]["HTTPHeaders"]
    own = {"x-amz-request-id", "x-amz-id-2", "date", "content-range", "x-amz-checksum-crc32", "x-amz-checksum-type"}
    assert {n: v for n, v in plain.items() if n not in own} == {n: v for n, v in ranged.items() if n not in own}
    assert plain["x-amz-checksum-type"] == "FULL_OBJECT"


def test_a_key_that_looks_like_somebody_elses_address_is_still_a_key(s3, bucket):
    s3.put_object(Bucket=bucket, Key=".well-known/jwks.json", Body=b"{}")
    assert s3.get_object(Bucket=bucket, Key=".well-known/jwks.json")["Body"].read() == b"{}"
