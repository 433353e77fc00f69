"""Least privilege, tried: an organization with a guard rail, a pipeline in one account, a deploy role in another that SAM really works with, and every denial with its reason.

    cloche run -- python examples/least-privilege/show.py        (sam must be on the PATH; without it the stack is left out)
"""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

HERE = Path(__file__).parent
URL = os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
Keys = dict[str, str]


def client(service: str, keys: Keys | None = None, region: str = "us-east-1") -> Any:
    return boto3.client(service, endpoint_url=URL, region_name=region, **(keys or {}))


def keys_of(credentials: dict[str, str]) -> Keys:
    return {"aws_access_key_id": credentials["AccessKeyId"], "aws_secret_access_key": credentials["SecretAccessKey"], "aws_session_token": credentials["SessionToken"]}


def policy(name: str, **accounts: str) -> str:
    text = (HERE / "policies" / f"{name}.json").read_text()
    for word, account in accounts.items():
        text = text.replace(word.upper(), account)
    return text


def say(text: str) -> None:
    print(f"\n── {text}", flush=True)


def denied(what: str, call: Any) -> None:
    """The call must be refused; show what AWS would say, and why."""
    try:
        call()
    except ClientError as error:
        print(f"\n✗ {what}\n  {error.response['Error']['Code']}: {error.response['Error']['Message']}")
        why(error.response["ResponseMetadata"]["RequestId"])
        return
    sys.exit(f"{what}: allowed, and should not be")


def why(request: str) -> None:
    """What `cloche why REQUEST-ID` shows."""
    with urllib.request.urlopen(f"{URL}/_cloche/why/{request}") as answer:
        told = json.load(answer).get("why") or {}
    for line in told.get("text", "nobody was asked").splitlines():
        print(f"  | {line}")


def member(organizations: Any, name: str) -> str:
    status = organizations.create_account(AccountName=name, Email=f"{name}-{time.time_ns()}@example.com")["CreateAccountStatus"]
    while status["State"] == "IN_PROGRESS":
        time.sleep(0.1)
        status = organizations.describe_create_account_status(CreateAccountRequestId=status["Id"])["CreateAccountStatus"]
    return str(status["AccountId"])


