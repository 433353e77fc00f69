"""CloudTrail: trails, and what they deliver."""
import gzip
import json

import pytest

from cloche.testing.people import Person, allow, refused, trusting


def policy(bucket, *prefixes):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}"},
        *({"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/{prefix}*",
           "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}} for prefix in prefixes)]})


def bucket(cloud, *prefixes, name="trail"):
    name = f"{name}-{cloud.account}"
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=policy(name, *(prefixes or [f"AWSLogs/{cloud.account}/"])))
    return name


def trail(cloud, region="us-east-1", name="main", selectors=None, **more):
    client = cloud.client("cloudtrail", region=region)
    made = client.create_trail(Name=name, S3BucketName=more.pop("S3BucketName", None) or bucket(cloud), **more)
    if selectors:
        client.put_event_selectors(TrailName=name, **selectors)
    client.start_logging(Name=name)
    return made


def keys(cloud, name, prefix=""):
    return [one["Key"] for one in cloud.client("s3").list_objects_v2(Bucket=name, Prefix=prefix).get("Contents", [])]


def delivered(cloud, name, prefix="AWSLogs/", kind="/CloudTrail/"):
    """Every record in the bucket's log files."""
    return [record for key in keys(cloud, name, prefix) if kind in key
            for record in json.loads(gzip.decompress(cloud.client("s3").get_object(Bucket=name, Key=key)["Body"].read()))["Records"]]


def names(records):
    return [one["eventName"] for one in records]


# -- making ---------------------------------------------------------------------------------------------------------------------

def test_a_trail_needs_a_bucket_that_lets_cloudtrail_write(cloud):
    client, s3, name = cloud.client("cloudtrail"), cloud.client("s3"), f"trail-{cloud.account}"
    said = refused("S3BucketDoesNotExistException", client.create_trail, Name="main", S3BucketName=name)
    assert said == f"S3 bucket {name} does not exist!"
    s3.create_bucket(Bucket=name)
    said = refused("InsufficientS3BucketPolicyException", client.create_trail, Name="main", S3BucketName=name)
    assert said == f"Incorrect S3 bucket policy is detected for bucket: {name}"
    s3.put_bucket_policy(Bucket=name, Policy=policy(name))
    refused("InsufficientS3BucketPolicyException", client.create_trail, Name="main", S3BucketName=name)
    s3.put_bucket_policy(Bucket=name, Policy=policy(name, "AWSLogs/123456789012/"))
    refused("InsufficientS3BucketPolicyException", client.create_trail, Name="main", S3BucketName=name)
    s3.put_bucket_policy(Bucket=name, Policy=policy(name, f"AWSLogs/{cloud.account}/"))
    made = client.create_trail(Name="main", S3BucketName=name)
    arn = f"arn:aws:cloudtrail:us-east-1:{cloud.account}:trail/main"
    assert {k: v for k, v in made.items() if k != "ResponseMetadata"} == {
        "Name": "main", "S3BucketName": name, "IncludeGlobalServiceEvents": True, "IsMultiRegionTrail": False, "TrailARN": arn, "LogFileValidationEnabled": False, "IsOrganizationTrail": False}
    refused("InsufficientS3BucketPolicyException", client.create_trail, Name="other", S3BucketName=name, S3KeyPrefix="logs")
    refused("TrailAlreadyExistsException", client.create_trail, Name="main", S3BucketName=name)


@pytest.mark.parametrize("name", ["ab", "-ab", "a b c", "abc_", "ab..c", "10.0.0.1", "x" * 129])
def test_a_trails_name_is_checked(cloud, name):
    refused("InvalidTrailNameException", cloud.client("cloudtrail").create_trail, Name=name, S3BucketName="none")


def test_a_trail_of_all_regions_has_global_events(cloud):
    refused("InvalidParameterCombinationException", cloud.client("cloudtrail").create_trail, Name="main", S3BucketName="none-here", IsMultiRegionTrail=True, IncludeGlobalServiceEvents=False)


def test_a_region_has_five_trails(cloud):
    client, name = cloud.client("cloudtrail"), bucket(cloud)
    for number in range(5):
        client.create_trail(Name=f"trail{number}", S3BucketName=name)
    refused("MaximumNumberOfTrailsExceededException", client.create_trail, Name="trail5", S3BucketName=name)


def test_trails_are_described_with_their_shadows(cloud):
    name = bucket(cloud)
    here, there = cloud.client("cloudtrail"), cloud.client("cloudtrail", region="eu-west-1")
    here.create_trail(Name="all", S3BucketName=name, IsMultiRegionTrail=True)
    here.create_trail(Name="one", S3BucketName=name)
    assert [one["Name"] for one in here.describe_trails()["trailList"]] == ["all", "one"]
    [shadow] = there.describe_trails()["trailList"]
    assert shadow["HomeRegion"] == "us-east-1" and shadow["IsMultiRegionTrail"] and not shadow["HasCustomEventSelectors"]
    assert not there.describe_trails(includeShadowTrails=False)["trailList"]
    assert [one["Name"] for one in there.describe_trails(trailNameList=[shadow["TrailARN"]])["trailList"]] == ["all"]
    assert len(there.list_trails()["Trails"]) == 2
    assert there.get_trail(Name=shadow["TrailARN"])["Trail"]["HomeRegion"] == "us-east-1"
    refused("TrailNotFoundException", there.get_trail, Name="all")
    refused("InvalidHomeRegionException", there.start_logging, Name="all")
    refused("InvalidHomeRegionException", there.delete_trail, Name=shadow["TrailARN"])
    refused("TrailNotFoundException", here.start_logging, Name="none")
    refused("CloudTrailARNInvalidException", here.get_trail, Name="arn:aws:cloudtrail:nonsense")


def test_a_trail_is_changed_and_deleted(cloud):
    client, name = cloud.client("cloudtrail"), bucket(cloud)
    client.create_trail(Name="main", S3BucketName=name)
    other = bucket(cloud, f"logs/AWSLogs/{cloud.account}/", name="other")
    changed = client.update_trail(Name="main", S3BucketName=other, S3KeyPrefix="logs", IsMultiRegionTrail=True, EnableLogFileValidation=True)
    assert changed["S3KeyPrefix"] == "logs" and changed["S3BucketName"] == other and changed["LogFileValidationEnabled"]
    refused("S3BucketDoesNotExistException", client.update_trail, Name="main", S3BucketName="no-such-bucket-here")
    assert client.get_trail(Name="main")["Trail"]["S3BucketName"] == other
    client.delete_trail(Name="main")
    refused("TrailNotFoundException", client.get_trail, Name="main")


def test_a_trail_has_tags(cloud):
    client = cloud.client("cloudtrail")
    arn = client.create_trail(Name="main", S3BucketName=bucket(cloud), TagsList=[{"Key": "a", "Value": "1"}])["TrailARN"]
    client.add_tags(ResourceId=arn, TagsList=[{"Key": "b", "Value": "2"}])
    client.remove_tags(ResourceId=arn, TagsList=[{"Key": "a"}])
    assert client.list_tags(ResourceIdList=[arn])["ResourceTagList"] == [{"ResourceId": arn, "TagsList": [{"Key": "b", "Value": "2"}]}]
    refused("InvalidTagParameterException", client.add_tags, ResourceId=arn, TagsList=[{"Key": "aws:x", "Value": "2"}])
    refused("TagsLimitExceededException", client.add_tags, ResourceId=arn, TagsList=[{"Key": f"k{n}", "Value": "v"} for n in range(50)])
    refused("ResourceNotFoundException", client.list_tags, ResourceIdList=[arn + "x"])
    refused("CloudTrailARNInvalidException", client.list_tags, ResourceIdList=["main"])


def test_permissions_are_of_the_trail(cloud):
    name = bucket(cloud)
    cloud.client("cloudtrail").create_trail(Name="main", S3BucketName=name)
    ann = Person(cloud, "ann", allow("cloudtrail:StartLogging", f"arn:aws:cloudtrail:us-east-1:{cloud.account}:trail/main"))
    ann.client("cloudtrail").start_logging(Name="main")
    refused("AccessDeniedException", ann.client("cloudtrail").stop_logging, Name="main")
    refused("AccessDeniedException", ann.client("cloudtrail").start_logging, Name="other")


# -- delivery ---------------------------------------------------------------------------------------------------------------------

def test_a_trail_logs_from_start_logging_on_and_delivers_every_five_minutes(cloud):
    name, client = bucket(cloud), cloud.client("cloudtrail")
    client.create_trail(Name="main", S3BucketName=name)
    cloud.client("sqs").create_queue(QueueName="before")
    assert not client.get_trail_status(Name="main")["IsLogging"]
    client.start_logging(Name="main")
    assert client.get_trail_status(Name="main")["IsLogging"]
    cloud.client("sqs").create_queue(QueueName="during")
    cloud.advance(240)
    assert not keys(cloud, name, "AWSLogs/")
    cloud.advance(61)
    [key] = keys(cloud, name, "AWSLogs/")
    folder, file = key.rsplit("/", 1)
    assert folder.startswith(f"AWSLogs/{cloud.account}/CloudTrail/us-east-1/20") and len(folder.split("/")) == 7
    account, kind, region, stamp, end = file.split("_")
    assert (account, kind, region) == (cloud.account, "CloudTrail", "us-east-1") and stamp.endswith("Z") and len(stamp) == 14 and end.endswith(".json.gz") and len(end) == 24
    records = delivered(cloud, name)
    assert [one["requestParameters"]["queueName"] for one in records if one["eventName"] == "CreateQueue"] == ["during"]
    assert client.get_trail_status(Name="main")["LatestDeliveryTime"]
    client.stop_logging(Name="main")
    cloud.client("sqs").create_queue(QueueName="after")
    cloud.advance(600)
    assert [one["requestParameters"]["queueName"] for one in delivered(cloud, name) if one["eventName"] == "CreateQueue"] == ["during"]
    status = client.get_trail_status(Name="main")
    assert not status["IsLogging"] and status["StopLoggingTime"] > status["StartLoggingTime"]


def test_what_is_delivered_is_what_the_history_shows(cloud):
    name = bucket(cloud)
    trail(cloud, S3BucketName=name)
    cloud.client("sqs").create_queue(QueueName="q")
    cloud.advance(301)
    [found] = [one for one in delivered(cloud, name) if one["eventName"] == "CreateQueue"]
    [event] = cloud.client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventId", "AttributeValue": found["eventID"]}])["Events"]
    assert json.loads(event["CloudTrailEvent"]) == found


def test_a_trail_of_one_region_hears_nothing_of_others_and_one_of_all_regions_does(cloud):
    name, other = bucket(cloud), bucket(cloud, name="all")
    trail(cloud, S3BucketName=name)
    trail(cloud, name="all", S3BucketName=other, IsMultiRegionTrail=True)
    cloud.client("sqs", region="eu-west-1").create_queue(QueueName="there")
    cloud.advance(301)
    assert "CreateQueue" not in names(delivered(cloud, name)) and names(delivered(cloud, other, f"AWSLogs/{cloud.account}/CloudTrail/eu-west-1/")) == ["CreateQueue"]
    there = cloud.client("cloudtrail", region="eu-west-1").get_trail_status(Name=f"arn:aws:cloudtrail:us-east-1:{cloud.account}:trail/all")
    assert there["IsLogging"] and there["LatestDeliveryTime"]


def test_global_events_can_be_left_out(cloud):
    name = bucket(cloud)
    trail(cloud, S3BucketName=name, IncludeGlobalServiceEvents=False)
    cloud.client("iam").create_user(UserName="ann")
    cloud.client("sqs").create_queue(QueueName="q")
    cloud.advance(301)
    assert "CreateQueue" in (found := names(delivered(cloud, name))) and "CreateUser" not in found


def test_a_bucket_that_shuts_gets_its_files_once_it_is_open_again(cloud):
    name = bucket(cloud)
    trail(cloud, S3BucketName=name)
    cloud.client("sqs").create_queue(QueueName="q")
    cloud.client("s3").delete_bucket_policy(Bucket=name)
    cloud.advance(301)
    client = cloud.client("cloudtrail")
    assert client.get_trail_status(Name="main")["LatestDeliveryError"] == "AccessDenied" and not keys(cloud, name)
    cloud.client("s3").put_bucket_policy(Bucket=name, Policy=policy(name, f"AWSLogs/{cloud.account}/"))
    cloud.advance(601)
    assert "CreateQueue" in names(delivered(cloud, name)) and "LatestDeliveryError" not in client.get_trail_status(Name="main")


def test_a_crash_loses_nothing_that_a_trail_wants(process):
    cloud = process()
    name = bucket(cloud)
    trail(cloud, S3BucketName=name)
    cloud.client("sqs").create_queue(QueueName="q")
    cloud.kill()
    cloud.start()
    cloud.client("sqs").create_queue(QueueName="after")
    cloud.advance(301)
    assert names(delivered(cloud, name)).count("CreateQueue") == 2


# -- selectors ----------------------------------------------------------------------------------------------------------------------

def test_without_selectors_a_trail_has_management_events_and_no_data(cloud):
    name = bucket(cloud)
    trail(cloud, S3BucketName=name)
    assert cloud.client("cloudtrail").get_event_selectors(TrailName="main")["EventSelectors"] == [
        {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": [], "ExcludeManagementEventSources": []}]
    cloud.client("s3").put_object(Bucket=name, Key="mine", Body=b"x")
    cloud.client("sqs").list_queues()
    cloud.advance(301)
    found = names(delivered(cloud, name))
    assert "ListQueues" in found and "PutObject" not in found


def test_a_trail_of_writes_has_no_reads(cloud):
    name = bucket(cloud)
    trail(cloud, S3BucketName=name, selectors={"EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}]})
    cloud.client("sqs").create_queue(QueueName="q")
    cloud.client("sqs").list_queues()
    cloud.advance(301)
    found = names(delivered(cloud, name))
    assert "CreateQueue" in found and "ListQueues" not in found


def test_kms_can_be_left_out(cloud):
    name = bucket(cloud)
    trail(cloud, S3BucketName=name, selectors={"EventSelectors": [{"ExcludeManagementEventSources": ["kms.amazonaws.com"]}]})
    cloud.client("kms").create_key()
    cloud.client("sqs").create_queue(QueueName="q")
    cloud.advance(301)
    found = names(delivered(cloud, name))
    assert "CreateQueue" in found and "CreateKey" not in found


def test_objects_are_logged_where_a_selector_names_their_bucket_or_prefix(cloud):
    name, data = bucket(cloud), f"data-{cloud.account}"
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=data)
    trail(cloud, S3BucketName=name, selectors={"EventSelectors": [
        {"ReadWriteType": "All", "IncludeManagementEvents": False, "DataResources": [{"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::{data}/in/"]}]}]})
    s3.put_object(Bucket=data, Key="in/a", Body=b"x")
    s3.get_object(Bucket=data, Key="in/a")
    s3.put_object(Bucket=data, Key="out/a", Body=b"x")
    refused("NoSuchKey", s3.get_object, Bucket=data, Key="in/none")
    cloud.client("sqs").list_queues()
    cloud.advance(301)
    found = delivered(cloud, name)
    assert names(found) == ["PutObject", "GetObject", "GetObject"]
    put = found[0]
    assert (put["eventCategory"], put["managementEvent"], put["readOnly"]) == ("Data", False, False) and found[2]["errorCode"] == "NoSuchKey"
    assert put["resources"] == [{"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{data}/in/a"}, {"accountId": cloud.account, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{data}"}]
    assert put["requestParameters"]["bucketName"] == data and put["requestParameters"]["key"] == "in/a"


def test_items_and_invocations_are_logged_by_type(cloud):
    name, dynamodb = bucket(cloud), cloud.client("dynamodb")
    trail(cloud, S3BucketName=name, selectors={"EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": False, "DataResources": [
        {"Type": "AWS::DynamoDB::Table", "Values": ["arn:aws:dynamodb"]}, {"Type": "AWS::Lambda::Function", "Values": ["arn:aws:lambda"]}]}]})
    dynamodb.create_table(TableName="things", AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST")
    dynamodb.put_item(TableName="things", Item={"k": {"S": "secret value"}})
    dynamodb.put_item(TableName="things", Item={"k": {"S": "secret value"}}, ReturnValues="ALL_OLD")
    dynamodb.get_item(TableName="things", Key={"k": {"S": "x"}})
    refused("ResourceNotFoundException", cloud.client("lambda").invoke, FunctionName="none")
    cloud.advance(301)
    found = delivered(cloud, name)
    assert names(found) == ["PutItem", "PutItem", "Invoke"] and "secret value" not in json.dumps(found) and found[1]["responseElements"] is None
    assert "CreateTable" in [event["EventName"] for event in cloud.client("cloudtrail").lookup_events()["Events"]]
    assert found[0]["resources"] == [{"accountId": cloud.account, "type": "AWS::DynamoDB::Table", "ARN": f"arn:aws:dynamodb:us-east-1:{cloud.account}:table/things"}]


def test_advanced_selectors_say_more(cloud):
    name, sqs = bucket(cloud), cloud.client("sqs")
    trail(cloud, S3BucketName=name, selectors={"AdvancedEventSelectors": [
        {"Name": "messages", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::SQS::Queue"]},
                                                {"Field": "resources.ARN", "EndsWith": [":orders"]}, {"Field": "eventName", "NotEquals": ["ReceiveMessage"]}]},
        {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "readOnly", "Equals": ["false"]}, {"Field": "eventSource", "Equals": ["iam.amazonaws.com"]}]}]})
    told = cloud.client("cloudtrail").get_event_selectors(TrailName="main")
    assert len(told["AdvancedEventSelectors"]) == 2 and "EventSelectors" not in told and cloud.client("cloudtrail").get_trail(Name="main")["Trail"]["HasCustomEventSelectors"]
    orders, others = (sqs.create_queue(QueueName=one)["QueueUrl"] for one in ("orders", "others"))
    for url in (orders, others):
        sqs.send_message(QueueUrl=url, MessageBody="m")
        sqs.receive_message(QueueUrl=url)
    cloud.client("iam").list_users()
    cloud.client("iam").create_user(UserName="ann")
    cloud.advance(301)
    found = delivered(cloud, name)
    assert names(found) == ["SendMessage", "CreateUser"]
    assert found[0]["resources"] == [{"accountId": cloud.account, "type": "AWS::SQS::Queue", "ARN": f"arn:aws:sqs:us-east-1:{cloud.account}:orders"}]


@pytest.mark.parametrize("given", [
    {"EventSelectors": [{}] * 6},
    {"EventSelectors": [{"IncludeManagementEvents": False}]},
    {"EventSelectors": [{"DataResources": [{"Type": "AWS::SQS::Queue", "Values": ["arn:aws:sqs"]}]}]},
    {"EventSelectors": [{"DataResources": [{"Type": "AWS::S3::Object", "Values": ["bucket"]}]}]},
    {"EventSelectors": [{"DataResources": [{"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::b/{n}" for n in range(251)]}]}]},
    {"EventSelectors": [{"ExcludeManagementEventSources": ["iam.amazonaws.com"]}]},
    {"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "readOnly", "Equals": ["true"]}]}]},
    {"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}]},
    {"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "resources.ARN", "Equals": ["x"]}]}]},
    {"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "readOnly", "NotEquals": ["true"]}]}]},
    {"EventSelectors": [{}], "AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]},
    {"EventSelectors": []},
])
def test_selectors_are_checked(cloud, given):
    client = cloud.client("cloudtrail")
    client.create_trail(Name="main", S3BucketName=bucket(cloud))
    refused("InvalidEventSelectorsException", client.put_event_selectors, TrailName="main", **given)


def test_insight_selectors_are_kept(cloud):
    client = cloud.client("cloudtrail")
    client.create_trail(Name="main", S3BucketName=bucket(cloud))
    refused("InsightNotEnabledException", client.get_insight_selectors, TrailName="main")
    client.put_insight_selectors(TrailName="main", InsightSelectors=[{"InsightType": "ApiCallRateInsight"}])
    assert client.get_insight_selectors(TrailName="main")["InsightSelectors"] == [{"InsightType": "ApiCallRateInsight"}]
    refused("InvalidInsightSelectorsException", client.put_insight_selectors, TrailName="main", InsightSelectors=[{"InsightType": "ApiCallRateInsight"}] * 2)


# -- where else ---------------------------------------------------------------------------------------------------------------------

def test_a_topic_is_told_of_each_file(cloud):
    sns, sqs, client, name = cloud.client("sns"), cloud.client("sqs"), cloud.client("cloudtrail"), bucket(cloud)
    refused("InsufficientSnsTopicPolicyException", client.create_trail, Name="main", S3BucketName=name, SnsTopicName="files")
    topic = sns.create_topic(Name="files")["TopicArn"]
    refused("InsufficientSnsTopicPolicyException", client.create_trail, Name="main", S3BucketName=name, SnsTopicName="files")
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [
        allow("sns:Publish", topic, Principal={"Service": "cloudtrail.amazonaws.com"})]}))
    url = sqs.create_queue(QueueName="files")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow("sqs:SendMessage", queue, Principal={"Service": "sns.amazonaws.com"})]})})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    made = client.create_trail(Name="main", S3BucketName=name, SnsTopicName="files")
    assert made["SnsTopicARN"] == topic and made["SnsTopicName"] == "files"
    client.start_logging(Name="main")
    cloud.advance(301)
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"]) == {"s3Bucket": name, "s3ObjectKey": keys(cloud, name, "AWSLogs/")}
    assert client.get_trail_status(Name="main")["LatestNotificationTime"]


