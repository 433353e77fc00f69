"""State machines in templates."""
import json
import time

from cloche.testing import people
from tests.services.cloudformation.templates import outputs, reasons, refused, resources, status

ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": ["states.amazonaws.com", "events.amazonaws.com", "apigateway.amazonaws.com", "scheduler.amazonaws.com"]}, "Action": "sts:AssumeRole"}]},
    "Policies": [{"PolicyName": "p", "PolicyDocument": json.loads(people.document(people.allow(["states:*", "logs:*"])))}]}}


def machine(word="one", **more):
    return {"Type": "AWS::StepFunctions::StateMachine", "Properties": {
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "DefinitionString": json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": word, "End": True}}}), **more}}


def deploy(cloud, name, resources_, **sections):
    cfn = cloud.client("cloudformation")
    arguments = {"StackName": name, "TemplateBody": json.dumps({"Resources": resources_, **sections}) if isinstance(resources_, dict) else resources_,
                 "Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]}
    try:
        cfn.create_stack(**arguments)
    except cfn.exceptions.AlreadyExistsException:
        cfn.update_stack(**arguments)
    settle(cfn, name)
    assert status(cfn, name).endswith("E_COMPLETE") and "ROLLBACK" not in status(cfn, name), reasons(cfn, name)
    return {k: v["PhysicalResourceId"] for k, v in resources(cfn, name).items()}


def settle(cfn, name):
    for _ in range(40):
        if not status(cfn, name).endswith("IN_PROGRESS"):
            return
        time.sleep(0.25)


def gone(cfn, name):
    arn = cfn.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cfn.delete_stack(StackName=name)
    settle(cfn, arn)
    assert status(cfn, arn) == "DELETE_COMPLETE", reasons(cfn, arn)


def result(cloud, arn, given="{}"):
    sfn = cloud.client("stepfunctions")
    execution = sfn.start_execution(stateMachineArn=arn, input=given)["executionArn"]
    for _ in range(20):
        found = sfn.describe_execution(executionArn=execution)
        if found["status"] != "RUNNING":
            return found
        cloud.advance(1)
    raise AssertionError(found)


def test_a_state_machine_is_made_changed_in_place_and_taken_down(cloud):
    cfn, sfn = cloud.client("cloudformation"), cloud.client("stepfunctions")
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/states"}}
    logs = {"Level": "ALL", "IncludeExecutionData": True, "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["Group", "Arn"]}}}]}
    said = {"A": {"Value": {"Fn::GetAtt": ["M", "Arn"]}}, "N": {"Value": {"Fn::GetAtt": ["M", "Name"]}}, "R": {"Value": {"Fn::GetAtt": ["M", "StateMachineRevisionId"]}}}
    body = {"Role": ROLE, "Group": group, "M": machine(LoggingConfiguration=logs, TracingConfiguration={"Enabled": True}, Tags=[{"Key": "a", "Value": "b"}])}
    arn = deploy(cloud, "m", body, Outputs=said)["M"]
    found = sfn.describe_state_machine(stateMachineArn=arn)
    assert found["name"].startswith("m-M-") and outputs(cfn, "m")["N"] == found["name"] and outputs(cfn, "m")["A"] == arn
    assert (found["loggingConfiguration"]["level"], found["loggingConfiguration"]["includeExecutionData"], found["tracingConfiguration"]["enabled"], found["type"]) == ("ALL", True, True, "STANDARD")
    assert {"key": "a", "value": "b"} in sfn.list_tags_for_resource(resourceArn=arn)["tags"] and outputs(cfn, "m")["R"] == "INITIAL"
    assert result(cloud, arn)["output"] == '"one"'
    assert deploy(cloud, "m", {"Role": ROLE, "Group": group, "M": machine("two", Tags=[{"Key": "a", "Value": "c"}])}, Outputs=said)["M"] == arn
    found = sfn.describe_state_machine(stateMachineArn=arn)
    assert (found["loggingConfiguration"]["level"], found["tracingConfiguration"]["enabled"]) == ("OFF", False) and outputs(cfn, "m")["R"] == found["revisionId"]
    assert {"key": "a", "value": "c"} in sfn.list_tags_for_resource(resourceArn=arn)["tags"] and result(cloud, arn)["output"] == '"two"'
    express = deploy(cloud, "m", {"Role": ROLE, "Group": group, "M": machine("two", StateMachineType="EXPRESS")}, Outputs=said)["M"]
    assert express != arn and sfn.describe_state_machine(stateMachineArn=express)["type"] == "EXPRESS"  # the type replaces
    gone(cfn, "m")
    assert refused(sfn.describe_state_machine, stateMachineArn=express)[0] == "StateMachineDoesNotExist"


def test_a_definition_is_an_object_or_a_file_and_names_in_it_are_filled_in(cloud):
    sfn, s3 = cloud.client("stepfunctions"), cloud.client("s3")
    s3.create_bucket(Bucket=f"definitions-{cloud.account}")
    s3.put_object(Bucket=f"definitions-{cloud.account}", Key="d.yaml", Body=b"StartAt: P\nStates:\n  P:\n    Type: Pass\n    Result: ${Word}\n    End: true\n")
    body = {"Role": ROLE,
            "O": machine(DefinitionString={"Ref": "AWS::NoValue"}, Definition={"StartAt": "W", "States": {"W": {"Type": "Pass", "Result": {"w": "${Word}", "n": 5}, "End": True}}}, DefinitionSubstitutions={"Word": "hi"}),
            "F": machine(DefinitionString={"Ref": "AWS::NoValue"}, DefinitionS3Location={"Bucket": f"definitions-{cloud.account}", "Key": "d.yaml"}, DefinitionSubstitutions={"Word": {"Fn::GetAtt": ["Q", "QueueName"]}}),
            "Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "filled"}}}
    made = deploy(cloud, "d", body)
    assert json.loads(result(cloud, made["O"])["output"]) == {"w": "hi", "n": 5} and result(cloud, made["F"])["output"] == '"filled"'
    assert json.loads(sfn.describe_state_machine(stateMachineArn=made["F"])["definition"])["States"]["P"]["Result"] == "filled"
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="bad", TemplateBody=json.dumps({"Resources": {"Role": ROLE, "M": machine(DefinitionString="{}")}}), Capabilities=["CAPABILITY_IAM"])
    settle(cfn, "bad")
    assert status(cfn, "bad") == "ROLLBACK_COMPLETE" and "Invalid State Machine Definition" in reasons(cfn, "bad")


def test_activities_and_versions_and_aliases(cloud):
    cfn, sfn = cloud.client("cloudformation"), cloud.client("stepfunctions")

    def body(word):
        return {"Role": ROLE, "M": machine(word), "Act": {"Type": "AWS::StepFunctions::Activity", "Properties": {"Name": "work", "Tags": [{"Key": "a", "Value": "b"}]}},
                "V": {"Type": "AWS::StepFunctions::StateMachineVersion", "Properties": {"StateMachineArn": {"Ref": "M"}, "StateMachineRevisionId": {"Fn::GetAtt": ["M", "StateMachineRevisionId"]}, "Description": "v"}},
                "L": {"Type": "AWS::StepFunctions::StateMachineAlias", "Properties": {"Name": "live", "RoutingConfiguration": [{"StateMachineVersionArn": {"Ref": "V"}, "Weight": 100}]}}}
    made = deploy(cloud, "v", body("one"))
    assert made["V"] == f"{made['M']}:1" and made["L"] == f"{made['M']}:live" and sfn.describe_activity(activityArn=made["Act"])["name"] == "work"
    assert result(cloud, made["L"])["output"] == '"one"' and sfn.describe_state_machine(stateMachineArn=made["V"])["description"] == "v"
    again = deploy(cloud, "v", body("two"))
    assert again["V"] == f"{made['M']}:2" and again["L"] == made["L"] and result(cloud, made["L"])["output"] == '"two"'
    assert [v["stateMachineVersionArn"] for v in sfn.list_state_machine_versions(stateMachineArn=made["M"])["stateMachineVersions"]] == [again["V"]]  # the old one is deleted in the clean-up
    gone(cfn, "v")
    assert refused(sfn.describe_activity, activityArn=made["Act"])[0] == "ActivityDoesNotExist"


def moving(word, kind="CANARY", **more):
    return {"Role": ROLE, "M": machine(word),
            "V": {"Type": "AWS::StepFunctions::StateMachineVersion", "UpdateReplacePolicy": "Retain",
                  "Properties": {"StateMachineArn": {"Ref": "M"}, "StateMachineRevisionId": {"Fn::GetAtt": ["M", "StateMachineRevisionId"]}}},
            "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": "loud", "MetricName": "x", "Namespace": "n", "Period": 86400, "EvaluationPeriods": 1, "Threshold": 1,
                                                                       "Statistic": "Sum", "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore"}},
            "L": {"Type": "AWS::StepFunctions::StateMachineAlias", "Properties": {"Name": "live", "DeploymentPreference": {
                "StateMachineVersionArn": {"Ref": "V"}, "Type": kind, "Percentage": 20, "Interval": 1, "Alarms": [{"Ref": "Alarm"}], **more}}}}


def update(cloud, name, body):
    cloud.client("cloudformation").update_stack(StackName=name, TemplateBody=json.dumps({"Resources": body}), Capabilities=["CAPABILITY_IAM"])


def weights(cloud, alias):
    return {r["stateMachineVersionArn"].rpartition(":")[2]: r["weight"] for r in cloud.client("stepfunctions").describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"]}


def test_an_alias_moves_bit_by_bit_and_back_when_an_alarm_sounds(cloud):
    cfn = cloud.client("cloudformation")
    made = deploy(cloud, "a", moving("one"))
    assert weights(cloud, made["L"]) == {"1": 100}
    update(cloud, "a", moving("two"))
    cloud.advance(5)
    assert weights(cloud, made["L"]) == {"1": 80, "2": 20} and status(cfn, "a") == "UPDATE_IN_PROGRESS"
    cloud.advance(70)
    assert weights(cloud, made["L"]) == {"2": 100}
    settle(cfn, "a")
    update(cloud, "a", moving("three", "LINEAR"))
    cloud.advance(70)
    assert weights(cloud, made["L"]) == {"2": 60, "3": 40}
    cloud.client("cloudwatch").set_alarm_state(AlarmName="loud", StateValue="ALARM", StateReason="noise")
    cloud.advance(10)
    settle(cfn, "a")
    assert weights(cloud, made["L"]) == {"2": 100}
    assert status(cfn, "a") == "UPDATE_ROLLBACK_COMPLETE" and "alarm(s) in ALARM state: [loud]" in reasons(cfn, "a")


SERVERLESS = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      InlineCode: "def handler(event, context): return {'n': event.get('n', 0) + 1}"
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      AutoPublishAlias: live
      Definition:
        StartAt: Add
        States:
          Add: {Type: Task, Resource: "${Fn}", End: true}
      DefinitionSubstitutions: {Fn: !GetAtt Fn.Arn}
      Policies:
        - LambdaInvokePolicy: {FunctionName: !Ref Fn}
      Tags: {team: blue}
      Events:
        Post: {Type: Api, Properties: {Path: /start, Method: post}}
        Rate: {Type: Schedule, Properties: {Schedule: rate(5 minutes), Input: '{"n": 10}'}}
        Later: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(7 minutes), Input: '{"n": 20}'}}
        Object: {Type: EventBridgeRule, Properties: {Pattern: {source: [aws.s3], detail-type: [Object Created]}, InputPath: $.detail}}
        Old: {Type: CloudWatchEvent, Properties: {Pattern: {source: [my.app]}, InputPath: $.detail}}
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {NotificationConfiguration: {EventBridgeConfiguration: {EventBridgeEnabled: true}}}
Outputs:
  Url: {Value: !Sub "https://${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com/Prod/start"}
  Api: {Value: !Ref ServerlessRestApi}
  Name: {Value: !GetAtt Machine.Name}
"""


def test_a_serverless_state_machine_runs_at_an_apis_request_on_schedule_and_on_events(cloud):
    sfn = cloud.client("stepfunctions")
    made = deploy(cloud, "sam", SERVERLESS)
    alias = made["MachineAliaslive"]
    assert alias == made["Machine"] + ":live" and {"key": "team", "value": "blue"} in sfn.list_tags_for_resource(resourceArn=made["Machine"])["tags"]

    def outcomes():
        found = []
        for one in sfn.list_executions(stateMachineArn=made["Machine"])["executions"]:
            said = sfn.describe_execution(executionArn=one["executionArn"])
            for _ in range(20):
                if said["status"] != "RUNNING":
                    break
                cloud.advance(1)
                said = sfn.describe_execution(executionArn=one["executionArn"])
            found.append((json.loads(said["input"]), said["status"], said.get("output")))
        return found

    import urllib.request
    api = cloud.client("cloudformation").describe_stacks(StackName="sam")["Stacks"][0]["Outputs"]
    id_ = next(x["OutputValue"] for x in api if x["OutputKey"] == "Api")
    request = urllib.request.Request(f"{cloud.url}/restapis/{id_}/Prod/_user_request_/start", data=b'{"n": 1}', headers={"content-type": "application/json"}, method="POST")
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["executionArn"].startswith(made["Machine"].replace(":stateMachine:", ":execution:"))
    assert outcomes() == [({"n": 1}, "SUCCEEDED", '{"n":2}')]
    cloud.client("events").put_events(Entries=[{"Source": "my.app", "DetailType": "d", "Detail": '{"n": 5}'}])
    cloud.advance(1)
    assert ({"n": 5}, "SUCCEEDED", '{"n":6}') in outcomes()
    cloud.client("s3").put_object(Bucket=made["Bucket"], Key="k", Body=b"x")
    cloud.advance(1)
    assert any(given.get("object", {}).get("key") == "k" and given["bucket"]["name"] == made["Bucket"] for given, _, _ in outcomes())
    cloud.advance(minutes=8)
    said = outcomes()
    assert ({"n": 10}, "SUCCEEDED", '{"n":11}') in said and ({"n": 20}, "SUCCEEDED", '{"n":21}') in said
