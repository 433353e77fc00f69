"""CloudTrail: the history of management events."""
import json

import pytest

from cloche.testing.people import Person, allow, keys, refused, trusting


def events(cloud, name="", key="EventName", region="us-east-1", **more):
    attributes = {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": name}]} if name else {}
    return cloud.client("cloudtrail", region=region).lookup_events(**attributes, **more)["Events"]


def record(event):
    return json.loads(event["CloudTrailEvent"])


def test_a_call_of_a_user_is_in_the_history_at_once(cloud):
    ann = Person(cloud, "ann", allow("sqs:*"))
    url = ann.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
    [event] = events(cloud, "CreateQueue")
    print(json.dumps(record(event), indent=1))
    assert (event["EventSource"], event["Username"], event["AccessKeyId"], event["ReadOnly"]) == ("sqs.amazonaws.com", "ann", ann.key, "false")
    told = record(event)
    assert told["userIdentity"] == {"type": "IAMUser", "principalId": told["userIdentity"]["principalId"], "arn": ann.arn, "accountId": cloud.account, "accessKeyId": ann.key, "userName": "ann"}
    assert told["requestParameters"] == {"queueName": "orders"} and told["responseElements"] == {"queueUrl": url}


def test_root_is_told_as_root(cloud):
    cloud.client("sqs").create_queue(QueueName="q")
    [event] = events(cloud, "CreateQueue")
    assert event["Username"] == "root" and event["AccessKeyId"] == cloud.account
    assert record(event)["userIdentity"] == {
        "type": "Root", "principalId": cloud.account, "arn": f"arn:aws:iam::{cloud.account}:root", "accountId": cloud.account, "accessKeyId": cloud.account}


def test_a_roles_session_says_which_role_issued_it(cloud):
    ann = Person(cloud, "ann", allow("sts:AssumeRole"))
    iam = cloud.client("iam")
    role = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=trusting({"AWS": ann.arn}))["Role"]
    iam.put_role_policy(RoleName="deployer", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow("sqs:*")]}))
    session = ann.assume(role["Arn"], "monday")
    cloud.client("sqs", **session).create_queue(QueueName="q")
    [event] = events(cloud, "CreateQueue")
    who = record(event)["userIdentity"]
    assert event["Username"] == "monday" and event["AccessKeyId"] == session["key"]
    assert who["type"] == "AssumedRole" and who["principalId"] == f"{role['RoleId']}:monday" and who["arn"] == f"arn:aws:sts::{cloud.account}:assumed-role/deployer/monday"
    assert who["sessionContext"]["sessionIssuer"] == {"type": "Role", "principalId": role["RoleId"], "arn": role["Arn"], "accountId": cloud.account, "userName": "deployer"}
    assert who["sessionContext"]["attributes"]["mfaAuthenticated"] == "false" and who["sessionContext"]["attributes"]["creationDate"].endswith("Z")
    [assumed] = events(cloud, "AssumeRole")
    told = record(assumed)
    assert told["readOnly"] is True and told["resources"] == [{"accountId": cloud.account, "type": "AWS::IAM::Role", "ARN": role["Arn"]}]
    assert told["responseElements"]["credentials"]["accessKeyId"] == session["key"]
    assert session["secret"] not in assumed["CloudTrailEvent"] and session["token"] not in assumed["CloudTrailEvent"]
    assert told["responseElements"]["credentials"]["sessionToken"] == "HIDDEN_DUE_TO_SECURITY_REASONS"


def test_a_federated_user_is_one(cloud):
    ann = Person(cloud, "ann", allow(["sts:GetFederationToken", "sqs:*"]))
    made = ann.client("sts").get_federation_token(Name="guest", Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow("sqs:*")]}))
    cloud.client("sqs", **keys(made)).create_queue(QueueName="q")
    [event] = events(cloud, "CreateQueue")
    who = record(event)["userIdentity"]
    assert who["type"] == "FederatedUser" and who["principalId"] == f"{cloud.account}:guest" and who["arn"].endswith(":federated-user/guest")
    assert who["sessionContext"]["sessionIssuer"]["type"] == "IAMUser" and who["sessionContext"]["sessionIssuer"]["userName"] == "ann"


