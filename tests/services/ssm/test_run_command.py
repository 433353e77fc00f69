"""Run Command: real commands in real machines, whatever their network says."""
import json

import pytest
from botocore.exceptions import ClientError

from cloche.engines.world import lacking
from cloche.testing.people import Person, allow, refused, trusting

from .machines import launch, over, result, send, until

pytestmark = pytest.mark.skipif(bool(lacking()), reason="no machines here: " + lacking())


@pytest.fixture(scope="module")
def place(cloche_server):
    """An account with two running instances, for all tests of this file."""
    account = cloche_server.other()
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}, {"Key": "tier", "Value": "web"}]}]
    account.instance, account.second = launch(account, TagSpecifications=tags), launch(account)
    yield account
    account.client("ec2").terminate_instances(InstanceIds=[account.instance, account.second])


def test_a_script_runs_as_root_and_its_words_come_back(place):
    command = send(place, [place.instance], "id -un; pwd", "echo $AWS_SSM_INSTANCE_ID; echo trouble >&2", Comment="look")
    assert (command["Status"], command["StatusDetails"], command["CompletedCount"], command["ErrorCount"], command["TargetCount"]) == ("Success", "Success", 1, 0, 1)
    got = result(place, command, place.instance)
    assert got["Status"] == "Success" and got["ResponseCode"] == 0 and got["PluginName"] == "aws:runShellScript" and got["Comment"] == "look"
    assert got["StandardOutputContent"] == f"root\n/usr/bin\n{place.instance}\n" and got["StandardErrorContent"] == "trouble\n"
    assert got["ExecutionStartDateTime"].endswith("Z") and got["ExecutionElapsedTime"].startswith("PT")


def test_a_command_is_pending_at_first_and_in_progress_while_it_runs(place):
    ssm = place.client("ssm")
    command = ssm.send_command(InstanceIds=[place.instance], DocumentName="AWS-RunShellScript", Parameters={"commands": ["sleep 0.3"]})["Command"]
    assert command["Status"] == "Pending" and command["DocumentVersion"] == "$DEFAULT" and len(command["CommandId"]) == 36
    until(lambda: result(place, command, place.instance)["Status"] == "InProgress")
    assert ssm.list_commands(CommandId=command["CommandId"], Filters=[{"key": "ExecutionStage", "value": "Executing"}])["Commands"]
    assert over(place, command["CommandId"])["Status"] == "Success"


def test_the_exit_code_of_the_script_decides(place):
    command = send(place, [place.instance], "false", "exit 3")
    got = result(place, command, place.instance)
    assert (command["Status"], command["ErrorCount"], got["Status"], got["StatusDetails"], got["ResponseCode"]) == ("Failed", 1, "Failed", "Failed", 3)
    assert got["StandardErrorContent"] == "failed to run commands: exit status 3"


def test_the_first_line_may_name_an_interpreter(place):
    command = send(place, [place.instance], "#!/usr/bin/env python3", "import platform; print(platform.python_implementation())")
    assert result(place, command, place.instance)["StandardOutputContent"] == "CPython\n"


def test_a_working_directory_and_a_time_limit(place):
    command = send(place, [place.instance], "pwd; sleep 30", parameters={"workingDirectory": ["/tmp"], "executionTimeout": ["1"]})
    got = result(place, command, place.instance)
    assert (got["Status"], got["StatusDetails"], got["ResponseCode"], got["StandardOutputContent"]) == ("TimedOut", "ExecutionTimedOut", 137, "/tmp\n")
    assert command["Status"] == "TimedOut"


def test_long_output_is_cut(place):
    command = send(place, [place.instance], "head -c 100000 /dev/zero | tr '\\0' x")
    assert len(result(place, command, place.instance)["StandardOutputContent"]) == 24000
    invocation = place.client("ssm").list_command_invocations(CommandId=command["CommandId"], Details=True)["CommandInvocations"][0]
    assert len(invocation["CommandPlugins"][0]["Output"]) == 2500


