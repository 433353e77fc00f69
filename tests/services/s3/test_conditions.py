"""Conditional writes and reads, and what happens to one that is overtaken."""
from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest
from botocore.config import Config

from .refusals import refused

BIG = 3 << 20  # comes as a stream: the condition is looked at before and after


def begun(cloud, bucket, headers, meanwhile):
    """A PUT whose body follows only after `meanwhile` has been done; the server asks for it when it has looked at the condition."""
    client = cloud.client("s3", config=Config(signature_version="s3v4"))
    url = urlsplit(client.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k"}))
    connection = http.client.HTTPConnection(url.netloc, timeout=20)
    connection.putrequest("PUT", f"{url.path}?{url.query}")
    for name, value in {"content-length": str(BIG), "expect": "100-continue", **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    line = connection.sock.recv(1024)
    assert line.startswith(b"HTTP/1.1 100"), line
    meanwhile()
    connection.send(b"x" * BIG)
    answer = connection.getresponse()
    text = answer.read().decode()
    return answer.status, text.partition("<Code>")[2].partition("</Code>")[0]


def test_a_write_over_what_was_seen_is_a_conflict_if_that_is_deleted_meanwhile(cloud, s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    assert begun(cloud, bucket, {"if-match": etag}, lambda: s3.delete_object(Bucket=bucket, Key="k")) == (409, "ConditionalRequestConflict")
    assert refused(s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)


def test_a_write_over_what_was_seen_fails_if_that_is_changed_meanwhile(cloud, s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    assert begun(cloud, bucket, {"if-match": etag}, lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"2")) == (412, "PreconditionFailed")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"


def test_the_first_of_two_that_want_a_new_key_wins(cloud, s3, bucket):
    assert begun(cloud, bucket, {"if-none-match": "*"}, lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")) == (412, "PreconditionFailed")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"
    s3.delete_object(Bucket=bucket, Key="k")
    assert begun(cloud, bucket, {"if-none-match": "*"}, lambda: None) == (200, "")


@pytest.mark.parametrize("versioned", [False, True])
def test_a_new_key_that_came_and_went_meanwhile_is_a_conflict(cloud, s3, bucket, versioned):
    if versioned:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def come_and_go():
        s3.put_object(Bucket=bucket, Key="k", Body=b"2")
        s3.delete_object(Bucket=bucket, Key="k")
    assert begun(cloud, bucket, {"if-none-match": "*"}, come_and_go) == ((409, "ConditionalRequestConflict") if versioned else (200, ""))


def test_both_conditions_of_a_write_are_too_much(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"y", IfMatch=etag, IfNoneMatch="*") == ("NotImplemented", 501)
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"y", IfNoneMatch=etag) == ("NotImplemented", 501)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_an_upload_may_be_completed_on_condition(s3, bucket):
    def upload():
        id_ = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=id_, PartNumber=1, Body=b"x")["ETag"]
        return {"Bucket": bucket, "Key": "k", "UploadId": id_, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": etag}]}}
    etag = s3.complete_multipart_upload(**upload(), IfNoneMatch="*")["ETag"]
    assert refused(s3.complete_multipart_upload, **upload(), IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert refused(s3.complete_multipart_upload, **upload(), IfMatch='"other"') == ("PreconditionFailed", 412)
    assert refused(s3.complete_multipart_upload, **upload(), IfMatch=etag, IfNoneMatch="*") == ("NotImplemented", 501)
    s3.complete_multipart_upload(**upload(), IfMatch=etag)
    s3.delete_object(Bucket=bucket, Key="k")
    assert refused(s3.complete_multipart_upload, **upload(), IfMatch=etag) == ("NoSuchKey", 404)


def test_reads_are_conditional(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert refused(s3.get_object, Bucket=bucket, Key="k", IfMatch='"other"') == ("PreconditionFailed", 412)
    assert refused(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=put["ETag"])[1] == 304
    assert refused(s3.head_object, Bucket=bucket, Key="k", IfNoneMatch=put["ETag"])[1] == 304
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=put["ETag"], IfNoneMatch='"other"')["Body"].read() == b"x"
