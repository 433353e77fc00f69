"""Uploads in parts, and copies."""
from __future__ import annotations

import hashlib

import pytest
from boto3.s3.transfer import TransferConfig

from .refusals import refused

MIB = 1 << 20


def begin(s3, bucket, key="k", **more):
    return {"Bucket": bucket, "Key": key, "UploadId": s3.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]}


def send(s3, upload, bodies, start=1):
    return [{"PartNumber": n, "ETag": s3.upload_part(**upload, PartNumber=n, Body=body)["ETag"]} for n, body in enumerate(bodies, start)]


def test_parts_become_one_object(s3, bucket):
    upload = begin(s3, bucket, ContentType="text/x", Metadata={"a": "b"}, Tagging="t=u")
    bodies = [b"a" * (5 * MIB), b"b" * (5 * MIB), b"end"]
    parts = send(s3, upload, bodies)
    listed = s3.list_parts(**upload)
    assert [(p["PartNumber"], p["Size"], p["ETag"]) for p in listed["Parts"]] == [(p["PartNumber"], len(b), p["ETag"]) for p, b in zip(parts, bodies, strict=True)]
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload["UploadId"]]
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert done["ETag"] == f'"{hashlib.md5(b"".join(hashlib.md5(b).digest() for b in bodies)).hexdigest()}-3"'
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"".join(bodies) and (got["ContentType"], got["Metadata"]) == ("text/x", {"a": "b"})
    second = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert (second["Body"].read(), second["PartsCount"], second["ContentRange"]) == (bodies[1], 3, f"bytes {5 * MIB}-{10 * MIB - 1}/{10 * MIB + 3}")
    assert refused(s3.get_object, Bucket=bucket, Key="k", PartNumber=4) == ("InvalidPartNumber", 416)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    again = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert again["ETag"] == done["ETag"]


def test_what_cannot_be_completed_is_refused(s3, bucket):
    upload = begin(s3, bucket)
    parts = send(s3, upload, [b"small", b"last"])
    complete = s3.complete_multipart_upload
    assert refused(complete, **upload, MultipartUpload={"Parts": parts}) == ("EntityTooSmall", 400)
    assert refused(complete, **upload, MultipartUpload={"Parts": parts[::-1]}) == ("InvalidPartOrder", 400)
    assert refused(complete, **upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": '"x"'}]}) == ("InvalidPart", 400)
    assert refused(complete, **upload, MultipartUpload={"Parts": []}) == ("MalformedXML", 400)
    assert refused(complete, **(upload | {"UploadId": "none"}), MultipartUpload={"Parts": parts}) == ("NoSuchUpload", 404)
    assert refused(s3.upload_part, **upload, PartNumber=10001, Body=b"") == ("InvalidArgument", 400)
    complete(**upload, MultipartUpload={"Parts": parts[1:]})  # parts that are not listed are dropped
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"last"


def test_an_aborted_upload_is_gone(s3, bucket):
    upload = begin(s3, bucket)
    send(s3, upload, [b"x" * 100_000])
    s3.abort_multipart_upload(**upload)
    assert refused(s3.list_parts, **upload) == ("NoSuchUpload", 404)
    assert refused(s3.upload_part, **upload, PartNumber=1, Body=b"x") == ("NoSuchUpload", 404)


def test_checksums_of_uploads(s3, bucket):
    upload = begin(s3, bucket, ChecksumAlgorithm="SHA256")
    parts = []
    for n, body in enumerate([b"a" * (5 * MIB), b"b"], 1):
        answer = s3.upload_part(**upload, PartNumber=n, Body=body, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": n, "ETag": answer["ETag"], "ChecksumSHA256": answer["ChecksumSHA256"]})
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert done["ChecksumSHA256"].endswith("-2") and done["ChecksumType"] == "COMPOSITE"
    shown = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts", "Checksum"])
    assert shown["ObjectParts"]["TotalPartsCount"] == 2 and shown["ObjectParts"]["Parts"][1]["Size"] == 1
    upload = begin(s3, bucket, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    parts = [{"PartNumber": n, "ETag": s3.upload_part(**upload, PartNumber=n, Body=body, ChecksumAlgorithm="CRC32")["ETag"]}
             for n, body in enumerate([b"a" * (5 * MIB), b"b"], 1)]
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert done["ChecksumCRC32"] == s3.put_object(Bucket=bucket, Key="j", Body=b"a" * (5 * MIB) + b"b", ChecksumAlgorithm="CRC32")["ChecksumCRC32"]


def test_boto3s_own_transfers_work(s3, bucket, tmp_path):
    file = tmp_path / "big"
    file.write_bytes(bytes(range(256)) * 4096 * 18)
    s3.upload_file(str(file), bucket, "big", Config=TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB))
    s3.download_file(bucket, "big", str(tmp_path / "back"), Config=TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=5 * MIB))
    assert (tmp_path / "back").read_bytes() == file.read_bytes()
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy", Config=TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB))
    assert s3.head_object(Bucket=bucket, Key="copy")["ContentLength"] == 18 * MIB


@pytest.mark.parametrize("size", [5, 200_000])
def test_copies_take_or_replace_the_description(s3, bucket, size):
    s3.put_object(Bucket=bucket, Key="a b", Body=b"x" * size, ContentType="text/x", Metadata={"m": "1"}, Tagging="t=1")
    copied = s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "a b"})
    assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(b"x" * size).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="c")
    assert (got["Body"].read(), got["ContentType"], got["Metadata"], got["TagCount"]) == (b"x" * size, "text/x", {"m": "1"}, 1)
    s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "a b"}, MetadataDirective="REPLACE", Metadata={"n": "2"}, TaggingDirective="REPLACE", Tagging="")
    got = s3.get_object(Bucket=bucket, Key="c")
    assert got["Metadata"] == {"n": "2"} and "TagCount" not in got
    assert refused(s3.copy_object, Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "c"}) == ("InvalidRequest", 400)
    assert refused(s3.copy_object, Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "none"}) == ("NoSuchKey", 404)
    assert refused(s3.copy_object, Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "a b"}, CopySourceIfMatch='"x"') == ("PreconditionFailed", 412)


def test_a_part_may_be_copied(s3, bucket):
    s3.put_object(Bucket=bucket, Key="source", Body=bytes(range(100)) * 1000)
    upload = begin(s3, bucket)
    answer = s3.upload_part_copy(**upload, PartNumber=1, CopySource={"Bucket": bucket, "Key": "source"}, CopySourceRange="bytes=10-19")
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": answer["CopyPartResult"]["ETag"]}]})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == bytes(range(10, 20))
    upload = begin(s3, bucket)
    assert refused(s3.upload_part_copy, **upload, PartNumber=1, CopySource={"Bucket": bucket, "Key": "source"}, CopySourceRange="bytes=0-100000") == ("InvalidArgument", 400)