def test_a_denial_is_told_with_its_code_and_message(cloud):
    ann = Person(cloud, "ann")
    said = refused("AccessDenied", ann.client("iam").create_user, UserName="eve")
    [event] = [one for one in events(cloud, "CreateUser") if one["Username"] == "ann"]
    told = record(event)
    assert (told["errorCode"], told["errorMessage"]) == ("AccessDenied", said)
    assert told["requestParameters"] == {"userName": "eve"} and told["responseElements"] is None
    refused("AccessDeniedException", ann.client("kms").create_key)
    assert record(events(cloud, "CreateKey")[0])["errorCode"] == "AccessDenied"


def test_ec2_says_whose_fault_a_refusal_was(cloud):
    ann = Person(cloud, "ann")
    refused("UnauthorizedOperation", ann.client("ec2").create_vpc, CidrBlock="10.0.0.0/16")
    refused("InvalidVpcID.NotFound", cloud.client("ec2").delete_vpc, VpcId="vpc-0123456789abcdef0")
    assert record(events(cloud, "CreateVpc")[0])["errorCode"] == "Client.UnauthorizedOperation"
    assert record(events(cloud, "DeleteVpc")[0])["errorCode"] == "Client.InvalidVpcID.NotFound"


def test_a_refusal_of_iam_is_told_by_the_name_of_its_exception(cloud):
    refused("NoSuchEntity", cloud.client("iam").delete_user, UserName="nobody")
    assert record(events(cloud, "DeleteUser")[0])["errorCode"] == "NoSuchEntityException"


def test_ec2s_lists_are_sets_of_items(cloud):
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "a", "Value": "b"}]}])["Vpc"]["VpcId"]
    told = record(events(cloud, "CreateVpc")[0])
    assert told["requestParameters"] == {"cidrBlock": "10.0.0.0/16", "tagSpecificationSet": {"items": [{"resourceType": "vpc", "tagSet": {"items": [{"key": "a", "value": "b"}]}}]}}
    assert told["responseElements"]["vpc"]["vpcId"] == vpc
    ec2.delete_vpc(VpcId=vpc)
    assert record(events(cloud, "DeleteVpc")[0])["responseElements"] == {"_return": True}


def test_a_read_has_no_response_elements(cloud):
    cloud.client("iam").list_users()
    [event] = events(cloud, "ListUsers")
    assert event["ReadOnly"] == "true" and record(event)["responseElements"] is None and record(event)["readOnly"] is True


def test_global_services_tell_in_us_east_1(cloud):
    cloud.client("iam", region="eu-west-1").create_user(UserName="ann")
    cloud.client("sqs", region="eu-west-1").create_queue(QueueName="q")
    assert len(events(cloud, "CreateUser")) == 1 and not events(cloud, "CreateUser", region="eu-west-1")
    assert len(events(cloud, "CreateQueue", region="eu-west-1")) == 1 and not events(cloud, "CreateQueue")
    assert record(events(cloud, "CreateUser")[0])["awsRegion"] == "us-east-1"


def test_secrets_are_hidden(cloud):
    iam = cloud.client("iam")
    iam.create_user(UserName="ann")
    iam.create_login_profile(UserName="ann", Password="Correct-horse-1")
    made = iam.create_access_key(UserName="ann")["AccessKey"]
    cloud.client("secretsmanager").create_secret(Name="db", SecretString="hunter2hunter2")
    cloud.client("ssm").put_parameter(Name="p", Value="hunter3hunter3", Type="SecureString")
    texts = {one["EventName"]: one["CloudTrailEvent"] for one in events(cloud)}
    assert "Correct-horse-1" not in texts["CreateLoginProfile"] and json.loads(texts["CreateLoginProfile"])["requestParameters"]["password"] == "HIDDEN_DUE_TO_SECURITY_REASONS"
    assert made["SecretAccessKey"] not in texts["CreateAccessKey"] and json.loads(texts["CreateAccessKey"])["responseElements"]["accessKey"]["accessKeyId"] == made["AccessKeyId"]
    assert json.loads(texts["CreateSecret"])["requestParameters"]["secretString"] == "HIDDEN_DUE_TO_SECURITY_REASONS" and "hunter2hunter2" not in texts["CreateSecret"]
    assert json.loads(texts["PutParameter"])["requestParameters"]["value"] == "HIDDEN_DUE_TO_SECURITY_REASONS" and "hunter3hunter3" not in texts["PutParameter"]


