"""In which order S3 refuses: who is it, what is denied, what is allowed, what is public; and what a policy may not be."""
from __future__ import annotations

import json

from cloche.testing.people import Person, allow, deny, document

from .refusals import refused


def put_policy(s3, bucket, *statements):
    s3.put_bucket_policy(Bucket=bucket, Policy=document(*statements))


def objects(bucket):
    return f"arn:aws:s3:::{bucket}/*"


def test_a_wrong_signature_is_said_before_anything_else(cloud, bucket):
    stranger = cloud.client("s3", secret="wrong")
    assert refused(stranger.get_object, Bucket="no-such-bucket-at-all", Key="k") == ("SignatureDoesNotMatch", 403)
    assert refused(cloud.client("s3", key="AKIAAAAAAAAAAAAAAAAA").get_object, Bucket=bucket, Key="k") == ("InvalidAccessKeyId", 403)


def test_an_explicit_deny_of_either_side_wins(cloud, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    ann = Person(cloud, "ann", allow("s3:GetObject", objects(bucket)))
    assert ann.client("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    put_policy(s3, bucket, deny("s3:GetObject", objects(bucket), Principal={"AWS": ann.arn}))
    assert refused(ann.client("s3").get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    put_policy(s3, bucket, allow("s3:GetObject", objects(bucket), Principal={"AWS": ann.arn}))
    bob = Person(cloud, "bob")
    assert refused(bob.client("s3").get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    put_policy(s3, bucket, allow("s3:GetObject", objects(bucket), Principal={"AWS": bob.arn}))
    assert bob.client("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"  # in one account the bucket's word is enough
    cloud.client("iam").put_user_policy(UserName="bob", PolicyName="no", PolicyDocument=document(deny("s3:*")))
    assert refused(bob.client("s3").get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    put_policy(s3, bucket, deny("s3:*", [objects(bucket), f"arn:aws:s3:::{bucket}"], Principal="*"))
    assert refused(s3.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)  # root too
    s3.delete_bucket_policy(Bucket=bucket)                                         # but for the policy itself


def test_acls_that_are_off_are_said_before_those_that_are_public(s3, bucket):
    """Both would refuse: BucketOwnerEnforced is asked first, Block Public Access second."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert refused(s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read") == ("AccessControlListNotSupported", 400)
    assert refused(s3.put_bucket_acl, Bucket=bucket, ACL="public-read") == ("AccessControlListNotSupported", 400)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]})
    assert refused(s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read") == ("AccessDenied", 403)
    assert refused(s3.put_bucket_acl, Bucket=bucket, ACL="public-read") == ("AccessDenied", 403)
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"", ACL="public-read") == ("AccessDenied", 403)


def test_a_policy_may_have_20_kilobytes(s3, bucket):
    def of(size):
        text = document(allow("s3:GetObject", objects(bucket), Principal={"AWS": "arn:aws:iam::123456789012:root"}, Sid="S"))
        return text.replace('"S"', '"' + "S" * (size - len(text) + 1) + '"')
    assert len(of(20 * 1024)) == 20 * 1024
    s3.put_bucket_policy(Bucket=bucket, Policy=of(20 * 1024))
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == of(20 * 1024)
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=of(20 * 1024 + 1)) == ("MalformedPolicy", 400)


def test_a_condition_with_a_fixed_value_makes_a_policy_private(s3, bucket):
    def public(**condition):
        s3.put_bucket_policy(Bucket=bucket, Policy=document(allow("s3:GetObject", objects(bucket), Principal="*", **({"Condition": condition} if condition else {}))))
        return s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"]
    s3.delete_public_access_block(Bucket=bucket)
    assert public()
    for key, value in (("aws:SourceAccount", "123456789012"), ("aws:SourceVpce", "vpce-1"), ("aws:PrincipalOrgID", "o-1")):
        assert not public(StringEquals={key: value})
        assert public(StringLike={key: "*"})
    assert not public(ArnEquals={"aws:SourceArn": "arn:aws:sns:us-east-1:123456789012:t"})
    assert public(StringEquals={"aws:Referer": "http://example.com"})
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
