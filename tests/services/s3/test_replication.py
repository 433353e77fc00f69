"""Replication: what goes to the other bucket, under whose role, what does not, and what the source says of it."""
from __future__ import annotations

import hashlib
import json
import time

import pytest

from cloche.testing.people import Person, allow, document, trusting

from .refusals import refused
from .test_notifications import messages, queue  # noqa: F401

BIG = bytes(range(256)) * 1200
READ = ["s3:GetReplicationConfiguration", "s3:ListBucket", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging", "s3:GetObjectRetention",
        "s3:GetObjectLegalHold"]
WRITE = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags", "s3:ObjectOwnerOverrideToBucketOwner"]


def versioned(s3, name, **more):
    s3.create_bucket(Bucket=name, **more)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture
def source(cloud, s3):
    return versioned(s3, f"src-{cloud.account}")


@pytest.fixture
def target(cloud, s3):
    return versioned(s3, f"dst-{cloud.account}")


def role_for(cloud, name="replicator", actions=(*READ, *WRITE), more=()):
    iam = cloud.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting({"Service": "s3.amazonaws.com"}))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow(list(actions)), *more))
    return arn


@pytest.fixture
def role(cloud):
    return role_for(cloud)


def rule(target, **more):
    destination = {"Bucket": f"arn:aws:s3:::{target}"} | more.pop("Destination", {})
    return {"ID": "r", "Status": "Enabled", "Priority": 1, "Filter": {"Prefix": ""}, "DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": destination} | more


def old_rule(target, **more):
    """The older schema: a prefix of its own and no priority."""
    return {name: value for name, value in (rule(target) | {"Prefix": ""} | more).items() if name not in ("Filter", "Priority", "DeleteMarkerReplication")}


def configure(s3, source, role, *rules):
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role, "Rules": list(rules)})


def settled(s3, bucket, key, version=None):
    """What the source says in the end."""
    for _ in range(100):
        status = s3.head_object(Bucket=bucket, Key=key, **({"VersionId": version} if version else {})).get("ReplicationStatus")
        if status != "PENDING":
            return status
        time.sleep(0.05)
    raise AssertionError("it is pending for ever")


def test_a_new_version_goes_to_the_other_bucket_as_it_is(cloud, s3, source, target, role):
    s3.put_object(Bucket=source, Key="before", Body=b"x")
    configure(s3, source, role, rule(target))
    assert s3.get_bucket_replication(Bucket=source)["ReplicationConfiguration"] == {"Role": role, "Rules": [rule(target)]}
    put = s3.put_object(Bucket=source, Key="a b", Body=b"hello", Metadata={"m": "1"}, ContentType="text/x", Tagging="t=1", StorageClass="STANDARD_IA")
    assert settled(s3, source, "a b") == "COMPLETED"
    assert s3.get_object(Bucket=source, Key="a b")["ReplicationStatus"] == "COMPLETED"
    there = s3.get_object(Bucket=target, Key="a b", VersionId=put["VersionId"])
    here = s3.head_object(Bucket=source, Key="a b")
    assert (there["Body"].read(), there["ReplicationStatus"], there["VersionId"]) == (b"hello", "REPLICA", put["VersionId"])
    for same in ("ETag", "LastModified", "Metadata", "ContentType", "StorageClass", "ServerSideEncryption"):
        assert there[same] == here[same]
    assert s3.get_object_tagging(Bucket=target, Key="a b")["TagSet"] == [{"Key": "t", "Value": "1"}]
    # what was there before does not go, and says nothing of it
    assert refused(s3.head_object, Bucket=target, Key="before")[1] == 404
    assert "ReplicationStatus" not in s3.head_object(Bucket=source, Key="before")
    s3.delete_bucket_replication(Bucket=source)
    assert refused(s3.get_bucket_replication, Bucket=source) == ("ReplicationConfigurationNotFoundError", 404)
    assert "ReplicationStatus" not in s3.head_object(Bucket=source, Key=s3.put_object(Bucket=source, Key="after", Body=b"") and "after")