def test_a_bucket_is_told_as_s3_tells_it(cloud):
    s3 = cloud.client("s3")
    bucket = f"b-{cloud.account}"
    s3.create_bucket(Bucket=bucket)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": f"arn:aws:s3:::{bucket}"}]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    told = record(events(cloud, "CreateBucket")[0])
    assert told["requestParameters"]["bucketName"] == bucket and told["eventSource"] == "s3.amazonaws.com"
    assert told["resources"] == [{"accountId": cloud.account, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"}]
    assert record(events(cloud, "PutBucketPolicy")[0])["requestParameters"]["bucketPolicy"] == policy
    [found] = [one for one in events(cloud, bucket, "ResourceName") if one["EventName"] == "CreateBucket"]
    assert {"ResourceType": "AWS::S3::Bucket", "ResourceName": bucket} in found["Resources"]


def test_data_is_not_in_the_history(cloud):
    s3, bucket = cloud.client("s3"), f"b-{cloud.account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.get_object(Bucket=bucket, Key="k")
    url = cloud.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="m")
    names = {one["EventName"] for one in events(cloud)}
    assert {"CreateBucket", "CreateQueue"} <= names and not names & {"PutObject", "GetObject", "SendMessage"}


def test_lambdas_operations_are_told_with_their_date(cloud):
    refused("ResourceNotFoundException", cloud.client("lambda").delete_function, FunctionName="none")
    assert record(events(cloud, "DeleteFunction20150331")[0])["eventSource"] == "lambda.amazonaws.com"


@pytest.mark.parametrize("key,value", [("EventName", "CreateQueue"), ("ReadOnly", "false"), ("Username", "ann"), ("ResourceType", "AWS::SQS::Queue"), ("ResourceName", "orders"),
                                       ("EventSource", "sqs.amazonaws.com"), ("AccessKeyId", None), ("EventId", None)])
def test_events_are_looked_up_by_one_attribute(cloud, key, value):
    ann = Person(cloud, "ann", allow("sqs:*"))
    ann.client("sqs").create_queue(QueueName="orders")
    ann.client("sqs").list_queues()
    [made] = events(cloud, "CreateQueue")
    value = value or {"AccessKeyId": ann.key, "EventId": made["EventId"]}[key]
    found = events(cloud, value, key)
    assert made in found
    assert ("ListQueues" in {one["EventName"] for one in found}) == (key in ("Username", "EventSource", "AccessKeyId"))
    cloud.client("sqs").create_queue(QueueName="later")     # the index goes on from where it was
    if key == "EventName":
        assert len(events(cloud, value, key)) == 2


def test_only_one_attribute_may_be_given(cloud):
    client = cloud.client("cloudtrail")
    two = [{"AttributeKey": "EventName", "AttributeValue": "A"}, {"AttributeKey": "Username", "AttributeValue": "b"}]
    refused("InvalidLookupAttributesException", client.lookup_events, LookupAttributes=two)
    refused("InvalidLookupAttributesException", client.lookup_events, LookupAttributes=[{"AttributeKey": "ReadOnly", "AttributeValue": "perhaps"}])


def test_events_come_newest_first_in_pages_of_fifty(cloud):
    sqs, client = cloud.client("sqs"), cloud.client("cloudtrail")
    for _ in range(55):
        sqs.list_queues()
    by = {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "ListQueues"}]}
    first = client.lookup_events(**by)
    assert len(first["Events"]) == 50
    second = client.lookup_events(**by, NextToken=first["NextToken"])
    assert len(second["Events"]) == 5 and "NextToken" not in second
    numbers = [record(one)["requestID"] for one in first["Events"] + second["Events"]]
    assert len(set(numbers)) == 55 and numbers == sorted(numbers, reverse=True)
    assert len(client.lookup_events(**by, MaxResults=3)["Events"]) == 3
    refused("InvalidMaxResultsException", client.lookup_events, MaxResults=51)
    refused("InvalidNextTokenException", client.lookup_events, NextToken=first["NextToken"])
    refused("InvalidNextTokenException", client.lookup_events, NextToken="nonsense")


def test_a_span_of_time_bounds_the_search(cloud):
    sqs, client = cloud.client("sqs"), cloud.client("cloudtrail")
    sqs.list_queues()
    cloud.advance(hours=1)
    between = cloud.now - 1800
    sqs.list_queues()
    by = {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "ListQueues"}]}
    assert len(client.lookup_events(**by)["Events"]) == 2
    assert len(client.lookup_events(**by, StartTime=between)["Events"]) == 1 and len(client.lookup_events(**by, EndTime=between)["Events"]) == 1
    refused("InvalidTimeRangeException", client.lookup_events, StartTime=between, EndTime=between - 1)


