"""Who may see a bucket: policies, Block Public Access, ACLs, anonymous callers, other accounts, presigned URLs."""
from __future__ import annotations

import http.client
import json
import time
from urllib.parse import urlsplit

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from .refusals import refused


def allow(s3, bucket, **statement):
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | statement]}))


@pytest.fixture
def anonymous(cloud):
    return cloud.client("s3", config=Config(signature_version=UNSIGNED))


@pytest.fixture
def opened(s3, bucket):
    s3.delete_public_access_block(Bucket=bucket)
    return bucket


def web(url, data=None, method="GET", headers=None):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request(method, parts.path + ("?" + parts.query if parts.query else ""), data, headers or {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_a_new_bucket_is_closed_to_everybody_else(cloud, s3, bucket, anonymous):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert refused(anonymous.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    assert refused(cloud.other().client("s3").get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    assert refused(anonymous.list_buckets) == ("AccessDenied", 403)


def test_block_public_access_refuses_public_policies_until_it_is_taken_away(s3, bucket, anonymous):
    statement = {"Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with pytest.raises(s3.exceptions.ClientError, match="BlockPublicPolicy"):
        allow(s3, bucket, **statement)
    allow(s3, bucket, **statement, Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    allow(s3, bucket, **statement)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    assert refused(anonymous.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    s3.delete_public_access_block(Bucket=bucket)
    assert refused(s3.get_public_access_block, Bucket=bucket) == ("NoSuchPublicAccessBlockConfiguration", 404)
    assert anonymous.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    # who may not list is not told what is missing
    assert refused(anonymous.get_object, Bucket=bucket, Key="none") == ("AccessDenied", 403)
    s3.delete_bucket_policy(Bucket=bucket)
    assert refused(anonymous.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    assert refused(s3.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)


def test_another_account_needs_the_buckets_word(cloud, s3, bucket):
    friend = cloud.other()
    s3.put_object(Bucket=bucket, Key="shared/k", Body=b"x")
    s3.put_object(Bucket=bucket, Key="own/k", Body=b"x")
    allow(s3, bucket, Principal={"AWS": friend.account}, Action=["s3:GetObject", "s3:PutObject"], Resource=f"arn:aws:s3:::{bucket}/shared/*")
    theirs = friend.client("s3")
    assert theirs.get_object(Bucket=bucket, Key="shared/k")["Body"].read() == b"x"
    assert refused(theirs.get_object, Bucket=bucket, Key="own/k") == ("AccessDenied", 403)
    theirs.put_object(Bucket=bucket, Key="shared/theirs", Body=b"y")
    assert s3.get_object(Bucket=bucket, Key="shared/theirs")["Body"].read() == b"y"  # BucketOwnerEnforced: the owner's at once
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"][0]["Effect"] == "Allow"


def test_an_explicit_deny_holds_for_the_owner_too(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*",
                         "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}}]}))
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"y") == ("AccessDenied", 403)
    s3.put_object(Bucket=bucket, Key="k", Body=b"z", ServerSideEncryption="AES256")


@pytest.mark.parametrize("policy", ["no json", "{}", '{"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}',
                                    '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::another/*"}]}',
                                    '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "nobody"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::BUCKET/*"}]}',
                                    '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:Send", "Resource": "arn:aws:s3:::BUCKET/*"}]}'])
def test_policies_that_make_no_sense_are_refused(s3, bucket, policy):
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=policy.replace("BUCKET", bucket)) == ("MalformedPolicy", 400)


def test_acls_are_off_in_new_buckets(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="bucket-owner-full-control")
    for call, more in ((s3.put_object, {"Key": "k", "Body": b""}), (s3.put_object_acl, {"Key": "k"}), (s3.put_bucket_acl, {})):
        assert refused(call, Bucket=bucket, ACL="public-read", **more) == ("AccessControlListNotSupported", 400)
    [grant] = s3.get_bucket_acl(Bucket=bucket)["Grants"]
    assert grant["Permission"] == "FULL_CONTROL" and grant["Grantee"]["ID"] == s3.list_buckets()["Owner"]["ID"]
    assert s3.get_object_acl(Bucket=bucket, Key="k")["Grants"] == [grant]
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_acls_count_where_they_are_on(cloud, s3, with_acls, anonymous):
    bucket = with_acls
    s3.put_object(Bucket=bucket, Key="public", Body=b"x", ACL="public-read")
    s3.put_object(Bucket=bucket, Key="private", Body=b"x")
    assert anonymous.get_object(Bucket=bucket, Key="public")["Body"].read() == b"x"
    assert refused(anonymous.get_object, Bucket=bucket, Key="private") == ("AccessDenied", 403)
    friend = cloud.other().client("s3")
    id_ = friend.list_buckets()["Owner"]["ID"]
    s3.put_object_acl(Bucket=bucket, Key="private", GrantRead=f'id="{id_}"')
    assert friend.get_object(Bucket=bucket, Key="private")["Body"].read() == b"x"
    assert refused(friend.list_objects_v2, Bucket=bucket) == ("AccessDenied", 403)
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    anonymous.put_object(Bucket=bucket, Key="written", Body=b"y")
    assert "written" in [one["Key"] for one in anonymous.list_objects_v2(Bucket=bucket)["Contents"]]
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True, "BlockPublicAcls": True})
    assert refused(anonymous.get_object, Bucket=bucket, Key="public") == ("AccessDenied", 403)
    assert refused(s3.put_object_acl, Bucket=bucket, Key="private", ACL="public-read") == ("AccessDenied", 403)
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert refused(s3.get_bucket_ownership_controls, Bucket=bucket) == ("OwnershipControlsNotFoundError", 404)


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_presigned_url_is_good_until_it_expires(cloud, s3, opened, version):
    time.sleep(1)  # signatures know whole seconds: in the second of a jump of the clock they may be from before it
    client = cloud.client("s3", config=Config(signature_version=version))
    put = client.generate_presigned_url("put_object", {"Bucket": opened, "Key": "a b"}, ExpiresIn=300)
    assert web(put, b"data", "PUT") == (200, b"")
    get = client.generate_presigned_url("get_object", {"Bucket": opened, "Key": "a b", "ResponseContentType": "x/y"}, ExpiresIn=300)
    assert web(get) == (200, b"data")
    status, body = web(get.replace("a%20b", "other"))
    assert status == 403 and b"SignatureDoesNotMatch" in body
    cloud.advance(301)
    status, body = web(get)
    assert status == 403 and b"Request has expired" in body


def test_a_presigned_url_may_live_a_week_at_most(cloud, bucket):
    client = cloud.client("s3", config=Config(signature_version="s3v4"))
    status, body = web(client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"}, ExpiresIn=604801))
    assert status == 400 and b"AuthorizationQueryParametersError" in body


def form(fields, content, name="f.txt"):
    mark = "XxX"
    body = b"".join(f'--{mark}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields.items())
    body += f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'.encode() + content + f"\r\n--{mark}--\r\n".encode()
    return body, {"content-type": f"multipart/form-data; boundary={mark}"}


def test_a_form_uploads_what_its_policy_allows(cloud, s3, bucket):
    time.sleep(1)  # signatures know whole seconds: in the second of a jump of the clock they may be from before it
    made = s3.generate_presigned_post(bucket, "up/${filename}", {"success_action_status": "201", "x-amz-meta-a": "b"},
                                      [["content-length-range", 1, 10], {"success_action_status": "201"}, ["starts-with", "$x-amz-meta-a", "b"]], ExpiresIn=60)
    status, body = web(made["url"], *[form(made["fields"], b"hello")[0], "POST", form(made["fields"], b"hello")[1]])
    assert status == 201 and b"<Key>up/f.txt</Key>" in body
    assert s3.get_object(Bucket=bucket, Key="up/f.txt")["Metadata"] == {"a": "b"}
    for start, wanted in (("f.", 204), ("g.", 403)):  # conditions are about the key with the file's name in it
        named = s3.generate_presigned_post(bucket, "${filename}", None, [["starts-with", "$key", start]], ExpiresIn=60)
        data, headers = form(named["fields"], b"hello")
        assert web(named["url"], data, "POST", headers)[0] == wanted
    data, headers = form(made["fields"], b"too long for this")
    assert web(made["url"], data, "POST", headers)[0] == 400
    data, headers = form(made["fields"] | {"x-amz-meta-a": "c"}, b"x")
    status, body = web(made["url"], data, "POST", headers)
    assert status == 403 and b"Policy Condition failed" in body
    data, headers = form(made["fields"] | {"policy": made["fields"]["policy"][:-4] + "AAA="}, b"x")
    assert web(made["url"], data, "POST", headers)[0] in (400, 403)
    cloud.advance(61)
    data, headers = form(made["fields"], b"hello")
    status, body = web(made["url"], data, "POST", headers)
    assert status == 403 and b"Policy expired" in body


def test_a_user_may_what_the_users_policy_says(cloud, s3, bucket):
    iam = cloud.client("iam")
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    client = cloud.client("s3", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="stage=prod")
    assert refused(client.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": {"StringEquals": {"s3:ExistingObjectTag/stage": "prod"}}},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}", "Condition": {"StringLike": {"s3:prefix": "k*"}}}]}))
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "stage", "Value": "dev"}]})
    assert refused(client.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    assert client.list_objects_v2(Bucket=bucket, Prefix="k")["KeyCount"] == 1
    assert refused(client.list_objects_v2, Bucket=bucket) == ("AccessDenied", 403)
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}]})
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [("k", "AccessDenied")]
