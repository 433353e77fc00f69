"""S3's corners: MFA Delete, requesters who pay, acceleration, archive tiers of INTELLIGENT_TIERING, and what s3-tests showed."""
from __future__ import annotations

import base64
import hashlib
import http.client
import json
from datetime import UTC, datetime

import pytest
from botocore.auth import HmacV1Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cloche.services.iam.mfa import code
from cloche.testing.people import Person, allow

from .refusals import refused


def raw(cloud, method, target, body=b"", **headers):
    """Status, headers and body of a plain request; `Host` may be any."""
    host, port = cloud.url.removeprefix("http://").split(":")
    line = http.client.HTTPConnection(host, int(port), timeout=10)
    line.putrequest(method, target, skip_host="Host" in headers)
    for name, value in headers.items():
        line.putheader(name.replace("_", "-"), value)
    if body or method in ("PUT", "POST"):
        line.putheader("Content-Length", str(len(body)))
    line.endheaders(body)
    answer = line.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    line.close()
    return found


def test_mfa_delete_wants_a_code_of_the_roots_device(cloud, s3, bucket):
    iam = cloud.client("iam")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="root-account-mfa-device")["VirtualMFADevice"]
    seed = base64.b32decode(device["Base32StringSeed"])

    def mfa():
        return f"{device['SerialNumber']} {code(seed, int(datetime.now(UTC).timestamp()) // 30)}"

    on = {"Bucket": bucket, "VersioningConfiguration": {"Status": "Enabled", "MFADelete": "Enabled"}}
    assert refused(s3.put_bucket_versioning, **on) == ("AccessDenied", 403)
    assert refused(s3.put_bucket_versioning, **on, MFA=f"{device['SerialNumber']} 000000x") == ("AccessDenied", 403)
    bob = Person(cloud, "bob", allow("s3:*")).client("s3")
    assert refused(bob.put_bucket_versioning, **on, MFA=mfa()) == ("AccessDenied", 403)
    s3.put_bucket_versioning(**on, MFA=mfa())
    assert s3.get_bucket_versioning(Bucket=bucket)["MFADelete"] == "Enabled"
    rule = {"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}
    assert refused(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration=rule) == ("InvalidBucketState", 409)
    first, second = (s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"] for _ in range(2))
    assert s3.delete_object(Bucket=bucket, Key="k")["DeleteMarker"]  # a marker takes nothing away
    assert refused(s3.delete_object, Bucket=bucket, Key="k", VersionId=first) == ("AccessDenied", 403)
    [error] = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": first}]})["Errors"]
    assert (error["Code"], error["Message"]) == ("AccessDenied", "Mfa Authentication must be used for this request")
    s3.delete_object(Bucket=bucket, Key="k", VersionId=first, MFA=mfa())
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": second}]}, MFA=mfa())["Deleted"]) == 1
    off = {"Bucket": bucket, "VersioningConfiguration": {"Status": "Suspended", "MFADelete": "Disabled"}}
    assert refused(s3.put_bucket_versioning, **off) == ("AccessDenied", 403)
    s3.put_bucket_versioning(**off, MFA=mfa())
    assert s3.get_bucket_versioning(Bucket=bucket)["MFADelete"] == "Disabled"


def test_requesters_pay_where_they_say_so(cloud, s3, bucket):
    other = cloud.other()
    theirs = other.client("s3")
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}]}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "Requester"
    for name, more in (("get_object", {"Key": "k"}), ("put_object", {"Key": "n"}), ("list_objects_v2", {})):
        assert refused(getattr(theirs, name), Bucket=bucket, **more) == ("AccessDenied", 403)
    assert refused(theirs.head_object, Bucket=bucket, Key="k") == ("403", 403)
    assert theirs.get_object(Bucket=bucket, Key="k", RequestPayer="requester")["RequestCharged"] == "requester"
    assert theirs.head_object(Bucket=bucket, Key="k", RequestPayer="requester")["RequestCharged"] == "requester"
    assert theirs.put_object(Bucket=bucket, Key="n", RequestPayer="requester")["RequestCharged"] == "requester"
    assert theirs.list_objects_v2(Bucket=bucket, RequestPayer="requester")["KeyCount"] == 2
    url = theirs.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k", "RequestPayer": "requester"})
    assert raw(cloud, "GET", url.removeprefix(cloud.url), x_amz_request_payer="requester")[0] == 200
    assert raw(cloud, "GET", f"/{bucket}/k", x_amz_request_payer="requester")[0] == 403  # nobody pays for strangers
    assert "RequestCharged" not in s3.get_object(Bucket=bucket, Key="k")
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "BucketOwner"})
    assert "RequestCharged" not in theirs.get_object(Bucket=bucket, Key="k")


