"""`deploy(name, code, ...)`: a role that may write logs, and a function of it that is active."""
import io
import json
import time
import zipfile

import pytest

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
LOGS = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
ECHO = "def handler(event, context):\n    return event\n"


def zipped(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as z:
        for path, text in ({"index.py": files} if isinstance(files, str) else files).items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = 0o755 << 16
            z.writestr(entry, text)
    return data.getvalue()


class Bench:
    def __init__(self, cloud):
        self.cloud, self.client, self.iam = cloud, cloud.client("lambda"), cloud.client("iam")

    def role(self, name="role", *statements, trust=TRUST):
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        self.allow(name, LOGS, *statements)
        return arn

    def allow(self, name, *statements):
        self.iam.put_role_policy(RoleName=name, PolicyName=f"p{time.time_ns()}", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))

    def deploy(self, name="f", code=ECHO, *statements, wait=True, **more):
        if "Role" not in more:
            more["Role"] = self.role(f"{name}-role", *statements)
        made = self.client.create_function(**{"FunctionName": name, "Runtime": "python3.11", "Handler": "index.handler", "Code": {"ZipFile": zipped(code)}, **more})
        if wait:
            self.wait(name)
        return made

    def wait(self, name="f"):
        for _ in range(500):
            config = self.client.get_function_configuration(FunctionName=name)
            if config["State"] != "Pending" and config["LastUpdateStatus"] != "InProgress":
                assert config["State"] == "Active", config
                return config
            time.sleep(0.01)
        raise AssertionError("still pending")

    def call(self, name="f", event=None, **more):
        answer = self.client.invoke(FunctionName=name, Payload=json.dumps(event), **more)
        return json.loads(answer["Payload"].read() or b"null")


@pytest.fixture
def bench(cloud):
    return Bench(cloud)


def refused(call, code, text=None, **req):
    """The refusal's message; it must have the code."""
    from botocore.exceptions import ClientError
    with pytest.raises(ClientError) as caught:
        call(**req)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    if text is not None:
        assert error["Message"] == text
    return error["Message"]