def test_large_objects_and_uploads_in_parts_arrive_whole(cloud, s3, source, target, role):
    configure(s3, source, role, rule(target))
    s3.put_object(Bucket=source, Key="big", Body=BIG)
    id_ = s3.create_multipart_upload(Bucket=source, Key="parts")["UploadId"]
    parts = [s3.upload_part(Bucket=source, Key="parts", UploadId=id_, PartNumber=n, Body=body)["ETag"] for n, body in ((1, b"1" * (5 << 20)), (2, b"2" * 70000))]
    s3.complete_multipart_upload(Bucket=source, Key="parts", UploadId=id_, MultipartUpload={"Parts": [{"PartNumber": n, "ETag": e} for n, e in enumerate(parts, 1)]})
    s3.copy_object(Bucket=source, Key="copy", CopySource=f"{source}/big")
    for key in ("big", "parts", "copy"):
        assert settled(s3, source, key) == "COMPLETED"
        one, other = (s3.get_object(Bucket=bucket, Key=key) for bucket in (source, target))
        assert one["ETag"] == other["ETag"] and hashlib.md5(one["Body"].read()).digest() == hashlib.md5(other["Body"].read()).digest()
    assert s3.get_object(Bucket=target, Key="parts", PartNumber=2)["Body"].read() == b"2" * 70000


def test_versions_arrive_in_order_and_can_be_deleted_by_their_ids(cloud, s3, source, target, role):
    configure(s3, source, role, rule(target))
    ids = [s3.put_object(Bucket=source, Key="k", Body=str(n).encode())["VersionId"] for n in range(4)]
    assert [settled(s3, source, "k", id_) for id_ in ids] == ["COMPLETED"] * 4
    assert [one["VersionId"] for one in s3.list_object_versions(Bucket=target)["Versions"]] == ids[::-1]
    assert s3.get_object(Bucket=target, Key="k")["Body"].read() == b"3"
    s3.delete_object(Bucket=target, Key="k", VersionId=ids[3])
    assert s3.get_object(Bucket=target, Key="k")["VersionId"] == ids[2]
    assert refused(s3.get_object, Bucket=target, Key="k", VersionId=ids[3]) == ("NoSuchVersion", 404)
    s3.delete_object(Bucket=source, Key="k", VersionId=ids[0])  # a version that is deleted here stays there
    cloud.advance(1)
    assert s3.get_object(Bucket=target, Key="k", VersionId=ids[0])["Body"].read() == b"0"


def test_a_replica_does_not_go_further(cloud, s3, source, target, role):
    third = versioned(s3, f"third-{cloud.account}")
    configure(s3, source, role, rule(target))
    configure(s3, target, role, rule(third))
    s3.put_object(Bucket=source, Key="k", Body=b"x")
    assert settled(s3, source, "k") == "COMPLETED"
    cloud.advance(1)
    assert refused(s3.head_object, Bucket=third, Key="k")[1] == 404
    s3.put_object(Bucket=target, Key="own", Body=b"x")
    assert settled(s3, target, "own") == "COMPLETED" and s3.head_object(Bucket=third, Key="own")["ReplicationStatus"] == "REPLICA"


def test_rules_choose_by_prefix_tags_and_priority(cloud, s3, source, target, role):
    third = versioned(s3, f"third-{cloud.account}")
    tagged = {"And": {"Prefix": "in/", "Tags": [{"Key": "go", "Value": "yes"}]}}
    configure(s3, source, role, rule(target, Filter={"Prefix": "in/"}, Destination={"StorageClass": "ONEZONE_IA"}), rule(target, ID="high", Priority=2, Filter=tagged),
              rule(third, ID="third", Priority=3, Filter={"Tag": {"Key": "go", "Value": "yes"}}), rule(third, ID="off", Priority=4, Status="Disabled"))
    for key, tag in (("in/plain", ""), ("in/tagged", "go=yes"), ("out/tagged", "go=yes"), ("out/plain", "go=no")):
        s3.put_object(Bucket=source, Key=key, Body=b"x", Tagging=tag)
        settled(s3, source, key)
    assert {one["Key"]: one["StorageClass"] for one in s3.list_objects_v2(Bucket=target)["Contents"]} == {"in/plain": "ONEZONE_IA", "in/tagged": "STANDARD"}
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=third)["Contents"]] == ["in/tagged", "out/tagged"]
    assert "ReplicationStatus" not in s3.head_object(Bucket=source, Key="out/plain")


@pytest.mark.parametrize(("rule_of", "goes"), [(lambda t: rule(t), False), (lambda t: rule(t, DeleteMarkerReplication={"Status": "Enabled"}), True), (old_rule, True)])
def test_delete_markers_go_along_where_the_rule_says_so_and_always_in_the_older_schema(cloud, s3, source, target, role, rule_of, goes):
    configure(s3, source, role, rule_of(target))
    s3.put_object(Bucket=source, Key="k", Body=b"x")
    assert settled(s3, source, "k") == "COMPLETED"
    marker = s3.delete_object(Bucket=source, Key="k")["VersionId"]
    cloud.advance(1)
    found = s3.list_object_versions(Bucket=target).get("DeleteMarkers", [])
    assert [one["VersionId"] for one in found] == ([marker] if goes else [])
    assert len(s3.list_object_versions(Bucket=target)["Versions"]) == 1


