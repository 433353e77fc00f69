"""Tasks that others start: state machines, which wait for their end, and rules of EventBridge."""
import json

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["states.amazonaws.com", "events.amazonaws.com"]}, "Action": "sts:AssumeRole"}]})


def test_a_state_machine_waits_for_a_tasks_end_and_a_rule_starts_one(dock):
    sfn, role = dock.client("stepfunctions"), dock.role("starter", actions=("ecs:*", "iam:PassRole"), trust=TRUST)
    definition = dock.define("step", dock.container("sh", "-c", "exit $CODE"))
    machine = sfn.create_state_machine(name="m", roleArn=role, definition=json.dumps({"StartAt": "T", "States": {"T": {
        "Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": True, "Parameters": {
            "Cluster": "c", "TaskDefinition": definition, "LaunchType": "FARGATE",
            "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": dock.subnets[:1], "SecurityGroups": [dock.group]}},
            "Overrides": {"ContainerOverrides": [{"Name": "main", "Environment": [{"Name": "CODE", "Value.$": "$.code"}]}]}}}}}))["stateMachineArn"]
    runs = {code: sfn.start_execution(stateMachineArn=machine, input=json.dumps({"code": code}))["executionArn"] for code in ("0", "3")}

    def over():
        dock.cloud.advance(3)
        found = {code: sfn.describe_execution(executionArn=arn) for code, arn in runs.items()}
        return all(one["status"] != "RUNNING" for one in found.values()) and found

    found = dock.wait(over, 40)
    task = json.loads(found["0"]["output"])
    assert found["0"]["status"] == "SUCCEEDED" and task["LastStatus"] == "STOPPED" and task["Containers"][0]["ExitCode"] == 0
    assert found["3"]["error"] == "States.TaskFailed" and json.loads(found["3"]["cause"])["Containers"][0]["ExitCode"] == 3
    events = dock.client("events")
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["my.app"]}))
    cluster = dock.ecs.describe_clusters(clusters=["c"])["clusters"][0]["clusterArn"]
    arn = dock.ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]["taskDefinitionArn"]
    put = events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": cluster, "RoleArn": role, "Input": json.dumps({"containerOverrides": [{"name": "main", "environment": [{"name": "CODE", "value": "0"}]}]}), "EcsParameters": {
        "TaskDefinitionArn": arn, "LaunchType": "FARGATE", "NetworkConfiguration": {"awsvpcConfiguration": {"Subnets": dock.subnets[:1], "SecurityGroups": [dock.group]}}}}])
    assert put["FailedEntryCount"] == 0
    events.put_events(Entries=[{"Source": "my.app", "DetailType": "d", "Detail": "{}"}])

    def started():
        return [one for one in dock.ecs.describe_tasks(cluster="c", tasks=arns)["tasks"] if one.get("startedBy") == "events-rule/r"] if (arns := [
            a for status in ("RUNNING", "STOPPED") for a in dock.ecs.list_tasks(cluster="c", desiredStatus=status)["taskArns"]]) else []

    [task] = dock.wait(started, 20)
    assert task["overrides"]["containerOverrides"][0]["environment"] == [{"name": "CODE", "value": "0"}]
