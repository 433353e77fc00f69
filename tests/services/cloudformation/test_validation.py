"""What is sure to fail is told before any resource is touched; and when a deployment is done."""
import pytest

from .templates import events, queue, reasons, refused, resources, stack, status, template

FAILED = "Validation failure detected. See the operation's FAILED event for details."


def found(cfn, **asked):
    return [(x["LogicalResourceId"], x["ValidationName"], x["ValidationFailureMode"], x["ValidationPath"], x["ValidationStatusReason"])
            for x in cfn.describe_events(**asked)["OperationEvents"] if x["EventType"] == "VALIDATION_ERROR"]


def test_an_unknown_property_fails_the_operation_before_any_resource_is_made(cloud):
    cfn = cloud.client("cloudformation")
    made = cfn.create_stack(StackName="prop", TemplateBody=template({"Good": queue(), "Bad": queue(Colour="red"), "Role": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String"}}}))
    assert status(cfn, "prop") == "ROLLBACK_COMPLETE" and stack(cfn, "prop")["DetailedStatus"] == "VALIDATION_FAILED"
    assert events(cfn, "prop") == [("prop", "CREATE_IN_PROGRESS"), ("Bad", "CREATE_FAILED"), ("Role", "CREATE_FAILED"), ("prop", "CREATE_FAILED"), ("prop", "ROLLBACK_IN_PROGRESS"),
                                   ("prop", "ROLLBACK_COMPLETE")]
    failed = [x for x in cfn.describe_stack_events(StackName="prop")["StackEvents"] if x["ResourceStatus"] == "CREATE_FAILED"]
    assert {x["DetailedStatus"] for x in failed} == {"VALIDATION_FAILED"} and failed[0]["ResourceStatusReason"] == FAILED
    assert cloud.client("sqs").list_queues().get("QueueUrls", []) == []
    told = [("Bad", "PROPERTY_VALIDATION", "FAIL", "/Resources/Bad/Properties", "extraneous key [Colour] is not permitted"),
            ("Role", "PROPERTY_VALIDATION", "FAIL", "/Resources/Role/Properties", "required key [Value] not found")]
    assert sorted(found(cfn, StackName="prop")) == told == sorted(found(cfn, OperationId=made["OperationId"], Filters={"FailedEvents": True}))
    own = [x for x in cfn.describe_events(StackName="prop")["OperationEvents"] if x["EventType"] == "STACK_EVENT"]
    assert (own[0]["OperationStatus"], own[-1]["OperationStatus"]) == ("FAILED", "IN_PROGRESS")
    assert refused(cfn.describe_events) == ("ValidationError", "One of ChangeSetName, OperationId or StackName must be specified")


def test_an_update_with_an_unknown_property_changes_nothing(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    cfn.create_stack(StackName="up", TemplateBody=template({"A": queue(VisibilityTimeout=10)}))
    url = resources(cfn, "up")["A"]["PhysicalResourceId"]
    cfn.update_stack(StackName="up", TemplateBody=template({"A": queue(VisibilityTimeout=20), "B": queue(Colour="red")}))
    assert status(cfn, "up") == "UPDATE_ROLLBACK_COMPLETE" and ("A", "UPDATE_IN_PROGRESS") not in events(cfn, "up") and ("B", "CREATE_FAILED") in events(cfn, "up")
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] == "10"


def test_a_name_that_is_taken_fails_the_operation(cloud):
    cfn = cloud.client("cloudformation")
    cloud.client("logs").create_log_group(logGroupName="/taken")
    body = template({"G": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/taken"}}, "Q": queue()})
    cfn.create_stack(StackName="name", TemplateBody=body)
    assert status(cfn, "name") == "ROLLBACK_COMPLETE"
    says = "Resource of type 'AWS::Logs::LogGroup' with identifier '/taken' already exists."
    assert says in reasons(cfn, "name") and found(cfn, StackName="name") == [("G", "NAME_CONFLICT_VALIDATION", "FAIL", "/Resources/G", says)]
    assert cloud.client("sqs").list_queues().get("QueueUrls", []) == []
    assert len(cloud.client("logs").describe_log_groups()["logGroups"]) == 1


def test_without_validation_the_resource_fails_when_its_turn_comes(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="late", TemplateBody=template({"Good": queue(), "Bad": {**queue(Colour="red"), "DependsOn": "Good"}}), DisableValidation=True)
    assert status(cfn, "late") == "ROLLBACK_COMPLETE" and "DetailedStatus" not in stack(cfn, "late") and found(cfn, StackName="late") == []
    assert ("Good", "CREATE_COMPLETE") in events(cfn, "late") and "#: extraneous key [Colour] is not permitted" in reasons(cfn, "late")


def test_a_change_set_is_validated_when_it_is_made(cloud):
    cfn = cloud.client("cloudformation")
    asked = {"StackName": "cs", "ChangeSetType": "CREATE", "TemplateBody": template({"Q": queue(Colour="red")})}
    made = cfn.create_change_set(ChangeSetName="one", **asked)
    shown = cfn.describe_change_set(ChangeSetName=made["Id"])
    assert (shown["Status"], shown["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert shown["StatusReason"] == ("The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]. "
                                     "To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information.")
    told = [("Q", "PROPERTY_VALIDATION", "FAIL", "/Resources/Q/Properties", "extraneous key [Colour] is not permitted")]
    assert found(cfn, ChangeSetName=made["Id"]) == told == found(cfn, StackName="cs", ChangeSetName="one")
    unchecked = cfn.create_change_set(ChangeSetName="two", DisableValidation=True, **asked)
    assert cfn.describe_change_set(ChangeSetName=unchecked["Id"])["Status"] == "CREATE_COMPLETE" and found(cfn, ChangeSetName=unchecked["Id"]) == []


def test_a_full_bucket_that_would_be_deleted_is_a_warning_of_the_change_set(cloud):
    cfn, s3 = cloud.client("cloudformation"), cloud.client("s3")
    cfn.create_stack(StackName="full", TemplateBody=template({"B": {"Type": "AWS::S3::Bucket"}, "E": {"Type": "AWS::S3::Bucket"}, "Q": queue()}))
    bucket = resources(cfn, "full")["B"]["PhysicalResourceId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    made = cfn.create_change_set(StackName="full", ChangeSetName="less", TemplateBody=template({"Q": queue()}))
    assert cfn.describe_change_set(ChangeSetName=made["Id"])["Status"] == "CREATE_COMPLETE"
    [one] = found(cfn, ChangeSetName=made["Id"])
    assert one[:3] == ("B", "BUCKET_EMPTINESS_VALIDATION", "WARN") and one[4].startswith(f"The bucket '{bucket}' is not empty.")


@pytest.fixture
def slow(cloud):
    """A resource that is made at once and ready after a while: a certificate that waits for its validation."""
    return {"Type": "AWS::CertificateManager::Certificate", "Properties": {"DomainName": "example.org", "ValidationMethod": "DNS"}}


def test_what_is_configured_and_not_ready_yet_says_so(cloud, slow):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="slow", TemplateBody=template({"C": slow, "Q": queue()}))
    shown = stack(cfn, "slow")
    assert (shown["StackStatus"], shown["DetailedStatus"]) == ("CREATE_IN_PROGRESS", "CONFIGURATION_COMPLETE")
    told = [(x["LogicalResourceId"], x["ResourceStatus"], x.get("ResourceStatusReason")) for x in cfn.describe_stack_events(StackName="slow")["StackEvents"]
            if x.get("DetailedStatus") == "CONFIGURATION_COMPLETE"]
    assert told == [("slow", "CREATE_IN_PROGRESS", None), ("C", "CREATE_IN_PROGRESS", "Eventual consistency check initiated")]
    cfn.delete_stack(StackName="slow")


def test_express_mode_is_done_when_everything_is_configured_and_rolls_nothing_back(cloud, slow):
    cfn = cloud.client("cloudformation")
    express = {"DeploymentConfig": {"Mode": "EXPRESS"}}
    cfn.create_stack(StackName="fast", TemplateBody=template({"C": slow, "Q": {**queue(), "DependsOn": "C"}}), **express)
    shown = stack(cfn, "fast")
    assert (shown["StackStatus"], shown["DeploymentConfig"]) == ("CREATE_COMPLETE", {"Mode": "EXPRESS"}) and "DetailedStatus" not in shown
    arn = resources(cfn, "fast")["C"]["PhysicalResourceId"]
    assert cloud.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "PENDING_VALIDATION"
    bad = {"Good": queue(), "Bad": {**queue(VisibilityTimeout=99999999), "DependsOn": "Good"}}
    cfn.create_stack(StackName="stays", TemplateBody=template(bad), **express)
    assert status(cfn, "stays") == "CREATE_FAILED" and resources(cfn, "stays")["Good"]["ResourceStatus"] == "CREATE_COMPLETE"
    cfn.create_stack(StackName="goes", TemplateBody=template(bad), DeploymentConfig={"Mode": "EXPRESS", "DisableRollback": False})
    assert status(cfn, "goes") == "ROLLBACK_COMPLETE"
    cfn.create_change_set(StackName="set", ChangeSetName="one", ChangeSetType="CREATE", TemplateBody=template({"C": slow}), **express)
    cfn.execute_change_set(StackName="set", ChangeSetName="one")
    assert status(cfn, "set") == "CREATE_COMPLETE"
