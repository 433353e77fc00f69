"""What is known of requests afterwards: logs, real-time logs, metrics; and what stands before a distribution: web ACLs, Shield; staging; field-level encryption."""
from __future__ import annotations

import base64
import gzip
import json
import struct
import urllib.parse

import pytest

from cloche.testing.people import trusting

from .edge import DISABLED, EVERY_METHOD, OPTIMIZED, behaviour, config, custom, listed, made, view


@pytest.fixture
def api(cloud):
    return cloud.client("cloudfront")


def changed(api, one, **more):
    found = api.get_distribution_config(Id=one["Id"])
    return api.update_distribution(Id=one["Id"], IfMatch=found["ETag"], DistributionConfig={**found["DistributionConfig"], **more})


# -- web ACLs ---------------------------------------------------------------------------------------------------------------------

def acl(cloud, name="a", scope="CLOUDFRONT"):
    seen = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name}
    rule = {"Name": "r", "Priority": 0, "Action": {"Block": {}}, "VisibilityConfig": seen, "Statement": {"ByteMatchStatement": {
        "SearchString": b"evil", "FieldToMatch": {"UriPath": {}}, "TextTransformations": [{"Priority": 0, "Type": "NONE"}], "PositionalConstraint": "CONTAINS"}}}
    return cloud.client("wafv2").create_web_acl(Name=name, Scope=scope, DefaultAction={"Allow": {}}, VisibilityConfig=seen, Rules=[rule])["Summary"]


def test_a_web_acl_judges_before_the_cache(cloud, api, origin):
    waf, mine = cloud.client("wafv2"), acl(cloud)
    one = made(cloud, custom(origin.port), WebACLId=mine["ARN"])
    assert view(cloud, one, "/good").status == 200
    blocked = view(cloud, one, "/evil")
    assert (blocked.status, blocked.cache) == (403, "Error") and b"Request blocked" in blocked.body and len(origin.asked) == 1
    assert api.list_distributions_by_web_acl_id(WebACLId=mine["ARN"])["DistributionList"]["Items"][0]["Id"] == one["Id"]
    with pytest.raises(waf.exceptions.WAFAssociatedItemException):
        waf.delete_web_acl(Name="a", Scope="CLOUDFRONT", Id=mine["Id"], LockToken=mine["LockToken"])
    answer = api.disassociate_distribution_web_acl(Id=one["Id"])
    assert answer["ETag"] and view(cloud, one, "/evil").status == 200
    api.associate_distribution_web_acl(Id=one["Id"], WebACLArn=mine["ARN"], IfMatch=answer["ETag"])
    assert view(cloud, one, "/evil").status == 403
    regional = acl(cloud, "regional", "REGIONAL")
    with pytest.raises(api.exceptions.InvalidWebACLId):
        api.associate_distribution_web_acl(Id=one["Id"], WebACLArn=regional["ARN"])
    with pytest.raises(waf.exceptions.WAFInvalidParameterException):
        waf.associate_web_acl(WebACLArn=mine["ARN"], ResourceArn=one["ARN"])
    samples = waf.get_sampled_requests(WebAclArn=mine["ARN"], RuleMetricName="a", Scope="CLOUDFRONT", MaxItems=10,
                                       TimeWindow={"StartTime": cloud.now - 3600, "EndTime": cloud.now + 60})["SampledRequests"]
    assert "/evil" in [sample["Request"]["URI"] for sample in samples]
    changed(api, one, WebACLId="")
    waf.delete_web_acl(Name="a", Scope="CLOUDFRONT", Id=mine["Id"], LockToken=mine["LockToken"])


def test_shield_protects_a_distribution_that_there_is(cloud, origin):
    shield, one = cloud.client("shield"), made(cloud, custom(origin.port))
    shield.create_subscription()
    shield.create_protection(Name="p", ResourceArn=one["ARN"])
    assert shield.describe_protection(ResourceArn=one["ARN"])["Protection"]["Name"] == "p"
    with pytest.raises(shield.exceptions.ResourceNotFoundException):
        shield.create_protection(Name="q", ResourceArn=one["ARN"] + "X")