def test_the_fast_host_answers_where_acceleration_is_on(cloud, s3, bucket):
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"fast")
    host = f"{bucket}.s3-accelerate.amazonaws.com"
    status, _, body = raw(cloud, "GET", "/k", Host=host)
    assert status == 400 and "S3 Transfer Acceleration is not configured on this bucket" in body
    s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": "Enabled"})
    assert raw(cloud, "GET", "/k", Host=host)[::2] == (200, "fast")
    assert raw(cloud, "GET", "/k", Host=host.replace("accelerate", "accelerate.dualstack"))[::2] == (200, "fast")
    s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": "Suspended"})
    assert "is disabled on this bucket" in raw(cloud, "GET", "/k", Host=host)[2]


def test_what_nobody_reads_goes_to_the_archive_tiers_and_comes_back_for_good(cloud, s3, bucket):
    s3.put_bucket_intelligent_tiering_configuration(Bucket=bucket, Id="cold", IntelligentTieringConfiguration={
        "Id": "cold", "Status": "Enabled", "Filter": {"Prefix": "old/"}, "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}, {"Days": 180, "AccessTier": "DEEP_ARCHIVE_ACCESS"}]})
    for key, size in (("old/k", 128 * 1024), ("old/small", 10), ("new/k", 128 * 1024)):
        s3.put_object(Bucket=bucket, Key=key, Body=bytes(size), StorageClass="INTELLIGENT_TIERING")
    cloud.advance(days=60)
    assert s3.get_object(Bucket=bucket, Key="old/k")["ContentLength"] == 128 * 1024
    cloud.advance(days=60)
    assert "ArchiveStatus" not in s3.head_object(Bucket=bucket, Key="old/k")  # it was read in between
    assert refused(s3.restore_object, Bucket=bucket, Key="old/k", RestoreRequest={}) == ("InvalidObjectState", 403)
    cloud.advance(days=31)
    assert s3.head_object(Bucket=bucket, Key="old/k")["ArchiveStatus"] == "ARCHIVE_ACCESS"
    with pytest.raises(s3.exceptions.InvalidObjectState) as caught:
        s3.get_object(Bucket=bucket, Key="old/k")
    assert (caught.value.response["StorageClass"], caught.value.response["AccessTier"]) == ("INTELLIGENT_TIERING", "ARCHIVE_ACCESS")
    assert s3.get_object(Bucket=bucket, Key="old/small") and s3.get_object(Bucket=bucket, Key="new/k")
    assert refused(s3.restore_object, Bucket=bucket, Key="old/k", RestoreRequest={"Days": 1}) == ("MalformedXML", 400)
    s3.restore_object(Bucket=bucket, Key="old/k", RestoreRequest={"GlacierJobParameters": {"Tier": "Standard"}})
    assert refused(s3.restore_object, Bucket=bucket, Key="old/k", RestoreRequest={"GlacierJobParameters": {"Tier": "Bulk"}}) == ("RestoreAlreadyInProgress", 409)
    assert s3.head_object(Bucket=bucket, Key="old/k")["Restore"] == 'ongoing-request="true"'
    cloud.advance(hours=5)
    head = s3.head_object(Bucket=bucket, Key="old/k")
    assert "ArchiveStatus" not in head and "Restore" not in head
    assert s3.get_object(Bucket=bucket, Key="old/k")["StorageClass"] == "INTELLIGENT_TIERING"
    cloud.advance(days=181)
    assert s3.head_object(Bucket=bucket, Key="old/k")["ArchiveStatus"] == "DEEP_ARCHIVE_ACCESS"
    assert refused(s3.restore_object, Bucket=bucket, Key="old/k", RestoreRequest={"GlacierJobParameters": {"Tier": "Expedited"}}) == ("InvalidArgument", 400)


def test_every_answer_says_which_pages_may_read_it(cloud, s3, bucket):
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://a.example"], "ExposeHeaders": ["ETag"]}]})
    for target in (f"/{bucket}", f"/{bucket}/none"):
        status, headers, _ = raw(cloud, "GET", target, Origin="https://a.example")
        assert status == 403 and headers["access-control-allow-origin"] == "https://a.example" and headers["access-control-expose-headers"] == "ETag"
        assert "access-control-allow-origin" not in raw(cloud, "GET", target, Origin="https://b.example")[1]
    status, headers, _ = raw(cloud, "GET", "/none", Origin="https://a.example", Host=f"{bucket}.s3.amazonaws.com")
    assert status == 403 and "access-control-allow-origin" in headers
    assert "access-control-allow-origin" not in raw(cloud, "PUT", f"/{bucket}/none", Origin="https://a.example")[1]


def test_who_began_an_upload_may_look_at_it_and_end_it(cloud, s3, with_acls):
    other = cloud.other()
    theirs = other.client("s3")
    s3.put_bucket_acl(Bucket=with_acls, ACL="public-read-write")
    upload = {"Bucket": with_acls, "Key": "k", "UploadId": theirs.create_multipart_upload(Bucket=with_acls, Key="k")["UploadId"]}
    mine = {"Bucket": with_acls, "Key": "mine", "UploadId": s3.create_multipart_upload(Bucket=with_acls, Key="mine")["UploadId"]}
    listed = s3.list_multipart_uploads(Bucket=with_acls)["Uploads"]
    assert {one["Key"]: one["Initiator"]["ID"] for one in listed} == {"k": theirs.list_buckets()["Owner"]["ID"], "mine": s3.list_buckets()["Owner"]["ID"]}
    assert theirs.list_parts(**upload)["UploadId"] == upload["UploadId"]
    assert refused(theirs.list_parts, **mine) == refused(theirs.abort_multipart_upload, **mine) == ("AccessDenied", 403)
    theirs.abort_multipart_upload(**upload)
    # who may write by an ACL may say an ACL and tags along with an object
    theirs.put_object(Bucket=with_acls, Key="given", ACL="bucket-owner-full-control", Tagging="a=b")
    assert refused(theirs.put_object_acl, Bucket=with_acls, Key="mine", ACL="public-read") == ("AccessDenied", 403)


def test_parts_of_a_composite_checksum_are_read_with_their_own(s3, bucket):
    big = bytes(5 << 20)
    upload = {"Bucket": bucket, "Key": "k", "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]}
    parts = [{"PartNumber": n} | {name: value for name, value in s3.upload_part(**upload, PartNumber=n, Body=body, ChecksumAlgorithm="SHA256").items() if name in ("ETag", "ChecksumSHA256")}
             for n, body in ((1, big), (2, b"end"))]
    whole = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})["ChecksumSHA256"]
    assert whole.endswith("-2")
    for n in (1, 2):
        head = s3.head_object(Bucket=bucket, Key="k", PartNumber=n, ChecksumMode="ENABLED")
        assert (head["ChecksumSHA256"], head["ChecksumType"]) == (parts[n - 1]["ChecksumSHA256"], "COMPOSITE")
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["ChecksumSHA256"] == whole


def test_a_write_says_when_a_rule_will_end_the_object(s3, bucket):
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [{"ID": "soon", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}}]})
    assert 'rule-id="soon"' in s3.put_object(Bucket=bucket, Key="tmp/a", Body=b"x")["Expiration"]
    assert 'rule-id="soon"' in s3.copy_object(Bucket=bucket, Key="tmp/b", CopySource=f"{bucket}/tmp/a")["Expiration"]
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="kept", Body=b"x")
    upload = {"Bucket": bucket, "Key": "tmp/c", "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="tmp/c")["UploadId"]}
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    assert 'rule-id="soon"' in s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})["Expiration"]


