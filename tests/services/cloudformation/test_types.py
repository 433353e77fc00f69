"""Resource types, each made, changed and taken down through its service."""
import json
import time

import pytest

from .templates import TRUST, outputs, queue, reasons, refused, resources, role, stack, status, template


def deploy(cfn, name, body, expected=None):
    """Create or update; the stack must end well."""
    arguments = {"StackName": name, "TemplateBody": body, "Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]}
    try:
        cfn.create_stack(**arguments)
    except cfn.exceptions.AlreadyExistsException:
        cfn.update_stack(**arguments)
    for _ in range(40):  # the first function of all may take longer than a description waits
        if not status(cfn, name).endswith("IN_PROGRESS"):
            break
        time.sleep(0.25)
    assert status(cfn, name).endswith("E_COMPLETE") and "ROLLBACK" not in status(cfn, name), reasons(cfn, name)
    return {k: v["PhysicalResourceId"] for k, v in resources(cfn, name).items()}


def gone(cfn, name):
    arn = stack(cfn, name)["StackId"]
    cfn.delete_stack(StackName=name)
    assert status(cfn, arn) == "DELETE_COMPLETE", reasons(cfn, arn)


def test_s3_buckets_with_their_configurations(cloud):
    cfn, s3 = cloud.client("cloudformation"), cloud.client("s3")
    policy = {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "B"}, "PolicyDocument": {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": cloud.account}, "Action": "s3:GetObject", "Resource": {"Fn::Sub": "${B.Arn}/*"}}]}}}

    def body(**properties):
        return template({"B": {"Type": "AWS::S3::Bucket", "Properties": properties}, "P": policy}, Outputs={
            "Site": {"Value": {"Fn::GetAtt": ["B", "WebsiteURL"]}}, "Domain": {"Value": {"Fn::GetAtt": ["B", "RegionalDomainName"]}}})

    name = deploy(cfn, "buckets", body(
        VersioningConfiguration={"Status": "Enabled"}, Tags=[{"Key": "a", "Value": "b"}], PublicAccessBlockConfiguration={"BlockPublicAcls": True, "IgnorePublicAcls": "true"},
        BucketEncryption={"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
        LifecycleConfiguration={"Rules": [{"Id": "r", "Status": "Enabled", "ExpirationInDays": 7, "Prefix": "tmp/"}]},
        CorsConfiguration={"CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": 30}]}))["B"]
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled" and name.startswith("buckets-b-")
    [rule] = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert (rule["ID"], rule["Expiration"], rule["Filter"]) == ("r", {"Days": 7}, {"Prefix": "tmp/"})
    assert s3.get_bucket_cors(Bucket=name)["CORSRules"][0]["MaxAgeSeconds"] == 30
    assert {"Key": "a", "Value": "b"} in s3.get_bucket_tagging(Bucket=name)["TagSet"]
    assert outputs(cfn, "buckets") == {"Site": f"http://{name}.s3-website-us-east-1.amazonaws.com", "Domain": f"{name}.s3.us-east-1.amazonaws.com"}
    assert deploy(cfn, "buckets", body(VersioningConfiguration={"Status": "Suspended"}))["B"] == name
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Suspended"
    assert refused(s3.get_bucket_cors, Bucket=name)[0] == "NoSuchCORSConfiguration"
    gone(cfn, "buckets")
    assert s3.list_buckets()["Buckets"] == []


def test_sns_topics_with_subscriptions_and_a_policy(cloud):
    cfn, sns = cloud.client("cloudformation"), cloud.client("sns")

    def body(name, filter_):
        return template({
            "T": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": name}}, "Q": queue(),
            "S": {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": {"Ref": "T"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Q", "Arn"]},
                                                                   "FilterPolicy": filter_, "RawMessageDelivery": True}},
            "P": {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": [{"Ref": "T"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish", "Resource": {"Ref": "T"}}]}}}},
            Outputs={"N": {"Value": {"Fn::GetAtt": ["T", "TopicName"]}}})

    made = deploy(cfn, "topics", body("one", {"a": ["x"]}))
    assert sns.get_topic_attributes(TopicArn=made["T"])["Attributes"]["DisplayName"] == "one" and outputs(cfn, "topics")["N"] == made["T"].rsplit(":", 1)[1]
    assert deploy(cfn, "topics", body("two", {"a": ["y"]})) == made
    attributes = sns.get_subscription_attributes(SubscriptionArn=made["S"])["Attributes"]
    assert json.loads(attributes["FilterPolicy"]) == {"a": ["y"]} and attributes["RawMessageDelivery"] == "true"
    assert sns.get_topic_attributes(TopicArn=made["T"])["Attributes"]["DisplayName"] == "two"
    gone(cfn, "topics")
    assert sns.list_topics()["Topics"] == [] and sns.list_subscriptions()["Subscriptions"] == []


def test_dynamodb_tables_change_throughput_indexes_and_time_to_live(cloud):
    cfn, ddb = cloud.client("cloudformation"), cloud.client("dynamodb")

    def body(key="id", **properties):
        return template({"T": {"Type": "AWS::DynamoDB::Table", "Properties": {
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}], "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}], **properties}}},
            Outputs={"Arn": {"Value": {"Fn::GetAtt": ["T", "Arn"]}}})

    first = deploy(cfn, "tables", body(BillingMode="PAY_PER_REQUEST", StreamSpecification={"StreamViewType": "NEW_IMAGE"},
                                       TimeToLiveSpecification={"AttributeName": "until", "Enabled": True}))["T"]
    shown = ddb.describe_table(TableName=first)["Table"]
    assert shown["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE" and outputs(cfn, "tables")["Arn"] == shown["TableArn"]
    assert ddb.describe_time_to_live(TableName=first)["TimeToLiveDescription"]["AttributeName"] == "until"
    second = deploy(cfn, "tables", body(ProvisionedThroughput={"ReadCapacityUnits": "3", "WriteCapacityUnits": 4}, StreamSpecification={"StreamViewType": "NEW_IMAGE"},
                                        TimeToLiveSpecification={"AttributeName": "until", "Enabled": True}))["T"]
    assert second == first and ddb.describe_table(TableName=first)["Table"]["ProvisionedThroughput"]["ReadCapacityUnits"] == 3
    third = deploy(cfn, "tables", body("other", BillingMode="PAY_PER_REQUEST"))["T"]
    assert third != first and ddb.list_tables()["TableNames"] == [third]
    gone(cfn, "tables")


def test_log_groups_and_kms_keys(cloud):
    cfn, logs, kms = cloud.client("cloudformation"), cloud.client("logs"), cloud.client("kms")

    def body(days, description):
        return template({"G": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": days}},
                         "S": {"Type": "AWS::Logs::LogStream", "Properties": {"LogGroupName": {"Ref": "G"}, "LogStreamName": "s"}},
                         "K": {"Type": "AWS::KMS::Key", "Properties": {"Description": description, "EnableKeyRotation": True, "KeyPolicy": {
                             "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
                                                                     "Action": "kms:*", "Resource": "*"}]}}},
                         "A": {"Type": "AWS::KMS::Alias", "Properties": {"AliasName": "alias/cfn", "TargetKeyId": {"Ref": "K"}}}})

    made = deploy(cfn, "logs", body(7, "one"))
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 7
    assert kms.describe_key(KeyId="alias/cfn")["KeyMetadata"]["KeyId"] == made["K"] and kms.get_key_rotation_status(KeyId=made["K"])["KeyRotationEnabled"]
    assert deploy(cfn, "logs", body(14, "two")) == made
    assert kms.describe_key(KeyId=made["K"])["KeyMetadata"]["Description"] == "two" and logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 14
    gone(cfn, "logs")
    assert kms.describe_key(KeyId=made["K"])["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_iam_entities_and_the_policies_that_hang_on_them(cloud):
    cfn, iam = cloud.client("cloudformation"), cloud.client("iam")
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}

    def body(action):
        return template({
            "R": role(ManagedPolicyArns=[{"Ref": "M"}]), "G": {"Type": "AWS::IAM::Group", "Properties": {}}, "U": {"Type": "AWS::IAM::User", "Properties": {"Groups": [{"Ref": "G"}]}},
            "M": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": json.loads(json.dumps(document).replace("s3:*", action))}},
            "P": {"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "p", "PolicyDocument": document, "Roles": [{"Ref": "R"}], "Groups": [{"Ref": "G"}]}},
            "I": {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": [{"Ref": "R"}]}}, "K": {"Type": "AWS::IAM::AccessKey", "Properties": {"UserName": {"Ref": "U"}}}},
            Outputs={"Secret": {"Value": {"Fn::GetAtt": ["K", "SecretAccessKey"]}}})

    made = deploy(cfn, "people", body("s3:Get*"))
    assert iam.list_attached_role_policies(RoleName=made["R"])["AttachedPolicies"][0]["PolicyArn"] == made["M"]
    assert iam.list_role_policies(RoleName=made["R"])["PolicyNames"] == ["p"] == iam.list_group_policies(GroupName=made["G"])["PolicyNames"]
    caller = cloud.client("sts", key=made["K"], secret=outputs(cfn, "people")["Secret"])
    assert caller.get_caller_identity()["Arn"].endswith(f"user/{made['U']}")
    assert deploy(cfn, "people", body("s3:Put*")) == made
    assert iam.get_policy(PolicyArn=made["M"])["Policy"]["DefaultVersionId"] == "v2"
    gone(cfn, "people")
    assert iam.list_users()["Users"] == [] and iam.list_roles()["Roles"] == [] and iam.list_policies(Scope="Local")["Policies"] == []


INLINE = """
import cfnresponse
def handler(event, context):
    if event["ResourceProperties"].get("Fail") == "true" and event["RequestType"] == "Create":
        cfnresponse.send(event, context, cfnresponse.FAILED, {}, reason="as you wish")
    else:
        data = {"Doubled": str(2 * int(event["ResourceProperties"]["Number"])), "Type": event["RequestType"]}
        cfnresponse.send(event, context, cfnresponse.SUCCESS, data, "physical-" + event["ResourceProperties"].get("Id", "1"))
"""
BASIC = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST, "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]}}


def function(**properties):
    return {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "python3.11", "Handler": "index.handler", "Role": {"Fn::GetAtt": ["R", "Arn"]}, "Timeout": 10, **properties}}


def test_custom_resources_are_made_by_the_function_they_name(cloud):
    cfn = cloud.client("cloudformation")

    def body(number, **more):
        return template({"R": BASIC, "F": function(Code={"ZipFile": INLINE}),
                         "C": {"Type": "Custom::Doubler", "Properties": {"ServiceToken": {"Fn::GetAtt": ["F", "Arn"]}, "Number": number, **more}}},
                        Outputs={"Doubled": {"Value": {"Fn::GetAtt": ["C", "Doubled"]}}, "Type": {"Value": {"Fn::GetAtt": ["C", "Type"]}}})

    made = deploy(cfn, "custom", body(21))
    assert made["C"] == "physical-1" and outputs(cfn, "custom") == {"Doubled": "42", "Type": "Create"}
    assert deploy(cfn, "custom", body(4))["C"] == "physical-1" and outputs(cfn, "custom") == {"Doubled": "8", "Type": "Update"}
    assert deploy(cfn, "custom", body(4, Id="2"))["C"] == "physical-2"
    assert ("C", "DELETE_COMPLETE") in [(x["LogicalResourceId"], x["ResourceStatus"]) for x in cfn.describe_stack_events(StackName="custom")["StackEvents"]]
    gone(cfn, "custom")
    cfn.create_stack(StackName="failing", TemplateBody=body(1, Fail=True), Capabilities=["CAPABILITY_IAM"])
    assert status(cfn, "failing") == "ROLLBACK_COMPLETE" and "Message returned: as you wish" in reasons(cfn, "failing")


def test_lambda_functions_versions_aliases_layers_and_event_sources(cloud):
    cfn, lam = cloud.client("cloudformation"), cloud.client("lambda")
    work = {**BASIC, "Properties": {**BASIC["Properties"], "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"]}}

    def body(text, version, **properties):
        return template({
            "R": work, "F": function(Code={"ZipFile": text}, **properties), "Q": queue(VisibilityTimeout=60),
            f"V{version}": {"Type": "AWS::Lambda::Version", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain", "Properties": {"FunctionName": {"Ref": "F"}}},
            "A": {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": {"Ref": "F"}, "Name": "live", "FunctionVersion": {"Fn::GetAtt": [f"V{version}", "Version"]}}},
            "M": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"FunctionName": {"Ref": "A"}, "EventSourceArn": {"Fn::GetAtt": ["Q", "Arn"]}, "BatchSize": 5}},
            "P": {"Type": "AWS::Lambda::Permission", "Properties": {"FunctionName": {"Ref": "A"}, "Action": "lambda:InvokeFunction", "Principal": "sns.amazonaws.com"}},
            "U": {"Type": "AWS::Lambda::Url", "Properties": {"TargetFunctionArn": {"Ref": "F"}, "AuthType": "NONE"}},
            "E": {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": {"FunctionName": {"Ref": "F"}, "Qualifier": "$LATEST", "MaximumRetryAttempts": 1}}},
            Outputs={"Url": {"Value": {"Fn::GetAtt": ["U", "FunctionUrl"]}}})

    one = deploy(cfn, "lambdas", body("def handler(e, c): return 'one'", 1, Environment={"Variables": {"AB": "1"}}, ReservedConcurrentExecutions=2))
    assert json.loads(lam.invoke(FunctionName=one["A"])["Payload"].read()) == "one" and outputs(cfn, "lambdas")["Url"].startswith("http")
    assert lam.get_function_concurrency(FunctionName=one["F"])["ReservedConcurrentExecutions"] == 2
    two = deploy(cfn, "lambdas", body("def handler(e, c): return 'two'", 2, MemorySize=256))
    assert two["F"] == one["F"] and json.loads(lam.invoke(FunctionName=two["A"])["Payload"].read()) == "two"
    shown = lam.get_function_configuration(FunctionName=one["F"])
    assert shown["MemorySize"] == 256 and not shown.get("Environment", {}).get("Variables")
    assert {x["Version"] for x in lam.list_versions_by_function(FunctionName=one["F"])["Versions"]} == {"$LATEST", "1", "2"}
    gone(cfn, "lambdas")
    assert lam.list_functions()["Functions"] == []


def test_notifications_about_a_stack_come_to_its_topics(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    made = deploy(cfn, "mailbox", template({"T": {"Type": "AWS::SNS::Topic"}, "Q": queue(), "P": {"Type": "AWS::SQS::QueuePolicy", "Properties": {
        "Queues": [{"Ref": "Q"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]}}},
        "S": {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": {"Ref": "T"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Q", "Arn"]}, "RawMessageDelivery": True}}}))
    cfn.create_stack(StackName="told", TemplateBody=template({"X": queue()}), NotificationARNs=[made["T"]])
    assert status(cfn, "told") == "CREATE_COMPLETE"
    cloud.advance(1)
    got = []
    while batch := sqs.receive_message(QueueUrl=made["Q"], MaxNumberOfMessages=10).get("Messages"):
        got += [x["Body"] for x in batch]
    assert any("LogicalResourceId='X'\n" in x and "ResourceStatus='CREATE_COMPLETE'\n" in x for x in got)


@pytest.mark.parametrize("kind", ["ssm", "events"])
def test_parameters_and_rules(cloud, kind):
    cfn = cloud.client("cloudformation")
    if kind == "ssm":
        ssm = cloud.client("ssm")
        made = deploy(cfn, "ssm", template({"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "one", "Name": "/cfn/p", "Tags": {"a": "b"}}}},
                                           Outputs={"V": {"Value": {"Fn::GetAtt": ["P", "Value"]}}}))
        assert made["P"] == "/cfn/p" and outputs(cfn, "ssm")["V"] == "one"
        uses = template({"Q": queue(VisibilityTimeout="{{resolve:ssm:/cfn/seconds}}"), "T": queue(DelaySeconds={"Ref": "Delay"})},
                        Parameters={"Delay": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cfn/delay"}})
        for name, value in (("/cfn/seconds", "17"), ("/cfn/delay", "5")):
            ssm.put_parameter(Name=name, Value=value, Type="String")
        made = deploy(cfn, "uses", uses)
        sqs = cloud.client("sqs")
        assert sqs.get_queue_attributes(QueueUrl=made["Q"], AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] == "17"
        assert stack(cfn, "uses")["Parameters"] == [{"ParameterKey": "Delay", "ParameterValue": "/cfn/delay", "ResolvedValue": "5"}]
        ssm.put_parameter(Name="/cfn/delay", Value="6", Type="String", Overwrite=True)
        cfn.update_stack(StackName="uses", UsePreviousTemplate=True, Parameters=[{"ParameterKey": "Delay", "UsePreviousValue": True}])
        assert status(cfn, "uses") == "UPDATE_COMPLETE" and stack(cfn, "uses")["Parameters"][0]["ResolvedValue"] == "6"
        gone(cfn, "uses")
        gone(cfn, "ssm")
    else:
        events = cloud.client("events")
        made = deploy(cfn, "rules", template({"Q": queue(), "R": {"Type": "AWS::Events::Rule", "Properties": {
            "ScheduleExpression": "rate(5 minutes)", "Targets": [{"Id": "q", "Arn": {"Fn::GetAtt": ["Q", "Arn"]}}]}}}))
        assert [x["Id"] for x in events.list_targets_by_rule(Rule=made["R"])["Targets"]] == ["q"]
        gone(cfn, "rules")
        assert events.list_rules()["Rules"] == []


MACRO = """
def handler(event, context):
    fragment = event["fragment"]
    if "Resources" in fragment:
        for one in fragment["Resources"].values():
            one.setdefault("Properties", {})["DelaySeconds"] = int(event["templateParameterValues"]["Delay"])
    else:
        fragment = {"VisibilityTimeout": int(event["params"]["Seconds"]) * 2}
    return {"requestId": event["requestId"], "status": "failure" if event["params"].get("Seconds") == "0" else "success", "fragment": fragment, "errorMessage": "no zero"}
"""


def test_a_macro_rewrites_a_template_or_a_piece_of_it(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    deploy(cfn, "macros", template({"R": BASIC, "F": function(Code={"ZipFile": MACRO}), "M": {"Type": "AWS::CloudFormation::Macro", "Properties": {"Name": "Half", "FunctionName": {"Ref": "F"}}}}))

    def body(seconds, **sections):
        return template({"Q": {"Type": "AWS::SQS::Queue", "Properties": {"Fn::Transform": {"Name": "Half", "Parameters": {"Seconds": seconds}}}}},
                        Parameters={"Delay": {"Type": "Number", "Default": 7}}, **sections)

    made = deploy(cfn, "piece", body("15"))
    assert sqs.get_queue_attributes(QueueUrl=made["Q"], AttributeNames=["VisibilityTimeout"])["Attributes"] == {"VisibilityTimeout": "30"}
    made = deploy(cfn, "whole", body("10", Transform=["Half"]))
    assert sqs.get_queue_attributes(QueueUrl=made["Q"], AttributeNames=["DelaySeconds", "VisibilityTimeout"])["Attributes"] == {"DelaySeconds": "7", "VisibilityTimeout": "20"}
    assert "no zero" in refused(cfn.create_stack, StackName="zero", TemplateBody=body("0"), Capabilities=["CAPABILITY_AUTO_EXPAND"])[1]
    assert "No transform named" in refused(cfn.create_stack, StackName="none", TemplateBody=body("1", Transform="Nobody"), Capabilities=["CAPABILITY_AUTO_EXPAND"])[1]


def test_a_custom_resource_that_nobody_answers_for_fails_when_its_time_is_up(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    made = deploy(cfn, "silent", template({"T": {"Type": "AWS::SNS::Topic"}, "Q": queue(), "P": {"Type": "AWS::SQS::QueuePolicy", "Properties": {
        "Queues": [{"Ref": "Q"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]}}},
        "S": {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": {"Ref": "T"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Q", "Arn"]}}}}))
    cfn.create_stack(StackName="asks", TemplateBody=template({"C": {"Type": "Custom::Thing", "Properties": {"ServiceToken": made["T"], "ServiceTimeout": 30, "N": 1, "B": True}}}))
    assert status(cfn, "asks") == "CREATE_IN_PROGRESS"
    [message] = sqs.receive_message(QueueUrl=made["Q"])["Messages"]
    event = json.loads(json.loads(message["Body"])["Message"])
    assert (event["RequestType"], event["LogicalResourceId"], event["ResourceType"]) == ("Create", "C", "Custom::Thing")
    assert event["ResourceProperties"] == {"ServiceToken": made["T"], "N": "1", "B": "true"}
    cloud.advance(31)
    assert "did not receive a response from your Custom Resource" in reasons(cfn, "asks")


def test_eventbridge_hears_of_stacks_and_their_resources(cloud):
    cfn, sqs, events = cloud.client("cloudformation"), cloud.client("sqs"), cloud.client("events")
    made = deploy(cfn, "hears", template({"Q": queue(), "P": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Q"}], "PolicyDocument": {
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}]}}},
        "R": {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": {"source": ["aws.cloudformation"], "detail": {"status-details": {"status": ["CREATE_COMPLETE"]}}},
                                                          "Targets": [{"Id": "q", "Arn": {"Fn::GetAtt": ["Q", "Arn"]}}]}}}))
    assert events.list_rules()["Rules"][0]["Name"] == made["R"]
    arn = cfn.create_stack(StackName="heard", TemplateBody=template({"X": queue()}))["StackId"]
    assert status(cfn, "heard") == "CREATE_COMPLETE"
    cloud.advance(1)
    got = [json.loads(x["Body"]) for x in sqs.receive_message(QueueUrl=made["Q"], MaxNumberOfMessages=10)["Messages"]]
    assert {"CloudFormation Stack Status Change", "CloudFormation Resource Status Change"} == {x["detail-type"] for x in got if x["resources"] == [arn]}
