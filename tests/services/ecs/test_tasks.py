"""Tasks on Fargate: real processes in the customer's subnets."""
import json

import pytest

from tests.services.ssm.plugin import Plugin

KEEPS = ("sh", "-c", "trap 'exit 5' TERM; while true; do sleep 0.1; done")


def logging(group="ecs", **more):
    return {"logDriver": "awslogs", "options": {"awslogs-group": group, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p", **more}}


@pytest.fixture(scope="module")
def logs(dock):
    made = dock.client("logs")
    made.create_log_group(logGroupName="ecs")
    return made


def said(dock, logs, arn, name="main"):
    """All lines of a container that has ended."""
    return [one["message"] for one in logs.get_log_events(logGroupName="ecs", logStreamName=f"p/{name}/{arn.rpartition('/')[2]}", startFromHead=True)["events"]]


def ended(dock, arn):
    return dock.wait(lambda: (one := dock.task(arn))["lastStatus"] == "STOPPED" and one)


def test_a_task_answers_in_its_subnet_through_its_security_group(dock):
    definition = dock.define("web", dock.container("httpd", "-f", "-p", "80", "-h", "/www", portMappings=[{"containerPort": 80}], stopTimeout=2))
    arn = dock.run(definition, tags=[{"key": "a", "value": "b"}], startedBy="me")
    task = dock.until(arn, "RUNNING")
    assert (task["launchType"], task["group"], task["startedBy"], task["platformVersion"], task["connectivity"], task["cpu"], task["memory"]) == ("FARGATE", "family:web", "me", "1.4.0", "CONNECTED", "256", "512")
    assert task["attachments"][0]["type"] == "ElasticNetworkInterface" and task["attachments"][0]["status"] == "ATTACHED"
    details = {one["name"]: one["value"] for one in task["attachments"][0]["details"]}
    interface = dock.ec2.describe_network_interfaces(NetworkInterfaceIds=[details["networkInterfaceId"]])["NetworkInterfaces"][0]
    assert (interface["PrivateIpAddress"], interface["SubnetId"], interface["Groups"][0]["GroupId"]) == (details["privateIPv4Address"], details["subnetId"], dock.group)
    client, _, _ = dock.plugged.plug(dock.subnets[1])
    assert "200 OK" in dock.get(client, dock.address(task))
    dock.ec2.revoke_security_group_ingress(GroupId=dock.group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    other, _, _ = dock.plugged.plug(dock.subnets[0])
    assert dock.plugged.ask(other, dock.address(task), 80, b"GET / HTTP/1.0\r\n\r\n", patience=0.5) in ("", "timeout", "nothing")
    dock.ec2.authorize_security_group_ingress(GroupId=dock.group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    assert dock.ecs.describe_tasks(cluster="c", tasks=[arn], include=["TAGS"])["tasks"][0]["tags"] == [{"key": "a", "value": "b"}]
    assert arn in dock.ecs.list_tasks(cluster="c", family="web")["taskArns"] and dock.ecs.list_tasks(cluster="c", startedBy="you")["taskArns"] == []
    dock.ecs.stop_task(cluster="c", task=arn, reason="enough")
    dock.wait(lambda: dock.task(arn)["lastStatus"] == "STOPPING")       # nobody heeds SIGTERM: the clock brings SIGKILL
    dock.cloud.advance(3)
    stopped = ended(dock, arn)
    assert (stopped["stopCode"], stopped["stoppedReason"], stopped["containers"][0]["exitCode"], stopped["desiredStatus"]) == ("UserInitiated", "enough", 137, "STOPPED")
    assert stopped["attachments"][0]["status"] == "DELETED" and arn in dock.ecs.list_tasks(cluster="c", desiredStatus="STOPPED")["taskArns"]
    assert not dock.ec2.describe_network_interfaces(Filters=[{"Name": "network-interface-id", "Values": [details["networkInterfaceId"]]}])["NetworkInterfaces"]
    dock.plugged.release(client)
    dock.plugged.release(other)


def test_sigterm_is_heard_and_its_code_told(dock):
    arn = dock.run(dock.define("term", dock.container(*KEEPS)))
    dock.until(arn, "RUNNING")
    dock.cloud.advance(0)
    dock.ecs.stop_task(cluster="c", task=arn)
    dock.cloud.advance(31)
    stopped = ended(dock, arn)
    assert (stopped["stopCode"], stopped["containers"][0]["exitCode"] in (5, 137)) == ("UserInitiated", True)
    assert dock.ecs.stop_task(cluster="c", task=arn)["task"]["lastStatus"] == "STOPPED"


def test_an_essential_container_that_ends_ends_the_task(dock, logs):
    side = dock.container("sleep", "60", name="side", essential=False, stopTimeout=2)
    arn = dock.run(dock.define("short", dock.container("sh", "-c", "echo one; echo -n two >&2; exit 7", logConfiguration=logging()), side))
    dock.cloud.advance(0)
    dock.cloud.advance(3)
    task = ended(dock, arn)
    assert (task["stopCode"], task["stoppedReason"]) == ("EssentialContainerExited", "Essential container in task exited")
    assert {one["name"]: one["exitCode"] for one in task["containers"]} == {"main": 7, "side": 137}
    assert sorted(said(dock, logs, arn)) == ["one", "two"]


def test_what_a_container_finds(dock, logs):
    """Environment, secrets, overrides, user, directory, host name."""
    secret = dock.client("secretsmanager").create_secret(Name="db", SecretString=json.dumps({"user": "u", "password": "p"}))["ARN"]
    dock.client("ssm").put_parameter(Name="token", Value="t", Type="SecureString")
    dock.iam.put_role_policy(RoleName="execution", PolicyName="secrets", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue", "ssm:GetParameters", "kms:Decrypt"], "Resource": "*"}]}))
    definition = dock.define("env", dock.container(
        "sh", "-c", "env; echo user=$(id -u) dir=$(pwd) host=$(hostname)", user="web", environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], logConfiguration=logging(),
        secrets=[{"name": "WHOLE", "valueFrom": secret}, {"name": "PASSWORD", "valueFrom": f"{secret}:password::"}, {"name": "TOKEN", "valueFrom": "token"}]))
    arn = dock.run(definition, overrides={"containerOverrides": [{"name": "main", "environment": [{"name": "B", "value": "3"}]}]})
    task = ended(dock, arn)
    assert task["containers"][0]["exitCode"] == 0 and task["overrides"]["containerOverrides"][0]["environment"] == [{"name": "B", "value": "3"}]
    lines = said(dock, logs, arn)
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    assert (found["A"], found["B"], found["FROM_IMAGE"], found["PASSWORD"], found["TOKEN"], json.loads(found["WHOLE"])["user"]) == ("1", "3", "yes", "p", "t", "u")
    assert found["AWS_EXECUTION_ENV"] == "AWS_ECS_FARGATE" and "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" not in found
    assert lines[-1].startswith("user=33 dir=/www host=ip-172-31-")


def test_a_secret_that_may_not_be_read_stops_the_task(dock):
    poor = dock.role("poor", "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")
    secret = dock.client("secretsmanager").create_secret(Name="closed", SecretString="x")["ARN"]
    arn = dock.run(dock.define("closed", dock.container("true", secrets=[{"name": "X", "valueFrom": secret}]), executionRoleArn=poor))
    task = ended(dock, arn)
    assert task["stopCode"] == "TaskFailedToStart" and task["stoppedReason"].startswith("ResourceInitializationError: unable to pull secrets or registry auth") and "AccessDenied" in task["stoppedReason"]


@pytest.mark.parametrize(("image", "role", "reason"), [("box:none", "execution", "not found"), ("none:1", "execution", "not found"), ("box:1", "nothing", "403 Forbidden"), (None, "execution", "cannot be reached")])
def test_an_image_that_cannot_be_pulled_stops_the_task(dock, image, role, reason):
    if role == "nothing" and "nothing" not in [one["RoleName"] for one in dock.iam.list_roles()["Roles"]]:
        dock.role("nothing")
    uri = dock.repository["repositoryUri"].rpartition("/")[0] + f"/{image}" if image else "public.ecr.aws/docker/library/busybox:latest"
    arn = dock.run(dock.define("pull", dock.container("true") | {"image": uri}, executionRoleArn=f"arn:aws:iam::{dock.cloud.account}:role/{role}"))
    task = ended(dock, arn)
    assert task["stopCode"] == "TaskFailedToStart" and task["stoppedReason"].startswith("CannotPullContainerError: ") and reason in task["stoppedReason"]


def test_a_command_or_a_log_group_that_is_not_there_stops_the_task(dock):
    task = ended(dock, dock.run(dock.define("nocommand", dock.container("nothing-like-it"))))
    assert task["stoppedReason"].startswith("CannotStartContainerError") and task["containers"][0]["exitCode"] == 127
    task = ended(dock, dock.run(dock.define("nogroup", dock.container("true", logConfiguration=logging("none")))))
    assert task["stoppedReason"].startswith("ResourceInitializationError: failed to validate logger args") and "ResourceNotFoundException" in task["stoppedReason"]


def test_containers_wait_for_each_other_and_share_their_network(dock, logs):
    definition = dock.define(
        "order",
        dock.container("sh", "-c", "wget -q -O - http://localhost:8080/index.html; cat /v/file", dependsOn=[{"containerName": "init", "condition": "SUCCESS"}, {"containerName": "web", "condition": "HEALTHY"}],
                       logConfiguration=logging(), mountPoints=[{"sourceVolume": "v", "containerPath": "/v", "readOnly": True}]),
        dock.container("sh", "-c", "echo prepared > /v/file", name="init", essential=False, mountPoints=[{"sourceVolume": "v", "containerPath": "/v"}]),
        dock.container("httpd", "-f", "-p", "8080", "-h", "/www", name="web", essential=False, stopTimeout=2, healthCheck={"command": ["CMD-SHELL", "wget -q -O /tmp/x http://localhost:8080/index.html"], "interval": 5}),
        volumes=[{"name": "v"}])
    arn = dock.run(definition)
    dock.wait(lambda: dock.cloud.advance(5) or {one["name"]: one["lastStatus"] for one in dock.task(arn)["containers"]}["main"] == "STOPPED")
    dock.cloud.advance(3)
    task = ended(dock, arn)
    assert {one["name"]: one["exitCode"] for one in task["containers"]} == {"main": 0, "init": 0, "web": 137}
    assert said(dock, logs, arn) == ["from the taskprepared"]


def test_a_dependency_that_fails_stops_the_task(dock):
    definition = dock.define("chain", dock.container("sleep", "5", dependsOn=[{"containerName": "init", "condition": "SUCCESS"}]), dock.container("false", name="init", essential=False))
    assert "init" in ended(dock, dock.run(definition))["stoppedReason"]


def test_a_health_check_runs_in_the_container(dock):
    definition = dock.define("well", dock.container("sh", "-c", "touch /tmp/well; sleep 100", stopTimeout=2, healthCheck={"command": ["CMD-SHELL", "test -e /tmp/well"], "interval": 5, "retries": 2}))
    arn = dock.run(definition, enableExecuteCommand=True)
    dock.until(arn, "RUNNING")
    dock.wait(lambda: dock.cloud.advance(5) or dock.task(arn)["healthStatus"] == "HEALTHY")
    run(dock, arn, "busybox rm /tmp/well")
    dock.wait(lambda: dock.cloud.advance(5) or dock.task(arn)["healthStatus"] == "UNHEALTHY")
    assert dock.task(arn)["lastStatus"] == "RUNNING", "a task that is nobody's runs on"
    dock.ecs.stop_task(cluster="c", task=arn)
    dock.cloud.advance(3)


def run(dock, arn, command):
    """A command in a container through ECS Exec: what it says until its end."""
    session = dock.ecs.execute_command(cluster="c", task=arn, command=command, interactive=True)["session"]
    plugin = Plugin({"StreamUrl": session["streamUrl"], "TokenValue": session["tokenValue"], "SessionId": session["sessionId"]})
    plugin.until(lambda: plugin.closed, 10)
    return plugin.said


def test_metadata_and_credentials_are_at_the_tasks_endpoint(dock, logs):
    role = dock.role("task", actions=["sqs:ListQueues"])
    script = ("wget -q -O - $ECS_CONTAINER_METADATA_URI_V4; echo; wget -q -O - $ECS_CONTAINER_METADATA_URI_V4/task; echo; wget -q -O - http://169.254.170.2$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI; echo;"
              "wget -q -O - $ECS_CONTAINER_METADATA_URI_V4/stats; echo")
    arn = dock.run(dock.define("about", dock.container("sh", "-c", script, logConfiguration=logging()), taskRoleArn=role))
    task = ended(dock, arn)
    container, whole, credentials, stats = [json.loads(line) for line in said(dock, logs, arn) if line]
    assert container["Name"] == "main" and container["Networks"][0]["NetworkMode"] == "awsvpc" and container["KnownStatus"] == "RUNNING"
    assert (whole["TaskARN"], whole["Family"], whole["LaunchType"], whole["Limits"]) == (arn, "about", "FARGATE", {"CPU": 0.25, "Memory": 512})
    assert stats["memory_stats"]["usage"] >= 0
    theirs = dict(key=credentials["AccessKeyId"], secret=credentials["SecretAccessKey"], token=credentials["Token"])
    assert credentials["RoleArn"] == role
    assert dock.client("sts", **theirs).get_caller_identity()["Arn"].endswith(f"assumed-role/task/{task['taskArn'].rpartition('/')[2]}")
    assert dock.client("sqs", **theirs).list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_execute_command_needs_to_have_been_enabled(dock, refused):
    definition = dock.define("exec", dock.container("sleep", "100", stopTimeout=2))
    closed, opened = dock.run(definition), dock.run(definition, enableExecuteCommand=True)
    for arn in (closed, opened):
        dock.until(arn, "RUNNING")
    code, words = refused(dock.ecs.execute_command, cluster="c", task=closed, command="ls", interactive=True)
    assert code == "InvalidParameterException" and words.startswith("The execute command failed because execute command was not enabled when the task was run")
    answer = dock.ecs.execute_command(cluster="c", task=opened, command="/bin/ls", interactive=True)
    assert answer["containerName"] == "main" and set(answer["session"]) == {"sessionId", "streamUrl", "tokenValue"}
    assert b"sleep 100" in run(dock, opened, "ps")
    for arn in (closed, opened):
        dock.ecs.stop_task(cluster="c", task=arn)
    dock.cloud.advance(3)


def test_changes_of_state_are_events(dock, cloud):
    sqs, events = dock.client("sqs"), dock.client("events")
    url = sqs.create_queue(QueueName="states")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = events.put_rule(Name="states", EventPattern=json.dumps({"source": ["aws.ecs"], "detail-type": ["ECS Task State Change"], "detail": {"lastStatus": ["STOPPED"], "group": ["family:gone"]}}))["RuleArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
                                                                                                              "Resource": queue, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}}]})})
    events.put_targets(Rule="states", Targets=[{"Id": "q", "Arn": queue}])
    arn = dock.run(dock.define("gone", dock.container("true")))
    ended(dock, arn)
    message = dock.wait(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"))[0]
    event = json.loads(message["Body"])
    assert event["detail"]["taskArn"] == arn and event["detail"]["containers"][0]["exitCode"] == 0 and event["resources"] == [arn]
    events.remove_targets(Rule="states", Ids=["q"])
    # and a rule runs a task
    runs = dock.role("runs", "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceEventsRole", trust=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
    definition = dock.ecs.describe_task_definition(taskDefinition=dock.define("ruled", dock.container("true")))["taskDefinition"]["taskDefinitionArn"]
    events.put_rule(Name="often", ScheduleExpression="rate(1 minute)")
    cluster = dock.ecs.describe_clusters(clusters=["c"])["clusters"][0]["clusterArn"]
    events.put_targets(Rule="often", Targets=[{"Id": "t", "Arn": cluster, "RoleArn": runs, "EcsParameters": {"TaskDefinitionArn": definition, "LaunchType": "FARGATE", "NetworkConfiguration": {
        "awsvpcConfiguration": {"Subnets": dock.subnets[:1], "SecurityGroups": [dock.group]}}}}])

    def ruled():
        dock.cloud.advance(20)
        return [arn for state in ("RUNNING", "STOPPED") for arn in dock.ecs.list_tasks(cluster="c", family="ruled", desiredStatus=state)["taskArns"]]
    assert dock.task(dock.wait(ruled)[0])["startedBy"] == "events-rule/often"
    events.remove_targets(Rule="often", Ids=["t"])