def test_changes_of_tags_and_locks_follow_and_those_of_replicas_only_if_asked(cloud, s3, role):
    source, target = (versioned(s3, f"{name}-{cloud.account}", ObjectLockEnabledForBucket=True) for name in ("src", "dst"))
    configure(s3, source, role, rule(target))
    id_ = s3.put_object(Bucket=source, Key="k", Body=b"x", Tagging="a=1")["VersionId"]
    assert settled(s3, source, "k") == "COMPLETED"
    s3.put_object_tagging(Bucket=source, Key="k", Tagging={"TagSet": [{"Key": "b", "Value": "2"}]})
    s3.put_object_legal_hold(Bucket=source, Key="k", LegalHold={"Status": "ON"})
    cloud.advance(1)
    assert s3.get_object_tagging(Bucket=target, Key="k")["TagSet"] == [{"Key": "b", "Value": "2"}]
    assert refused(s3.delete_object, Bucket=target, Key="k", VersionId=id_) == ("AccessDenied", 403)
    for asked, seen in (({}, "2"), ({"SourceSelectionCriteria": {"ReplicaModifications": {"Status": "Enabled"}}}, "3")):
        configure(s3, target, role, rule(source, **asked))
        s3.put_object_tagging(Bucket=target, Key="k", Tagging={"TagSet": [{"Key": "b", "Value": "3"}]})
        cloud.advance(1)
        assert s3.get_object_tagging(Bucket=source, Key="k")["TagSet"] == [{"Key": "b", "Value": seen}]


