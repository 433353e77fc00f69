"""What the caller needs of KMS, where the key must be, and what each missing or wrong header of SSE-C is told."""
from __future__ import annotations

import hashlib
import http.client
from base64 import b64encode

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from cloche.testing.people import Person, allow, document, refused

PART = b"p" * (5 << 20)
KEY = b"k" * 32
ALGORITHM, SECRET, DIGEST = (f"x-amz-server-side-encryption-customer-{name}" for name in ("algorithm", "key", "key-md5"))
MINE = {ALGORITHM: "AES256", SECRET: b64encode(KEY).decode(), DIGEST: b64encode(hashlib.md5(KEY).digest()).decode()}


@pytest.fixture
def key(cloud):
    return cloud.client("kms").create_key()["KeyMetadata"]["Arn"]


def asked(cloud, bucket, operation, headers, key="c", body=b"x"):
    """Code and sentence of a signed request with just these headers of SSE, or its status."""
    method = {"put_object": "PUT", "get_object": "GET", "head_object": "HEAD"}[operation]
    request = AWSRequest(method, f"{cloud.url}/{bucket}/{key}", headers, body if method == "PUT" else b"")
    S3SigV4Auth(Credentials(cloud.account, "test"), "s3", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=10)
    connection.request(method, f"/{bucket}/{key}", request.data, dict(request.headers))
    answer = connection.getresponse()
    text = answer.read().decode()
    return (answer.status, text) if answer.status < 300 or method == "HEAD" else (answer.status, _in(text, "Code"), _in(text, "Message"))


def _in(text, name):
    return text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]


