"""SnapStart: a version is initialised when it is published, and its environments are copies of that."""
import base64
import json

import pytest

from cloche.engines.run import interpreters

from .conftest import refused
from .test_asynchronous import soon

RUNTIME = next((f"python{v}" for v in ("3.12", "3.13", "3.14") if interpreters.python(v)), "")
pytestmark = pytest.mark.skipif(not RUNTIME, reason="SnapStart begins with Python 3.12, and this machine has none")
INVALID = "InvalidParameterValueException"
CODE = """
import os, random, socket, uuid
from snapshot_restore_py import register_after_restore, register_before_snapshot
print("initialising as", os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"])
order, drawn = [], random.random()
open("/tmp/made-in-init", "w").write("kept")
register_before_snapshot(order.append, "before 1")
register_before_snapshot(order.append, "before 2")
register_after_restore(order.append, "after 1")
register_after_restore(order.append, "after 2")
count = 0
def handler(event, context):
    global count
    count += 1
    if event == "wait":
        import time
        time.sleep(0.3)
    return {"drawn": drawn, "uuid": str(uuid.uuid4()), "order": order, "file": open("/tmp/made-in-init").read(), "count": count, "next": random.random(),
            "log": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"], "stream": context.log_stream_name, "key": os.environ.get("AWS_ACCESS_KEY_ID")}
"""
SNAP = {"SnapStart": {"ApplyOn": "PublishedVersions"}, "Runtime": RUNTIME}


def published(bench, number="1"):
    config = soon(lambda: (c := bench.client.get_function_configuration(FunctionName="f", Qualifier=number))["State"] != "Pending" and c)
    assert config["State"] == "Active", config
    return config


