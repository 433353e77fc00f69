"""`kill -9` in the middle of a deployment: the engine goes on where it was, and makes nothing twice."""
import random
import time

from .templates import queue, reasons, status, template
from .test_types import BASIC, function

MANY = {f"Q{i}": queue(RedrivePolicy={"deadLetterTargetArn": {"Fn::GetAtt": [f"Q{i - 1}", "Arn"]}, "maxReceiveCount": 1}) if i else queue() for i in range(40)}


def rested(cfn, name):
    for _ in range(50):
        if not status(cfn, name).endswith("IN_PROGRESS"):
            break
        time.sleep(0.2)
    return status(cfn, name)


def test_a_deployment_goes_on_after_a_kill_at_any_moment(process, soak):
    cloud, dice = process(), random.Random(3)
    for round_ in range(20 if soak else 3):
        name, cfn = f"crash{round_}", cloud.client("cloudformation")
        made = cfn.create_stack(StackName=name, TemplateBody=template({**MANY, "R": BASIC, "F": function(Code={"ZipFile": "def handler(e, c): return 1"})}),
                                Capabilities=["CAPABILITY_IAM"])["StackId"]
        time.sleep(dice.uniform(0, 0.12))
        cloud.kill()
        cloud.start()
        cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
        assert rested(cfn, name) == "CREATE_COMPLETE", reasons(cfn, name)
        assert len(sqs.list_queues()["QueueUrls"]) == len(MANY) and len(cloud.client("lambda").list_functions()["Functions"]) == 1
        cfn.delete_stack(StackName=name)
        time.sleep(dice.uniform(0, 0.05))
        cloud.kill()
        cloud.start()
        cfn = cloud.client("cloudformation")
        assert rested(cfn, made) == "DELETE_COMPLETE", reasons(cfn, made)
        assert cloud.client("sqs").list_queues().get("QueueUrls", []) == []
