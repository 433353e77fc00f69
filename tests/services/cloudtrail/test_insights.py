"""CloudTrail: unusual minutes, and what crosses accounts."""
import json

from cloche.testing.people import refused

from ..lambda_.conftest import zipped
from .test_history import events, record
from .test_trails import bucket, delivered, names, trail


def insights(cloud, **more):
    return [json.loads(one["CloudTrailEvent"]) for one in cloud.client("cloudtrail").lookup_events(EventCategory="insight", **more)["Events"]]


def next_minute(cloud):
    """Its beginning, so that what follows at once is within it."""
    cloud.advance(60.5 - cloud.now % 60)


def test_a_burst_of_calls_begins_and_ends_an_insight(cloud):
    client, ssm, iam, name = cloud.client("cloudtrail"), cloud.client("ssm"), cloud.client("iam"), bucket(cloud)
    trail(cloud, S3BucketName=name)
    client.put_insight_selectors(TrailName="main", InsightSelectors=[{"InsightType": "ApiCallRateInsight"}, {"InsightType": "ApiErrorRateInsight"}])
    next_minute(cloud)
    for n in range(12):
        ssm.put_parameter(Name=f"early{n}", Value="v", Type="String")
    cloud.advance(hours=24)
    assert insights(cloud) == [], "first it learns"
    cloud.advance(hours=13)
    next_minute(cloud)
    for n in range(30):
        ssm.put_parameter(Name=f"p{n}", Value="v", Type="String")
    cloud.advance(61)
    assert insights(cloud) == [], "no more than three times the busiest minute of the week"
    next_minute(cloud)
    for _ in range(15):
        refused("ParameterAlreadyExists", ssm.put_parameter, Name="p1", Value="w", Type="String")
    for n in range(15):
        iam.create_user(UserName=f"user{n}")
    cloud.advance(61)
    [start, other] = sorted(insights(cloud), key=lambda one: one["insightDetails"]["insightType"])
    assert (start["insightDetails"]["eventName"], start["insightDetails"]["eventSource"], start["insightDetails"]["state"]) == ("CreateUser", "iam.amazonaws.com", "Start")
    assert (other["insightDetails"]["insightType"], other["insightDetails"]["eventName"]) == ("ApiErrorRateInsight", "PutParameter")
    assert start["eventType"] == "AwsCloudTrailInsight" and start["eventCategory"] == "Insight" and start["recipientAccountId"] == cloud.account
    said = start["insightDetails"]["insightContext"]
    assert said["statistics"]["baseline"] == {"average": 0.0} and said["statistics"]["insight"]["average"] == 15 and said["statistics"]["baselineDuration"] >= 36 * 60
    shown = {one["attribute"]: one["insight"][0] for one in said["attributions"]}
    assert shown["userIdentityArn"] == {"value": f"arn:aws:iam::{cloud.account}:root", "average": 15.0} and shown["errorCode"]["value"] == "null"
    assert [one["attribute"] for one in other["insightDetails"]["insightContext"]["attributions"] if one["insight"][0]["value"] == "ParameterAlreadyExists"] == ["errorCode"]
    cloud.advance(minutes=10)
    pair = insights(cloud, LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateUser"}])
    assert [one["insightDetails"]["state"] for one in pair] == ["End", "Start"] and len({one["sharedEventID"] for one in pair}) == 1
    assert pair[0]["insightDetails"]["insightContext"]["statistics"]["insightDuration"] == 1
    files = delivered(cloud, name, kind="/CloudTrail-Insight/")
    assert sorted(one["insightDetails"]["state"] for one in files) == ["End", "End", "Start", "Start"]
    refused("InvalidLookupAttributesException", client.lookup_events, EventCategory="insight", LookupAttributes=[{"AttributeKey": "Username", "AttributeValue": "x"}])


def test_an_accounts_use_of_anothers_key_is_told_to_both(cloud):
    other = cloud.other()
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": [f"arn:aws:iam::{one}:root" for one in (cloud.account, other.account)]}, "Action": "kms:*", "Resource": "*"}]}
    key = cloud.client("kms").create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]
    other.client("kms").encrypt(KeyId=key, Plaintext=b"secret")
    mine, theirs = record(events(cloud, "Encrypt")[0]), record(events(other, "Encrypt")[0])
    assert mine["userIdentity"] == {"type": "AWSAccount", "principalId": other.account, "accountId": other.account} and mine["recipientAccountId"] == cloud.account
    assert theirs["userIdentity"]["type"] == "Root" and theirs["recipientAccountId"] == other.account
    assert mine["sharedEventID"] == theirs["sharedEventID"] and mine["eventID"] != theirs["eventID"]
    assert mine["resources"] == theirs["resources"] == [{"accountId": cloud.account, "type": "AWS::KMS::Key", "ARN": key}]
    cloud.client("kms").encrypt(KeyId=key, Plaintext=b"secret")
    assert "sharedEventID" not in record(events(cloud, "Encrypt")[0]) and len(events(other, "Encrypt")) == 1


def test_the_owner_of_a_bucket_hears_of_what_another_account_did_to_it_and_not_of_what_it_was_refused(cloud):
    other, name, s3 = cloud.other(), bucket(cloud), cloud.client("s3")
    shared = f"shared-{cloud.account}"
    s3.create_bucket(Bucket=shared)
    trail(cloud, S3BucketName=name, selectors={"EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": False, "DataResources": [
        {"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::{shared}/"]}]}]})
    refused("AccessDenied", other.client("s3").put_object, Bucket=shared, Key="no", Body=b"1")
    s3.put_bucket_policy(Bucket=shared, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": other.account}, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{shared}/*"}]}))
    other.client("s3").put_object(Bucket=shared, Key="yes", Body=b"1")
    cloud.advance(301)
    [told] = delivered(cloud, name)
    assert (told["eventName"], told["requestParameters"]["key"], told["userIdentity"]["type"], told["userIdentity"]["accountId"]) == ("PutObject", "yes", "AWSAccount", other.account)
    assert told["resources"][1]["accountId"] == cloud.account and "sharedEventID" in told


def test_what_a_service_invokes_is_an_invoke_of_the_service(cloud):
    service, functions, name = "events.amazonaws.com", cloud.client("lambda"), bucket(cloud)
    role = cloud.client("iam").create_role(RoleName="f", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    arn = functions.create_function(FunctionName="f", Role=role, Runtime="python3.11", Handler="f.h", Code={"ZipFile": zipped({"f.py": "def h(e, c): return 1"})})["FunctionArn"]
    functions.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    functions.add_permission(FunctionName="f", StatementId="s", Action="lambda:InvokeFunction", Principal=service)
    trail(cloud, S3BucketName=name, selectors={"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": False, "DataResources": [{"Type": "AWS::Lambda::Function", "Values": ["arn:aws:lambda"]}]}]})
    bus = cloud.client("events")
    bus.put_rule(Name="r", EventPattern='{"source": ["mine"]}')
    bus.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
    bus.put_events(Entries=[{"Source": "mine", "DetailType": "d", "Detail": "{}"}])
    cloud.advance(302)
    told = delivered(cloud, name)
    assert names(told) == ["Invoke"]
    assert told[0]["userIdentity"] == {"type": "AWSService", "invokedBy": service} and told[0]["sourceIPAddress"] == service
    assert told[0]["resources"] == [{"accountId": cloud.account, "type": "AWS::Lambda::Function", "ARN": arn}] and told[0]["requestParameters"] == {"functionName": arn, "invocationType": "Event"}
