"""What is set on buckets and objects: tags, encryption, locks, CORS, lifecycle, web sites."""
from __future__ import annotations

import http.client
import json
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import boto3
import pytest

from .refusals import refused

DAY = 86400


def ask(cloud, method, path, host=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=10)
    connection.request(method, path, headers={"Host": host or f"127.0.0.1:{cloud.port}"} | headers)
    answer = connection.getresponse()
    return answer.status, dict((n.lower(), v) for n, v in answer.getheaders()), answer.read()


def open_to_all(bucket):
    return json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"],
                                      "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}]})


def test_buckets_and_objects_have_tags(s3, bucket):
    tags = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "b c", "Value": ""}]}
    assert refused(s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tags)
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags["TagSet"]
    s3.delete_bucket_tagging(Bucket=bucket)
    assert refused(s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="x=1&y=2%203")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "x", "Value": "1"}, {"Key": "y", "Value": "2 3"}]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tags)
    assert s3.head_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    assert refused(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": str(i), "Value": ""} for i in range(11)]}) == ("BadRequest", 400)
    assert refused(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": ""}] * 2}) == ("InvalidTag", 400)


def test_everything_is_sealed_and_ssec_is_blocked_until_allowed(s3, bucket):
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    key = b"0" * 32
    assert refused(s3.put_object, Bucket=bucket, Key="c", Body=b"x", SSECustomerAlgorithm="AES256", SSECustomerKey=key) == ("AccessDenied", 403)
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]})
    put = s3.put_object(Bucket=bucket, Key="c", Body=b"x", SSECustomerAlgorithm="AES256", SSECustomerKey=key)
    assert put["SSECustomerAlgorithm"] == "AES256" and "ServerSideEncryption" not in put
    assert s3.get_object(Bucket=bucket, Key="c", SSECustomerAlgorithm="AES256", SSECustomerKey=key)["Body"].read() == b"x"
    assert refused(s3.get_object, Bucket=bucket, Key="c") == ("InvalidRequest", 400)
    assert refused(s3.get_object, Bucket=bucket, Key="c", SSECustomerAlgorithm="AES256", SSECustomerKey=b"1" * 32) == ("AccessDenied", 403)
    assert refused(s3.put_object, Bucket=bucket, Key="c", SSECustomerAlgorithm="AES256", SSECustomerKey=b"short") == ("InvalidArgument", 400)
    assert refused(s3.put_object, Bucket=bucket, Key="c", ServerSideEncryption="AES256", SSEKMSKeyId="k") == ("InvalidArgument", 400)
    s3.delete_bucket_encryption(Bucket=bucket)
    assert refused(s3.put_object, Bucket=bucket, Key="c", Body=b"x", SSECustomerAlgorithm="AES256", SSECustomerKey=key) == ("AccessDenied", 403)


def test_locked_versions_stay(cloud, s3):
    bucket = f"lock-{cloud.account}"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert refused(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}) == ("InvalidBucketState", 409)
    until = datetime.fromtimestamp(cloud.now, UTC) + timedelta(days=1)
    id_ = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)["VersionId"]
    assert refused(s3.delete_object, Bucket=bucket, Key="k", VersionId=id_) == ("AccessDenied", 403)
    assert s3.delete_object(Bucket=bucket, Key="k")["DeleteMarker"] is True
    assert s3.get_object_retention(Bucket=bucket, Key="k", VersionId=id_)["Retention"]["Mode"] == "GOVERNANCE"
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": until - timedelta(hours=1)}
    assert refused(s3.put_object_retention, Bucket=bucket, Key="k", VersionId=id_, Retention=shorter) == ("AccessDenied", 403)
    s3.put_object_retention(Bucket=bucket, Key="k", VersionId=id_, Retention=shorter, BypassGovernanceRetention=True)
    s3.put_object_legal_hold(Bucket=bucket, Key="k", VersionId=id_, LegalHold={"Status": "ON"})
    assert s3.get_object_legal_hold(Bucket=bucket, Key="k", VersionId=id_)["LegalHold"]["Status"] == "ON"
    assert refused(s3.delete_object, Bucket=bucket, Key="k", VersionId=id_, BypassGovernanceRetention=True) == ("AccessDenied", 403)
    s3.put_object_legal_hold(Bucket=bucket, Key="k", VersionId=id_, LegalHold={"Status": "OFF"})
    cloud.advance(DAY)
    s3.delete_object(Bucket=bucket, Key="k", VersionId=id_)
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}})
    assert s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]["Days"] == 1
    id_ = s3.put_object(Bucket=bucket, Key="c", Body=b"x")["VersionId"]
    assert refused(s3.delete_object, Bucket=bucket, Key="c", VersionId=id_, BypassGovernanceRetention=True) == ("AccessDenied", 403)