def test_several_instances_by_id_and_by_tag(place):
    ssm = place.client("ssm")
    command = send(place, [place.instance, place.second], "echo here")
    found = ssm.list_command_invocations(CommandId=command["CommandId"], Details=True)["CommandInvocations"]
    assert {(one["InstanceId"], one["InstanceName"], one["CommandPlugins"][0]["Output"]) for one in found} == {(place.instance, "web", "here\n"), (place.second, "", "here\n")}
    by_tag = ssm.send_command(Targets=[{"Key": "tag:tier", "Values": ["web", "app"]}], DocumentName="AWS-RunShellScript", Parameters={"commands": ["true"]})["Command"]
    assert by_tag["InstanceIds"] == [] and over(place, by_tag["CommandId"])["TargetCount"] == 1
    assert [one["InstanceId"] for one in ssm.list_command_invocations(CommandId=by_tag["CommandId"])["CommandInvocations"]] == [place.instance]
    nobody = ssm.send_command(Targets=[{"Key": "tag:tier", "Values": ["none"]}], DocumentName="AWS-RunShellScript", Parameters={"commands": ["true"]})["Command"]
    assert nobody["StatusDetails"] == "NoInstancesInTag"


def test_after_too_many_errors_the_rest_is_not_tried(place):
    command = send(place, [place.instance, place.second], "exit 1", MaxConcurrency="1", MaxErrors="0")
    found = place.client("ssm").list_command_invocations(CommandId=command["CommandId"])["CommandInvocations"]
    assert command["Status"] == "Failed" and sorted(one["StatusDetails"] for one in found) == ["Failed", "Terminated"]
    assert send(place, [place.instance, place.second], "exit 1", MaxErrors="100%")["Status"] == "Success"


def test_a_command_is_cancelled_and_what_it_started_is_killed(place):
    ssm = place.client("ssm")
    command = ssm.send_command(InstanceIds=[place.instance], DocumentName="AWS-RunShellScript", Parameters={"commands": ["sleep 4321"]})["Command"]
    until(lambda: result(place, command, place.instance)["Status"] == "InProgress")
    ssm.cancel_command(CommandId=command["CommandId"])
    assert over(place, command["CommandId"])["Status"] == "Cancelled" and result(place, command, place.instance)["Status"] == "Cancelled"
    assert "4321" not in result(place, send(place, [place.instance], "ps ax | grep -v grep"), place.instance)["StandardOutputContent"]


def test_a_network_that_lets_nothing_through_does_not_matter(place):
    ec2 = place.client("ec2")
    group = ec2.create_security_group(GroupName="closed", Description="no way")["GroupId"]
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    closed = launch(place, SecurityGroupIds=[group])
    assert send(place, [closed], "echo in")["Status"] == "Success"
    ec2.terminate_instances(InstanceIds=[closed])


def test_running_instances_are_managed_and_others_are_not(place):
    ssm, ec2 = place.client("ssm"), place.client("ec2")
    found = {one["InstanceId"]: one for one in ssm.describe_instance_information()["InstanceInformationList"]}
    about = found[place.instance]
    assert (about["PingStatus"], about["PlatformType"], about["ResourceType"]) == ("Online", "Linux", "EC2Instance")
    assert about["IPAddress"] == ec2.describe_instances(InstanceIds=[place.instance])["Reservations"][0]["Instances"][0]["PrivateIpAddress"]
    only = ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [place.second]}])["InstanceInformationList"]
    assert [one["InstanceId"] for one in only] == [place.second]
    assert not ssm.describe_instance_information(Filters=[{"Key": "tag:tier", "Values": ["db"]}])["InstanceInformationList"]
    said = refused("InvalidInstanceId", ssm.send_command, InstanceIds=["i-00000000000000000"], DocumentName="AWS-RunShellScript", Parameters={"commands": ["true"]})
    assert "not in a valid state for account" in said


