"""Rotation, by a real function in a sandbox, on the virtual clock."""
from __future__ import annotations

import json
import uuid

import pytest

from cloche.testing.people import refused
from tests.services.lambda_.conftest import Bench

# What AWS's template for rotation functions does, in short; it says in a secret's value how often it was asked.
ROTATE = """
import boto3, os
api = boto3.client('secretsmanager')

def handler(event, context):
    arn, token, step = event['SecretId'], event['ClientRequestToken'], event['Step']
    told = api.describe_secret(SecretId=arn)
    stages = told['VersionIdsToStages'].get(token, [])
    if not told['RotationEnabled'] or 'AWSCURRENT' in stages or 'AWSPENDING' not in stages:
        raise ValueError(f'{token} has stages {stages}')
    if step == 'createSecret':
        current = api.get_secret_value(SecretId=arn, VersionStage='AWSCURRENT')['SecretString']
        try:
            api.get_secret_value(SecretId=arn, VersionId=token, VersionStage='AWSPENDING')
        except api.exceptions.ResourceNotFoundException:
            api.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString=current + '+', VersionStages=['AWSPENDING'])
    elif step == 'setSecret' and os.environ.get('BROKEN'):
        raise RuntimeError('the database is away')
    elif step == 'finishSecret':
        current = next(v for v, s in told['VersionIdsToStages'].items() if 'AWSCURRENT' in s)
        api.update_secret_version_stage(SecretId=arn, VersionStage='AWSCURRENT', MoveToVersionId=token, RemoveFromVersionId=current)
"""
RIGHTS = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}


class Rotating:
    def __init__(self, cloud):
        self.cloud, self.api, self.bench = cloud, cloud.client("secretsmanager"), Bench(cloud)
        self.function = self.bench.deploy("rotator", ROTATE, RIGHTS, Timeout=20)["FunctionArn"]
        self.api.create_secret(Name="s", SecretString="x")

    def permit(self):
        self.bench.client.add_permission(FunctionName="rotator", StatementId="sm", Action="lambda:InvokeFunction", Principal="secretsmanager.amazonaws.com")

    def value(self, **more):
        return self.api.get_secret_value(SecretId="s", **more)["SecretString"]


@pytest.fixture
def rotating(cloud):
    return Rotating(cloud)


def test_a_secret_is_rotated_at_once_and_then_on_its_schedule(rotating):
    api = rotating.api
    rotating.permit()
    made = api.rotate_secret(SecretId="s", RotationLambdaARN=rotating.function, RotationRules={"AutomaticallyAfterDays": 30})
    rotating.cloud.advance(1)
    told = api.describe_secret(SecretId="s")
    assert rotating.value() == "x+" and rotating.value(VersionStage="AWSPREVIOUS") == "x"
    assert told["VersionIdsToStages"][made["VersionId"]] == ["AWSPENDING", "AWSCURRENT"]
    assert told["RotationEnabled"] and told["RotationRules"] == {"AutomaticallyAfterDays": 30} and told["LastRotatedDate"] < told["NextRotationDate"]
    rotating.cloud.advance(days=31)
    assert rotating.value() == "x++"
    assert api.describe_secret(SecretId="s")["NextRotationDate"] > told["NextRotationDate"]
    api.cancel_rotate_secret(SecretId="s")
    told = api.describe_secret(SecretId="s")
    assert told["RotationEnabled"] is False and "NextRotationDate" not in told
    rotating.cloud.advance(days=31)
    assert rotating.value() == "x++"


def test_the_function_must_let_secrets_manager_in(rotating):
    api = rotating.api
    assert refused("InvalidRequestException", api.rotate_secret, SecretId="s") == "No Lambda rotation function ARN is associated with this secret."
    said = refused("AccessDeniedException", api.rotate_secret, SecretId="s", RotationLambdaARN=rotating.function)
    assert said.startswith("Secrets Manager cannot invoke the specified Lambda function.")
    refused("ResourceNotFoundException", api.rotate_secret, SecretId="s", RotationLambdaARN=rotating.function + "x")
    assert "RotationEnabled" not in api.describe_secret(SecretId="s")


def test_a_schedule_may_be_an_expression_and_the_first_rotation_may_wait(rotating):
    api = rotating.api
    rotating.permit()
    made = api.rotate_secret(SecretId="s", RotationLambdaARN=rotating.function, RotateImmediately=False, RotationRules={"ScheduleExpression": "rate(10 days)", "Duration": "2h"})
    rotating.cloud.advance(1)
    told = api.describe_secret(SecretId="s")
    assert "VersionId" not in made and rotating.value() == "x" and list(told["VersionIdsToStages"].values()) == [["AWSCURRENT"]] and "LastRotatedDate" not in told
    assert told["RotationRules"] == {"ScheduleExpression": "rate(10 days)", "Duration": "2h"}
    rotating.cloud.advance(days=10, seconds=5)
    assert rotating.value() == "x+"
    refused("InvalidParameterException", api.rotate_secret, SecretId="s", RotationRules={"ScheduleExpression": "rate(ten days)"})
    refused("InvalidParameterException", api.rotate_secret, SecretId="s", RotationRules={"ScheduleExpression": "rate(10 days)", "AutomaticallyAfterDays": 3})
    api.cancel_rotate_secret(SecretId="s")