def test_a_bucket_without_locks_says_so(s3, bucket):
    assert refused(s3.get_object_lock_configuration, Bucket=bucket) == ("ObjectLockConfigurationNotFoundError", 404)
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert refused(s3.put_object_legal_hold, Bucket=bucket, Key="k", LegalHold={"Status": "ON"}) == ("InvalidRequest", 400)


def test_pages_of_the_origins_named_may_read(cloud, s3, bucket):
    assert refused(s3.get_bucket_cors, Bucket=bucket) == ("NoSuchCORSConfiguration", 404)
    rules = [{"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["https://*.example.com"], "AllowedHeaders": ["x-*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60}]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == rules
    asked = {"Origin": "https://www.example.com", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "X-Amz-Date"}
    status, headers, _ = ask(cloud, "OPTIONS", f"/{bucket}/k", **asked)
    assert (status, headers["access-control-allow-origin"], headers["access-control-allow-headers"], headers["access-control-max-age"]) == (
        200, "https://www.example.com", "x-amz-date", "60")
    status, _, body = ask(cloud, "OPTIONS", f"/{bucket}/k", **(asked | {"Origin": "https://evil.com"}))
    assert status == 403 and b"AccessForbidden" in body
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.meta.events.register("before-sign.s3.GetObject", _from_a_page)
    try:
        got = s3.get_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPHeaders"]
    finally:
        s3.meta.events.unregister("before-sign.s3.GetObject", _from_a_page)
    assert (got["access-control-allow-origin"], got["access-control-expose-headers"]) == ("https://www.example.com", "ETag")
    assert refused(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["FLY"], "AllowedOrigins": ["*"]}]}) == ("InvalidRequest", 400)
    s3.delete_bucket_cors(Bucket=bucket)
    assert ask(cloud, "OPTIONS", f"/{bucket}/k", **asked)[0] == 403


def _from_a_page(request, **_):
    request.headers["Origin"] = "https://www.example.com"


def test_dates_of_rules_are_midnights(s3, bucket):
    for action in ({"Expiration": {"Date": 20220927}}, {"Transitions": [{"Date": 20220927, "StorageClass": "GLACIER"}]}):
        rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, **action}
        assert refused(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}) == ("InvalidArgument", 400)


def test_objects_expire_at_midnight(cloud, s3, bucket):
    assert refused(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == ("NoSuchLifecycleConfiguration", 404)
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [
        {"ID": "r", "Status": "Enabled", "Filter": {"And": {"Prefix": "tmp/", "Tags": [{"Key": "t", "Value": "1"}]}}, "Expiration": {"Days": 3}},
        {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}},
        {"ID": "m", "Status": "Enabled", "Filter": {"Prefix": "big/"}, "Transitions": [{"Days": 4, "StorageClass": "GLACIER"}]}]})
    for key, tag in (("tmp/a", "t=1"), ("tmp/b", "t=2"), ("c", "t=1")):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x", Tagging=tag)
    s3.put_object(Bucket=bucket, Key="big/k", Body=b"x" * 200_000)
    s3.put_object(Bucket=bucket, Key="big/small", Body=b"x")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="u")["UploadId"]
    head = s3.head_object(Bucket=bucket, Key="tmp/a")
    assert 'rule-id="r"' in head["Expiration"] and "00:00:00 GMT" in head["Expiration"] and "Expiration" not in s3.head_object(Bucket=bucket, Key="tmp/b")
    cloud.advance(days=2.999)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 5
    assert refused(s3.list_parts, Bucket=bucket, Key="u", UploadId=upload) == ("NoSuchUpload", 404) or cloud.now % DAY
    cloud.advance(days=1.1)
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["big/k", "big/small", "c", "tmp/b"]
    cloud.advance(days=1.1)
    assert {one["Key"]: one["StorageClass"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]} == {
        "big/k": "GLACIER", "big/small": "STANDARD", "c": "STANDARD", "tmp/b": "STANDARD"}
    assert refused(s3.get_object, Bucket=bucket, Key="big/k") == ("InvalidObjectState", 403)
    s3.delete_bucket_lifecycle(Bucket=bucket)


