"""Templates that the tests share, and what they ask of a stack."""
import json

import pytest
from botocore.exceptions import ClientError

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


def template(resources, **sections):
    return json.dumps({"Resources": resources, **sections})


def queue(**properties):
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def role(**properties):
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST, **properties}}


BROKEN = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 99999999}}


def stack(cfn, name):
    return cfn.describe_stacks(StackName=name)["Stacks"][0]


def status(cfn, name):
    return stack(cfn, name)["StackStatus"]


def outputs(cfn, name):
    return {x["OutputKey"]: x["OutputValue"] for x in stack(cfn, name).get("Outputs", [])}


def resources(cfn, name):
    return {x["LogicalResourceId"]: x for x in cfn.describe_stack_resources(StackName=name)["StackResources"]}


def events(cfn, name):
    """(logical id, status), oldest first."""
    return [(x["LogicalResourceId"], x["ResourceStatus"]) for x in reversed(cfn.describe_stack_events(StackName=name)["StackEvents"])]


def reasons(cfn, name):
    return " | ".join(x.get("ResourceStatusReason", "") for x in cfn.describe_stack_events(StackName=name)["StackEvents"])


def refused(function, **arguments):
    with pytest.raises(ClientError) as error:
        function(**arguments)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]