def test_a_published_version_is_initialised_once_and_every_environment_is_a_copy_of_that(bench):
    assert bench.deploy(code=CODE, **SNAP)["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    made = bench.client.publish_version(FunctionName="f")
    assert made["Version"] == "1" and made["State"] == "Pending" and made["SnapStart"]["OptimizationStatus"] == "Off"
    assert published(bench)["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    first = bench.client.invoke(FunctionName="f", Qualifier="1", Payload=b"1", LogType="Tail")
    one, tail = json.loads(first["Payload"].read()), base64.b64decode(first["LogResult"]).decode()
    assert one["order"] == ["before 2", "before 1", "after 1", "after 2"] and one["file"] == "kept" and one["count"] == 1 and one["log"] == one["stream"] and one["key"] is None
    assert "RESTORE_START Runtime Version: " in tail and "RESTORE_REPORT Restore Duration: " in tail and "Init Duration" not in tail and "initialising" not in tail
    assert "Restore Duration: " in tail.splitlines()[-1] and "Billed Restore Duration: " in tail.splitlines()[-1]
    assert bench.call(Qualifier="1")["count"] == 2  # warm: its own memory goes on
    bench.client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=5)
    bench.cloud.advance(hours=13)  # beyond its credentials: the next is another copy
    other = bench.call(Qualifier="1")
    assert other["count"] == 1 and other["drawn"] == one["drawn"] and other["next"] == one["next"] and other["uuid"] != one["uuid"]  # what was drawn in init is in every copy
    logs = bench.cloud.client("logs")
    events = [e["message"] for e in logs.filter_log_events(logGroupName="/aws/lambda/f")["events"]]
    assert [e for e in events if e.startswith("initialising")] == ["initialising as snap-start"] and any(e.startswith("INIT_REPORT Init Duration: ") for e in events)
    latest = bench.call()
    assert latest["drawn"] != one["drawn"] and latest["order"] == [] and latest["key"]  # $LATEST starts as ever


def test_a_copy_has_credentials_of_its_role_also_in_clients_made_before(bench):
    code = "import boto3\nclient = boto3.client('sts')\nclient.get_caller_identity()\ndef handler(e, c): return [client.get_caller_identity()['Arn'], boto3.client('sts').get_caller_identity()['Arn']]"
    bench.deploy(code=code, Timeout=20, **SNAP)
    bench.client.publish_version(FunctionName="f")
    published(bench)
    arns = bench.call(Qualifier="1")
    assert arns[0] == arns[1] and arns[0].endswith(":assumed-role/f-role/f")
    bench.cloud.advance(hours=13)
    assert bench.call(Qualifier="1") == arns


def test_a_version_that_cannot_be_initialised_fails(bench):
    bench.deploy(code="import nope\ndef handler(e, c): pass", **SNAP)
    bench.client.publish_version(FunctionName="f")
    config = soon(lambda: (c := bench.client.get_function_configuration(FunctionName="f", Qualifier="1"))["State"] != "Pending" and c)
    assert config["State"] == "Failed" and config["StateReasonCode"] == "FunctionError" and "No module named 'nope'" in config["StateReason"]
    refused(bench.client.invoke, "ResourceConflictException", FunctionName="f", Qualifier="1")
    threads = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\ndef handler(e, c): pass"
    bench.deploy("g", threads, **SNAP)
    bench.client.publish_version(FunctionName="g")
    config = soon(lambda: (c := bench.client.get_function_configuration(FunctionName="g", Qualifier="1"))["State"] != "Pending" and c)
    assert config["State"] == "Failed" and "hold one thread" in config["StateReason"]


def test_an_error_of_a_hook_after_restoring_is_the_invocations(bench):
    code = "from snapshot_restore_py import register_after_restore\ndef broken(): raise ValueError('no')\nregister_after_restore(broken)\ndef handler(e, c): return 1"
    bench.deploy(code=code, **SNAP)
    bench.client.publish_version(FunctionName="f")
    published(bench)
    answer = bench.client.invoke(FunctionName="f", Qualifier="1", Payload=b"1")
    assert answer["FunctionError"] == "Unhandled" and json.loads(answer["Payload"].read())["errorType"] == "Runtime.AfterRestoreError"


def test_what_snapstart_does_not_support_is_refused(bench):
    role = bench.role()
    base = {"FunctionName": "x", "Role": role, "Handler": "index.handler", "Code": {"ZipFile": b""}}
    refused(bench.client.create_function, INVALID, "python3.11 is not supported for SnapStart enabled functions.", **base | SNAP | {"Runtime": "python3.11"})
    refused(bench.client.create_function, INVALID, **base, **SNAP, EphemeralStorage={"Size": 1024})
    bench.deploy(code=CODE, Role=role, **SNAP)
    bench.client.publish_version(FunctionName="f")
    refused(bench.client.put_provisioned_concurrency_config, INVALID, FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)
    published(bench)
    assert bench.client.publish_version(FunctionName="f")["Version"] == "1"  # nothing has changed
    off = bench.client.update_function_configuration(FunctionName="f", SnapStart={"ApplyOn": "None"})
    assert off["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    bench.wait()
    assert bench.client.publish_version(FunctionName="f")["State"] == "Active" and bench.call(Qualifier="2")["order"] == []


def test_copies_do_not_share_connections_and_run_side_by_side(bench):
    code = """
import socket, os, time, threading
ends = socket.socketpair()
ends[0].send(b"from init")
def handler(event, context):
    ends[1].settimeout(2)
    time.sleep(event)
    return [ends[1].recv(100).decode(), os.getpid()]
"""
    bench.deploy(code=code, Timeout=20, **SNAP)
    bench.client.publish_version(FunctionName="f")
    published(bench)
    import concurrent.futures
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: bench.call(event=0.2, Qualifier="1"), range(4)))
    assert [text for text, _ in answers] == [""] * 4  # the end, not what was under way


def test_a_stack_waits_for_the_snapshot_of_a_version(bench):
    resources = {
        "F": {"Type": "AWS::Serverless::Function", "Properties": {"FunctionName": "f", "Runtime": RUNTIME, "Handler": "index.handler", "InlineCode": "import random\ndrawn = random.random()\ndef handler(e, c): return drawn",
                                                                  "AutoPublishAlias": "live", "SnapStart": {"ApplyOn": "PublishedVersions"}}},
        "P": {"Type": "AWS::Lambda::ResourcePolicy", "Properties": {"ResourceArn": {"Fn::GetAtt": ["F", "Arn"]}, "PolicyDocument": {"Version": "2012-10-17", "Statement": [
            {"Sid": "events", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "lambda:InvokeFunction", "Resource": {"Fn::GetAtt": ["F", "Arn"]}}]}}},
    }
    cfn = bench.cloud.client("cloudformation")
    cfn.create_stack(StackName="s", TemplateBody=json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": resources, "Outputs": {"On": {"Value": {"Fn::GetAtt": ["F", "SnapStartResponse.ApplyOn"]}}}}),
                     Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
    cfn.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
    assert cfn.describe_stacks(StackName="s")["Stacks"][0]["Outputs"][0]["OutputValue"] == "PublishedVersions"
    assert bench.client.get_function_configuration(FunctionName="f", Qualifier="live")["SnapStart"]["OptimizationStatus"] == "On"
    assert bench.call(Qualifier="live") == bench.call(Qualifier="1")
    assert json.loads(bench.client.get_policy(FunctionName="f")["Policy"])["Statement"][0]["Sid"] == "events"
