import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


class Scheduler:
    """Schedules that send to a queue of the test's own under a role of its own."""

    def __init__(self, cloud):
        self.cloud, self.api, self.sqs, self.iam = cloud, cloud.client("scheduler"), cloud.client("sqs"), cloud.client("iam")
        self.role = self.iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        self.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["sqs:SendMessage", "sns:Publish", "events:PutEvents"], "Resource": "*"}]}))
        self.url, self.arn = self.queue("q")

    def queue(self, name):
        return self.sqs.create_queue(QueueName=name)["QueueUrl"], f"arn:aws:sqs:us-east-1:{self.cloud.account}:{name}"

    def make(self, expression, name="s", target=None, window=None, **more):
        return self.api.create_schedule(Name=name, ScheduleExpression=expression, FlexibleTimeWindow=window or {"Mode": "OFF"}, Target={"Arn": self.arn, "RoleArn": self.role} | (target or {}), **more)["ScheduleArn"]

    def bodies(self, url=None):
        messages = self.sqs.receive_message(QueueUrl=url or self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=url or self.url, ReceiptHandle=message["ReceiptHandle"])
        self.last = messages
        return [m["Body"] for m in messages]

    def at(self, **ahead):
        return (datetime.fromtimestamp(self.cloud.now, UTC) + timedelta(**ahead)).strftime("at(%Y-%m-%dT%H:%M:%S)")


@pytest.fixture
def scheduler(cloud):
    return Scheduler(cloud)


def refused(function, *args, **kw):
    with pytest.raises(ClientError) as error:
        function(*args, **kw)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_a_schedule_is_described_as_it_was_made(scheduler):
    arn = scheduler.make("cron(0 9 * * ? *)", ScheduleExpressionTimezone="Europe/Berlin", Description="d", State="DISABLED")
    assert arn == f"arn:aws:scheduler:us-east-1:{scheduler.cloud.account}:schedule/default/s"
    found = scheduler.api.get_schedule(Name="s")
    assert found["ScheduleExpression"] == "cron(0 9 * * ? *)" and found["ScheduleExpressionTimezone"] == "Europe/Berlin" and found["State"] == "DISABLED"
    assert found["GroupName"] == "default" and found["Target"]["Arn"] == scheduler.arn and found["ActionAfterCompletion"] == "NONE" and found["Description"] == "d"
    assert refused(scheduler.make, "rate(1 day)") == ("ConflictException", "Schedule s already exists.")
    assert refused(scheduler.api.get_schedule, Name="none") == ("ResourceNotFoundException", "Schedule none does not exist.")
    scheduler.api.delete_schedule(Name="s")
    assert refused(scheduler.api.delete_schedule, Name="s")[0] == "ResourceNotFoundException"


def test_a_rate_fires_every_period_with_its_context(scheduler, cloud):
    arn = scheduler.make("rate(5 minutes)", target={"Input": '{"by": "<aws.scheduler.schedule-arn>", "try": "<aws.scheduler.attempt-number>", "when": "<aws.scheduler.scheduled-time>"}'})
    cloud.advance(minutes=16)
    bodies = [json.loads(body) for body in scheduler.bodies()]
    assert [b["by"] for b in bodies] == [arn] * 3 and bodies[0]["try"] == "1"
    moments = [datetime.fromisoformat(b["when"]) for b in bodies]
    assert moments[1] - moments[0] == moments[2] - moments[1] == timedelta(minutes=5)


def test_a_one_time_schedule_fires_once_and_may_delete_itself(scheduler, cloud):
    scheduler.make(scheduler.at(minutes=10), "once", target={"Input": '"once"'})
    scheduler.make(scheduler.at(minutes=10), "gone", target={"Input": '"gone"'}, ActionAfterCompletion="DELETE")
    cloud.advance(hours=1)
    assert sorted(scheduler.bodies()) == ['"gone"', '"once"']
    assert [s["Name"] for s in scheduler.api.list_schedules()["Schedules"]] == ["once"]
    cloud.advance(hours=1)
    assert scheduler.bodies() == []


def test_start_and_end_bound_a_schedule(scheduler, cloud):
    now = datetime.fromtimestamp(cloud.now, UTC)
    scheduler.make("rate(10 minutes)", target={"Input": "1"}, StartDate=now + timedelta(minutes=30), EndDate=now + timedelta(minutes=55))
    cloud.advance(minutes=29)
    assert scheduler.bodies() == []
    cloud.advance(hours=2)
    assert len(scheduler.bodies()) == 3  # at 30, 40 and 50 minutes


def test_a_flexible_window_delays_within_its_minutes(scheduler, cloud):
    scheduler.make(scheduler.at(minutes=10), window={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15})
    cloud.advance(minutes=9)
    assert scheduler.bodies() == []
    cloud.advance(minutes=17)
    assert len(scheduler.bodies()) == 1


def test_an_update_replaces_all_of_a_schedule(scheduler, cloud):
    scheduler.make("rate(5 minutes)", Description="d")
    scheduler.api.update_schedule(Name="s", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow={"Mode": "OFF"}, Target={"Arn": scheduler.arn, "RoleArn": scheduler.role})
    assert "Description" not in scheduler.api.get_schedule(Name="s")
    cloud.advance(minutes=30)
    assert scheduler.bodies() == []
    cloud.advance(minutes=31)
    assert scheduler.bodies() == ["{}"]


