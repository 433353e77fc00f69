"""Tables in templates: a Table with everything, and a GlobalTable."""
import json
import time

from .conftest import item

KEYS = {"KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"}
DEFS = [{"AttributeName": "p", "AttributeType": "S"}]


def deploy(cloud, resources, name="stack", verb="create"):
    cfn = cloud.client("cloudformation")
    getattr(cfn, f"{verb}_stack")(StackName=name, TemplateBody=json.dumps({"Resources": resources, "Outputs": {
        "Name": {"Value": {"Ref": "Table"}}, "Arn": {"Value": {"Fn::GetAtt": ["Table", "Arn"]}}}}))
    for _ in range(100):
        cloud.advance(2)
        stack = cfn.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            break
        time.sleep(0.02)
    assert stack["StackStatus"] == f"{verb.upper()}_COMPLETE", [e.get("ResourceStatusReason") for e in cfn.describe_stack_events(StackName=name)["StackEvents"]]
    return {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}


def test_a_table_has_what_its_template_says(cloud, ddb):
    made = deploy(cloud, {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": {
        **KEYS, "AttributeDefinitions": [*DEFS, {"AttributeName": "g", "AttributeType": "S"}], "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
        "GlobalSecondaryIndexes": [{"IndexName": "byg", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}],
        "StreamSpecification": {"StreamViewType": "NEW_IMAGE"}, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}}})
    table = ddb.describe_table(TableName=made["Name"])["Table"]
    assert table["TableArn"] == made["Arn"] and table["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE" and table["GlobalSecondaryIndexes"][0]["IndexName"] == "byg"
    assert ddb.describe_time_to_live(TableName=made["Name"])["TimeToLiveDescription"]["AttributeName"] == "ttl"
    recovery = ddb.describe_continuous_backups(TableName=made["Name"])["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_a_global_table_is_in_every_region_it_names(cloud, ddb):
    def body(*regions):
        return {"Table": {"Type": "AWS::DynamoDB::GlobalTable", "Properties": {
            **KEYS, "AttributeDefinitions": DEFS, "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
            "Replicas": [{"Region": r, "DeletionProtectionEnabled": False} for r in regions]}}}
    name = deploy(cloud, body("us-east-1", "eu-west-1"))["Name"]
    ddb.put_item(TableName=name, Item=item("a"))
    assert cloud.client("dynamodb", region="eu-west-1").get_item(TableName=name, Key=item("a"))["Item"] == item("a")
    deploy(cloud, body("us-east-1", "ap-south-1"), verb="update")
    assert [r["RegionName"] for r in ddb.describe_table(TableName=name)["Table"]["Replicas"]] == ["ap-south-1"]
    assert cloud.client("dynamodb", region="eu-west-1").list_tables()["TableNames"] == []
    cfn = cloud.client("cloudformation")
    cfn.delete_stack(StackName="stack")
    cloud.advance(10)
    assert ddb.list_tables()["TableNames"] == [] and cloud.client("dynamodb", region="ap-south-1").list_tables()["TableNames"] == []
