"""Exports and imports, stack policies, events for others."""
import json

from .templates import outputs, queue, reasons, refused, resources, stack, status, template

EXPORT = template({"Q": queue()}, Outputs={"Arn": {"Value": {"Fn::GetAtt": ["Q", "Arn"]}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-arn"}}}})
IMPORT = template({"P": queue(RedrivePolicy={"deadLetterTargetArn": {"Fn::ImportValue": "giver-arn"}, "maxReceiveCount": 1})}, Outputs={"O": {"Value": {"Fn::ImportValue": "giver-arn"}}})


def test_an_export_in_use_can_be_neither_deleted_nor_taken_away(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="giver", TemplateBody=EXPORT)
    assert [(x["Name"], x["Value"]) for x in cfn.list_exports()["Exports"]] == [("giver-arn", outputs(cfn, "giver")["Arn"])]
    assert refused(cfn.list_imports, ExportName="giver-arn")[1] == "Export 'giver-arn' is not imported by any stack."
    cfn.create_stack(StackName="taker", TemplateBody=IMPORT)
    assert outputs(cfn, "taker")["O"] == outputs(cfn, "giver")["Arn"]
    assert cfn.list_imports(ExportName="giver-arn")["Imports"] == ["taker"]
    cfn.delete_stack(StackName="giver")
    assert status(cfn, "giver") == "CREATE_COMPLETE" and "giver-arn" in stack(cfn, "giver")["StackStatusReason"] and "taker" in stack(cfn, "giver")["StackStatusReason"]
    cfn.update_stack(StackName="giver", TemplateBody=template({"Q": queue()}))
    assert status(cfn, "giver") == "UPDATE_ROLLBACK_COMPLETE" and "Export giver-arn cannot be deleted as it is in use by taker" in reasons(cfn, "giver")
    cfn.delete_stack(StackName="taker")
    assert refused(cfn.describe_stacks, StackName="taker")[0] == "ValidationError"
    cfn.delete_stack(StackName="giver")
    assert refused(cfn.describe_stacks, StackName="giver")[0] == "ValidationError"
    assert cfn.list_exports()["Exports"] == []


def test_an_export_is_unique_and_an_import_needs_one(cloud):
    cfn = cloud.client("cloudformation")
    same = EXPORT.replace("${AWS::StackName}-arn", "same")
    cfn.create_stack(StackName="one", TemplateBody=same)
    assert status(cfn, "one") == "CREATE_COMPLETE"
    cfn.create_stack(StackName="two", TemplateBody=same)
    assert status(cfn, "two") == "ROLLBACK_COMPLETE" and "Export with name same is already exported by stack one" in reasons(cfn, "two")
    cfn.create_stack(StackName="three", TemplateBody=IMPORT)
    assert status(cfn, "three") == "ROLLBACK_COMPLETE" and "No export named giver-arn found." in reasons(cfn, "three")


def test_a_stack_policy_denies_what_it_does_not_allow_until_it_is_overridden(cloud):
    cfn = cloud.client("cloudformation")
    policy = json.dumps({"Statement": [{"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
                                       {"Effect": "Deny", "Action": "Update:Modify", "Principal": "*", "Resource": "LogicalResourceId/A"}]})
    cfn.create_stack(StackName="pol", TemplateBody=template({"A": queue(VisibilityTimeout=1), "B": queue(VisibilityTimeout=1)}))
    assert status(cfn, "pol") == "CREATE_COMPLETE" and "StackPolicyBody" not in cfn.get_stack_policy(StackName="pol")
    cfn.set_stack_policy(StackName="pol", StackPolicyBody=policy)
    assert json.loads(cfn.get_stack_policy(StackName="pol")["StackPolicyBody"]) == json.loads(policy)
    both = template({"A": queue(VisibilityTimeout=2), "B": queue(VisibilityTimeout=2)})
    cfn.update_stack(StackName="pol", TemplateBody=both)
    assert status(cfn, "pol") == "UPDATE_ROLLBACK_COMPLETE" and "Action denied by stack policy" in reasons(cfn, "pol")
    url = resources(cfn, "pol")["B"]["PhysicalResourceId"]
    assert cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] == "1"
    cfn.update_stack(StackName="pol", TemplateBody=both, StackPolicyDuringUpdateBody=json.dumps(
        {"Statement": [{"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}]}))
    assert status(cfn, "pol") == "UPDATE_COMPLETE"
    assert refused(cfn.set_stack_policy, StackName="pol", StackPolicyBody="{}")[0] == "ValidationError"


def test_the_names_of_stack_and_resource_reach_what_can_be_tagged(cloud):
    cfn = cloud.client("cloudformation")
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}}}
    table = {"Type": "AWS::DynamoDB::Table", "Properties": {"BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
                                                            "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}]}}
    body = template({"Q": queue(), "B": {"Type": "AWS::S3::Bucket"}, "R": role, "D": table, "T": {"Type": "AWS::SNS::Topic"}, "K": {"Type": "AWS::KMS::Key", "Properties": {}}})
    cfn.create_stack(StackName="tagged", TemplateBody=body, Tags=[{"Key": "team", "Value": "a"}], Capabilities=["CAPABILITY_IAM"])
    assert status(cfn, "tagged") == "CREATE_COMPLETE", reasons(cfn, "tagged")
    at = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in cfn.describe_stack_resources(StackName="tagged")["StackResources"]}
    dynamodb = cloud.client("dynamodb")
    found = {
        "Q": cloud.client("sqs").list_queue_tags(QueueUrl=at["Q"])["Tags"],
        "B": {t["Key"]: t["Value"] for t in cloud.client("s3").get_bucket_tagging(Bucket=at["B"])["TagSet"]},
        "R": {t["Key"]: t["Value"] for t in cloud.client("iam").list_role_tags(RoleName=at["R"])["Tags"]},
        "D": {t["Key"]: t["Value"] for t in dynamodb.list_tags_of_resource(ResourceArn=dynamodb.describe_table(TableName=at["D"])["Table"]["TableArn"])["Tags"]},
        "T": {t["Key"]: t["Value"] for t in cloud.client("sns").list_tags_for_resource(ResourceArn=at["T"])["Tags"]},
        "K": {t["TagKey"]: t["TagValue"] for t in cloud.client("kms").list_resource_tags(KeyId=at["K"])["Tags"]},
    }
    for name, tags in found.items():
        assert (tags.get("team"), tags.get("aws:cloudformation:stack-name"), tags.get("aws:cloudformation:logical-id")) == ("a", "tagged", name), (name, tags)
    cloud.client("sqs").tag_queue(QueueUrl=at["Q"], Tags={"mine": "1"})
    assert refused(cloud.client("sqs").tag_queue, QueueUrl=at["Q"], Tags={"aws:mine": "1"})


def test_an_export_in_use_cannot_change_its_value(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="giver", TemplateBody=EXPORT)
    assert status(cfn, "giver") == "CREATE_COMPLETE"
    cfn.create_stack(StackName="taker", TemplateBody=IMPORT)
    assert status(cfn, "taker") == "CREATE_COMPLETE"
    before = cfn.list_exports()["Exports"]
    cfn.update_stack(StackName="giver", TemplateBody=EXPORT.replace('"Properties": {}', '"Properties": {"QueueName": "other"}'))
    assert status(cfn, "giver") == "UPDATE_ROLLBACK_COMPLETE" and "Export giver-arn cannot be updated as it is in use by taker" in reasons(cfn, "giver")
    assert cfn.list_exports()["Exports"] == before