@pytest.mark.parametrize("request_, code", [
    ({"DocumentName": "Nothing"}, "InvalidDocument"), ({"Parameters": {}}, "InvalidParameters"), ({"Parameters": {"commands": ["a"], "color": ["red"]}}, "InvalidParameters"),
    ({"Parameters": {"commands": ["a"], "executionTimeout": ["soon"]}}, "InvalidParameters"), ({"DocumentVersion": "7"}, "InvalidDocumentVersion"),
    ({"Targets": [{"Key": "tag:a", "Values": ["b"]}]}, "ValidationException"), ({"InstanceIds": []}, "ValidationException"), ({"DocumentName": "SSM-SessionManagerRunShell"}, "InvalidDocument"),
])
def test_what_is_refused(place, request_, code):
    whole = {"InstanceIds": [place.instance], "DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["true"]}, **request_}
    refused(code, place.client("ssm").send_command, **whole)


def test_an_invocation_that_is_not_there(place):
    ssm = place.client("ssm")
    refused("InvocationDoesNotExist", ssm.get_command_invocation, CommandId="12345678-1234-1234-1234-123456789012", InstanceId=place.instance)
    refused("InvalidCommandId", ssm.cancel_command, CommandId="12345678-1234-1234-1234-123456789012")
    command = send(place, [place.instance], "true")
    refused("InvalidPluginName", ssm.get_command_invocation, CommandId=command["CommandId"], InstanceId=place.instance, PluginName="other")


STEPS = {
    "schemaVersion": "2.2", "description": "two steps", "parameters": {"who": {"type": "String", "default": "you"}, "words": {"type": "StringList"}},
    "mainSteps": [
        {"name": "first", "action": "aws:runShellScript", "inputs": {"runCommand": ["echo hello {{ who }}", "{{ words }}"]}},
        {"name": "windows", "action": "aws:runShellScript", "precondition": {"StringEquals": ["platformType", "Windows"]}, "inputs": {"runCommand": ["echo never"]}},
        {"name": "bad", "action": "aws:runShellScript", "inputs": {"runCommand": ["exit 4"], "onFailure": "exit"}},
        {"name": "skipped", "action": "aws:runShellScript", "inputs": {"runCommand": ["echo after"]}},
        {"name": "last", "action": "aws:runShellScript", "inputs": {"runCommand": ["echo finally"], "finallyStep": True}},
    ],
}


def test_a_document_of_ones_own_with_steps_and_parameters(place):
    ssm = place.client("ssm")
    ssm.create_document(Name="Steps", Content=json.dumps(STEPS), DocumentType="Command")
    command = send(place, [place.instance], document="Steps", parameters={"words": ["echo a", "echo b"], "who": ["me"]})
    plugins = {p["Name"]: p for p in ssm.list_command_invocations(CommandId=command["CommandId"], Details=True)["CommandInvocations"][0]["CommandPlugins"]}
    assert command["Status"] == "Failed"
    assert {name: (p["Status"], p["ResponseCode"]) for name, p in plugins.items()} == {
        "first": ("Success", 0), "windows": ("Success", 0), "bad": ("Failed", 4), "skipped": ("Cancelled", -1), "last": ("Success", 0)}
    assert plugins["first"]["Output"] == "hello me\na\nb\n" and plugins["last"]["Output"] == "finally\n" and "skipped" in plugins["windows"]["Output"]
    refused("InvalidPluginName", ssm.get_command_invocation, CommandId=command["CommandId"], InstanceId=place.instance)
    assert result(place, command, place.instance, PluginName="first")["StandardOutputContent"] == "hello me\na\nb\n"
    ssm.delete_document(Name="Steps")


def test_output_goes_to_s3_and_logs_with_the_rights_of_the_instances_role(place):
    iam, s3, logs = place.client("iam"), place.client("s3"), place.client("logs")
    iam.create_role(RoleName="node", AssumeRolePolicyDocument=trusting({"Service": "ec2.amazonaws.com"}))
    iam.put_role_policy(RoleName="node", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow(["s3:PutObject", "logs:*"])]}))
    iam.create_instance_profile(InstanceProfileName="node")
    iam.add_role_to_instance_profile(InstanceProfileName="node", RoleName="node")
    bucket = f"out-{place.account}"
    s3.create_bucket(Bucket=bucket)
    more = {"OutputS3BucketName": bucket, "OutputS3KeyPrefix": "runs", "CloudWatchOutputConfig": {"CloudWatchOutputEnabled": True}}
    id_ = launch(place, IamInstanceProfile={"Name": "node"})
    command = send(place, [id_], "echo to s3", **more)
    key = f"runs/{command['CommandId']}/{id_}/awsrunShellScript/0.awsrunShellScript/stdout"
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"to s3\n"
    assert result(place, command, id_)["StandardOutputUrl"].endswith(f"{bucket}/{key}")
    events = logs.get_log_events(logGroupName="/aws/ssm/AWS-RunShellScript", logStreamName=f"{command['CommandId']}/{id_}/aws-runShellScript/stdout")["events"]
    assert [one["message"] for one in events] == ["to s3"]
    without = send(place, [place.instance], "echo nowhere", **more)  # its instance has no role: it succeeds, and nothing is written
    assert without["Status"] == "Success" and s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    assert place.client("ssm").describe_instance_information(Filters=[{"Key": "IamRole", "Values": ["node"]}])["InstanceInformationList"][0]["InstanceId"] == id_
    place.client("ec2").terminate_instances(InstanceIds=[id_])