def test_a_bucket_made_again_in_us_east_1_has_its_acl_put_back(s3, with_acls):
    s3.put_bucket_acl(Bucket=with_acls, ACL="public-read")
    assert len(s3.get_bucket_acl(Bucket=with_acls)["Grants"]) == 2
    s3.create_bucket(Bucket=with_acls)
    assert len(s3.get_bucket_acl(Bucket=with_acls)["Grants"]) == 1
    # grants to e-mail addresses ended in October 2025
    assert refused(s3.put_bucket_acl, Bucket=with_acls, GrantRead="emailAddress=a@example.com") == ("MethodNotAllowed", 405)


def test_a_policy_may_let_see_that_keys_of_a_prefix_are_missing(cloud, s3, bucket):
    theirs = cloud.other().client("s3")
    s3.delete_public_access_block(Bucket=bucket)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}", "Condition": {"StringLike": {"s3:prefix": "public/*"}}}
    reading = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement, reading]}))
    assert refused(theirs.head_object, Bucket=bucket, Key="public/none") == ("404", 404)
    assert refused(theirs.head_object, Bucket=bucket, Key="private/none") == ("403", 403)
    wrong = {"Effect": "Allow", "NotPrincipal": {"AWS": f"arn:aws:iam::{cloud.account}:root"}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [wrong]})) == ("MalformedPolicy", 400)


def test_a_form_may_bring_a_customers_key(cloud, s3, bucket):
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]})
    key = bytes(range(32))
    named = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": base64.b64encode(key).decode(), "SSECustomerKeyMD5": base64.b64encode(hashlib.md5(key).digest()).decode()}
    fields = {"x-amz-server-side-encryption-customer-algorithm": "AES256", "x-amz-server-side-encryption-customer-key": named["SSECustomerKey"],
              "x-amz-server-side-encryption-customer-key-md5": named["SSECustomerKeyMD5"]}
    form = s3.generate_presigned_post(bucket, "k", Fields=dict(fields), Conditions=[{name: value} for name, value in fields.items()])
    body = "".join(f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in form["fields"].items())
    body += '--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nsecret\r\n--x--\r\n'
    assert raw(cloud, "POST", f"/{bucket}", body.encode(), Content_Type="multipart/form-data; boundary=x")[0] == 204
    assert refused(s3.get_object, Bucket=bucket, Key="k") == ("InvalidRequest", 400)
    assert s3.get_object(Bucket=bucket, Key="k", SSECustomerAlgorithm="AES256", SSECustomerKey=key)["Body"].read() == b"secret"


def test_version_2_looks_at_the_date_first(cloud, s3, bucket):
    def said(date):
        request = AWSRequest("GET", f"{cloud.url}/{bucket}", headers={"x-amz-date": date})
        HmacV1Auth(Credentials(cloud.account, "wrong")).add_auth(request)
        return raw(cloud, "GET", f"/{bucket}", **{name.replace("-", "_"): value for name, value in request.headers.items()})[2]

    assert "<Code>AccessDenied</Code><Message>AWS authentication requires a valid Date" in said("Bad Date")
    assert "<Code>AccessDenied</Code>" in said("Tue, 07 Jul 1950 21:53:04 GMT")
    assert "<Code>RequestTimeTooSkewed</Code>" in said("Tue, 07 Jul 2010 21:53:04 GMT")


def test_a_body_without_a_length_is_not_implemented_and_a_url_for_no_time_has_expired(cloud, s3, with_acls):
    s3.put_bucket_acl(Bucket=with_acls, ACL="public-read-write")
    host, port = cloud.url.removeprefix("http://").split(":")
    line = http.client.HTTPConnection(host, int(port), timeout=10)
    line.request("PUT", f"/{with_acls}/k", body=iter([b"a", b"b"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    answer = line.getresponse()
    assert answer.status == 501 and b"<Header>Transfer-Encoding</Header>" in answer.read()
    line.close()
    s3.put_object(Bucket=with_acls, Key="k", Body=b"x")
    request = AWSRequest("GET", f"{cloud.url}/{with_acls}/k")
    S3SigV4QueryAuth(Credentials(cloud.account, "test"), "s3", "us-east-1", expires=0).add_auth(request)
    status, _, body = raw(cloud, "GET", request.url.removeprefix(cloud.url))
    assert status == 403 and "Request has expired" in body


def test_a_stranger_is_refused_before_the_body_is_asked_for(cloud, bucket):
    host, port = cloud.url.removeprefix("http://").split(":")
    line = http.client.HTTPConnection(host, int(port), timeout=10)
    line.putrequest("PUT", f"/{bucket}/k")
    line.putheader("Expect", "100-continue")
    line.putheader("Content-Length", "5")
    line.endheaders()
    line.sock.settimeout(10)
    assert line.sock.recv(12) == b"HTTP/1.1 403"
    line.close()


def test_listing_buckets_is_allowed_on_all_of_them(cloud):
    assert "Buckets" in Person(cloud, "ann", allow("s3:ListAllMyBuckets", "arn:aws:s3:::*")).client("s3").list_buckets()
    assert "Buckets" in Person(cloud, "bob", allow("s3:ListAllMyBuckets")).client("s3").list_buckets()
    assert refused(Person(cloud, "cy", allow("s3:ListAllMyBuckets", "arn:aws:s3:::mine")).client("s3").list_buckets) == ("AccessDenied", 403)


def test_acls_for_objects_are_passed_over_where_a_bucket_is_made(cloud, s3):
    s3.create_bucket(Bucket=f"o-{cloud.account}", ACL="bucket-owner-full-control")
    assert len(s3.get_bucket_acl(Bucket=f"o-{cloud.account}")["Grants"]) == 1
    s3.put_object(Bucket=f"o-{cloud.account}", Key="k", ACL="bucket-owner-full-control")  # says what is so anyway