def test_schedules_are_checked(scheduler):
    assert refused(scheduler.make, "rate(0 minutes)") == ("ValidationException", "Invalid Schedule Expression rate(0 minutes).")
    assert refused(scheduler.make, "rate(1 minute)", ScheduleExpressionTimezone="Mars/Olympus") == ("ValidationException", "Invalid Schedule Expression Timezone Mars/Olympus.")
    assert refused(scheduler.make, "rate(1 minute)", window={"Mode": "FLEXIBLE"})[0] == "ValidationException"
    assert refused(scheduler.make, "rate(1 minute)", GroupName="none") == ("ResourceNotFoundException", "Schedule group none does not exist.")
    scheduler.iam.create_role(RoleName="stranger", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
    assert refused(scheduler.make, "rate(1 minute)", target={"RoleArn": scheduler.role[:-1] + "stranger"}) == (
        "ValidationException", "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")


def test_a_group_takes_its_schedules_along(scheduler, cloud):
    arn = scheduler.api.create_schedule_group(Name="g", Tags=[{"Key": "a", "Value": "1"}])["ScheduleGroupArn"]
    assert refused(scheduler.api.create_schedule_group, Name="g") == ("ConflictException", "Schedule group g already exists.")
    scheduler.make("rate(1 minute)", GroupName="g")
    scheduler.make("rate(1 day)", "other")
    assert [s["Name"] for s in scheduler.api.list_schedules(GroupName="g")["Schedules"]] == ["s"]
    assert [g["Name"] for g in scheduler.api.list_schedule_groups()["ScheduleGroups"]] == ["default", "g"]
    scheduler.api.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    scheduler.api.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert scheduler.api.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert scheduler.api.get_schedule_group(Name="g")["State"] == "ACTIVE"
    scheduler.api.delete_schedule_group(Name="g")
    cloud.advance(minutes=5)
    assert scheduler.bodies() == []
    assert [s["Name"] for s in scheduler.api.list_schedules()["Schedules"]] == ["other"]


def test_a_universal_target_calls_any_operation(scheduler, cloud):
    scheduler.make(scheduler.at(minutes=1), target={
        "Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": json.dumps({"QueueUrl": scheduler.url, "MessageBody": "universal"})})
    cloud.advance(minutes=2)
    assert scheduler.bodies() == ["universal"]
    assert refused(scheduler.make, "rate(1 day)", "u", target={"Arn": "arn:aws:scheduler:::aws-sdk:sqs:danceMessage"})[0] == "ValidationException"


def test_a_bus_and_a_topic_are_targets(scheduler, cloud):
    events, (url, arn) = cloud.client("events"), scheduler.queue("bus")
    scheduler.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]})})
    events.put_rule(Name="r", EventPattern='{"source": ["my.clock"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": arn}])
    scheduler.make(scheduler.at(minutes=1), target={
        "Arn": f"arn:aws:events:us-east-1:{cloud.account}:event-bus/default", "EventBridgeParameters": {"Source": "my.clock", "DetailType": "tick"}, "Input": '{"n": 1}'})
    topic = cloud.client("sns").create_topic(Name="t")["TopicArn"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    scheduler.make(scheduler.at(minutes=1), "to-topic", target={"Arn": topic, "Input": "hello"})
    cloud.advance(minutes=2)
    got = scheduler.bodies(url)
    assert "hello" in got
    [event] = [json.loads(body) for body in got if body != "hello"]
    assert event["detail-type"] == "tick" and event["detail"] == {"n": 1}


def test_what_the_role_may_not_do_becomes_a_dead_letter(scheduler, cloud):
    dead, dead_arn = scheduler.queue("dead")
    scheduler.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": dead_arn}]}))
    arn = scheduler.make(scheduler.at(minutes=1), target={"Input": '"x"', "DeadLetterConfig": {"Arn": dead_arn}})
    cloud.advance(minutes=2)
    assert scheduler.bodies() == [] and scheduler.bodies(dead) == ['"x"']
    about = {name: value["StringValue"] for name, value in scheduler.last[0]["MessageAttributes"].items()}
    assert about["SCHEDULE_ARN"] == arn and about["TARGET_ARN"] == scheduler.arn and about["ERROR_CODE"] == "AccessDenied"


def test_a_state_machine_is_started_on_schedule(scheduler, cloud):
    scheduler.iam.update_assume_role_policy(RoleName="r", PolicyDocument=json.dumps(TRUST).replace('"scheduler.amazonaws.com"', '["scheduler.amazonaws.com", "states.amazonaws.com"]'))
    scheduler.iam.put_role_policy(RoleName="r", PolicyName="q", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "states:StartExecution", "Resource": "*"}]}))
    sfn = cloud.client("stepfunctions")
    machine = sfn.create_state_machine(name="m", roleArn=scheduler.role, definition=json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}))["stateMachineArn"]
    scheduler.make(scheduler.at(minutes=5), target={"Arn": machine, "Input": '{"at": "<aws.scheduler.scheduled-time>"}'})
    cloud.advance(minutes=6)
    [execution] = sfn.list_executions(stateMachineArn=machine)["executions"]
    assert json.loads(sfn.describe_execution(executionArn=execution["executionArn"])["output"])["at"].endswith("Z")
