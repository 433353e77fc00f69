"""The CloudWatch agent: installed and configured by Run Command, it measures a machine from inside and ships its files."""
import json

import pytest

from cloche.engines.world import lacking

from .machines import launch, result, send, until

pytestmark = pytest.mark.skipif(bool(lacking()), reason="no machines here: " + lacking())
CONFIG = {
    "agent": {"metrics_collection_interval": 1},
    "metrics": {"append_dimensions": {"InstanceId": "${aws:InstanceId}", "InstanceType": "${aws:InstanceType}"}, "aggregation_dimensions": [["InstanceId"]], "metrics_collected": {
        "mem": {"measurement": ["mem_used_percent", {"name": "total", "rename": "memory", "unit": "Bytes"}]}, "swap": {"measurement": ["swap_used_percent"]},
        "disk": {"measurement": ["used_percent"], "resources": ["/"], "drop_device": True}, "cpu": {"measurement": ["cpu_usage_active"], "totalcpu": True}}},
    "logs": {"force_flush_interval": 1, "logs_collected": {"files": {"collect_list": [
        {"file_path": "/var/log/app.log", "log_group_name": "/app", "log_stream_name": "{instance_id}", "retention_in_days": 7, "filters": [{"type": "exclude", "expression": "DEBUG"}]}]}}},
}


@pytest.fixture(scope="module")
def place(cloche_server):
    """An account with an instance whose role may write metrics and logs."""
    account = cloche_server.other()
    iam = account.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    iam.create_role(RoleName="agent", AssumeRolePolicyDocument=json.dumps(trust))
    for name in ("CloudWatchAgentServerPolicy", "AmazonSSMManagedInstanceCore"):
        iam.attach_role_policy(RoleName="agent", PolicyArn=f"arn:aws:iam::aws:policy/{name}")
    iam.create_instance_profile(InstanceProfileName="agent")
    iam.add_role_to_instance_profile(InstanceProfileName="agent", RoleName="agent")
    account.instance = launch(account, IamInstanceProfile={"Name": "agent"})
    yield account
    account.client("ec2").terminate_instances(InstanceIds=[account.instance])


def manage(place, action, **more):
    command = send(place, [place.instance], document="AmazonCloudWatch-ManageAgent", parameters={"action": [action], **{k: [v] for k, v in more.items()}})
    return command["Status"], result(place, command, place.instance)


def latest(place, name, **dims):
    client, now = place.client("cloudwatch"), place.now
    points = client.get_metric_statistics(Namespace="CWAgent", MetricName=name, Dimensions=[{"Name": k, "Value": v} for k, v in dims.items()], StartTime=now - 300, EndTime=now + 60, Period=60, Statistics=["Average"])["Datapoints"]
    return points[0]["Average"] if points else None


def test_it_measures_memory_swap_and_disks_and_ships_files(place):
    status, got = manage(place, "status")
    assert status == "Failed" and "not installed" in got["StandardErrorContent"]
    command = send(place, [place.instance], document="AWS-ConfigureAWSPackage", parameters={"action": ["Install"], "name": ["AmazonCloudWatchAgent"]})
    got = result(place, command, place.instance)
    assert command["Status"] == "Success" and "Successfully installed arn:aws:ssm:::package/AmazonCloudWatchAgent" in got["StandardOutputContent"] and got["PluginName"] == "configurePackage"
    place.client("ssm").put_parameter(Name="AmazonCloudWatch-test", Type="String", Value=json.dumps(CONFIG))
    status, got = manage(place, "configure", optionalConfigurationSource="ssm", optionalConfigurationLocation="AmazonCloudWatch-none")
    assert status == "Failed" and "ParameterNotFound" in got["StandardErrorContent"]
    status, got = manage(place, "configure", optionalConfigurationSource="ssm", optionalConfigurationLocation="AmazonCloudWatch-test", optionalRestart="yes")
    assert status == "Success" and "Configuration validation succeeded" in got["StandardOutputContent"], got
    assert json.loads(manage(place, "status")[1]["StandardOutputContent"])["status"] == "running"
    send(place, [place.instance], "echo one >> /var/log/app.log; echo DEBUG two >> /var/log/app.log; echo three >> /var/log/app.log")
    me = {"InstanceId": place.instance, "InstanceType": "t3.micro"}
    until(lambda: latest(place, "mem_used_percent", **me), 60)
    assert 0 < latest(place, "mem_used_percent", **me) < 100 and latest(place, "memory", **me) > 1e8 and latest(place, "mem_used_percent", InstanceId=place.instance) is not None
    assert 0 <= until(lambda: [latest(place, "swap_used_percent", **me)] if latest(place, "swap_used_percent", **me) is not None else None, 60)[0] <= 100
    found = until(lambda: [m for m in place.client("cloudwatch").list_metrics(Namespace="CWAgent", MetricName="disk_used_percent")["Metrics"] if len(m["Dimensions"]) > 1], 60)
    assert {d["Name"]: d["Value"] for d in found[0]["Dimensions"]}["path"] == "/" and {d["Name"] for d in found[0]["Dimensions"]} == {"path", "fstype", "InstanceId", "InstanceType"}
    assert until(lambda: latest(place, "cpu_usage_active", cpu="cpu-total", **me), 60) <= 100
    logs = place.client("logs")
    until(lambda: [g for g in logs.describe_log_groups(logGroupNamePrefix="/app")["logGroups"] if g.get("retentionInDays") == 7], 60)
    lines = until(lambda: [e for e in logs.filter_log_events(logGroupName="/app")["events"]], 60)
    assert [(e["message"], e["logStreamName"]) for e in lines] == [("one", place.instance), ("three", place.instance)] and abs(lines[0]["timestamp"] / 1000 - place.now) < 120


def test_it_stops_and_is_taken_away(place):
    assert manage(place, "stop")[0] == "Success"
    assert json.loads(manage(place, "status")[1]["StandardOutputContent"])["status"] == "stopped"
    command = send(place, [place.instance], document="AWS-ConfigureAWSPackage", parameters={"action": ["Uninstall"], "name": ["AmazonCloudWatchAgent"]})
    assert command["Status"] == "Success" and manage(place, "status")[0] == "Failed"
    command = send(place, [place.instance], document="AWS-ConfigureAWSPackage", parameters={"action": ["Install"], "name": ["NoSuchPackage"]})
    assert command["Status"] == "Failed"