# -- logs and metrics ---------------------------------------------------------------------------------------------------------------

def test_standard_logs_come_to_the_bucket_in_files(cloud, api, origin):
    s3, name = cloud.client("s3"), f"logs-{cloud.account}"
    s3.create_bucket(Bucket=name)
    logging = {"Enabled": True, "IncludeCookies": False, "Bucket": f"{name}.s3.amazonaws.com", "Prefix": "cdn/"}
    with pytest.raises(api.exceptions.InvalidArgument, match="does not enable ACL access"):
        api.create_distribution(DistributionConfig=config(custom(origin.port), Logging=logging))
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]})
    one = made(cloud, custom(origin.port), Logging=logging)
    view(cloud, one, "/a?x=1", user_agent="a b", cookie="secret=1")
    view(cloud, one, "/a?x=1")
    view(cloud, one, "/a", "DELETE")
    cloud.advance(minutes=10)
    [entry] = s3.list_objects_v2(Bucket=name)["Contents"]
    assert entry["Key"].startswith(f"cdn/{one['Id']}.20") and entry["Key"].endswith(".gz")
    version, fields, *lines = gzip.decompress(s3.get_object(Bucket=name, Key=entry["Key"])["Body"].read()).decode().splitlines()
    assert version == "#Version: 1.0" and fields.startswith("#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status")
    rows = [dict(zip(fields.split()[1:], line.split("\t"))) for line in lines]
    assert [(r["cs-method"], r["cs-uri-stem"], r["cs-uri-query"], r["sc-status"], r["x-edge-result-type"]) for r in rows] == [
        ("GET", "/a", "x=1", "200", "Miss"), ("GET", "/a", "x=1", "200", "Hit"), ("DELETE", "/a", "-", "403", "Error")]
    assert rows[0]["cs(User-Agent)"] == "a%20b" and rows[0]["cs(Cookie)"] == "-" and rows[0]["cs(Host)"] == one["DomainName"] and rows[0]["c-ip"] == "127.0.0.1"


