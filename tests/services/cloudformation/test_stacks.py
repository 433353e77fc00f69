"""Stacks: create, describe, update, roll back, delete."""
import json
import time
import uuid

import pytest

from .templates import BROKEN, events, outputs, queue, reasons, refused, resources, role, stack, status, template


def test_a_stack_makes_its_resources_in_the_order_of_their_references(cloud):
    cfn = cloud.client("cloudformation")
    body = template({
        "Policy": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Main"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Main", "Arn"]}}]}}},
        "Main": queue(RedrivePolicy={"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3}), "Dead": queue()},
        Outputs={"Url": {"Value": {"Ref": "Main"}, "Description": "where"}, "Name": {"Value": {"Fn::GetAtt": ["Dead", "QueueName"]}}})
    made = cfn.create_stack(StackName="order", TemplateBody=body, Tags=[{"Key": "team", "Value": "blue"}], ClientRequestToken="tok")
    shown = stack(cfn, "order")
    assert shown["StackStatus"] == "CREATE_COMPLETE" and shown["StackId"] == made["StackId"]
    assert outputs(cfn, "order")["Name"].startswith("order-Dead-")
    seen = [x for x in events(cfn, "order") if x[1] == "CREATE_COMPLETE"]
    assert [name for name, _ in seen] == ["Dead", "Main", "Policy", "order"]
    raw = cfn.describe_stack_events(StackName="order")["StackEvents"]
    assert {x["ClientRequestToken"] for x in raw} == {"tok"} and raw[0]["LogicalResourceId"] == "order"
    sqs = cloud.client("sqs")
    assert sqs.list_queue_tags(QueueUrl=outputs(cfn, "order")["Url"])["Tags"]["team"] == "blue"
    assert json.loads(sqs.get_queue_attributes(QueueUrl=outputs(cfn, "order")["Url"], AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"])["maxReceiveCount"] == 3


def test_creating_a_stack_twice_is_refused_and_with_the_same_token_is_the_same_stack(cloud):
    cfn = cloud.client("cloudformation")
    body = template({"Q": queue()})
    first = cfn.create_stack(StackName="twice", TemplateBody=body, ClientRequestToken="a")
    assert cfn.create_stack(StackName="twice", TemplateBody=body, ClientRequestToken="a")["StackId"] == first["StackId"]
    assert refused(cfn.create_stack, StackName="twice", TemplateBody=body) == ("AlreadyExistsException", "Stack [twice] already exists")


def test_a_failed_create_rolls_back_and_can_only_be_deleted(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    made = cfn.create_stack(StackName="bad", TemplateBody=template({"Good": queue(), "Bad": {**BROKEN, "DependsOn": "Good"}}))
    assert status(cfn, "bad") == "ROLLBACK_COMPLETE"
    assert sqs.list_queues().get("QueueUrls", []) == []
    assert ("Bad", "CREATE_FAILED") in events(cfn, "bad") and ("Good", "DELETE_COMPLETE") in events(cfn, "bad")
    assert "The following resource(s) failed to create: [Bad]. Rollback requested by user." in reasons(cfn, "bad")
    code, message = refused(cfn.update_stack, StackName="bad", TemplateBody=template({"Q": queue()}))
    assert (code, message) == ("ValidationError", f"Stack:{made['StackId']} is in ROLLBACK_COMPLETE state and can not be updated.")
    cfn.delete_stack(StackName="bad")
    assert status(cfn, made["StackId"]) == "DELETE_COMPLETE"


def test_on_failure_decides_what_becomes_of_a_failed_create(cloud):
    cfn = cloud.client("cloudformation")
    body = template({"Good": queue(QueueName="keep"), "Bad": {**BROKEN, "DependsOn": "Good"}})
    cfn.create_stack(StackName="kept", TemplateBody=body, OnFailure="DO_NOTHING")
    assert status(cfn, "kept") == "CREATE_FAILED"
    assert resources(cfn, "kept")["Good"]["ResourceStatus"] == "CREATE_COMPLETE"
    made = cfn.create_stack(StackName="gone", TemplateBody=template({"Bad": BROKEN}), OnFailure="DELETE")
    assert status(cfn, made["StackId"]) == "DELETE_COMPLETE"
    assert refused(cfn.create_stack, StackName="both", TemplateBody=body, OnFailure="DELETE", DisableRollback=True)[0] == "ValidationError"


def test_an_unknown_property_fails_the_resource_and_an_unknown_type_the_call(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="prop", TemplateBody=template({"Q": queue(Colour="red")}))
    assert status(cfn, "prop") == "ROLLBACK_COMPLETE"
    assert "extraneous key [Colour] is not permitted" in reasons(cfn, "prop")
    code, message = refused(cfn.create_stack, StackName="type", TemplateBody=template({"X": {"Type": "AWS::Nothing::AtAll"}}))
    assert (code, message) == ("ValidationError", "Template format error: Unrecognized resource types: [AWS::Nothing::AtAll]")
    cfn.create_stack(StackName="unbuilt", TemplateBody=template({"X": {"Type": "AWS::GameLift::Fleet", "Properties": {"Name": "x"}}}))
    assert status(cfn, "unbuilt") == "ROLLBACK_COMPLETE" and "AWS::GameLift::Fleet" in reasons(cfn, "unbuilt")


def test_an_update_changes_in_place_what_it_can_and_replaces_what_it_must(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    cfn.create_stack(StackName="up", TemplateBody=template({"A": queue(VisibilityTimeout=10), "B": queue(QueueName="b-one"), "C": queue()}))
    before = resources(cfn, "up")
    cfn.update_stack(StackName="up", TemplateBody=template({"A": queue(VisibilityTimeout=20), "B": queue(QueueName="b-two"), "D": queue()}))
    assert status(cfn, "up") == "UPDATE_COMPLETE"
    after = resources(cfn, "up")
    assert after["A"]["PhysicalResourceId"] == before["A"]["PhysicalResourceId"] and set(after) == {"A", "B", "D"}
    assert sqs.get_queue_attributes(QueueUrl=after["A"]["PhysicalResourceId"], AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] == "20"
    left = {x.rsplit("/", 1)[1] for x in sqs.list_queues()["QueueUrls"]}
    assert "b-two" in left and "b-one" not in left and len(left) == 3
    order = events(cfn, "up")
    cleanup = order.index(("up", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"))
    assert order.index(("B", "DELETE_COMPLETE")) > cleanup and order.index(("C", "DELETE_COMPLETE")) > cleanup and order[-1] == ("up", "UPDATE_COMPLETE")


def test_an_update_without_a_difference_is_refused(cloud):
    cfn = cloud.client("cloudformation")
    body = template({"Q": queue(VisibilityTimeout=30)})
    cfn.create_stack(StackName="same", TemplateBody=body)
    assert status(cfn, "same") == "CREATE_COMPLETE"
    assert refused(cfn.update_stack, StackName="same", TemplateBody=body) == ("ValidationError", "No updates are to be performed.")
    assert refused(cfn.update_stack, StackName="same", UsePreviousTemplate=True) == ("ValidationError", "No updates are to be performed.")
    assert refused(cfn.update_stack, StackName="nowhere", TemplateBody=body) == ("ValidationError", "Stack with id nowhere does not exist")


def test_a_failed_update_puts_everything_back(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    first = template({"A": queue(VisibilityTimeout=10), "B": queue(QueueName="back-one")}, Outputs={"V": {"Value": "1"}})
    cfn.create_stack(StackName="back", TemplateBody=first, Tags=[{"Key": "v", "Value": "1"}])
    before = resources(cfn, "back")
    cfn.update_stack(StackName="back", Tags=[{"Key": "v", "Value": "2"}], TemplateBody=template(
        {"A": queue(VisibilityTimeout=20), "B": queue(QueueName="back-two"), "New": queue(), "Bad": {**BROKEN, "DependsOn": ["A", "B", "New"]}}, Outputs={"V": {"Value": "2"}}))
    assert status(cfn, "back") == "UPDATE_ROLLBACK_COMPLETE"
    after = resources(cfn, "back")
    assert {k: v["PhysicalResourceId"] for k, v in after.items()} == {k: v["PhysicalResourceId"] for k, v in before.items()}
    assert sqs.get_queue_attributes(QueueUrl=after["A"]["PhysicalResourceId"], AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] == "10"
    assert sorted(x.rsplit("/", 1)[1] for x in sqs.list_queues()["QueueUrls"]) == sorted(v["PhysicalResourceId"].rsplit("/", 1)[1] for v in after.values())
    assert outputs(cfn, "back") == {"V": "1"} and stack(cfn, "back")["Tags"] == [{"Key": "v", "Value": "1"}]
    assert cfn.get_template(StackName="back")["TemplateBody"] == json.loads(first)
    names = [s for n, s in events(cfn, "back") if n == "back"]
    assert names[-4:] == ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"]
    cfn.update_stack(StackName="back", TemplateBody=template({"A": queue(VisibilityTimeout=40), "B": queue(QueueName="back-one")}))
    assert status(cfn, "back") == "UPDATE_COMPLETE"


def test_a_custom_named_resource_is_not_replaced_under_its_own_name(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="named", TemplateBody=template({"R": role(RoleName=f"n-{cloud.account}", Path="/a/")}), Capabilities=["CAPABILITY_NAMED_IAM"])
    assert status(cfn, "named") == "CREATE_COMPLETE"
    cfn.update_stack(StackName="named", TemplateBody=template({"R": role(RoleName=f"n-{cloud.account}", Path="/b/")}), Capabilities=["CAPABILITY_NAMED_IAM"])
    assert status(cfn, "named") == "UPDATE_ROLLBACK_COMPLETE"
    assert f"CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename n-{cloud.account} and update the stack again." in reasons(cfn, "named")


def test_a_deleted_stack_is_found_by_its_arn_only(cloud):
    cfn = cloud.client("cloudformation")
    made = cfn.create_stack(StackName="del", TemplateBody=template({"Q": queue(), "K": {**queue(QueueName="kept"), "DeletionPolicy": "Retain"}}))
    cfn.delete_stack(StackName="del")
    assert status(cfn, made["StackId"]) == "DELETE_COMPLETE"
    assert refused(cfn.describe_stacks, StackName="del") == ("ValidationError", "Stack with id del does not exist")
    assert [x.rsplit("/", 1)[1] for x in cloud.client("sqs").list_queues()["QueueUrls"]] == ["kept"]
    assert ("K", "DELETE_SKIPPED") in events(cfn, made["StackId"])
    assert [x["StackName"] for x in cfn.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]] == ["del"]
    cfn.delete_stack(StackName="del")
    assert cfn.create_stack(StackName="del", TemplateBody=template({"Q": queue()}))["StackId"] != made["StackId"]


def test_termination_protection_refuses_deletion(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="prot", TemplateBody=template({"Q": queue()}), EnableTerminationProtection=True)
    code, message = refused(cfn.delete_stack, StackName="prot")
    assert code == "ValidationError" and "TerminationProtection" in message
    cfn.update_termination_protection(StackName="prot", EnableTerminationProtection=False)
    cfn.delete_stack(StackName="prot")
    assert refused(cfn.describe_stacks, StackName="prot")[0] == "ValidationError"


def test_iam_resources_need_to_be_acknowledged(cloud):
    cfn = cloud.client("cloudformation")
    assert refused(cfn.create_stack, StackName="iam", TemplateBody=template({"R": role()})) == (
        "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")
    named = template({"R": role(RoleName=uuid.uuid4().hex)})
    assert refused(cfn.create_stack, StackName="iam", TemplateBody=named, Capabilities=["CAPABILITY_IAM"])[1] == "Requires capabilities : [CAPABILITY_NAMED_IAM]"
    cfn.create_stack(StackName="iam", TemplateBody=named, Capabilities=["CAPABILITY_NAMED_IAM"])
    assert status(cfn, "iam") == "CREATE_COMPLETE"


def test_the_resources_of_a_stack_are_listed_and_found_by_their_physical_id(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="res", TemplateBody=template({"Q": {**queue(), "Metadata": {"a": 1}}, "P": queue()}))
    listed = {x["LogicalResourceId"]: x for x in cfn.list_stack_resources(StackName="res")["StackResourceSummaries"]}
    assert set(listed) == {"Q", "P"} and listed["Q"]["ResourceStatus"] == "CREATE_COMPLETE"
    found = cfn.describe_stack_resources(PhysicalResourceId=listed["P"]["PhysicalResourceId"])["StackResources"]
    assert {x["StackName"] for x in found} == {"res"}
    detail = cfn.describe_stack_resource(StackName="res", LogicalResourceId="Q")["StackResourceDetail"]
    assert json.loads(detail["Metadata"]) == {"a": 1}
    assert refused(cfn.describe_stack_resource, StackName="res", LogicalResourceId="Z") == ("ValidationError", "Resource Z does not exist for stack res")


def test_a_stack_acts_with_the_rights_of_its_caller_or_of_its_role(cloud):
    iam, cfn = cloud.client("iam"), cloud.client("cloudformation")
    iam.create_user(UserName="small")
    iam.put_user_policy(UserName="small", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["cloudformation:*", "iam:PassRole"], "Resource": "*"}]}))
    key = iam.create_access_key(UserName="small")["AccessKey"]
    small = cloud.client("cloudformation", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    small.create_stack(StackName="small", TemplateBody=template({"Q": queue()}))
    assert status(small, "small") == "ROLLBACK_COMPLETE" and "is not authorized to perform: sqs:CreateQueue" in reasons(small, "small")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName="maker", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="maker", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}))
    small.create_stack(StackName="roled", TemplateBody=template({"Q": queue()}), RoleARN=arn)
    assert status(small, "roled") == "CREATE_COMPLETE" and stack(cfn, "roled")["RoleARN"] == arn
    small.delete_stack(StackName="roled")
    assert refused(small.describe_stacks, StackName="roled")[0] == "ValidationError"


def test_retained_resources_may_be_named_only_after_a_failed_deletion(cloud):
    cfn, iam = cloud.client("cloudformation"), cloud.client("iam")
    made = cfn.create_stack(StackName="stuck", TemplateBody=template({"G": {"Type": "AWS::IAM::Group", "Properties": {}}, "Q": queue()}), Capabilities=["CAPABILITY_IAM"])
    assert refused(cfn.delete_stack, StackName="stuck", RetainResources=["G"])[1] == "RetainResources can only be specified for a stack in the DELETE_FAILED state"
    group = resources(cfn, "stuck")["G"]["PhysicalResourceId"]
    iam.create_user(UserName="member")
    iam.add_user_to_group(GroupName=group, UserName="member")
    cfn.delete_stack(StackName="stuck")
    assert status(cfn, "stuck") == "DELETE_FAILED" and stack(cfn, "stuck")["StackStatusReason"] == "The following resource(s) failed to delete: [G]. "
    cfn.delete_stack(StackName="stuck", RetainResources=["G"])
    assert status(cfn, made["StackId"]) == "DELETE_COMPLETE"
    assert iam.get_group(GroupName=group)["Group"]["GroupName"] == group


def test_a_stack_that_could_not_be_deleted_can_be_deleted_by_force(cloud):
    cfn, iam = cloud.client("cloudformation"), cloud.client("iam")
    made = cfn.create_stack(StackName="stuck", TemplateBody=template({"G": {"Type": "AWS::IAM::Group", "Properties": {}}, "Q": queue()}), Capabilities=["CAPABILITY_IAM"])
    group = resources(cfn, "stuck")["G"]["PhysicalResourceId"]
    assert refused(cfn.delete_stack, StackName="stuck", DeletionMode="FORCE_DELETE_STACK")[0] == "ValidationError"
    iam.create_user(UserName="member")
    iam.add_user_to_group(GroupName=group, UserName="member")
    cfn.delete_stack(StackName="stuck")
    assert status(cfn, "stuck") == "DELETE_FAILED"
    cfn.delete_stack(StackName="stuck", DeletionMode="FORCE_DELETE_STACK")
    assert status(cfn, made["StackId"]) == "DELETE_COMPLETE" and ("G", "DELETE_SKIPPED") in events(cfn, made["StackId"])


@pytest.mark.parametrize("skip", [{"ResourcesToSkip": ["A"]}, {"ForceRollback": True}], ids=["named", "forced"])
def test_continue_update_rollback_goes_on_where_a_rollback_got_stuck(cloud, skip):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    cfn.create_stack(StackName="stuckup", TemplateBody=template({"A": queue(VisibilityTimeout=10)}))
    url = resources(cfn, "stuckup")["A"]["PhysicalResourceId"]
    assert refused(cfn.continue_update_rollback, StackName="stuckup")[0] == "ValidationError"
    handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    wait = {"Type": "AWS::CloudFormation::WaitCondition", "DependsOn": "A", "Properties": {"Handle": {"Ref": "H"}, "Timeout": "60"}}
    cfn.update_stack(StackName="stuckup", TemplateBody=template({"A": queue(VisibilityTimeout=20), "H": handle, "W": wait}))
    for _ in range(200):
        if resources(cfn, "stuckup")["A"]["ResourceStatus"] == "UPDATE_COMPLETE":
            break
        time.sleep(0.02)
    sqs.delete_queue(QueueUrl=url)
    cfn.cancel_update_stack(StackName="stuckup")
    assert status(cfn, "stuckup") == "UPDATE_ROLLBACK_FAILED"
    assert refused(cfn.continue_update_rollback, StackName="stuckup", ResourcesToSkip=["A"], ForceRollback=True)[0] == "ValidationError"
    cfn.continue_update_rollback(StackName="stuckup", **skip)
    assert status(cfn, "stuckup") == "UPDATE_ROLLBACK_COMPLETE"


def test_a_failed_update_that_was_not_to_be_undone_can_be_rolled_back_later(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    cfn.create_stack(StackName="later", TemplateBody=template({"A": queue(VisibilityTimeout=10)}))
    url = resources(cfn, "later")["A"]["PhysicalResourceId"]
    cfn.update_stack(StackName="later", DisableRollback=True, TemplateBody=template({"A": queue(VisibilityTimeout=20), "B": {**BROKEN, "DependsOn": "A"}}))
    assert status(cfn, "later") == "UPDATE_FAILED"
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] == "20"
    cfn.rollback_stack(StackName="later")
    assert status(cfn, "later") == "UPDATE_ROLLBACK_COMPLETE"
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] == "10"