def test_a_rotation_that_fails_stays_pending_and_is_taken_up_again(rotating):
    api, functions = rotating.api, rotating.bench.client
    rotating.permit()
    functions.update_function_configuration(FunctionName="rotator", Environment={"Variables": {"BROKEN": "1"}})
    rotating.bench.wait("rotator")
    token = str(uuid.uuid4())
    api.rotate_secret(SecretId="s", ClientRequestToken=token, RotationLambdaARN=rotating.function, RotationRules={"AutomaticallyAfterDays": 1})
    rotating.cloud.advance(1)
    assert rotating.value() == "x" and api.describe_secret(SecretId="s")["VersionIdsToStages"][token] == ["AWSPENDING"]
    assert refused("InvalidRequestException", api.rotate_secret, SecretId="s") == "A previous rotation isn't complete. That rotation will be reattempted."
    functions.update_function_configuration(FunctionName="rotator", Environment={"Variables": {}})
    rotating.bench.wait("rotator")
    rotating.cloud.advance(days=1)
    assert rotating.value() == "x+" and "AWSCURRENT" in api.describe_secret(SecretId="s")["VersionIdsToStages"][token]
    api.cancel_rotate_secret(SecretId="s")


class TestTemplates:
    def test_a_secret_is_made_with_a_password_in_it_and_resolved_elsewhere(self, cloud):
        cfn, api = cloud.client("cloudformation"), cloud.client("secretsmanager")

        def body(length, **more):
            return json.dumps({"Resources": {
                "S": {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "db", "GenerateSecretString": {
                    "SecretStringTemplate": '{"username": "admin"}', "GenerateStringKey": "password", "PasswordLength": length, "ExcludePunctuation": True}, **more}},
                "P": {"Type": "AWS::SecretsManager::ResourcePolicy", "Properties": {"SecretId": {"Ref": "S"}, "ResourcePolicy": {"Version": "2012-10-17", "Statement": [
                    {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:DeleteSecret", "Resource": "*", "Condition": {"StringEquals": {"aws:username": "eve"}}}]}}},
                "Q": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "user", "Type": "String", "Value": {"Fn::Sub": "{{resolve:secretsmanager:${S}:SecretString:username}}"}}},
                "Plain": {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": "plain"}}},
                "Outputs": {"Arn": {"Value": {"Ref": "S"}}}})
        cfn.create_stack(StackName="secrets", TemplateBody=body(20))
        cloud.advance(1)
        found = cfn.describe_stacks(StackName="secrets")["Stacks"][0]
        assert found["StackStatus"] == "CREATE_COMPLETE", cfn.describe_stack_events(StackName="secrets")
        first = json.loads(api.get_secret_value(SecretId="db")["SecretString"])
        assert first["username"] == "admin" and len(first["password"]) == 20 and found["Outputs"][0]["OutputValue"] == api.describe_secret(SecretId="db")["ARN"]
        assert cloud.client("ssm").get_parameter(Name="user")["Parameter"]["Value"] == "admin"
        assert "eve" in api.get_resource_policy(SecretId="db")["ResourcePolicy"]
        cfn.update_stack(StackName="secrets", TemplateBody=body(20, Description="changed", Tags=[{"Key": "a", "Value": "b"}]))
        cloud.advance(1)
        said = [x.get("ResourceStatusReason") for x in cfn.describe_stack_events(StackName="secrets")["StackEvents"]]
        assert cfn.describe_stacks(StackName="secrets")["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE", said
        told = api.describe_secret(SecretId="db")
        assert told["Description"] == "changed" and {"Key": "a", "Value": "b"} in told["Tags"]
        assert json.loads(api.get_secret_value(SecretId="db")["SecretString"]) == first
        cfn.update_stack(StackName="secrets", TemplateBody=body(24, Description="changed", Tags=[{"Key": "a", "Value": "b"}]))
        cloud.advance(1)
        assert len(json.loads(api.get_secret_value(SecretId="db")["SecretString"])["password"]) == 24
        cfn.delete_stack(StackName="secrets")
        cloud.advance(1)
        assert api.list_secrets(IncludePlannedDeletion=True)["SecretList"] == []

    def test_a_template_may_turn_rotation_on(self, rotating):
        cfn, api = rotating.cloud.client("cloudformation"), rotating.api
        rotating.permit()
        cfn.create_stack(StackName="r", TemplateBody=json.dumps({"Resources": {"R": {"Type": "AWS::SecretsManager::RotationSchedule", "Properties": {
            "SecretId": "s", "RotationLambdaARN": rotating.function, "RotationRules": {"AutomaticallyAfterDays": 7}}}}}))
        rotating.cloud.advance(1)
        assert cfn.describe_stacks(StackName="r")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE", cfn.describe_stack_events(StackName="r")
        assert api.describe_secret(SecretId="s")["RotationRules"] == {"AutomaticallyAfterDays": 7}
        rotating.cloud.advance(1)
        assert rotating.value() == "x+"
        cfn.delete_stack(StackName="r")
        rotating.cloud.advance(1)
        assert api.describe_secret(SecretId="s")["RotationEnabled"] is False