def test_real_time_logs_are_records_of_a_stream(cloud, api, origin):
    kinesis, iam = cloud.client("kinesis"), cloud.client("iam")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    cloud.advance(30)
    stream = kinesis.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]["StreamARN"]
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"Service": "cloudfront.amazonaws.com"}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kinesis:*", "Resource": stream}]}))
    ends = [{"StreamType": "Kinesis", "KinesisStreamConfig": {"RoleARN": role, "StreamARN": stream}}]
    wanted = {"Name": "n", "SamplingRate": 100, "Fields": ["cs-method", "cs-uri-stem", "sc-status", "x-edge-result-type"], "EndPoints": ends}
    arn = api.create_realtime_log_config(**wanted)["RealtimeLogConfig"]["ARN"]
    with pytest.raises(api.exceptions.RealtimeLogConfigAlreadyExists):
        api.create_realtime_log_config(**wanted)
    with pytest.raises(api.exceptions.InvalidArgument):
        api.create_realtime_log_config(**{**wanted, "Name": "m", "Fields": ["nothing"]})
    one = made(cloud, custom(origin.port), default=behaviour(RealtimeLogConfigArn=arn))
    view(cloud, one, "/a")
    view(cloud, one, "/a")
    cloud.advance(5)
    iterator = kinesis.get_shard_iterator(StreamName="s", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    assert [r["Data"] for r in kinesis.get_records(ShardIterator=iterator)["Records"]] == [b"GET\t/a\t200\tMiss\n", b"GET\t/a\t200\tHit\n"]
    assert api.list_distributions_by_realtime_log_config(RealtimeLogConfigArn=arn)["DistributionList"]["Items"][0]["Id"] == one["Id"]
    with pytest.raises(api.exceptions.RealtimeLogConfigInUse):
        api.delete_realtime_log_config(ARN=arn)
    api.update_realtime_log_config(ARN=arn, SamplingRate=1)
    assert api.get_realtime_log_config(Name="n")["RealtimeLogConfig"]["SamplingRate"] == 1 and [x["Name"] for x in api.list_realtime_log_configs()["RealtimeLogConfigs"]["Items"]] == ["n"]
    other = api.create_realtime_log_config(**{**wanted, "Name": "other"})["RealtimeLogConfig"]["ARN"]
    api.delete_realtime_log_config(ARN=other)
    with pytest.raises(api.exceptions.NoSuchRealtimeLogConfig):
        api.get_realtime_log_config(ARN=other)


def test_requests_are_counted(cloud, api, origin):
    one = made(cloud, custom(origin.port))
    watch = api.create_monitoring_subscription(DistributionId=one["Id"], MonitoringSubscription={"RealtimeMetricsSubscriptionConfig": {"RealtimeMetricsSubscriptionStatus": "Enabled"}})
    assert watch["MonitoringSubscription"] == api.get_monitoring_subscription(DistributionId=one["Id"])["MonitoringSubscription"]
    with pytest.raises(api.exceptions.MonitoringSubscriptionAlreadyExists):
        api.create_monitoring_subscription(DistributionId=one["Id"], MonitoringSubscription=watch["MonitoringSubscription"])
    began = cloud.now
    for _ in range(3):
        view(cloud, one, "/a")
    origin.answers["/lost"] = (404, {}, b"")
    view(cloud, one, "/lost")
    cloud.advance(minutes=2)

    def metric(name, statistic):
        points = cloud.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/CloudFront", MetricName=name, Dimensions=[{"Name": "DistributionId", "Value": one["Id"]}, {"Name": "Region", "Value": "Global"}], StartTime=began - 120, EndTime=began + 600,
            Period=3600, Statistics=[statistic])["Datapoints"]
        return sum(point[statistic] for point in points)
    assert metric("Requests", "Sum") == 4 and metric("4xxErrorRate", "Maximum") == 100 and metric("5xxErrorRate", "Maximum") == 0 and metric("BytesDownloaded", "Sum") == 21
    assert metric("CacheHitRate", "Sum") == 200 and metric("404ErrorRate", "Sum") == 100
    api.delete_monitoring_subscription(DistributionId=one["Id"])
    with pytest.raises(api.exceptions.NoSuchMonitoringSubscription):
        api.get_monitoring_subscription(DistributionId=one["Id"])


# -- continuous deployment ----------------------------------------------------------------------------------------------------------

