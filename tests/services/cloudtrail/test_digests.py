"""CloudTrail: digests, and the real `aws cloudtrail` that checks them (AWS_CLI names it)."""
import datetime
import gzip
import hashlib
import json
import os
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from cloche.testing.people import refused

from .test_trails import bucket, keys, trail

AWS = os.environ.get("AWS_CLI") or shutil.which("aws") or "/work/venv-clients/bin/aws"
no_cli = pytest.mark.skipif(not os.access(AWS, os.X_OK), reason="no aws CLI")


def digest(cloud, name, key):
    answer = cloud.client("s3").get_object(Bucket=name, Key=key)
    raw = gzip.decompress(answer["Body"].read())
    return json.loads(raw), raw, answer["Metadata"]


def digests(cloud, name):
    return [key for key in keys(cloud, name) if "/CloudTrail-Digest/" in key]


def pkcs1(raw):
    """A public key in PKCS #1, as ListPublicKeys gives it, in the envelope that `cryptography` reads."""
    bits = b"\x03" + _length(len(raw) + 1) + b"\x00" + raw
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    return load_der_public_key(b"\x30" + _length(len(algorithm + bits)) + algorithm + bits)


def _length(n):
    return bytes([n]) if n < 128 else b"\x82" + n.to_bytes(2, "big")


def test_an_hours_files_are_listed_and_signed(cloud):
    name, client = bucket(cloud), cloud.client("cloudtrail")
    begun = cloud.now
    trail(cloud, S3BucketName=name, EnableLogFileValidation=True)
    cloud.advance(301)
    assert not digests(cloud, name)
    cloud.advance(3600)
    [key] = digests(cloud, name)
    found, raw, metadata = digest(cloud, name, key)
    end = datetime.datetime.fromisoformat(found["digestEndTime"])
    assert key == (f"AWSLogs/{cloud.account}/CloudTrail-Digest/us-east-1/{end:%Y/%m/%d}/{cloud.account}_CloudTrail-Digest_us-east-1_main_us-east-1_{end:%Y%m%dT%H%M%SZ}.json.gz")
    assert found["awsAccountId"] == cloud.account and found["digestS3Object"] == key and found["previousDigestSignature"] is None
    [file] = found["logFiles"]
    log = gzip.decompress(cloud.client("s3").get_object(Bucket=name, Key=file["s3Object"])["Body"].read())
    assert file["hashValue"] == hashlib.sha256(log).hexdigest() and file["hashAlgorithm"] == "SHA-256"
    [public] = client.list_public_keys(StartTime=begun, EndTime=cloud.now)["PublicKeyList"]
    assert public["Fingerprint"] == found["digestPublicKeyFingerprint"] and metadata["signature-algorithm"] == "SHA256withRSA"
    text = f"{found['digestEndTime']}\n{name}/{key}\n{hashlib.sha256(raw).hexdigest()}\nnull"
    pkcs1(public["Value"]).verify(bytes.fromhex(metadata["signature"]), text.encode(), padding.PKCS1v15(), SHA256())
    assert client.get_trail_status(Name="main")["LatestDigestDeliveryTime"]


def test_digests_are_a_chain(cloud):
    name = bucket(cloud)
    trail(cloud, S3BucketName=name, EnableLogFileValidation=True)
    cloud.advance(hours=3, seconds=60)
    first, second, third = digests(cloud, name)
    a, _, signed = digest(cloud, name, first)
    b, _, _ = digest(cloud, name, second)
    assert b["previousDigestS3Object"] == first and b["previousDigestSignature"] == signed["signature"] and b["digestStartTime"] == a["digestEndTime"] and not b["logFiles"]
    cloud.client("cloudtrail").stop_logging(Name="main")
    cloud.advance(hours=3)
    assert digests(cloud, name) == [first, second, third]
    cloud.client("cloudtrail").start_logging(Name="main")
    cloud.advance(hours=1, seconds=60)
    assert digest(cloud, name, digests(cloud, name)[-1])[0]["previousDigestS3Object"] is None     # a new chain


def test_public_keys_are_of_a_span_of_time(cloud):
    client = cloud.client("cloudtrail")
    refused("InvalidTimeRangeException", client.list_public_keys, StartTime=2000, EndTime=1000)
    assert client.list_public_keys(StartTime=1000, EndTime=2000)["PublicKeyList"] == []


@no_cli
def test_the_cli_looks_events_up_and_validates_logs(cloud, tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ACCESS_KEY_ID": cloud.account, "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
                   "AWS_ENDPOINT_URL": cloud.url, "AWS_EC2_METADATA_DISABLED": "true"}

    def aws(*arguments):
        done = subprocess.run([AWS, "cloudtrail", *arguments], env=environment, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr
    name, begun = bucket(cloud), datetime.datetime.fromtimestamp(cloud.now, datetime.UTC)
    arn = trail(cloud, S3BucketName=name, EnableLogFileValidation=True)["TrailARN"]
    cloud.client("sqs").create_queue(QueueName="q")
    code, said = aws("lookup-events", "--lookup-attributes", "AttributeKey=EventName,AttributeValue=CreateQueue")
    assert code == 0 and '"EventSource": "sqs.amazonaws.com"' in said
    cloud.advance(hours=2, seconds=60)
    span = ("--start-time", f"{begun:%Y-%m-%dT%H:%M:%SZ}", "--end-time", f"{datetime.datetime.fromtimestamp(cloud.now, datetime.UTC):%Y-%m-%dT%H:%M:%SZ}")
    code, said = aws("validate-logs", "--trail-arn", arn, *span)
    assert code == 0 and "2/2 digest files valid" in said and "log files valid" in said and "INVALID" not in said, said
    [log, *_] = [key for key in keys(cloud, name) if "/CloudTrail/" in key]
    cloud.client("s3").put_object(Bucket=name, Key=log, Body=gzip.compress(b'{"Records":[]}'))
    code, said = aws("validate-logs", "--trail-arn", arn, *span)
    assert code == 1 and "hash value doesn't match" in said, said
