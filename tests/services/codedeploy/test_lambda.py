"""Deployments to Lambda: an alias goes to another version in steps, between hooks, watched by alarms, and comes back."""
import json

import pytest

from cloche.testing.people import allow, refused

from .shifting import ROLE, SILENT, Shifting, until


def test_all_at_once_moves_the_alias_to_the_target_version(cloud):
    it = Shifting(cloud)
    id_ = it.deploy(description="the second")
    assert id_.startswith("d-") and len(id_) == 11 and id_[2:].isalnum() and id_[2:] == id_[2:].upper()
    told = it.over(id_, "Succeeded")
    assert it.alias() == ("2", {}) and told["creator"] == "user" and told["computePlatform"] == "Lambda" and told["description"] == "the second"
    assert told["deploymentOverview"]["Succeeded"] == 1 and told["completeTime"] >= told["startTime"] >= told["createTime"] and told["deploymentStyle"]["deploymentType"] == "BLUE_GREEN"
    target = it.target(id_)
    assert target["targetId"] == "f:live" and target["status"] == "Succeeded" and target["targetArn"].endswith(":function:f:live")
    assert [one["lifecycleEventName"] for one in target["lifecycleEvents"]] == ["BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"] and set(it.events(id_).values()) == {"Succeeded"}
    assert target["lambdaFunctionInfo"] == {"functionName": "f", "functionAlias": "live", "currentVersion": "1", "targetVersion": "2", "targetVersionWeight": 100.0}
    group = it.api.get_deployment_group(applicationName="app", deploymentGroupName="dg")["deploymentGroupInfo"]
    assert group["lastSuccessfulDeployment"]["deploymentId"] == group["lastAttemptedDeployment"]["deploymentId"] == id_ and group["targetRevision"]["revisionType"] == "AppSpecContent"


def test_a_canary_gives_its_share_at_once_and_the_rest_after_its_interval(cloud):
    it = Shifting(cloud, "CodeDeployDefault.LambdaCanary10Percent5Minutes")
    id_ = it.deploy()
    until(lambda: it.alias() == ("1", {"2": 0.1}))
    assert it.info(id_)["status"] == "InProgress" and it.events(id_) == {"BeforeAllowTraffic": "Succeeded", "AllowTraffic": "InProgress", "AfterAllowTraffic": "Pending"}
    assert it.target(id_)["lambdaFunctionInfo"]["targetVersionWeight"] == 10.0
    message = refused("DeploymentLimitExceededException", it.deploy)
    assert id_ in message and "dg" in message
    cloud.advance(200)
    assert it.alias() == ("1", {"2": 0.1})
    cloud.advance(110)
    it.over(id_, "Succeeded")
    assert it.alias() == ("2", {})


