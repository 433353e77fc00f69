"""Access points: made, listed, deleted; and buckets reached through them by alias, ARN and host, as far as point and bucket allow."""
from __future__ import annotations

import re

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from cloche.testing.people import Person, allow, deny, document

from ..s3.refusals import refused
from ..s3.test_settings import ask

ALL = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}


def to_here(client, cloud):
    """Clients put the account or the point before the host's name; what they sign stays, where it is sent is here."""
    def send(request, **_):
        scheme, _, rest = request.url.partition("://")
        host, slash, path = rest.partition("/")
        request.headers["Host"] = host
        request.url = f"{scheme}://127.0.0.1:{cloud.port}{slash}{path}"
    client.meta.events.register("before-send", send)
    return client


@pytest.fixture
def control(cloud):
    return to_here(cloud.client("s3control", config=Config(retries={"total_max_attempts": 1})), cloud)


@pytest.fixture
def s3(cloud):
    return to_here(cloud.client("s3", config=Config(retries={"total_max_attempts": 1})), cloud)


@pytest.fixture
def bucket(cloud, s3):
    name = f"b-{cloud.account}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    return name


def make(control, cloud, bucket, name="point", **more):
    return control.create_access_point(AccountId=cloud.account, Name=name, Bucket=bucket, **more)


def test_an_access_point_is_made_found_listed_and_deleted(cloud, control, s3, bucket):
    me = {"AccountId": cloud.account}
    made = make(control, cloud, bucket)
    arn = f"arn:aws:s3:us-east-1:{cloud.account}:accesspoint/point"
    assert made["AccessPointArn"] == arn and re.fullmatch(r"point-[a-z0-9]{34}-s3alias", made["Alias"])
    got = control.get_access_point(**me, Name="point")
    assert (got["Bucket"], got["NetworkOrigin"], got["PublicAccessBlockConfiguration"], got["Alias"], got["BucketAccountId"]) == (bucket, "Internet", ALL, made["Alias"], cloud.account)
    assert got["Endpoints"]["ipv4"] == "s3-accesspoint.us-east-1.amazonaws.com" and got["CreationDate"]
    assert refused(make, control, cloud, bucket) == ("AccessPointAlreadyOwnedByYou", 409)
    assert refused(make, control, cloud, "none-such", name="other") == ("NoSuchBucket", 404)
    for name in ("UPPER", "ends-", "a_b", "x-s3alias"):
        assert refused(make, control, cloud, bucket, name=name) == ("InvalidRequest", 400)
    assert refused(s3.delete_bucket, Bucket=bucket)[1] == 409
    for n in range(3):
        make(control, cloud, bucket, name=f"p{n}x")
    first = control.list_access_points(**me, MaxResults=2)
    rest = control.list_access_points(**me, NextToken=first["NextToken"])
    assert [one["Name"] for one in first["AccessPointList"] + rest["AccessPointList"]] == ["p0x", "p1x", "p2x", "point"] and "NextToken" not in rest
    assert control.list_access_points(**me, Bucket="other")["AccessPointList"] == []
    for name in ("p0x", "p1x", "p2x", "point"):
        control.delete_access_point(**me, Name=name)
    assert refused(control.get_access_point, **me, Name="point") == refused(control.delete_access_point, **me, Name="point") == ("NoSuchAccessPoint", 404)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)


def test_nobody_makes_points_for_another_account(cloud, control):
    other = cloud.other()
    assert refused(control.list_access_points, AccountId=other.account) == ("AccessDenied", 403)
    assert refused(control.get_access_point, AccountId=other.account, Name="point") == ("AccessDenied", 403)