def test_a_retained_resource_goes_in_a_rollback_if_it_is_retained_except_on_create(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    body = template({"K": {**queue(), "DeletionPolicy": "Retain"}, "Bad": {**BROKEN, "DependsOn": "K"}})
    cfn.create_stack(StackName="keeps", TemplateBody=body)
    assert status(cfn, "keeps") == "ROLLBACK_COMPLETE" and len(sqs.list_queues()["QueueUrls"]) == 1
    cfn.create_stack(StackName="drops", TemplateBody=body, RetainExceptOnCreate=True)
    assert status(cfn, "drops") == "ROLLBACK_COMPLETE" and len(sqs.list_queues()["QueueUrls"]) == 1


def test_only_the_resource_types_that_the_caller_names_are_made(cloud):
    cfn = cloud.client("cloudformation")
    both = template({"Q": queue(), "G": {"Type": "AWS::IAM::Group"}})
    assert refused(cfn.create_stack, StackName="some", TemplateBody=both, ResourceTypes=["AWS::SQS::*"], Capabilities=["CAPABILITY_IAM"])[0] == "ValidationError"
    cfn.create_stack(StackName="some", TemplateBody=template({"Q": queue()}), ResourceTypes=["AWS::SQS::*"])
    assert status(cfn, "some") == "CREATE_COMPLETE"


def test_a_template_of_cdk_is_taken_with_its_metadata_and_its_rule(cloud):
    cfn, ssm = cloud.client("cloudformation"), cloud.client("ssm")
    body = template({"Q": queue(), "CDKMetadata": {"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "v2:deflate64:x"}, "Condition": "CDKMetadataAvailable"}},
                    Conditions={"CDKMetadataAvailable": {"Fn::Or": [{"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}, {"Fn::Equals": [{"Ref": "AWS::Region"}, "x"]}]}},
                    Parameters={"BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version"}},
                    Rules={"CheckBootstrapVersion": {"Assertions": [{"Assert": {"Fn::Not": [{"Fn::Contains": [["1", "2", "3", "4", "5"], {"Ref": "BootstrapVersion"}]}]},
                                                                     "AssertDescription": "CDK bootstrap stack version 6 required."}]}})
    assert refused(cfn.create_stack, StackName="cdk", TemplateBody=body)[1] == (
        "Unable to fetch parameters [/cdk-bootstrap/hnb659fds/version] from parameter store for this account.")
    ssm.put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="5", Type="String")
    assert "CDK bootstrap stack version 6 required." in refused(cfn.create_stack, StackName="cdk", TemplateBody=body)[1]
    ssm.put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="25", Type="String", Overwrite=True)
    cfn.create_stack(StackName="cdk", TemplateBody=body)
    assert status(cfn, "cdk") == "CREATE_COMPLETE" and set(resources(cfn, "cdk")) == {"Q", "CDKMetadata"}


def test_the_events_of_one_operation_can_be_asked_for_and_only_the_failed_ones(cloud):
    cfn = cloud.client("cloudformation")
    made = cfn.create_stack(StackName="ops", TemplateBody=template({"Q": queue(VisibilityTimeout=1)}))
    assert status(cfn, "ops") == "CREATE_COMPLETE" and stack(cfn, "ops")["LastOperations"] == [{"OperationType": "CREATE_STACK", "OperationId": made["OperationId"]}]
    changed = cfn.update_stack(StackName="ops", TemplateBody=template({"Q": queue(VisibilityTimeout=2), "Bad": BROKEN}))
    assert status(cfn, "ops") == "UPDATE_ROLLBACK_COMPLETE"
    first = cfn.describe_events(OperationId=made["OperationId"])["OperationEvents"]
    assert {x["ResourceStatus"] for x in first} == {"CREATE_IN_PROGRESS", "CREATE_COMPLETE"} and {x["OperationId"] for x in first} == {made["OperationId"]}
    failed = cfn.describe_events(StackName="ops", OperationId=changed["OperationId"], Filters={"FailedEvents": True})["OperationEvents"]
    assert [(x["LogicalResourceId"], x["ResourceStatus"]) for x in failed] == [("Bad", "CREATE_FAILED")]


def test_a_deleted_stack_is_told_of_for_ninety_days(cloud):
    cfn = cloud.client("cloudformation")
    arn = cfn.create_stack(StackName="days", TemplateBody=template({"Q": queue()}))["StackId"]
    cfn.delete_stack(StackName="days")
    assert status(cfn, arn) == "DELETE_COMPLETE"
    cloud.advance(minutes=89 * 24 * 60)
    assert status(cfn, arn) == "DELETE_COMPLETE" and len(cfn.list_stacks()["StackSummaries"]) == 1
    cloud.advance(minutes=24 * 60 + 1)
    assert refused(cfn.describe_stacks, StackName=arn)[0] == "ValidationError" and cfn.list_stacks()["StackSummaries"] == []


def test_independent_resources_go_side_by_side_and_all_go_away_in_reverse_order(cloud):
    cfn = cloud.client("cloudformation")
    wait = {"Type": "AWS::CloudFormation::WaitCondition", "CreationPolicy": {"ResourceSignal": {"Count": 1, "Timeout": "PT10M"}}}
    made = cfn.create_stack(StackName="side", TemplateBody=template({"A": wait, "B": wait, "C": {**queue(), "DependsOn": ["A", "B"]}, "D": {**queue(), "DependsOn": "C"}}))["StackId"]
    assert status(cfn, "side") == "CREATE_IN_PROGRESS"
    assert {k: v["ResourceStatus"] for k, v in resources(cfn, "side").items()} == {"A": "CREATE_IN_PROGRESS", "B": "CREATE_IN_PROGRESS"}
    for name in "BA":
        cfn.signal_resource(StackName="side", LogicalResourceId=name, UniqueId="x", Status="SUCCESS")
    cloud.advance(1)
    assert status(cfn, "side") == "CREATE_COMPLETE"
    cfn.delete_stack(StackName="side")
    assert status(cfn, made) == "DELETE_COMPLETE"
    order = [name for name, what in events(cfn, made) if what == "DELETE_COMPLETE"]
    assert order[:2] == ["D", "C"] and set(order[2:4]) == {"A", "B"} and order[4:] == ["side"]


def test_a_rollback_that_fails_leaves_a_stack_that_can_be_deleted_only(cloud):
    cfn, iam = cloud.client("cloudformation"), cloud.client("iam")
    wait = {"Type": "AWS::CloudFormation::WaitCondition", "DependsOn": "G", "CreationPolicy": {"ResourceSignal": {"Count": 1, "Timeout": "PT10M"}}}
    made = cfn.create_stack(StackName="stay", TemplateBody=template({"G": {"Type": "AWS::IAM::Group", "Properties": {}}, "W": wait}), Capabilities=["CAPABILITY_IAM"])["StackId"]
    assert status(cfn, "stay") == "CREATE_IN_PROGRESS"
    group = resources(cfn, "stay")["G"]["PhysicalResourceId"]
    iam.create_user(UserName="member")
    iam.add_user_to_group(GroupName=group, UserName="member")
    cfn.signal_resource(StackName="stay", LogicalResourceId="W", UniqueId="x", Status="FAILURE")
    cloud.advance(1)
    assert status(cfn, "stay") == "ROLLBACK_FAILED" and "The following resource(s) failed to delete: [G]" in reasons(cfn, "stay")
    assert refused(cfn.update_stack, StackName="stay", TemplateBody=template({"Q": queue()}))[1] == f"Stack:{made} is in ROLLBACK_FAILED state and can not be updated."
    iam.remove_user_from_group(GroupName=group, UserName="member")
    cfn.delete_stack(StackName="stay")
    assert status(cfn, made) == "DELETE_COMPLETE"


def test_what_is_replaced_is_kept_if_its_policy_says_so(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    cfn.create_stack(StackName="keep", TemplateBody=template({"A": {**queue(QueueName="a-one"), "UpdateReplacePolicy": "Retain"}, "B": {**queue(QueueName="b-one"), "DeletionPolicy": "Retain"}}))
    assert status(cfn, "keep") == "CREATE_COMPLETE"
    cfn.update_stack(StackName="keep", TemplateBody=template({"A": {**queue(QueueName="a-two"), "UpdateReplacePolicy": "Retain"}, "B": {**queue(QueueName="b-two"), "DeletionPolicy": "Retain"}}))
    assert status(cfn, "keep") == "UPDATE_COMPLETE" and ("A", "DELETE_SKIPPED") in events(cfn, "keep")
    assert {x.rsplit("/", 1)[1] for x in sqs.list_queues()["QueueUrls"]} == {"a-one", "a-two", "b-two"}