def test_a_linear_configuration_adds_its_share_every_interval(cloud):
    it = Shifting(cloud, "CodeDeployDefault.LambdaLinear10PercentEvery1Minute")
    it.api.create_deployment_config(deploymentConfigName="quarters", computePlatform="Lambda",
                                    trafficRoutingConfig={"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 25, "linearInterval": 2}})
    id_ = it.deploy()
    until(lambda: it.alias() == ("1", {"2": 0.1}))
    for step in range(2, 5):
        cloud.advance(60)
        assert it.alias() == ("1", {"2": step / 10})
    cloud.advance(minutes=6)
    it.over(id_, "Succeeded")
    assert it.alias() == ("2", {})
    id_ = it.deploy("2", "1", deploymentConfigName="quarters")
    until(lambda: it.alias() == ("2", {"1": 0.25}))
    cloud.advance(minutes=4)
    assert it.alias() == ("2", {"1": 0.75}) and it.info(id_)["deploymentConfigName"] == "quarters"
    cloud.advance(minutes=2)
    it.over(id_, "Succeeded")
    assert it.alias() == ("1", {})


def test_hooks_run_before_and_after_traffic_and_answer_for_themselves(cloud):
    it = Shifting(cloud)
    it.hook("CodeDeployHook_good")
    it.hook("CodeDeployHook_silent", code=SILENT)
    id_ = it.deploy(hooks=[("BeforeAllowTraffic", "CodeDeployHook_silent"), ("AfterAllowTraffic", "CodeDeployHook_good")])
    until(lambda: it.info(id_)["status"] == "InProgress" and it.events(id_)["BeforeAllowTraffic"] == "InProgress")
    assert it.alias() == ("1", {})                     # before: the alias is on the old version still
    put = it.api.put_lifecycle_event_hook_execution_status
    refused("InvalidLifecycleEventHookExecutionIdException", put, deploymentId=id_, lifecycleEventHookExecutionId="bm8=", status="Succeeded")
    logs = cloud.client("logs")
    until(lambda: logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/CodeDeployHook_silent")["logGroups"])
    cloud.advance(3500)
    assert it.info(id_)["status"] == "InProgress"
    cloud.advance(200)                                 # an hour of silence is a failure
    told = it.over(id_, "Failed")
    assert told["errorInformation"]["code"] == "HOOK_EXECUTION_FAILURE" and it.events(id_) == {"BeforeAllowTraffic": "Failed", "AllowTraffic": "Skipped", "AfterAllowTraffic": "Skipped"}
    assert it.alias() == ("1", {}) and "rollbackInfo" not in told
    id_ = it.deploy(hooks=[("BeforeAllowTraffic", "CodeDeployHook_good"), ("AfterAllowTraffic", "CodeDeployHook_good")])
    it.over(id_, "Succeeded")
    assert it.alias() == ("2", {})


def test_an_answer_is_given_once_and_is_succeeded_or_failed(cloud):
    it = Shifting(cloud, autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]})
    it.hook("says", code="def handler(event, context):\n    print('ID=' + event['LifecycleEventHookExecutionId'] + '=DI')\n")
    id_ = it.deploy(hooks=[("AfterAllowTraffic", "says")])
    logs = cloud.client("logs")

    def heard():
        if not logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/says")["logGroups"]:
            return None
        return next((e["message"] for e in logs.filter_log_events(logGroupName="/aws/lambda/says")["events"] if "ID=" in e["message"]), None)

    execution = until(heard).split("ID=")[1].split("=DI")[0]
    assert it.alias() == ("2", {})                     # after: traffic has gone over
    put = it.api.put_lifecycle_event_hook_execution_status
    refused("InvalidLifecycleEventHookExecutionStatusException", put, deploymentId=id_, lifecycleEventHookExecutionId=execution, status="Skipped")
    refused("DeploymentDoesNotExistException", put, deploymentId="d-AAAAAAAAA", lifecycleEventHookExecutionId=execution, status="Failed")
    assert put(deploymentId=id_, lifecycleEventHookExecutionId=execution, status="Failed")["lifecycleEventHookExecutionId"] == execution
    refused("LifecycleEventAlreadyCompletedException", put, deploymentId=id_, lifecycleEventHookExecutionId=execution, status="Succeeded")
    told = it.over(id_, "Failed")
    back = told["rollbackInfo"]["rollbackDeploymentId"]
    after = it.over(back, "Succeeded")
    assert after["creator"] == "codeDeployRollback" and after["rollbackInfo"]["rollbackTriggeringDeploymentId"] == id_ and it.alias() == ("1", {})
    assert it.api.list_deployments(applicationName="app", deploymentGroupName="dg")["deployments"] == [back, id_] or {back, id_} == set(it.api.list_deployments(applicationName="app", deploymentGroupName="dg")["deployments"])


def test_an_alarm_stops_a_deployment_and_takes_it_back(cloud):
    watch = cloud.client("cloudwatch")
    watch.put_metric_alarm(AlarmName="errors", Namespace="N", MetricName="M", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold")
    alarms = {"enabled": True, "alarms": [{"name": "errors"}]}
    it = Shifting(cloud, "CodeDeployDefault.LambdaCanary10Percent30Minutes", alarmConfiguration=alarms, autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_STOP_ON_ALARM"]})
    id_ = it.deploy()
    until(lambda: it.alias() == ("1", {"2": 0.1}))
    watch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="tried")
    told = it.over(id_, "Stopped")
    assert told["errorInformation"]["code"] == "ALARM_ACTIVE" and "errors" in told["errorInformation"]["message"]
    it.over(told["rollbackInfo"]["rollbackDeploymentId"], "Succeeded")
    assert it.alias() == ("1", {})
    id_ = it.deploy(autoRollbackConfiguration={"enabled": False})
    told = it.over(id_, "Stopped")                     # the alarm is on when it begins
    assert told["errorInformation"]["code"] == "ALARM_ACTIVE" and "rollbackInfo" not in told and it.alias() == ("1", {})
    id_ = it.deploy(overrideAlarmConfiguration={"enabled": False}, deploymentConfigName="CodeDeployDefault.LambdaAllAtOnce")
    it.over(id_, "Succeeded")


@pytest.mark.parametrize("ignore", [False, True])
def test_alarms_that_cannot_be_asked_stop_a_deployment_unless_that_is_ignored(cloud, ignore):
    rights = [one for one in ROLE if one["Action"] != "cloudwatch:DescribeAlarms"]
    it = Shifting(cloud, role=rights, alarmConfiguration={"enabled": True, "ignorePollAlarmFailure": ignore, "alarms": [{"name": "errors"}]})
    assert it.over(it.deploy())["status"] == ("Succeeded" if ignore else "Stopped")


def test_a_deployment_is_stopped_by_hand_with_or_without_the_way_back(cloud):
    it = Shifting(cloud, "CodeDeployDefault.LambdaCanary10Percent10Minutes")
    id_ = it.deploy()
    until(lambda: it.alias() == ("1", {"2": 0.1}))
    assert it.api.stop_deployment(deploymentId=id_, autoRollbackEnabled=True)["status"] in ("Pending", "Succeeded")
    told = it.over(id_, "Stopped")
    it.over(told["rollbackInfo"]["rollbackDeploymentId"], "Succeeded")
    assert it.alias() == ("1", {})
    refused("DeploymentAlreadyCompletedException", it.api.stop_deployment, deploymentId=id_)
    cloud.advance(minutes=11)
    assert it.alias() == ("1", {})                     # what was to come does not come any more
    id_ = it.deploy()
    until(lambda: it.alias() == ("1", {"2": 0.1}))
    refused("UnsupportedActionForDeploymentTypeException", it.api.continue_deployment, deploymentId=id_)
    it.api.stop_deployment(deploymentId=id_)
    told = it.over(id_, "Stopped")
    assert "rollbackInfo" not in told and told["errorInformation"]["code"] == "MANUAL_STOP" and it.alias() == ("1", {"2": 0.1})


def test_the_appspec_file_may_be_yaml_in_a_bucket_that_the_role_can_read(cloud):
    it = Shifting(cloud)
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="specs")
    s3.put_object(Bucket="specs", Key="appspec.yaml", Body=b"""version: 0.0
Resources:
  - f:
      Type: AWS::Lambda::Function
      Properties:
        Name: f
        Alias: live
        CurrentVersion: 1
        TargetVersion: "2"
""")
    place = {"bucket": "specs", "key": "appspec.yaml", "bundleType": "YAML"}
    it.over(it.api.create_deployment(applicationName="app", deploymentGroupName="dg", revision={"revisionType": "S3", "s3Location": place})["deploymentId"], "Succeeded")
    assert it.alias() == ("2", {})
    gone = it.api.create_deployment(applicationName="app", deploymentGroupName="dg", revision={"revisionType": "S3", "s3Location": {**place, "key": "other"}})["deploymentId"]
    assert it.over(gone, "Failed")["errorInformation"]["code"] in ("REVISION_MISSING", "IAM_ROLE_PERMISSIONS")
    it.iam.put_role_policy(RoleName="deploys", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [ROLE[0]]}))
    closed = it.api.create_deployment(applicationName="app", deploymentGroupName="dg", revision={"revisionType": "S3", "s3Location": place})["deploymentId"]
    assert it.over(closed, "Failed")["errorInformation"]["code"] == "IAM_ROLE_PERMISSIONS"
    revisions = it.api.list_application_revisions(applicationName="app", s3Bucket="specs", s3KeyPrefix="appspec")["revisions"]
    assert revisions == [{"revisionType": "S3", "s3Location": place}]
    used = it.api.get_application_revision(applicationName="app", revision=revisions[0])["revisionInfo"]
    assert used["firstUsedTime"] <= used["lastUsedTime"] and used["deploymentGroups"] == ["dg"]


