"""Which encryption a write gets: what it asks for, over what its bucket has by default."""
from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest

from .refusals import refused

KEY = b"k" * 32


@pytest.fixture
def key(cloud):
    return cloud.client("kms").create_key()["KeyMetadata"]


def default(s3, bucket, **rule):
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


def test_a_write_without_a_word_takes_the_buckets_default(s3, bucket, key):
    put = s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    assert put["ServerSideEncryption"] == "AES256" and put["ETag"] == f'"{hashlib.md5(b"x").hexdigest()}"'
    default(s3, bucket, ApplyServerSideEncryptionByDefault={"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key["Arn"]}, BucketKeyEnabled=True)
    put = s3.put_object(Bucket=bucket, Key="b", Body=b"x")
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"], put["BucketKeyEnabled"]) == ("aws:kms", key["Arn"], True)
    assert put["ETag"] != f'"{hashlib.md5(b"x").hexdigest()}"'
    head = s3.head_object(Bucket=bucket, Key="b")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"], head["ETag"]) == ("aws:kms", key["Arn"], put["ETag"])
    assert s3.put_object(Bucket=bucket, Key="c", Body=b"x", ServerSideEncryption="AES256")["ServerSideEncryption"] == "AES256"
    assert s3.head_object(Bucket=bucket, Key="a")["ServerSideEncryption"] == "AES256"  # what lies there stays as it is


def test_kms_without_a_key_is_aws_own_key_made_at_its_first_use(cloud, s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="a", Body=b"x", ServerSideEncryption="aws:kms")
    kms = cloud.client("kms")
    found = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert (put["SSEKMSKeyId"], found["KeyManager"]) == (found["Arn"], "AWS")


def test_a_key_may_be_named_by_id_arn_or_alias(cloud, s3, bucket, key):
    cloud.client("kms").create_alias(AliasName="alias/mine", TargetKeyId=key["KeyId"])
    for name in (key["KeyId"], key["Arn"], "alias/mine"):
        assert s3.put_object(Bucket=bucket, Key="a", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=name)["SSEKMSKeyId"] == key["Arn"]
    assert s3.put_object(Bucket=bucket, Key="a", Body=b"x", ServerSideEncryption="aws:kms:dsse", SSEKMSKeyId=key["Arn"])["ServerSideEncryption"] == "aws:kms:dsse"


def test_contradictions_are_refused(s3, bucket, key):
    put = {"Bucket": bucket, "Key": "a", "Body": b"x"}
    assert refused(s3.put_object, **put, ServerSideEncryption="AES256", SSEKMSKeyId=key["Arn"]) == ("InvalidArgument", 400)
    assert refused(s3.put_object, **put, ServerSideEncryption="rot13")[1] == 400
    assert refused(s3.put_object, **put, ServerSideEncryption="AES256", SSECustomerAlgorithm="AES256", SSECustomerKey=KEY) == ("InvalidArgument", 400)


def test_what_kms_refuses_has_its_own_names_on_write_and_read(cloud, s3, bucket, key):
    kms = cloud.client("kms")
    how = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key["Arn"]}
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", **how)
    missing = key["Arn"][:-12] + "0" * 12
    assert refused(s3.put_object, Bucket=bucket, Key="b", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=missing) == ("KMS.NotFoundException", 400)
    kms.disable_key(KeyId=key["KeyId"])
    assert refused(s3.put_object, Bucket=bucket, Key="b", Body=b"x", **how) == ("KMS.DisabledException", 400)
    assert refused(s3.get_object, Bucket=bucket, Key="a") == ("KMS.DisabledException", 400)
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    assert refused(s3.put_object, Bucket=bucket, Key="b", Body=b"x", **how) == ("KMS.KMSInvalidStateException", 400)
    assert refused(s3.get_object, Bucket=bucket, Key="a") == ("KMS.KMSInvalidStateException", 400)


def test_a_customers_key_must_fit_and_come_with_every_request(s3, bucket):
    mine = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY}
    where = {"Bucket": bucket, "Key": "c"}
    assert refused(s3.put_object, **where, Body=b"x", **mine) == ("AccessDenied", 403)  # blocked in new buckets since April 2026
    default(s3, bucket, BlockedEncryptionTypes={"EncryptionType": ["NONE"]})
    s3.put_object(**where, Body=b"x", **mine)
    assert refused(s3.put_object, **where, Body=b"x", SSECustomerAlgorithm="AES128", SSECustomerKey=KEY) == ("InvalidEncryptionAlgorithmError", 400)
    assert refused(s3.put_object, **where, Body=b"x", SSECustomerAlgorithm="AES256", SSECustomerKey=b"short") == ("InvalidArgument", 400)
    wrong = b64encode(b"0" * 16).decode()
    assert refused(s3.put_object, **where, Body=b"x", SSECustomerAlgorithm="AES256", SSECustomerKey=b64encode(KEY).decode(), SSECustomerKeyMD5=wrong) == ("InvalidArgument", 400)
    assert refused(s3.get_object, **where) == ("InvalidRequest", 400)
    assert refused(s3.get_object, **where, SSECustomerAlgorithm="AES256", SSECustomerKey=b"o" * 32) == ("AccessDenied", 403)
    assert refused(s3.head_object, **where)[1] == 400
    assert refused(s3.head_object, **where, SSECustomerAlgorithm="AES256", SSECustomerKey=b"o" * 32)[1] == 403
    source = {f"CopySource{name}": value for name, value in mine.items()}
    s3.copy_object(Bucket=bucket, Key="d", CopySource=f"{bucket}/c", **source)
    assert s3.get_object(Bucket=bucket, Key="d")["Body"].read() == b"x"
    id_ = s3.create_multipart_upload(**where, **mine)["UploadId"]
    assert refused(s3.upload_part, **where, UploadId=id_, PartNumber=1, Body=b"x")[1] == 400
    assert s3.upload_part(**where, UploadId=id_, PartNumber=1, Body=b"x", **mine)["SSECustomerAlgorithm"] == "AES256"