def test_the_role_is_assumed_and_asked(cloud, s3, source, target):
    iam = cloud.client("iam")
    nobody = iam.create_role(RoleName="nobody", AssumeRolePolicyDocument=trusting({"Service": "ec2.amazonaws.com"}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="nobody", PolicyName="p", PolicyDocument=document(allow("*")))
    lacking = ("s3:GetReplicationConfiguration", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging", "s3:ReplicateObject", "s3:ReplicateTags")
    roles = [role_for(cloud, f"without-{i}", [action for action in (*READ, *WRITE) if action != missing]) for i, missing in enumerate(lacking)]
    for n, arn in enumerate([nobody, f"arn:aws:iam::{cloud.account}:role/none", *roles], 1):
        configure(s3, source, arn, rule(target))
        s3.put_object(Bucket=source, Key=f"k{n}", Body=b"x", Tagging="t=1")
        assert settled(s3, source, f"k{n}") == "FAILED"
    assert "Contents" not in s3.list_objects_v2(Bucket=target)
    configure(s3, source, role_for(cloud), rule(target))
    s3.put_object(Bucket=source, Key="k", Body=b"x", Tagging="t=1")
    assert settled(s3, source, "k") == "COMPLETED"
    assert settled(s3, source, "k1") == "FAILED"  # and is not tried again


def test_a_destination_that_changed_makes_it_fail(cloud, s3, source, target, role):
    configure(s3, source, role, rule(target))
    s3.put_bucket_versioning(Bucket=target, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=source, Key="a", Body=b"x")
    assert settled(s3, source, "a") == "FAILED"
    s3.delete_bucket(Bucket=target)
    s3.put_object(Bucket=source, Key="b", Body=b"x")
    assert settled(s3, source, "b") == "FAILED"


def test_who_hands_over_the_role_must_be_allowed_to(cloud, s3, source, target, role):
    ann = Person(cloud, "ann", allow("s3:*"))
    assert refused(configure, ann.client("s3"), source, role, rule(target)) == ("AccessDenied", 403)
    cloud.client("iam").put_user_policy(UserName="ann", PolicyName="pass", PolicyDocument=document(allow("iam:PassRole", role)))
    configure(ann.client("s3"), source, role, rule(target))


def test_another_accounts_bucket_must_let_the_role_in_and_may_own_what_comes(cloud, s3, source, role):
    friend = cloud.other()
    theirs = friend.client("s3", region="eu-west-1")
    far = f"far-{friend.account}"
    theirs.create_bucket(Bucket=far, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}, ObjectOwnership="ObjectWriter")
    theirs.put_bucket_versioning(Bucket=far, VersioningConfiguration={"Status": "Enabled"})
    configure(s3, source, role, rule(far))
    s3.put_object(Bucket=source, Key="a", Body=b"x")
    assert settled(s3, source, "a") == "FAILED"
    theirs.put_bucket_policy(Bucket=far, Policy=document(allow(WRITE, f"arn:aws:s3:::{far}/*", Principal={"AWS": role})))
    s3.put_object(Bucket=source, Key="b", Body=b"x")
    assert settled(s3, source, "b") == "COMPLETED"
    ours, his = (client.list_buckets()["Owner"]["ID"] for client in (s3, theirs))
    assert theirs.get_object_acl(Bucket=far, Key="b")["Owner"]["ID"] == ours  # it is still the source's owner's
    configure(s3, source, role, rule(far, Destination={"Account": friend.account, "AccessControlTranslation": {"Owner": "Destination"}}))
    s3.put_object(Bucket=source, Key="c", Body=b"x")
    assert settled(s3, source, "c") == "COMPLETED"
    assert theirs.get_object(Bucket=far, Key="c")["Body"].read() == b"x"
    assert theirs.get_object_acl(Bucket=far, Key="c")["Owner"]["ID"] == his


def test_what_kms_sealed_goes_only_if_asked_and_is_sealed_anew(cloud, s3, source):
    kms, far = cloud.client("kms"), cloud.client("s3", region="eu-west-1")
    target = f"dst-{cloud.account}"
    far.create_bucket(Bucket=target, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    far.put_bucket_versioning(Bucket=target, VersioningConfiguration={"Status": "Enabled"})
    here = kms.create_key()["KeyMetadata"]["Arn"]
    there = cloud.client("kms", region="eu-west-1").create_key()["KeyMetadata"]["Arn"]
    role = role_for(cloud, more=(allow("kms:Decrypt", here, Condition={"StringLike": {"kms:ViaService": "s3.us-east-1.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{source}/*"}}),
                                 allow("kms:Encrypt", there, Condition={"StringLike": {"kms:ViaService": "s3.eu-west-1.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{target}/*"}})))
    how = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": here}
    configure(s3, source, role, rule(target))
    s3.put_object(Bucket=source, Key="not", Body=b"x", **how)
    assert "ReplicationStatus" not in s3.head_object(Bucket=source, Key="not")
    wanted = rule(target, SourceSelectionCriteria={"SseKmsEncryptedObjects": {"Status": "Enabled"}}, Destination={"EncryptionConfiguration": {"ReplicaKmsKeyID": there}})
    configure(s3, source, role, wanted)
    for key, body in (("small", b"secret"), ("big", BIG)):
        s3.put_object(Bucket=source, Key=key, Body=body, **how)
        assert settled(s3, source, key) == "COMPLETED"
        got = far.get_object(Bucket=target, Key=key)
        assert (got["Body"].read(), got["ServerSideEncryption"], got["SSEKMSKeyId"]) == (body, "aws:kms", there)
    id_ = s3.create_multipart_upload(Bucket=source, Key="parts", **how)["UploadId"]
    parts = [s3.upload_part(Bucket=source, Key="parts", UploadId=id_, PartNumber=n, Body=body)["ETag"] for n, body in ((2, b"1" * (5 << 20)), (5, b"2" * 700))]
    s3.complete_multipart_upload(Bucket=source, Key="parts", UploadId=id_, MultipartUpload={"Parts": [{"PartNumber": n, "ETag": e} for n, e in zip((2, 5), parts, strict=True)]})
    assert settled(s3, source, "parts") == "COMPLETED"
    assert far.get_object(Bucket=target, Key="parts", Range="bytes=5242870-5242889")["Body"].read() == b"1" * 10 + b"2" * 10
    s3.put_object(Bucket=source, Key="plain", Body=b"x")  # SSE-S3 stays SSE-S3
    assert settled(s3, source, "plain") == "COMPLETED" and far.head_object(Bucket=target, Key="plain")["ServerSideEncryption"] == "AES256"
    kms.disable_key(KeyId=here)
    kms.enable_key(KeyId=here)
    cloud.client("kms", region="eu-west-1").disable_key(KeyId=there)
    s3.put_object(Bucket=source, Key="late", Body=b"x", **how)
    assert settled(s3, source, "late") == "FAILED"


def test_what_the_customers_key_sealed_goes_as_it_is(cloud, s3, source, target, role):
    s3.put_bucket_encryption(Bucket=source, ServerSideEncryptionConfiguration={"Rules": [{"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]})
    configure(s3, source, role, rule(target))
    mine = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
    s3.put_object(Bucket=source, Key="k", Body=b"mine", **mine)
    cloud.advance(1)
    assert refused(s3.get_object, Bucket=target, Key="k") == ("InvalidRequest", 400)
    got = s3.get_object(Bucket=target, Key="k", **mine)
    assert (got["Body"].read(), got["ReplicationStatus"]) == (b"mine", "REPLICA")


def test_who_watches_is_told_of_what_came_and_of_what_failed(cloud, s3, queue, bucket, role):  # noqa: F811
    url, arn = queue
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    source, target = (versioned(s3, f"{name}-{cloud.account}") for name in ("src", "dst"))
    listen = {"NotificationConfiguration": {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*", "s3:Replication:*"]}]}}
    s3.put_bucket_notification_configuration(Bucket=bucket, **listen)
    configure(s3, source, role, rule(bucket))
    s3.put_object(Bucket=source, Key="k", Body=b"x")
    cloud.advance(1)
    assert [(r["eventName"], r["s3"]["bucket"]["name"]) for m in messages(cloud, url) for r in m.get("Records", ())] == [("ObjectCreated:Put", bucket)]
    configure(s3, bucket, f"arn:aws:iam::{cloud.account}:role/none", rule(target, Destination={"Metrics": {"Status": "Enabled"}}))
    s3.put_object(Bucket=bucket, Key="own", Body=b"x")
    cloud.advance(1)
    failed = [r for m in messages(cloud, url) for r in m["Records"] if r["eventName"].startswith("Replication")]
    assert [(r["eventName"], r["replicationEventData"]["failureReason"]) for r in failed] == [("Replication:OperationFailedReplication", "AssumeRoleNotPermitted")]


def test_configurations_that_make_no_sense_are_refused(cloud, s3, source, target, role):
    def no(*rules, who=role, where=source):
        return refused(configure, s3, where, who, *rules)
    plain = f"plain-{cloud.account}"
    s3.create_bucket(Bucket=plain)
    assert no(rule(target), where=plain) == ("InvalidRequest", 400)
    assert no(rule(plain)) == ("InvalidRequest", 400)
    assert no(rule("none-such-bucket")) == ("InvalidRequest", 400)
    assert no(rule(source)) == ("InvalidRequest", 400)
    assert no(rule(target, Destination={"Bucket": target})) == ("InvalidArgument", 400)
    assert no(rule(target), who="replicator") == ("InvalidArgument", 400)
    assert no() == ("MalformedXML", 400)
    assert no({k: v for k, v in rule(target).items() if k != "Priority"}) == ("InvalidRequest", 400)
    assert no({k: v for k, v in rule(target).items() if k != "DeleteMarkerReplication"}) == ("InvalidRequest", 400)
    assert no(rule(target, Filter={"Tag": {"Key": "a", "Value": "b"}}, DeleteMarkerReplication={"Status": "Enabled"})) == ("InvalidRequest", 400)
    assert no(rule(target), rule(target, ID="other")) == ("InvalidRequest", 400)
    assert no(rule(target), rule(target, Priority=2)) == ("InvalidArgument", 400)
    assert no(old_rule(target, Prefix="a"), old_rule(target, ID="o", Prefix="ab")) == ("InvalidRequest", 400)
    assert no(rule(target), old_rule(target, ID="o")) == ("InvalidRequest", 400)
    assert no(rule(target, SourceSelectionCriteria={"SseKmsEncryptedObjects": {"Status": "Enabled"}})) == ("InvalidRequest", 400)
    assert no(rule(target, Destination={"EncryptionConfiguration": {"ReplicaKmsKeyID": "k"}})) == ("InvalidRequest", 400)
    assert no(rule(target, Destination={"AccessControlTranslation": {"Owner": "Destination"}})) == ("InvalidRequest", 400)
    assert no(rule(target, Destination={"ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}}})) == ("InvalidRequest", 400)
    assert no(rule(target, Destination={"StorageClass": "COLD"})) == ("MalformedXML", 400)
    configure(s3, source, role, rule(target, Destination={"ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
                                                          "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}}}))
    assert refused(s3.put_bucket_versioning, Bucket=source, VersioningConfiguration={"Status": "Suspended"}) == ("InvalidBucketState", 409)
    assert json.dumps(s3.get_bucket_replication(Bucket=source)["ReplicationConfiguration"]["Rules"][0]["Destination"]["Metrics"])