@pytest.mark.parametrize("content, code", [
    ("{", "INVALID_REVISION"), ("version: 1.0", "INVALID_REVISION"), ("version: 0.0", "INVALID_REVISION"),
    (json.dumps({"version": 0.0, "Resources": [{"f": {"Type": "AWS::Lambda::Function", "Properties": {"Name": "f", "Alias": "live", "CurrentVersion": "2", "TargetVersion": "1"}}}]}), "INVALID_LAMBDA_CONFIGURATION"),
    (json.dumps({"version": 0.0, "Resources": [{"f": {"Type": "AWS::Lambda::Function", "Properties": {"Name": "g", "Alias": "live", "CurrentVersion": "1", "TargetVersion": "2"}}}]}), "INVALID_LAMBDA_FUNCTION"),
    (json.dumps({"version": 0.0, "Resources": [{"f": {"Type": "AWS::Lambda::Function", "Properties": {"Name": "f", "Alias": "live", "CurrentVersion": "1", "TargetVersion": "2"}}}],
                 "Hooks": [{"BeforeInstall": "h"}]}), "INVALID_REVISION"),
])
def test_what_the_appspec_file_says_must_be_so(cloud, content, code):
    it = Shifting(cloud)
    assert it.over(it.deploy(content=content), "Failed")["errorInformation"]["code"] == code