def test_a_staging_distribution_gets_those_who_send_its_header_and_is_promoted(cloud, api, origin):
    one = made(cloud, custom(origin.port, OriginPath="/blue"), default=behaviour(policy=DISABLED))
    tag = api.get_distribution(Id=one["Id"])["ETag"]
    staging = api.copy_distribution(PrimaryDistributionId=one["Id"], Staging=True, IfMatch=tag, CallerReference="copy")
    copy = staging["Distribution"]
    assert copy["DistributionConfig"]["Staging"] is True and view(cloud, copy, "/").status == 403
    found = api.get_distribution_config(Id=copy["Id"])
    found["DistributionConfig"]["Origins"]["Items"][0]["OriginPath"] = "/green"
    tag_of_copy = api.update_distribution(Id=copy["Id"], IfMatch=found["ETag"], DistributionConfig=found["DistributionConfig"])["ETag"]
    wanted = {"StagingDistributionDnsNames": listed(copy["DomainName"]), "Enabled": True, "TrafficConfig": {"Type": "SingleHeader", "SingleHeaderConfig": {"Header": "aws-cf-cd-try", "Value": "1"}}}
    with pytest.raises(api.exceptions.InvalidArgument):
        api.create_continuous_deployment_policy(ContinuousDeploymentPolicyConfig={**wanted, "StagingDistributionDnsNames": listed(one["DomainName"])})
    policy = api.create_continuous_deployment_policy(ContinuousDeploymentPolicyConfig=wanted)
    id_ = policy["ContinuousDeploymentPolicy"]["Id"]
    with pytest.raises(api.exceptions.StagingDistributionInUse):
        api.create_continuous_deployment_policy(ContinuousDeploymentPolicyConfig=wanted)
    tag = changed(api, one, ContinuousDeploymentPolicyId=id_)["ETag"]
    view(cloud, one, "/", aws_cf_cd_try="1")
    view(cloud, one, "/", aws_cf_cd_try="2")
    assert [a["target"] for a in origin.asked] == ["/green/", "/blue/"]
    weighed = {**wanted, "TrafficConfig": {"Type": "SingleWeight", "SingleWeightConfig": {"Weight": 0.15, "SessionStickinessConfig": {"IdleTTL": 300, "MaximumTTL": 600}}}}
    new = api.update_continuous_deployment_policy(Id=id_, IfMatch=policy["ETag"], ContinuousDeploymentPolicyConfig=weighed)
    cookie = view(cloud, one, "/").headers["set-cookie"].partition(";")[0]
    del origin.asked[:]
    for _ in range(5):
        view(cloud, one, "/", cookie=cookie)
    assert len({a["target"] for a in origin.asked}) == 1
    with pytest.raises(api.exceptions.InvalidArgument):
        api.update_continuous_deployment_policy(Id=id_, IfMatch=new["ETag"], ContinuousDeploymentPolicyConfig={**wanted, "TrafficConfig": {"Type": "SingleWeight", "SingleWeightConfig": {"Weight": 0.5}}})
    with pytest.raises(api.exceptions.ContinuousDeploymentPolicyInUse):
        api.delete_continuous_deployment_policy(Id=id_, IfMatch=new["ETag"])
    with pytest.raises(api.exceptions.PreconditionFailed):
        api.update_distribution_with_staging_config(Id=one["Id"], StagingDistributionId=copy["Id"], IfMatch=tag)
    promoted = api.update_distribution_with_staging_config(Id=one["Id"], StagingDistributionId=copy["Id"], IfMatch=f"{tag}, {tag_of_copy}")["Distribution"]["DistributionConfig"]
    assert promoted["Origins"]["Items"][0]["OriginPath"] == "/green" and promoted["Staging"] is False
    assert api.get_continuous_deployment_policy(Id=id_)["ETag"] == new["ETag"] and api.get_continuous_deployment_policy_config(Id=id_)["ContinuousDeploymentPolicyConfig"] == weighed
    assert api.list_continuous_deployment_policies()["ContinuousDeploymentPolicyList"]["Items"][0]["ContinuousDeploymentPolicy"]["Id"] == id_
    changed(api, one, ContinuousDeploymentPolicyId="")
    api.delete_continuous_deployment_policy(Id=id_, IfMatch=new["ETag"])


# -- field-level encryption ---------------------------------------------------------------------------------------------------------