def test_a_log_group_gets_each_record_under_a_role(cloud):
    logs, iam, client, name = cloud.client("logs"), cloud.client("iam"), cloud.client("cloudtrail"), bucket(cloud)
    logs.create_log_group(logGroupName="trail")
    group = f"arn:aws:logs:us-east-1:{cloud.account}:log-group:trail:*"
    role = iam.create_role(RoleName="trail", AssumeRolePolicyDocument=trusting({"Service": "cloudtrail.amazonaws.com"}))["Role"]["Arn"]
    where = {"Name": "main", "S3BucketName": name, "CloudWatchLogsLogGroupArn": group}
    refused("InvalidCloudWatchLogsLogGroupArnException", client.create_trail, **where, CloudWatchLogsRoleArn=role)
    iam.put_role_policy(RoleName="trail", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow(["logs:CreateLogStream", "logs:PutLogEvents"])]}))
    refused("InvalidCloudWatchLogsRoleArnException", client.create_trail, **where, CloudWatchLogsRoleArn=role + "x")
    refused("InvalidCloudWatchLogsLogGroupArnException", client.create_trail, **{**where, "CloudWatchLogsLogGroupArn": group.replace("trail:*", "none:*")}, CloudWatchLogsRoleArn=role)
    refused("InvalidParameterCombinationException", client.create_trail, **where)
    ann = Person(cloud, "ann", allow("cloudtrail:*"))
    refused("AccessDeniedException", ann.client("cloudtrail").create_trail, **where, CloudWatchLogsRoleArn=role)      # iam:PassRole
    client.create_trail(**where, CloudWatchLogsRoleArn=role)
    client.start_logging(Name="main")
    cloud.client("sqs").create_queue(QueueName="q")
    cloud.advance(301)
    lines = logs.get_log_events(logGroupName="trail", logStreamName=f"{cloud.account}_CloudTrail_us-east-1")["events"]
    assert "CreateQueue" in [json.loads(one["message"])["eventName"] for one in lines]
    assert client.get_trail_status(Name="main")["LatestCloudWatchLogsDeliveryTime"]