def test_an_archived_object_is_readable_some_hours_after_it_was_asked_for(cloud, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="GLACIER")
    s3.put_object(Bucket=bucket, Key="warm", Body=b"x")
    asked = {"Bucket": bucket, "Key": "k"}
    assert refused(s3.get_object, **asked) == ("InvalidObjectState", 403)
    assert refused(s3.restore_object, Bucket=bucket, Key="warm", RestoreRequest={"Days": 1}) == ("InvalidObjectState", 403)
    answer = s3.restore_object(**asked, RestoreRequest={"Days": 2, "GlacierJobParameters": {"Tier": "Standard"}})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert s3.head_object(**asked)["Restore"] == 'ongoing-request="true"'
    assert refused(s3.restore_object, **asked, RestoreRequest={"Days": 2}) == ("RestoreAlreadyInProgress", 409)
    s3.restore_object(**asked, RestoreRequest={"Days": 2, "GlacierJobParameters": {"Tier": "Expedited"}})
    assert refused(s3.get_object, **asked) == ("InvalidObjectState", 403)
    cloud.advance(301)
    assert 'ongoing-request="false", expiry-date=' in s3.head_object(**asked)["Restore"]
    assert s3.get_object(**asked)["Body"].read() == b"x"
    assert s3.head_object(**asked)["StorageClass"] == "GLACIER"
    assert s3.restore_object(**asked, RestoreRequest={"Days": 3})["ResponseMetadata"]["HTTPStatusCode"] == 200
    cloud.advance(days=5)
    assert refused(s3.get_object, **asked) == ("InvalidObjectState", 403)


def test_expiration_in_a_versioned_bucket_adds_a_marker_and_older_versions_go_later(cloud, s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [
        {"ID": "r", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}, "NoncurrentVersionExpiration": {"NoncurrentDays": 2}}]})
    cloud.advance(days=2)
    found = s3.list_object_versions(Bucket=bucket)
    assert len(found["Versions"]) == 1 and found["DeleteMarkers"][0]["IsLatest"]
    cloud.advance(days=4)
    found = s3.list_object_versions(Bucket=bucket)
    assert "Versions" not in found and "DeleteMarkers" not in found


@pytest.mark.parametrize("rule", [{"Status": "Enabled", "Filter": {"Prefix": ""}}, {"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 0}}])
def test_rules_that_do_nothing_are_refused(s3, bucket, rule):
    assert refused(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})[1] == 400


def test_a_bucket_is_a_web_site(cloud, s3, bucket):
    host = f"{bucket}.s3-website-us-east-1.amazonaws.com"
    assert ask(cloud, "GET", "/", host)[0] == 404
    assert refused(s3.get_bucket_website, Bucket=bucket) == ("NoSuchWebsiteConfiguration", 404)
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}, "RoutingRules": [
        {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/", "HttpRedirectCode": "302"}}]})
    assert s3.get_bucket_website(Bucket=bucket)["IndexDocument"]["Suffix"] == "index.html"
    for key in ("index.html", "docs/index.html", "error.html"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), ContentType="text/html")
    s3.put_object(Bucket=bucket, Key="moved", Body=b"", WebsiteRedirectLocation="/elsewhere")
    assert ask(cloud, "GET", "/", host)[0] == 403
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=open_to_all(bucket))
    status, headers, body = ask(cloud, "GET", "/", host)
    assert (status, headers["content-type"], body) == (200, "text/html", b"index.html")
    assert ask(cloud, "GET", "/docs/", host)[2] == b"docs/index.html"
    status, headers, _ = ask(cloud, "GET", "/docs", host)
    assert (status, headers["location"]) == (302, "/docs/")
    assert ask(cloud, "GET", "/none", host)[::2] == (404, b"error.html")
    status, headers, _ = ask(cloud, "GET", "/moved", host)
    assert (status, headers["location"]) == (301, "/elsewhere")
    status, headers, _ = ask(cloud, "GET", "/old/x", host)
    assert (status, headers["location"]) == (302, f"http://{host}/new/x")
    assert ask(cloud, "PUT", "/x", host)[0] == 405
    s3.delete_bucket_website(Bucket=bucket)
    assert ask(cloud, "GET", "/", host)[0] == 404


def test_a_bucket_answers_under_its_own_host_name(cloud, s3, bucket):
    time.sleep(1)  # signatures know whole seconds: in the second of a jump of the clock they may be from before it
    from botocore import UNSIGNED
    from botocore.config import Config
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=open_to_all(bucket))
    s3.put_object(Bucket=bucket, Key="a b", Body=b"x")
    for host in (f"{bucket}.s3.amazonaws.com", f"{bucket}.s3.us-east-1.amazonaws.com", f"{bucket}.s3.localhost:{cloud.port}"):
        assert ask(cloud, "GET", "/a%20b", host)[::2] == (200, b"x")
    assert cloud.client("s3", config=Config(signature_version=UNSIGNED)).get_object(Bucket=bucket, Key="a b")["Body"].read() == b"x"
    s3.delete_bucket_policy(Bucket=bucket)
    signer = boto3.client("s3", region_name="us-east-1", endpoint_url=f"http://s3.localhost:{cloud.port}", aws_access_key_id=cloud.account, aws_secret_access_key="test",
                          config=Config(s3={"addressing_style": "virtual"}, signature_version="s3v4"))
    url = urlsplit(signer.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a b"}))
    assert url.netloc == f"{bucket}.s3.localhost:{cloud.port}"
    assert ask(cloud, "GET", f"{url.path}?{url.query}", url.netloc)[::2] == (200, b"x")
