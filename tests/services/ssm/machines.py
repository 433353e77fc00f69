"""What tests of commands share: an instance that runs, and a command that is over."""
import time

AL2023 = "ami-0c10c8e0000000001"


def launch(cloud, **more):
    ec2 = cloud.client("ec2")
    id_ = ec2.run_instances(ImageId=AL2023, InstanceType="t3.micro", MinCount=1, MaxCount=1, **more)["Instances"][0]["InstanceId"]
    until(lambda: ec2.describe_instances(InstanceIds=[id_])["Reservations"][0]["Instances"][0]["State"]["Name"] == "running")
    return id_


def until(true, seconds=10):
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
    return found


def send(cloud, ids, *commands, document="AWS-RunShellScript", **more):
    """The command, when it is over everywhere."""
    ssm = cloud.client("ssm")
    parameters = {"commands": list(commands)} if commands else {}
    command = ssm.send_command(DocumentName=document, InstanceIds=ids, Parameters={**parameters, **more.pop("parameters", {})}, **more)["Command"]
    return over(cloud, command["CommandId"])


def over(cloud, id_):
    ssm = cloud.client("ssm")
    return until(lambda: next((c for c in ssm.list_commands(CommandId=id_)["Commands"] if c["Status"] not in ("Pending", "InProgress", "Cancelling")), None), 20)


def result(cloud, command, instance, **more):
    return cloud.client("ssm").get_command_invocation(CommandId=command["CommandId"], InstanceId=instance, **more)