def test_log_files_lie_under_the_trails_key(cloud):
    kms, client, s3, name = cloud.client("kms"), cloud.client("cloudtrail"), cloud.client("s3"), bucket(cloud)
    key = kms.create_key()["KeyMetadata"]
    refused("KmsKeyNotFoundException", client.create_trail, Name="main", S3BucketName=name, KmsKeyId="alias/none")
    refused("InsufficientEncryptionPolicyException", client.create_trail, Name="main", S3BucketName=name, KmsKeyId=key["KeyId"])
    root = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{cloud.account}:root"})
    ours = allow("kms:GenerateDataKey*", Principal={"Service": "cloudtrail.amazonaws.com"}, Condition={"StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": f"arn:aws:cloudtrail:*:{cloud.account}:trail/*"}})
    kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=json.dumps({"Version": "2012-10-17", "Statement": [root, ours]}))
    assert client.create_trail(Name="main", S3BucketName=name, KmsKeyId=key["KeyId"])["KmsKeyId"] == key["Arn"]
    client.start_logging(Name="main")
    cloud.advance(301)
    [file] = keys(cloud, name, "AWSLogs/")
    head = s3.head_object(Bucket=name, Key=file)
    assert head["ServerSideEncryption"] == "aws:kms" and head["SSEKMSKeyId"] == key["Arn"]
    ann = Person(cloud, "ann", allow("s3:GetObject"))
    refused("AccessDenied", ann.client("s3").get_object, Bucket=name, Key=file)
    assert "StartLogging" in names(delivered(cloud, name))