def test_a_bucket_is_reached_through_its_point_by_alias_arn_and_host(cloud, control, s3, bucket):
    made = make(control, cloud, bucket)
    for name in (made["Alias"], made["AccessPointArn"]):
        assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"x"
        s3.put_object(Bucket=name, Key="in/a b", Body=b"y")
        assert [one["Key"] for one in s3.list_objects_v2(Bucket=name, Prefix="in/")["Contents"]] == ["in/a b"]
        assert s3.head_bucket(Bucket=name)["AccessPointAlias"] is True
        id_ = s3.create_multipart_upload(Bucket=name, Key="parts")["UploadId"]
        etag = s3.upload_part(Bucket=name, Key="parts", UploadId=id_, PartNumber=1, Body=b"z")["ETag"]
        s3.complete_multipart_upload(Bucket=name, Key="parts", UploadId=id_, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
        s3.put_object_tagging(Bucket=name, Key="parts", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
        s3.copy_object(Bucket=name, Key="copy", CopySource=f"{made['AccessPointArn']}/object/parts" if name.startswith("arn") else {"Bucket": name, "Key": "parts"})
        assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"z"
        s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "copy"}, {"Key": "in/a b"}]})
        assert refused(s3.get_object, Bucket=name, Key="copy") == ("NoSuchKey", 404)
        assert refused(s3.put_bucket_versioning, Bucket=name, VersioningConfiguration={"Status": "Enabled"}) == ("MethodNotAllowed", 405)
        assert refused(s3.delete_bucket, Bucket=name) == ("MethodNotAllowed", 405)
    assert s3.head_bucket(Bucket=bucket)["AccessPointAlias"] is False
    url = s3.generate_presigned_url("get_object", {"Bucket": made["AccessPointArn"], "Key": "k"})
    host = f"point-{cloud.account}.127.0.0.1:{cloud.port}"
    assert host in url and ask(cloud, "GET", url.partition(host)[2], host)[::2] == (200, b"x")
    control.delete_access_point(AccountId=cloud.account, Name="point")
    assert refused(s3.get_object, Bucket=made["Alias"], Key="k") == ("NoSuchBucket", 404)


def test_point_and_bucket_must_both_allow(cloud, control, s3, bucket):
    point = make(control, cloud, bucket)
    arn, me = point["AccessPointArn"], {"AccountId": cloud.account, "Name": "point"}
    ann = Person(cloud, "ann")
    theirs = to_here(ann.client("s3", config=Config(retries={"total_max_attempts": 1})), cloud)
    assert refused(theirs.get_object, Bucket=arn, Key="k") == ("AccessDenied", 403)
    control.put_access_point_policy(**me, Policy=document(allow("s3:GetObject", f"{arn}/object/*", Principal={"AWS": ann.arn})))
    assert refused(theirs.get_object, Bucket=arn, Key="k") == ("AccessDenied", 403)  # the bucket has not said anything
    s3.put_bucket_policy(Bucket=bucket, Policy=document(allow("s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], Principal={"AWS": "*"},
                                                              Condition={"StringEquals": {"s3:DataAccessPointAccount": cloud.account}})))  # whoever comes through a point of mine
    assert theirs.get_object(Bucket=arn, Key="k")["Body"].read() == b"x"
    assert refused(theirs.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    assert refused(theirs.put_object, Bucket=arn, Key="k", Body=b"") == ("AccessDenied", 403)
    control.put_access_point_policy(**me, Policy=document(allow("s3:*", f"{arn}/object/*", Principal={"AWS": ann.arn}), deny("s3:GetObject", f"{arn}/object/*", Principal={"AWS": ann.arn})))
    assert refused(theirs.get_object, Bucket=arn, Key="k") == ("AccessDenied", 403)
    theirs.put_object(Bucket=arn, Key="new", Body=b"y")
    control.delete_access_point_policy(**me)
    assert refused(theirs.put_object, Bucket=arn, Key="new", Body=b"y") == ("AccessDenied", 403)
    cloud.client("iam").put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document(allow("s3:PutObject", f"{arn}/object/new")))
    theirs.put_object(Bucket=arn, Key="new", Body=b"z")
    assert refused(theirs.put_object, Bucket=arn, Key="other", Body=b"z") == ("AccessDenied", 403)


