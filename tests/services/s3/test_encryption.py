"""What a key of KMS's or of the customer's locks is locked on the disk too."""
from __future__ import annotations

import hashlib
import os

import pytest

from cloche.testing.cloche import Cloche

from .refusals import refused

MARK = b"the fox said nothing"
BIG = (MARK + b"." * 12) * 9000              # 288 KB: a file of its own
PARTS = [(MARK + b"/" * 12) * 170_000, (b"-" * 13 + MARK) * 170_000, MARK * 5]  # 5.4 MB each, and a rest
MINE = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with Cloche(tmp_path_factory.mktemp("data")) as cloud:
        yield cloud


def on_disk(cloud) -> bytes:
    data = b""
    for folder, _, files in os.walk(cloud.bell.cloud.data):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                data += file.read()
    return data


def upload(s3, bucket, key, **how):
    id_ = s3.create_multipart_upload(Bucket=bucket, Key=key, **how)["UploadId"]
    customer = {k: v for k, v in how.items() if "Customer" in k}
    done = [{"PartNumber": n, "ETag": s3.upload_part(Bucket=bucket, Key=key, UploadId=id_, PartNumber=n, Body=body, **customer)["ETag"]} for n, body in enumerate(PARTS, 1)]
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=id_, MultipartUpload={"Parts": done}, **customer)


def test_what_a_key_locks_is_not_readable_on_the_disk_and_whole_for_who_has_the_key(own):
    s3, kms = own.client("s3"), own.client("kms")
    s3.create_bucket(Bucket="locked")
    s3.put_bucket_encryption(Bucket="locked", ServerSideEncryptionConfiguration={"Rules": [{"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]})
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    with_kms = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    for name, how, read in (("kms", with_kms, {}), ("mine", MINE, MINE)):
        s3.put_object(Bucket="locked", Key=f"{name}/small", Body=MARK, **how)
        s3.put_object(Bucket="locked", Key=f"{name}/big", Body=BIG, **how)
        s3.put_object(Bucket="locked", Key=f"{name}/huge", Body=PARTS[0], **how)  # comes as a stream
        upload(s3, "locked", f"{name}/parts", **how)
        source = {f"CopySource{k}": v for k, v in read.items()}
        s3.copy_object(Bucket="locked", Key=f"{name}/copy", CopySource=f"locked/{name}/big", **how, **source)
        id_ = s3.create_multipart_upload(Bucket="locked", Key=f"{name}/pieced", **how)["UploadId"]
        part = s3.upload_part_copy(Bucket="locked", Key=f"{name}/pieced", UploadId=id_, PartNumber=1, CopySource=f"locked/{name}/parts", CopySourceRange="bytes=5439990-5440989", **read, **source)
        s3.complete_multipart_upload(Bucket="locked", Key=f"{name}/pieced", UploadId=id_, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]}, **read)
        whole = b"".join(PARTS)
        for kind, body in (("small", MARK), ("big", BIG), ("huge", PARTS[0]), ("parts", whole), ("copy", BIG), ("pieced", whole[5439990:5440990])):
            got = s3.get_object(Bucket="locked", Key=f"{name}/{kind}", **read)
            assert hashlib.sha256(got["Body"].read()).digest() == hashlib.sha256(body).digest(), (name, kind)
        for first, last in ((0, 0), (7, 40), (5_440_000 - 3, 5_440_000 + 50), (10_879_999, len(whole) - 1)):
            got = s3.get_object(Bucket="locked", Key=f"{name}/parts", Range=f"bytes={first}-{last}", **read)
            assert got["Body"].read() == whole[first:last + 1], (name, first)
        assert s3.get_object(Bucket="locked", Key=f"{name}/parts", PartNumber=2, **read)["Body"].read() == PARTS[1]
    assert MARK not in on_disk(own) and b"k" * 32 not in on_disk(own)
    s3.put_object(Bucket="locked", Key="open", Body=MARK)  # SSE-S3: the search would have found it
    assert MARK in on_disk(own)
    kms.disable_key(KeyId=key)
    assert refused(s3.get_object, Bucket="locked", Key="kms/big")[0] == "KMS.DisabledException"
    assert refused(s3.upload_part_copy, Bucket="locked", Key="kms/pieced", UploadId=s3_upload(s3, kms, key), PartNumber=1, CopySource="locked/open")[0] == "KMS.DisabledException"


def s3_upload(s3, kms, key) -> str:
    """An upload begun while the key was open."""
    kms.enable_key(KeyId=key)
    id_ = s3.create_multipart_upload(Bucket="locked", Key="kms/pieced", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)["UploadId"]
    kms.disable_key(KeyId=key)
    return id_
