"""The resource policy: built from statements, asked when others invoke."""
import json

from .conftest import refused


def test_a_statement_is_added_shown_and_removed(bench):
    arn = bench.deploy()["FunctionArn"]
    client = bench.client
    refused(client.get_policy, "ResourceNotFoundException", "The resource you requested does not exist.", FunctionName="f")
    said = client.add_permission(FunctionName="f", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::b", SourceAccount="123456789012")
    expected = {"Sid": "s3", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "lambda:InvokeFunction", "Resource": arn,
                "Condition": {"StringEquals": {"AWS:SourceAccount": "123456789012"}, "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}}}
    assert json.loads(said["Statement"]) == expected
    held = client.get_policy(FunctionName="f")
    assert json.loads(held["Policy"]) == {"Version": "2012-10-17", "Id": "default", "Statement": [expected]}
    refused(client.add_permission, "ResourceConflictException", "The statement id (s3) provided already exists. Please provide a new statement id, or remove the existing statement.",
            FunctionName="f", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com")
    refused(client.add_permission, "PreconditionFailedException", FunctionName="f", StatementId="x", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com", RevisionId="nope")
    refused(client.remove_permission, "ResourceNotFoundException", "Statement none is not found in resource policy.", FunctionName="f", StatementId="none")
    client.remove_permission(FunctionName="f", StatementId="s3", RevisionId=held["RevisionId"])
    refused(client.get_policy, "ResourceNotFoundException", FunctionName="f")
    refused(client.remove_permission, "ResourceNotFoundException", "No policy is associated with the given resource.", FunctionName="f", StatementId="s3")


def test_a_wrong_principal_and_latest_are_refused(bench):
    bench.deploy()
    req = {"FunctionName": "f", "StatementId": "x", "Action": "lambda:InvokeFunction"}
    refused(bench.client.add_permission, "InvalidParameterValueException", "The provided principal was invalid. Please check the principal and try again.", Principal="nonsense", **req)
    refused(bench.client.add_permission, "InvalidParameterValueException", "We currently do not support adding policies for $LATEST.", Principal="*", Qualifier="$LATEST", **req)


def test_a_policy_is_at_most_twenty_kilobytes(bench):
    bench.deploy()
    def add():
        for n in range(200):
            bench.client.add_permission(FunctionName="f", StatementId=f"s{n}-" + "x" * 80, Action="lambda:InvokeFunction", Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::" + "b" * 60)
    refused(add, "PolicyLengthExceededException")


def test_another_account_may_invoke_what_the_policy_opens_to_it(bench):
    arn = bench.deploy()["FunctionArn"]
    bench.client.publish_version(FunctionName="f")
    other = bench.cloud.other()
    theirs = other.client("lambda")
    refused(theirs.invoke, "AccessDeniedException", FunctionName=arn)
    bench.client.add_permission(FunctionName="f", Qualifier="1", StatementId="x", Action="lambda:InvokeFunction", Principal=other.account)
    refused(theirs.invoke, "AccessDeniedException", FunctionName=arn)
    assert theirs.invoke(FunctionName=arn, Qualifier="1")["StatusCode"] == 200
    bench.client.add_permission(FunctionName="f", StatementId="x", Action="lambda:InvokeFunction", Principal=other.account)
    assert theirs.invoke(FunctionName=arn)["StatusCode"] == 200


def test_a_policy_may_ask_which_function_acts(bench):
    code = "import boto3\ndef handler(e, c):\n    try:\n        boto3.client('sqs').list_queues()\n        return 'yes'\n    except Exception as x:\n        return x.response['Error']['Code']"
    for name in ("f", "g"):
        arn = f"arn:aws:lambda:us-east-1:{bench.cloud.account}:function:f"
        bench.deploy(name, code, {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*", "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": arn}}}, Timeout=20)
    assert [bench.call(name) for name in ("f", "g")] == ["yes", "AccessDenied"]


def test_a_policy_can_be_put_whole_read_and_deleted_by_arn(bench):
    made = bench.deploy()
    arn = made["FunctionArn"]
    statement = {"Sid": "s", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "lambda:InvokeFunction", "Resource": arn}
    refused(bench.client.get_resource_policy, "ResourceNotFoundException", ResourceArn=arn)
    bench.client.add_permission(FunctionName="f", StatementId="before", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com")
    put = bench.client.put_resource_policy(ResourceArn=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert json.loads(put["Policy"])["Statement"] == [statement]  # what AddPermission had added is gone
    assert bench.client.get_policy(FunctionName="f")["RevisionId"] == put["RevisionId"] == bench.client.get_resource_policy(ResourceArn=arn)["RevisionId"]
    wrong = {"ResourceArn": arn, "RevisionId": "00000000-0000-0000-0000-000000000000"}
    refused(bench.client.put_resource_policy, "PreconditionFailedException", **wrong, Policy=put["Policy"])
    refused(bench.client.delete_resource_policy, "PreconditionFailedException", **wrong)
    refused(bench.client.put_resource_policy, "InvalidParameterValueException", ResourceArn=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement | {"Resource": arn + "x"}]}))
    refused(bench.client.put_resource_policy, "InvalidParameterValueException", ResourceArn=arn, Policy="{}")
    bench.client.delete_resource_policy(ResourceArn=arn, RevisionId=put["RevisionId"])
    refused(bench.client.delete_resource_policy, "ResourceNotFoundException", ResourceArn=arn)
    refused(bench.client.get_policy, "ResourceNotFoundException", FunctionName="f")