def test_notifications_and_events(place):
    sns, sqs, iam, events = (place.client(name) for name in ("sns", "sqs", "iam", "events"))
    topic, queue = sns.create_topic(Name="over")["TopicArn"], sqs.create_queue(QueueName="over")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    role = iam.create_role(RoleName="tell", AssumeRolePolicyDocument=trusting({"Service": "ssm.amazonaws.com"}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="tell", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow("sns:Publish")]}))
    events.put_rule(Name="ssm", EventPattern=json.dumps({"source": ["aws.ssm"], "detail-type": ["EC2 Command Status-change Notification"], "detail": {"status": ["Success"]}}))
    events.put_targets(Rule="ssm", Targets=[{"Id": "q", "Arn": arn}])
    command = send(place, [place.instance], "true", ServiceRoleArn=role, NotificationConfig={"NotificationArn": topic, "NotificationEvents": ["Success"], "NotificationType": "Command"})
    got = []

    def both():
        got.extend(json.loads(m["Body"]) for m in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []))
        return len(got) >= 2
    until(both)
    assert {one.get("commandId") or one["detail"]["command-id"] for one in got} == {command["CommandId"]}


def test_permission_is_asked_for_the_document_and_for_each_instance(place):
    region = "us-east-1"
    document, node = f"arn:aws:ssm:{region}::document/AWS-RunShellScript", f"arn:aws:ec2:{region}:{place.account}:instance/*"
    web = Person(place, "web", allow("ssm:SendCommand", document), allow("ssm:SendCommand", node, Condition={"StringEquals": {"ssm:resourceTag/tier": "web"}}))
    run = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["true"]}}
    assert web.client("ssm").send_command(InstanceIds=[place.instance], **run)["Command"]["CommandId"]
    refused("AccessDeniedException", web.client("ssm").send_command, InstanceIds=[place.second], **run)
    refused("AccessDeniedException", Person(place, "nodes", allow("ssm:SendCommand", node)).client("ssm").send_command, InstanceIds=[place.instance], **run)
    refused("AccessDeniedException", web.client("ssm").send_command, Targets=[{"Key": "InstanceIds", "Values": [place.second]}], **run)


def test_commands_are_listed_by_status_document_and_time(place):
    ssm = place.client("ssm")
    command = send(place, [place.second], "exit 1")
    by = {"Status": "Failed", "DocumentName": "AWS-RunShellScript", "InvokedAfter": "2020-01-01T00:00:00Z", "InvokedBefore": "2120-01-01T00:00:00Z", "ExecutionStage": "Complete"}
    for key, value in by.items():
        assert command["CommandId"] in [one["CommandId"] for one in ssm.list_commands(Filters=[{"key": key, "value": value}])["Commands"]], key
    assert command["CommandId"] in [one["CommandId"] for one in ssm.list_commands(InstanceId=place.second)["Commands"]]
    assert len(ssm.list_commands(MaxResults=1)["Commands"]) == 1
    refused("ValidationException", ssm.list_commands, InstanceId=place.second, Filters=[{"key": "Status", "value": "Pending"}])
    with pytest.raises(ClientError):
        ssm.list_command_invocations(Filters=[{"key": "ExecutionStage", "value": "Complete"}])