def test_eventbridge_hears_of_calls_while_a_trail_logs(cloud):
    events, sqs, name = cloud.client("events"), cloud.client("sqs"), bucket(cloud)
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow("sqs:SendMessage", queue, Principal={"Service": "events.amazonaws.com"})]})})
    pattern = {"source": ["aws.iam"], "detail-type": ["AWS API Call via CloudTrail"], "detail": {"eventName": ["CreateUser", "ListUsers", "DeleteUser"]}}
    events.put_rule(Name="r", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": queue}])

    def heard():
        out = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for one in messages:
                out.append(json.loads(one["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return out
    iam = cloud.client("iam")
    iam.create_user(UserName="silent")
    assert not heard()                                          # no trail logs
    trail(cloud, S3BucketName=name)
    iam.create_user(UserName="ann")
    iam.list_users()
    refused("NoSuchEntity", iam.delete_user, UserName="nobody")
    found = heard()
    assert [one["detail"]["eventName"] for one in found] == ["CreateUser", "DeleteUser"]                # reads are not told
    assert found[0]["detail"]["requestParameters"] == {"userName": "ann"} and found[0]["source"] == "aws.iam" and found[1]["detail"]["errorCode"] == "NoSuchEntityException"
    events.put_rule(Name="r", EventPattern=json.dumps(pattern), State="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
    iam.list_users()
    assert [one["detail"]["eventName"] for one in heard()] == ["ListUsers"]
    cloud.client("cloudtrail").stop_logging(Name="main")
    iam.create_user(UserName="bob")
    assert not heard()


def test_guardduty_sees_that_a_trail_is_stopped(cloud):
    name = bucket(cloud)
    trail(cloud, S3BucketName=name)
    guardduty = cloud.client("guardduty")
    detector = guardduty.create_detector(Enable=True)["DetectorId"]
    cloud.client("cloudtrail").stop_logging(Name="main")
    cloud.advance(301)
    found = guardduty.get_findings(DetectorId=detector, FindingIds=guardduty.list_findings(DetectorId=detector)["FindingIds"])["Findings"]
    assert "Stealth:IAMUser/CloudTrailLoggingDisabled" in [one["Type"] for one in found]


