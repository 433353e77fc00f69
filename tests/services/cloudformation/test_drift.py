"""Drift: what has been changed, or taken away, behind a stack's back."""
import json

from .templates import queue, refused, resources, role, stack, status, template


def detect(cloud, cfn, name):
    id_ = cfn.detect_stack_drift(StackName=name)["StackDriftDetectionId"]
    cloud.advance(1)
    return cfn.describe_stack_drift_detection_status(StackDriftDetectionId=id_)


def test_a_changed_property_and_a_deleted_resource_are_drift_and_an_untouched_one_is_not(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    body = template({"A": queue(VisibilityTimeout=10, RedrivePolicy={"deadLetterTargetArn": {"Fn::GetAtt": ["C", "Arn"]}, "maxReceiveCount": 3}), "B": queue(), "C": queue(DelaySeconds="0"),
                     "R": role(Description="d"), "H": {"Type": "AWS::CloudFormation::WaitConditionHandle"}})
    cfn.create_stack(StackName="drift", TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    assert status(cfn, "drift") == "CREATE_COMPLETE" and stack(cfn, "drift")["DriftInformation"]["StackDriftStatus"] == "NOT_CHECKED"
    first = detect(cloud, cfn, "drift")
    assert (first["DetectionStatus"], first["StackDriftStatus"], first["DriftedStackResourceCount"]) == ("DETECTION_COMPLETE", "IN_SYNC", 0)
    made = {k: v["PhysicalResourceId"] for k, v in resources(cfn, "drift").items()}
    sqs.set_queue_attributes(QueueUrl=made["A"], Attributes={"VisibilityTimeout": "77", "DelaySeconds": "9"})
    sqs.delete_queue(QueueUrl=made["B"])
    second = detect(cloud, cfn, "drift")
    assert (second["StackDriftStatus"], second["DriftedStackResourceCount"]) == ("DRIFTED", 2)
    found = {x["LogicalResourceId"]: x for x in cfn.describe_stack_resource_drifts(StackName="drift")["StackResourceDrifts"]}
    assert {k: v["StackResourceDriftStatus"] for k, v in found.items()} == {"A": "MODIFIED", "B": "DELETED", "C": "IN_SYNC", "R": "IN_SYNC"}
    assert found["A"]["PropertyDifferences"] == [{"PropertyPath": "/VisibilityTimeout", "ExpectedValue": "10", "ActualValue": "77", "DifferenceType": "NOT_EQUAL"}]
    assert json.loads(found["A"]["ActualProperties"])["VisibilityTimeout"] == "77"
    assert resources(cfn, "drift")["H"]["DriftInformation"]["StackResourceDriftStatus"] == "NOT_CHECKED"
    assert stack(cfn, "drift")["DriftInformation"]["StackDriftStatus"] == "DRIFTED"
    one = cfn.detect_stack_resource_drift(StackName="drift", LogicalResourceId="A")["StackResourceDrift"]
    assert one["StackResourceDriftStatus"] == "MODIFIED"
    assert refused(cfn.detect_stack_resource_drift, StackName="drift", LogicalResourceId="Z")[0] == "ValidationError"


def test_types_are_read_back_by_what_describes_them(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="many", TemplateBody=template({
        "Rule": {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "rate(5 minutes)", "State": "DISABLED"}},
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"Description": "mine"}},
        "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "m", "Namespace": "n", "Period": 60, "EvaluationPeriods": 1, "Threshold": 5, "Statistic": "Sum",
                                                                  "ComparisonOperator": "GreaterThanThreshold"}},
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "api", "Description": "d"}},
        "Root": {"Type": "AWS::ApiGateway::Method", "Properties": {"RestApiId": {"Ref": "Api"}, "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]}, "HttpMethod": "GET",
                                                                  "AuthorizationType": "NONE", "Integration": {"Type": "MOCK"}, "MethodResponses": [{"StatusCode": 200}]}}}))
    assert status(cfn, "many") == "CREATE_COMPLETE" and detect(cloud, cfn, "many")["StackDriftStatus"] == "IN_SYNC"
    made = {k: v["PhysicalResourceId"] for k, v in resources(cfn, "many").items()}
    cloud.client("events").put_rule(Name=made["Rule"], ScheduleExpression="rate(6 minutes)", State="DISABLED")
    cloud.client("kms").update_key_description(KeyId=made["Key"], Description="other")
    cloud.client("cloudwatch").delete_alarms(AlarmNames=[made["Alarm"]])
    detect(cloud, cfn, "many")
    found = {x["LogicalResourceId"]: x for x in cfn.describe_stack_resource_drifts(StackName="many")["StackResourceDrifts"]}
    assert {k: v["StackResourceDriftStatus"] for k, v in found.items()} == {"Rule": "MODIFIED", "Key": "MODIFIED", "Alarm": "DELETED", "Api": "IN_SYNC", "Root": "IN_SYNC"}
    assert [x["PropertyPath"] for x in found["Rule"]["PropertyDifferences"]] == ["/ScheduleExpression"]


def test_what_was_added_to_a_list_or_taken_from_it_says_so_and_a_secret_is_not_shown(cloud):
    cfn, iam = cloud.client("cloudformation"), cloud.client("iam")
    cloud.client("secretsmanager").create_secret(Name="word", SecretString="s3cret")
    one, other = "arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/PowerUserAccess"
    cfn.create_stack(StackName="lists", TemplateBody=template({"R": role(ManagedPolicyArns=[one], Description="{{resolve:secretsmanager:word}}")}), Capabilities=["CAPABILITY_IAM"])
    assert status(cfn, "lists") == "CREATE_COMPLETE"
    name = resources(cfn, "lists")["R"]["PhysicalResourceId"]
    assert iam.get_role(RoleName=name)["Role"]["Description"] == "s3cret"
    iam.attach_role_policy(RoleName=name, PolicyArn=other)
    iam.detach_role_policy(RoleName=name, PolicyArn=one)
    found = cfn.detect_stack_resource_drift(StackName="lists", LogicalResourceId="R")["StackResourceDrift"]
    assert [(x["PropertyPath"], x["ExpectedValue"], x["ActualValue"], x["DifferenceType"]) for x in found["PropertyDifferences"]] == [
        ("/ManagedPolicyArns/0", one, "", "REMOVE"), ("/ManagedPolicyArns/0", "", other, "ADD")]
    assert "s3cret" not in str(found)
