"""The real SAM CLI, unmodified, where it is installed (CLOCHE_CLIENTS names its folder): publish, sync, list, logs, remote invoke, validate, delete.

`sam local` and `sam build --use-container` run images of public ECR under Docker on the user's own machine, not against an endpoint: nothing of them can be tried here.
"""
from __future__ import annotations

import json
import os

import pytest

from .test_deployments import SAM, run  # noqa: F401  (the fixture)

pytestmark = pytest.mark.skipif(not os.access(SAM, os.X_OK), reason="no SAM CLI")

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Metadata:
  AWS::ServerlessRepo::Application:
    {Name: published, Author: somebody, Description: says a word, SpdxLicenseId: MIT, SemanticVersion: 0.0.1, Labels: [words]}
Resources:
  Table: {Type: AWS::Serverless::SimpleTable}
  Queue: {Type: AWS::SQS::Queue}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: app.handler
      CodeUri: src/
      FunctionUrlConfig: {AuthType: NONE}
      Policies: [{DynamoDBReadPolicy: {TableName: !Ref Table}}]
      Events: {Api: {Type: Api, Properties: {Path: /word, Method: get}}}
Outputs:
  Fn: {Value: !Ref Fn, Description: the function}
"""
CODE = """
def handler(event, context):
    print("heard", event.get("say"))
    return {"statusCode": 200, "body": "WORD"}
"""


@pytest.fixture
def project(tmp_path):
    def write(word="first", template=TEMPLATE):
        (tmp_path / "src").mkdir(exist_ok=True)
        (tmp_path / "src" / "app.py").write_text(CODE.replace("WORD", word))
        (tmp_path / "template.yaml").write_text(template)
    write()
    return write


def invoked(cloud):
    [function] = cloud.client("lambda").list_functions()["Functions"]
    return json.loads(cloud.client("lambda").invoke(FunctionName=function["FunctionName"], Payload=b"{}")["Payload"].read())["body"]


def test_sam_list_logs_remote_invoke_and_delete(cloud, run, project):  # noqa: F811
    run(SAM, "deploy", "--stack-name", "app", "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset")
    outputs = json.loads(run(SAM, "list", "stack-outputs", "--stack-name", "app", "--output", "json"))
    [function] = cloud.client("lambda").list_functions()["Functions"]
    assert outputs == [{"OutputKey": "Fn", "OutputValue": function["FunctionName"], "Description": "the function"}]
    listed = {x["LogicalResourceId"]: x["PhysicalResourceId"] for x in json.loads(run(SAM, "list", "resources", "--stack-name", "app", "--output", "json"))}
    assert listed["Fn"] == function["FunctionName"] and {"FnRole", "Queue", "Table", "ServerlessRestApi", "ServerlessRestApiProdStage", "FnApiPermissionProd"} <= listed.keys()
    endpoints = {x["LogicalResourceId"]: x for x in json.loads(run(SAM, "list", "endpoints", "--stack-name", "app", "--output", "json"))}
    assert endpoints["Fn"]["CloudEndpoint"] == cloud.client("lambda").get_function_url_config(FunctionName=function["FunctionName"])["FunctionUrl"]
    endpoint = endpoints["ServerlessRestApi"]
    assert endpoint["Methods"] == ["/word['get']"] and any(x.endswith(".execute-api.us-east-1.amazonaws.com/Prod") for x in endpoint["CloudEndpoint"])
    assert '"body": "first"' in run(SAM, "remote", "invoke", "Fn", "--stack-name", "app", "--event", '{"say": "hello there"}')
    queued = run(SAM, "remote", "invoke", "Queue", "--stack-name", "app", "--event", "a message")
    assert "MessageId" in queued and cloud.client("sqs").receive_message(QueueUrl=listed["Queue"])["Messages"][0]["Body"] == "a message"
    assert "heard hello there" in run(SAM, "logs", "--stack-name", "app", "--name", "Fn", "--start-time", "1 hour ago", "--end-time", "in 90 years")  # the clock that tests share is far ahead
    assert "heard hello there" in run(SAM, "logs", "--stack-name", "app", "--name", "Fn", "--filter", "heard", "--start-time", "1 hour ago", "--end-time", "in 90 years")
    assert "Deleted successfully" in run(SAM, "delete", "--stack-name", "app", "--no-prompts")
    assert cloud.client("lambda").list_functions()["Functions"] == []


def test_sam_sync_brings_templates_and_code_into_the_cloud(cloud, run, project):  # noqa: F811
    assert "Stack creation succeeded" in run(SAM, "sync", "--stack-name", "app", "--no-watch", "--no-dependency-layer", "--no-use-container", typed="y\n") and invoked(cloud) == "first"
    project("second")
    changed = run(SAM, "sync", "--stack-name", "app", "--code", "--no-dependency-layer", "--no-use-container", typed="y\n")
    assert "Finished syncing Lambda Function Fn" in changed and invoked(cloud) == "second"
    project("third", TEMPLATE.replace("Queue: {Type: AWS::SQS::Queue}", "Topic: {Type: AWS::SNS::Topic}"))
    run(SAM, "sync", "--stack-name", "app", "--no-watch", "--no-dependency-layer", "--no-use-container", typed="y\n")
    assert invoked(cloud) == "third" and len(cloud.client("sns").list_topics()["Topics"]) == 1
    status = cloud.client("cloudformation").describe_stacks(StackName="app")["Stacks"][0]["StackStatus"]
    assert status == "UPDATE_COMPLETE"


def test_sam_validate(cloud, run, project):  # noqa: F811
    assert "is a valid SAM Template" in run(SAM, "validate")
    project(template=TEMPLATE.replace("CodeUri: src/", "Nonsense: 1"))
    assert "property Nonsense not defined for resource of type AWS::Serverless::Function" in run(SAM, "validate", codes=(1,))


def test_sam_publish(cloud, run, project):  # noqa: F811
    bucket = f"packages-{cloud.account}"
    s3, repository = cloud.client("s3"), cloud.client("serverlessrepo")
    s3.create_bucket(Bucket=bucket)
    run(SAM, "package", "--s3-bucket", bucket, "--output-template-file", "packaged.yaml")
    assert "does not have read access to bucket" in run(SAM, "publish", "--template", "packaged.yaml", codes=(1,))
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "serverlessrepo.amazonaws.com"}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}))
    assert "Created new application with the following metadata" in run(SAM, "publish", "--template", "packaged.yaml")
    arn = f"arn:aws:serverlessrepo:us-east-1:{cloud.account}:applications/published"
    shown = repository.get_application(ApplicationId=arn)
    assert (shown["Author"], shown["Labels"], shown["Version"]["SemanticVersion"]) == ("somebody", ["words"], "0.0.1")
    assert shown["Version"]["RequiredCapabilities"] == ["CAPABILITY_IAM", "CAPABILITY_RESOURCE_POLICY"]
    assert cloud.client("cloudformation").list_stacks()["StackSummaries"] == []  # publishing makes no stack
    assert f'The following metadata of application "{arn}" has been updated' in run(SAM, "publish", "--template", "packaged.yaml", "--semantic-version", "0.1.0")
    assert [x["SemanticVersion"] for x in repository.list_application_versions(ApplicationId=arn)["Versions"]] == ["0.1.0", "0.0.1"]
    assert "already exists" in run(SAM, "publish", "--template", "packaged.yaml", "--fail-on-same-version", codes=(1,))
    assert "contains invalid S3 URIs" in run(SAM, "publish", "--template", "template.yaml", "--semantic-version", "0.2.0", codes=(1,))
