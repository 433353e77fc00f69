"""The real `aws cloudformation deploy` and `sam deploy`, unmodified, where they are installed (CLOCHE_CLIENTS names their folder)."""
from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

CLIENTS = f"{os.environ.get('CLOCHE_CLIENTS', '')}:{os.environ['PATH']}"
AWS = os.environ.get("AWS_CLI") or shutil.which("aws", path=CLIENTS) or ""
SAM = os.environ.get("SAM_CLI") or shutil.which("sam", path=CLIENTS) or ""

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Table: {Type: AWS::Serverless::SimpleTable}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: app.handler
      CodeUri: src/
      Policies: [{DynamoDBReadPolicy: {TableName: !Ref Table}}]
      Events: {Api: {Type: Api, Properties: {Path: /, Method: get}}}
Outputs:
  Api: {Value: !Ref ServerlessRestApi}
  Fn: {Value: !Ref Fn}
"""
PLAIN = """
Parameters: {Seconds: {Type: Number, Default: 10}}
Resources:
  Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: child.yaml, Parameters: {Seconds: !Ref Seconds}}}
"""
CHILD = """
Parameters: {Seconds: {Type: Number}}
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: !Ref Seconds}}
"""


@pytest.fixture
def run(cloud, tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ACCESS_KEY_ID": cloud.account, "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
                   "AWS_ENDPOINT_URL": cloud.url, "AWS_EC2_METADATA_DISABLED": "true", "SAM_CLI_TELEMETRY": "0"}

    def command(*arguments: str, codes=(0,), typed="") -> str:
        done = subprocess.run(arguments, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=90, input=typed)
        assert done.returncode in codes, done.stdout + done.stderr
        return done.stdout + done.stderr
    return command


@pytest.mark.skipif(not os.access(AWS, os.X_OK), reason="no aws CLI")
def test_aws_cloudformation_package_and_deploy(cloud, run, tmp_path):
    (tmp_path / "template.yaml").write_text(PLAIN)
    (tmp_path / "child.yaml").write_text(CHILD)
    bucket = f"package-{cloud.account}"
    cloud.client("s3").create_bucket(Bucket=bucket)
    run(AWS, "cloudformation", "package", "--template-file", "template.yaml", "--s3-bucket", bucket, "--output-template-file", "out.yaml")
    deploy = (AWS, "cloudformation", "deploy", "--template-file", "out.yaml", "--stack-name", "cli")
    assert "Successfully created/updated stack" in run(*deploy)
    assert "No changes to deploy" in run(*deploy, codes=(0, 255))  # the CLI's first version says so with 255
    assert "Successfully created/updated stack" in run(*deploy, "--parameter-overrides", "Seconds=20")
    sqs = cloud.client("sqs")
    [url] = sqs.list_queues()["QueueUrls"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] == "20"


@pytest.mark.skipif(not os.access(SAM, os.X_OK), reason="no SAM CLI")
def test_sam_deploy_and_delete(cloud, run, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text("def handler(event, context):\n    return {'statusCode': 200, 'body': 'made by sam'}\n")
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    shown = run(SAM, "deploy", "--stack-name", "sam", "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset")
    assert "Successfully created/updated stack - sam" in shown
    cfn = cloud.client("cloudformation")
    outputs = {x["OutputKey"]: x["OutputValue"] for x in cfn.describe_stacks(StackName="sam")["Stacks"][0]["Outputs"]}
    answer = json.loads(cloud.client("lambda").invoke(FunctionName=outputs["Fn"])["Payload"].read())
    assert answer["body"] == "made by sam"
    assert "Deleted successfully" in run(SAM, "delete", "--stack-name", "sam", "--no-prompts")
    assert [x["StackStatus"] for x in cfn.list_stacks()["StackSummaries"] if x["StackName"] == "sam"] == ["DELETE_COMPLETE"]