def test_policies_of_points(cloud, control, bucket):
    arn, me = make(control, cloud, bucket)["AccessPointArn"], {"AccountId": cloud.account, "Name": "point"}
    assert refused(control.get_access_point_policy, **me) == refused(control.get_access_point_policy_status, **me) == ("NoSuchAccessPointPolicy", 404)
    text = document(allow("s3:GetObject", f"{arn}/object/*", Principal={"AWS": cloud.account}))
    control.put_access_point_policy(**me, Policy=text)
    assert control.get_access_point_policy(**me)["Policy"] == text
    assert control.get_access_point_policy_status(**me)["PolicyStatus"]["IsPublic"] is False
    for wrong in ("{", document(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal="*")), document(allow("s3:GetObject", f"{arn}/object/*"))):
        assert refused(control.put_access_point_policy, **me, Policy=wrong) == ("MalformedPolicy", 400)
    public = document(allow("s3:GetObject", f"{arn}/object/*", Principal="*"))
    assert refused(control.put_access_point_policy, **me, Policy=public) == ("AccessDenied", 403)
    open_ = make(control, cloud, bucket, name="open", PublicAccessBlockConfiguration={name: False for name in ALL})["AccessPointArn"]
    control.put_access_point_policy(AccountId=cloud.account, Name="open", Policy=public.replace(arn, open_))
    assert control.get_access_point_policy_status(AccountId=cloud.account, Name="open")["PolicyStatus"]["IsPublic"] is True


def test_a_point_of_a_vpc_is_closed_to_the_internet(cloud, control, s3, bucket):
    point = make(control, cloud, bucket, VpcConfiguration={"VpcId": "vpc-0123456789abcdef0"})
    got = control.get_access_point(AccountId=cloud.account, Name="point")
    assert (got["NetworkOrigin"], got["VpcConfiguration"]) == ("VPC", {"VpcId": "vpc-0123456789abcdef0"})
    assert refused(s3.get_object, Bucket=point["Alias"], Key="k") == ("AccessDenied", 403)


def test_an_account_blocks_public_access_for_all_its_buckets(cloud, control, s3, bucket):
    me = {"AccountId": cloud.account}
    anonymous = cloud.client("s3", config=Config(signature_version=UNSIGNED))
    s3.delete_public_access_block(Bucket=bucket)
    public = document(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal="*"))
    s3.put_bucket_policy(Bucket=bucket, Policy=public)
    assert anonymous.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert refused(control.get_public_access_block, **me) == ("NoSuchPublicAccessBlockConfiguration", 404)
    control.put_public_access_block(**me, PublicAccessBlockConfiguration=ALL)
    assert control.get_public_access_block(**me)["PublicAccessBlockConfiguration"] == ALL
    assert refused(anonymous.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=public) == ("AccessDenied", 403)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    assert refused(s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read") == ("AccessDenied", 403)
    control.delete_public_access_block(**me)
    assert anonymous.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_points_and_buckets_have_tags_by_their_arns(cloud, control, s3, bucket):
    arn = make(control, cloud, bucket, Tags=[{"Key": "a", "Value": "1"}])["AccessPointArn"]
    for one in (arn, f"arn:aws:s3:::{bucket}"):
        me = {"AccountId": cloud.account, "ResourceArn": one}
        control.tag_resource(**me, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}])
        assert control.list_tags_for_resource(**me)["Tags"] == [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}]
        control.untag_resource(**me, TagKeys=["a"])
        assert control.list_tags_for_resource(**me)["Tags"] == [{"Key": "b", "Value": "3"}]
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "b", "Value": "3"}]
    assert refused(control.list_tags_for_resource, AccountId=cloud.account, ResourceArn="arn:aws:s3:::none-such") == ("NoSuchResource", 404)
