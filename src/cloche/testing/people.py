"""Shorthand for tests of permissions: policies as one expression, and people with keys and few rights."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def trusting(principal: Any, action: Any = "sts:AssumeRole", **more: Any) -> str:
    return document({"Effect": "Allow", "Action": action, "Principal": principal, **more})


class Person:
    """A user with a key; `person.client("sqs")` is signed with it."""

    def __init__(self, cloud: Any, name: str, *statements: dict[str, Any], **more: Any) -> None:
        self.cloud, self.name = cloud, name
        iam = cloud.client("iam")
        self.arn = iam.create_user(UserName=name, **more)["User"]["Arn"]
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=document(*statements))
        made = iam.create_access_key(UserName=name)["AccessKey"]
        self.key, self.secret = made["AccessKeyId"], made["SecretAccessKey"]

    def client(self, service: str, **more: Any) -> Any:
        return self.cloud.client(service, key=self.key, secret=self.secret, **more)

    def assume(self, arn: str, session: str = "session", **more: Any) -> dict[str, str]:
        return keys(self.client("sts").assume_role(RoleArn=arn, RoleSessionName=session, **more))


def keys(answer: dict[str, Any]) -> dict[str, str]:
    """Temporary credentials as `cloud.client` takes them."""
    made = answer["Credentials"]
    return {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"], "token": made["SessionToken"]}


def refused(code: str, call: Callable[..., Any], *args: Any, **more: Any) -> str:
    """The call fails with this code; its message."""
    try:
        answer = call(*args, **more)
    except ClientError as error:
        said = error.response["Error"]
        assert said["Code"] == code, said
        return str(said["Message"])
    raise AssertionError(f"{code} expected, answered {answer}")