def test_history_is_ninety_days_long(cloud):
    cloud.client("sqs").list_queues()
    cloud.advance(days=89)
    assert len(events(cloud, "ListQueues")) == 1
    cloud.advance(days=2)
    assert not events(cloud, "ListQueues") and not events(cloud, "ListQueues", StartTime=cloud.now - 100 * 86400)
    cloud.client("sqs").list_queues()
    assert len(events(cloud, "ListQueues")) == 1


def test_lookups_are_metered(cloud):
    client = cloud.client("cloudtrail")

    def often():
        for _ in range(100):
            client.lookup_events(MaxResults=1)
    refused("ThrottlingException", often)
    cloud.advance(5)
    client.lookup_events(MaxResults=1)


def test_lookups_need_permission(cloud):
    refused("AccessDeniedException", Person(cloud, "ann").client("cloudtrail").lookup_events)
    Person(cloud, "bob", allow("cloudtrail:LookupEvents")).client("cloudtrail").lookup_events()


def test_an_account_sees_its_own_events_and_who_assumes_its_roles(cloud):
    other = cloud.other()
    ann = Person(cloud, "ann", allow("sts:AssumeRole"))
    role = other.client("iam").create_role(RoleName="guest", AssumeRolePolicyDocument=trusting({"AWS": f"arn:aws:iam::{cloud.account}:root"}))["Role"]["Arn"]
    ann.assume(role)
    here, there = record(events(cloud, "AssumeRole")[0]), record(events(other, "AssumeRole")[0])
    assert here["userIdentity"]["arn"] == ann.arn and here["recipientAccountId"] == cloud.account
    assert there["userIdentity"] == {"type": "AWSAccount", "principalId": here["userIdentity"]["principalId"], "accountId": cloud.account} and there["recipientAccountId"] == other.account
    assert here["sharedEventID"] == there["sharedEventID"] and here["eventID"] != there["eventID"]
    assert not events(other, "CreateUser") and not events(cloud, "CreateRole")


def test_what_cloudformation_does_is_told_as_its_callers_by_it(cloud):
    ann = Person(cloud, "ann", allow(["cloudformation:*", "sqs:*"]))
    cfn = ann.client("cloudformation")
    cfn.create_stack(StackName="s", TemplateBody=json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}))
    cloud.advance(60)
    [event] = events(cloud, "CreateQueue")
    told = record(event)
    assert told["userIdentity"]["arn"] == ann.arn and told["userIdentity"]["invokedBy"] == told["sourceIPAddress"] == told["userAgent"] == "cloudformation.amazonaws.com"


def test_what_cloudformation_does_with_a_role_is_told_as_the_roles_session(cloud):
    iam = cloud.client("iam")
    role = iam.create_role(RoleName="cfn", AssumeRolePolicyDocument=trusting({"Service": "cloudformation.amazonaws.com"}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="cfn", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow("sqs:*")]}))
    cloud.client("cloudformation").create_stack(StackName="s", RoleARN=role, TemplateBody=json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}))
    cloud.advance(60)
    who = record(events(cloud, "CreateQueue")[0])["userIdentity"]
    assert who["type"] == "AssumedRole" and who["sessionContext"]["sessionIssuer"]["arn"] == role and who["invokedBy"] == "cloudformation.amazonaws.com"


def test_history_survives_a_crash(process):
    cloud = process()
    cloud.client("sqs").create_queue(QueueName="q")
    [before] = events(cloud, "CreateQueue")
    cloud.client("sqs").create_queue(QueueName="last")     # answered, so on disk, and its line with it
    cloud.kill()
    cloud.start()
    after = events(cloud, "CreateQueue")
    assert [record(one)["requestParameters"]["queueName"] for one in after] == ["last", "q"] and after[1] == before


def test_packets_are_not_calls(cloud):
    """Flow logs have those: what CloudTrail tells of is that one was asked for."""
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.create_flow_logs(ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName="flows",
                         DeliverLogsPermissionArn=cloud.client("iam").create_role(RoleName="flow", AssumeRolePolicyDocument=trusting({"Service": "vpc-flow-logs.amazonaws.com"}))["Role"]["Arn"])
    cloud.advance(700)
    assert {one["EventName"] for one in events(cloud, "ec2.amazonaws.com", "EventSource")} == {"CreateVpc", "CreateFlowLogs"}