def test_the_role_needs_the_rights_of_what_is_done_in_its_name(cloud):
    it = Shifting(cloud, role=(allow("lambda:GetAlias"),))
    assert it.over(it.deploy(), "Failed")["errorInformation"]["code"] == "IAM_ROLE_PERMISSIONS" and it.alias() == ("1", {})
    it.iam.put_role_policy(RoleName="deploys", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [ROLE[0], allow("lambda:InvokeFunction", "arn:aws:lambda:*:*:function:CodeDeployHook_*")]}))
    it.hook("other")
    told = it.over(it.deploy(hooks=[("BeforeAllowTraffic", "other")]), "Failed")
    assert told["errorInformation"]["code"] == "IAM_ROLE_PERMISSIONS" and it.alias() == ("1", {})


def test_topics_and_the_bus_hear_of_a_deployment(cloud):
    sqs, sns, events = cloud.client("sqs"), cloud.client("sns"), cloud.client("events")
    topic = sns.create_topic(Name="t")["TopicArn"]
    trigger = {"triggerName": "all", "triggerTargetArn": topic, "triggerEvents": ["DeploymentStart", "DeploymentSuccess", "DeploymentFailure", "DeploymentRollback"]}
    it = Shifting(cloud, triggerConfigurations=[trigger], autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]})
    boxes = {}
    for name in ("topic", "bus"):
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}]})})
        boxes[name] = url, arn
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=boxes["topic"][1])
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["aws.codedeploy"], "detail-type": ["CodeDeploy Deployment State-change Notification"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": boxes["bus"][1]}])
    heard = {"topic": [], "bus": []}

    def listen(name, most):
        def look():
            for message in sqs.receive_message(QueueUrl=boxes[name][0], MaxNumberOfMessages=10).get("Messages", []):
                sqs.delete_message(QueueUrl=boxes[name][0], ReceiptHandle=message["ReceiptHandle"])
                heard[name].append(json.loads(message["Body"]))
            return len(heard[name]) >= most
        until(look)

    it.hook("bad", "Failed")
    id_ = it.deploy(hooks=[("AfterAllowTraffic", "bad")])
    back = it.over(id_, "Failed")["rollbackInfo"]["rollbackDeploymentId"]
    it.over(back, "Succeeded")
    listen("bus", 4)
    states = {(one["detail"]["deploymentId"], one["detail"]["state"]) for one in heard["bus"]}
    assert states == {(id_, "START"), (id_, "FAILURE"), (back, "START"), (back, "SUCCESS")}
    one = heard["bus"][0]
    assert one["detail"]["application"] == "app" and one["detail"]["deploymentGroup"] == "dg" and one["detail"]["region"] == "us-east-1" and one["detail"]["instanceGroupId"]
    assert one["resources"] == [f"arn:aws:codedeploy:us-east-1:{cloud.account}:application:app", f"arn:aws:codedeploy:us-east-1:{cloud.account}:deploymentgroup:app/dg"]
    listen("topic", 5)
    told = [json.loads(one["Message"]) for one in heard["topic"]]
    assert sorted((one["deploymentId"], one["status"]) for one in told) == sorted([(id_, "CREATED"), (id_, "FAILED"), (back, "CREATED"), (back, "CREATED"), (back, "SUCCEEDED")])
    failed = next(one for one in told if one["status"] == "FAILED")
    assert failed["eventTriggerName"] == "all" and json.loads(failed["errorInformation"])["ErrorCode"] == "HOOK_EXECUTION_FAILURE" and failed["applicationName"] == "app"
    assert json.loads(failed["rollbackInformation"])["RollbackDeploymentId"] == back