def test_fields_of_a_form_are_sealed_for_who_has_the_private_key(cloud, api, origin):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    key = rsa.generate_private_key(65537, 2048)
    text = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    id_ = api.create_public_key(PublicKeyConfig={"CallerReference": "k", "Name": "k", "EncodedKey": text})["PublicKey"]["Id"]
    entity = {"PublicKeyId": id_, "ProviderId": "bank", "FieldPatterns": listed("card*")}
    profile = api.create_field_level_encryption_profile(FieldLevelEncryptionProfileConfig={"Name": "p", "CallerReference": "p", "EncryptionEntities": listed(entity)})
    profile_id = profile["FieldLevelEncryptionProfile"]["Id"]
    types = {"ForwardWhenContentTypeIsUnknown": False, "ContentTypeProfiles": listed({"Format": "URLEncoded", "ProfileId": profile_id, "ContentType": "application/x-www-form-urlencoded"})}
    wanted = {"CallerReference": "c", "ContentTypeProfileConfig": types, "QueryArgProfileConfig": {"ForwardWhenQueryArgProfileIsUnknown": True, "QueryArgProfiles": {"Quantity": 0}}}
    encryption = api.create_field_level_encryption_config(FieldLevelEncryptionConfig=wanted)
    config_id = encryption["FieldLevelEncryption"]["Id"]
    with pytest.raises(api.exceptions.IllegalFieldLevelEncryptionConfigAssociationWithCacheBehavior):
        api.create_distribution(DistributionConfig=config(custom(80), default=behaviour(FieldLevelEncryptionId=config_id)))
    one = made(cloud, custom(origin.port), default=behaviour(policy=DISABLED, protocol="https-only", AllowedMethods=EVERY_METHOD, FieldLevelEncryptionId=config_id))
    assert view(cloud, one, "/", "POST", b"name=me&card=4111+1111&cardholder=%C3%84", content_type="application/x-www-form-urlencoded", x_forwarded_proto="https").status == 200
    sent = dict(urllib.parse.parse_qsl(origin.asked[0]["body"].decode()))
    assert sent["name"] == "me" and origin.asked[0]["headers"]["content-length"] == str(len(origin.asked[0]["body"]))

    def opened(text):
        data = base64.b64decode(text)
        size = struct.unpack(">H", data[5:7])[0]
        plain = key.decrypt(data[7:7 + size], padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
        return AESGCM(plain).decrypt(data[7 + size:19 + size], data[19 + size:], f"bank\0{id_}".encode()).decode()
    assert opened(sent["card"]) == "4111 1111" and opened(sent["cardholder"]) == "Ä"
    assert view(cloud, one, "/", "POST", b"{}", content_type="application/json", x_forwarded_proto="https").status == 400
    with pytest.raises(api.exceptions.FieldLevelEncryptionProfileInUse):
        api.delete_field_level_encryption_profile(Id=profile_id, IfMatch=profile["ETag"])
    with pytest.raises(api.exceptions.FieldLevelEncryptionConfigInUse):
        api.delete_field_level_encryption_config(Id=config_id, IfMatch=encryption["ETag"])
    assert api.get_field_level_encryption_profile(Id=profile_id)["ETag"] == profile["ETag"] and [x["Id"] for x in api.list_field_level_encryption_profiles()["FieldLevelEncryptionProfileList"]["Items"]] == [profile_id]
    new = api.update_field_level_encryption_profile(Id=profile_id, IfMatch=profile["ETag"], FieldLevelEncryptionProfileConfig={
        **api.get_field_level_encryption_profile_config(Id=profile_id)["FieldLevelEncryptionProfileConfig"], "Comment": "n"})
    assert new["FieldLevelEncryptionProfile"]["FieldLevelEncryptionProfileConfig"]["Comment"] == "n"
    assert api.get_field_level_encryption(Id=config_id)["ETag"] == encryption["ETag"] and [x["Id"] for x in api.list_field_level_encryption_configs()["FieldLevelEncryptionList"]["Items"]] == [config_id]
    changed(api, one, DefaultCacheBehavior=behaviour(policy=OPTIMIZED))
    last = api.update_field_level_encryption_config(Id=config_id, IfMatch=encryption["ETag"], FieldLevelEncryptionConfig={
        **api.get_field_level_encryption_config(Id=config_id)["FieldLevelEncryptionConfig"], "Comment": "n"})
    api.delete_field_level_encryption_config(Id=config_id, IfMatch=last["ETag"])
    api.delete_field_level_encryption_profile(Id=profile_id, IfMatch=new["ETag"])
