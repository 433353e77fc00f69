"""State machines for tests: `states.run({...})` makes one, runs it, and gives what became of it."""
import json

import pytest

from cloche.testing import people


class States:
    def __init__(self, cloud):
        self.cloud, self.client, self.count = cloud, cloud.client("stepfunctions"), 0
        self.role = cloud.client("iam").create_role(RoleName="machine", AssumeRolePolicyDocument=people.trusting({"Service": "states.amazonaws.com"}))["Role"]["Arn"]

    def allow(self, *actions):
        self.cloud.client("iam").put_role_policy(RoleName="machine", PolicyName="may", PolicyDocument=people.document(people.allow(list(actions))))

    def machine(self, states, start=None, name=None, **more):
        self.count += 1
        definition = {"StartAt": start or next(iter(states)), "States": states} if "States" not in states else states
        return self.client.create_state_machine(name=name or f"m{self.count}", roleArn=self.role, definition=json.dumps(definition), **more)["stateMachineArn"]

    def start(self, machine, given=None, **more):
        return self.client.start_execution(stateMachineArn=machine, input=json.dumps({} if given is None else given), **more)["executionArn"]

    def end(self, arn, seconds=1):
        """What DescribeExecution says when it is over."""
        for _ in range(60):
            found = self.client.describe_execution(executionArn=arn)
            if found["status"] != "RUNNING":
                return found
            self.cloud.advance(seconds)
        raise AssertionError(found)

    def run(self, states, given=None, **more):
        return self.end(self.start(self.machine(states, **more), given))

    def output(self, states, given=None, **more):
        found = self.run(states, given, **more)
        assert found["status"] == "SUCCEEDED", (found.get("error"), found.get("cause"))
        return json.loads(found["output"])

    def error(self, states, given=None, **more):
        found = self.run(states, given, **more)
        assert found["status"] == "FAILED", found
        return found.get("error")

    def history(self, arn):
        return [event for page in self.client.get_paginator("get_execution_history").paginate(executionArn=arn) for event in page["events"]]

    def function(self, name, code):
        import io
        import zipfile
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("index.py", code)
        iam = self.cloud.client("iam")
        role = iam.create_role(RoleName=f"f-{name}", AssumeRolePolicyDocument=people.trusting({"Service": "lambda.amazonaws.com"}))["Role"]["Arn"]
        self.allow("lambda:InvokeFunction")
        return self.cloud.client("lambda").create_function(FunctionName=name, Runtime="python3.11", Role=role, Handler="index.handler", Code={"ZipFile": packed.getvalue()})["FunctionArn"]


@pytest.fixture
def states(cloud):
    return States(cloud)