def test_the_caller_needs_kms_to_write_to_read_and_to_join_parts(cloud, s3, bucket, key):
    everything = allow("s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"])
    how = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    none, writer, reader = Person(cloud, "none", everything), Person(cloud, "writer", everything, allow("kms:GenerateDataKey", key)), Person(cloud, "reader", everything, allow("kms:Decrypt", key))
    where = {"Bucket": bucket, "Key": "k"}
    for person in (none, reader):
        assert "kms:GenerateDataKey" in refused("AccessDenied", person.client("s3").put_object, **where, Body=b"x", **how)
    writer.client("s3").put_object(**where, Body=b"x", **how)
    for person in (none, writer):
        assert "kms:Decrypt" in refused("AccessDenied", person.client("s3").get_object, **where)
    assert reader.client("s3").get_object(**where)["Body"].read() == b"x"
    theirs = writer.client("s3")
    id_ = theirs.create_multipart_upload(**where, **how)["UploadId"]
    assert "kms:Decrypt" in refused("AccessDenied", theirs.upload_part, **where, UploadId=id_, PartNumber=1, Body=b"x")
    cloud.client("iam").put_user_policy(UserName="writer", PolicyName="more", PolicyDocument=document(allow("kms:Decrypt")))
    etag = theirs.upload_part(**where, UploadId=id_, PartNumber=1, Body=b"x")["ETag"]
    theirs.complete_multipart_upload(**where, UploadId=id_, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert theirs.get_object(**where)["Body"].read() == b"x"


def test_the_key_must_be_where_the_bucket_is(cloud, s3, bucket):
    far = cloud.client("kms", region="eu-west-1").create_key()["KeyMetadata"]["Arn"]
    for name in (far, far.rpartition("/")[2]):
        refused("KMS.NotFoundException", s3.put_object, Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=name)
    there = cloud.client("s3", region="eu-west-1")
    there.create_bucket(Bucket=f"eu-{cloud.account}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert there.put_object(Bucket=f"eu-{cloud.account}", Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=far)["SSEKMSKeyId"] == far


def test_a_key_of_another_account_must_be_opened_by_that_account(cloud, s3, bucket):
    friend = cloud.other()
    kms = friend.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    how = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    refused("AccessDenied", s3.put_object, Bucket=bucket, Key="k", Body=b"x", **how)
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(allow("kms:*", Principal={"AWS": [cloud.account, friend.account]})))
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"x", **how)["SSEKMSKeyId"] == key
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_reads_say_nothing_of_the_servers_own_encryption(cloud, s3, bucket, key):
    s3.put_object(Bucket=bucket, Key="c", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    s3.put_object(Bucket=bucket, Key="plain", Body=b"x")
    for name in ("c", "plain"):
        for header in ({"x-amz-server-side-encryption": "aws:kms"}, {"x-amz-server-side-encryption": "AES256"}, {"x-amz-server-side-encryption-aws-kms-key-id": key}):
            assert asked(cloud, bucket, "get_object", header, name)[:2] == (400, "InvalidArgument")
            assert asked(cloud, bucket, "head_object", header, name)[0] == 400
    assert asked(cloud, bucket, "get_object", {}) == (200, "x")


def test_each_header_of_the_customers_key_is_missed_in_its_own_words(cloud, s3, bucket):
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]})
    assert asked(cloud, bucket, "put_object", MINE)[0] == 200

    def put(**changed):
        return asked(cloud, bucket, "put_object", {name: value for name, value in (MINE | {n.replace("_", "-"): v for n, v in changed.items()}).items() if value is not None})
    a, k, d = (name.replace("-", "_") for name in (ALGORITHM, SECRET, DIGEST))
    start = "Requests specifying Server Side Encryption with Customer provided keys must provide "
    assert put(**{a: None}) == (400, "InvalidArgument", start + "a valid encryption algorithm.")
    assert put(**{k: None}) == (400, "InvalidArgument", start + "an appropriate secret key.")
    assert put(**{d: None}) == (400, "InvalidArgument", start + "the client calculated MD5 of the secret key.")
    assert put(**{a: "AES128"})[:2] == (400, "InvalidEncryptionAlgorithmError")
    for wrong in (b64encode(b"short").decode(), "!!"):
        assert put(**{k: wrong}) == (400, "InvalidArgument", "The secret key was invalid for the specified algorithm.")
    assert put(**{d: b64encode(b"0" * 16).decode()}) == (400, "InvalidArgument", "The calculated MD5 hash of the key did not match the hash that was provided.")
    assert put(**{"x_amz_server_side_encryption": "AES256"})[:2] == (400, "InvalidArgument")
    other = {ALGORITHM: "AES256", SECRET: b64encode(b"o" * 32).decode(), DIGEST: b64encode(hashlib.md5(b"o" * 32).digest()).decode()}
    assert asked(cloud, bucket, "get_object", MINE) == (200, "x")
    assert asked(cloud, bucket, "get_object", {})[:2] == (400, "InvalidRequest")
    assert asked(cloud, bucket, "get_object", other)[:2] == (403, "AccessDenied")
    assert asked(cloud, bucket, "head_object", {}) == (400, "")
    assert asked(cloud, bucket, "head_object", other) == (403, "")
    assert asked(cloud, bucket, "head_object", MINE) == (200, "")


def test_every_part_and_every_copy_repeats_the_customers_key(s3, bucket):
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]})
    mine, other = ({"SSECustomerAlgorithm": "AES256", "SSECustomerKey": secret} for secret in (KEY, b"o" * 32))
    where = {"Bucket": bucket, "Key": "c"}
    id_ = s3.create_multipart_upload(**where, **mine)["UploadId"]
    first = s3.upload_part(**where, UploadId=id_, PartNumber=1, Body=PART, **mine)["ETag"]
    for how in ({}, other):
        with pytest.raises(ClientError):
            s3.upload_part(**where, UploadId=id_, PartNumber=2, Body=b"x", **how)
    second = s3.upload_part(**where, UploadId=id_, PartNumber=2, Body=b"x", **mine)["ETag"]
    s3.complete_multipart_upload(**where, UploadId=id_, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": second}]}, **mine)
    assert s3.get_object(**where, **mine)["Body"].read() == PART + b"x"
    copy = {"Bucket": bucket, "Key": "d", "CopySource": where}
    refused("InvalidRequest", s3.copy_object, **copy)
    refused("AccessDenied", s3.copy_object, **copy, **{f"CopySource{name}": value for name, value in other.items()})
    s3.copy_object(**copy, **{f"CopySource{name}": value for name, value in mine.items()}, **other)
    refused("AccessDenied", s3.get_object, Bucket=bucket, Key="d", **mine)
    assert s3.get_object(Bucket=bucket, Key="d", **other)["Body"].read() == PART + b"x"