def administrator(operator: Any, account: str) -> Keys:
    return keys_of(operator.assume_role(RoleArn=f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole", RoleSessionName="setup")["Credentials"])


def sam(deploy: Keys, production: str) -> bool:
    tool = shutil.which("sam")
    if tool is None:
        print("  (no sam on the PATH: the stack is left out)")
        return False
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_ENDPOINT_URL": URL, "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0", **{name.upper(): value for name, value in deploy.items()}}
    with tempfile.TemporaryDirectory() as work:
        shutil.copytree(HERE / "app", work, dirs_exist_ok=True)
        command = [tool, "deploy", "--stack-name", "notes", "--s3-bucket", f"artifacts-{production}", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset",
                   "--parameter-overrides", f"Boundary=arn:aws:iam::{production}:policy/applications"]
        print("  $ sam " + " ".join(command[1:]), flush=True)
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
    shown = done.stdout.strip().splitlines()[-1:] if not done.returncode else (done.stdout + done.stderr).strip().splitlines()[-40:]
    print("  " + "\n  ".join(shown))
    if done.returncode:
        sys.exit("sam deploy failed under the deploy role")
    return True


def main() -> None:
    say("An organization: a build account, a production account, and a guard rail over both")
    organizations = client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    unit = organizations.create_organizational_unit(ParentId=root, Name="workloads")["OrganizationalUnit"]["Id"]
    build, production = member(organizations, "build"), member(organizations, "production")
    for account in (build, production):
        organizations.move_account(AccountId=account, SourceParentId=root, DestinationParentId=unit)
    rail = organizations.create_policy(Name="guard-rail", Description="Our regions; nobody leaves; no long-lived keys", Type="SERVICE_CONTROL_POLICY", Content=policy("guard-rail"))
    organizations.attach_policy(PolicyId=rail["Policy"]["PolicySummary"]["Id"], TargetId=unit)
    print(f"  build {build}, production {production}")

    iam = client("iam")                                    # root may not assume roles: somebody must
    iam.create_user(UserName="operator")
    iam.put_user_policy(UserName="operator", PolicyName="assume", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::*:role/OrganizationAccountAccessRole"}]}))
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    operator = client("sts", {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]})
    in_build, in_production = administrator(operator, build), administrator(operator, production)

    say("The pipeline's role may do one thing: become the deploy role")
    iam = client("iam", in_build)
    iam.create_role(RoleName="pipeline", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{build}:root"}, "Action": "sts:AssumeRole"}]}))
    iam.put_role_policy(RoleName="pipeline", PolicyName="deploy", PolicyDocument=policy("pipeline", production=production))
    pipeline = keys_of(client("sts", in_build).assume_role(RoleArn=f"arn:aws:iam::{build}:role/pipeline", RoleSessionName="run-1")["Credentials"])

    say("The deploy role: one stack, roles only within the boundary, handed to functions alone")
    iam = client("iam", in_production)
    iam.create_policy(PolicyName="applications", PolicyDocument=policy("boundary"))
    iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=policy("deploy-trust", build=build))
    iam.put_role_policy(RoleName="deploy", PolicyName="deploy", PolicyDocument=policy("deploy", production=production))
    client("s3", in_production).create_bucket(Bucket=f"artifacts-{production}")
    become = client("sts", pipeline).assume_role
    there = {"RoleArn": f"arn:aws:iam::{production}:role/deploy", "RoleSessionName": "run-1"}

    say("What is refused on the way in")
    denied("The pipeline reads a bucket in its own account (its policy names nothing but the deploy role)", lambda: client("s3", pipeline).list_buckets())
    denied("The pipeline becomes the deploy role without the external id (the trust policy asks for it)", lambda: become(**there))
    denied("An administrator of the build account becomes the deploy role (the trust policy names the pipeline)",
           lambda: client("sts", in_build).assume_role(**there, ExternalId="notes-production"))
    deploy = keys_of(become(**there, ExternalId="notes-production")["Credentials"])

    say("SAM deploys under the deploy role")
    deployed = sam(deploy, production)

    say("What is refused to the deploy role")
    iam, trust = client("iam", deploy), json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
    denied("A role without the boundary (the condition iam:PermissionsBoundary does not hold)", lambda: iam.create_role(RoleName="notes-free", AssumeRolePolicyDocument=trust))
    denied("A role of another name, boundary or not", lambda: iam.create_role(RoleName="other", AssumeRolePolicyDocument=trust, PermissionsBoundary=f"arn:aws:iam::{production}:policy/applications"))
    denied("Another application's stack", lambda: client("cloudformation", deploy).delete_stack(StackName="payments"))
    denied("The table's data (it may make the table, not read it)", lambda: client("dynamodb", deploy).scan(TableName="notes"))

    say("What the guard rail refuses to everybody, administrators included")
    denied("A queue in a region that is not ours (service control policy)", lambda: client("sqs", in_production, "ap-southeast-2").create_queue(QueueName="q"))
    denied("A user with long-lived keys", lambda: client("iam", in_production).create_user(UserName="bob"))

    if deployed:
        say("What the boundary refuses to the application, although its own policy allows it")
        function = client("cloudformation", deploy).describe_stacks(StackName="notes")["Stacks"][0]["Outputs"][0]["OutputValue"]
        invoke = client("lambda", deploy).invoke
        kept = json.load(invoke(FunctionName=function, Payload=json.dumps({"id": "1"}))["Payload"])
        if kept.get("body") != "kept":
            sys.exit(f"the function does not work: {kept}")
        print("  the note is kept")
        refused = json.load(invoke(FunctionName=function, Payload=json.dumps({"id": "2", "queues": True}))["Payload"])
        if refused["statusCode"] != 403:
            sys.exit("sqs:ListQueues allowed, and should not be")
        print(f"\n✗ The function lists queues\n  {refused['body']}")
        why(refused["request"])
    print("\nEverything that should work works; everything else is refused, and says why.")


if __name__ == "__main__":
    main()
