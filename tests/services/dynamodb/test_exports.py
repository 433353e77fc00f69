"""Exports of tables to S3, and imports of tables from it."""
import base64
import gzip
import hashlib
import json

import pytest
from botocore.exceptions import ClientError

from cloche.testing import people

KEYS = {"AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"}],
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}], "BillingMode": "PAY_PER_REQUEST"}
ITEM = {"p": {"S": "a"}, "n": {"N": "500"}, "b": {"B": b"\x00\x01"}, "ss": {"SS": ["x", "y"]}, "ns": {"NS": ["1", "2.5"]}, "m": {"M": {"k 1": {"BOOL": True}, "z": {"NULL": True}}}, "l": {"L": [{"S": "é\"q"}]}}


def refused(function, **more):
    with pytest.raises(ClientError) as error:
        function(**more)
    return error.value.response["Error"]["Code"]


@pytest.fixture
def table(cloud):
    ddb = cloud.client("dynamodb")
    arn = ddb.create_table(TableName="things", **KEYS)["TableDescription"]["TableArn"]
    ddb.update_continuous_backups(TableName="things", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    cloud.client("s3").create_bucket(Bucket=f"exports-{cloud.account}")
    return arn


def put(cloud, p, n, **more):
    cloud.client("dynamodb").put_item(TableName="things", Item={"p": {"S": p}, "n": {"N": str(n)}, **more})


def exported(cloud, arn, **more):
    """What the export says when it is over, its manifest, and the lines of its files."""
    ddb, s3 = cloud.client("dynamodb"), cloud.client("s3")
    made = ddb.export_table_to_point_in_time(TableArn=arn, S3Bucket=f"exports-{cloud.account}", **more)["ExportDescription"]
    assert made["ExportStatus"] == "IN_PROGRESS"
    cloud.advance(31)
    found = ddb.describe_export(ExportArn=made["ExportArn"])["ExportDescription"]
    assert found["ExportStatus"] == "COMPLETED", found
    get = lambda key: s3.get_object(Bucket=f"exports-{cloud.account}", Key=key)["Body"].read()
    summary = get(found["ExportManifest"])
    assert get(found["ExportManifest"].replace(".json", ".md5")).decode() == base64.b64encode(hashlib.md5(summary).digest()).decode()
    summary, lines = json.loads(summary), []
    for file in map(json.loads, get(summary["manifestFilesS3Key"]).splitlines()):
        body = get(file["dataFileS3Key"])
        assert file["md5Checksum"] == base64.b64encode(hashlib.md5(body).digest()).decode()
        lines += gzip.decompress(body).decode().splitlines()
        assert file["itemCount"] <= len(lines)
    assert summary["itemCount"] == len(lines) == found["ItemCount"]
    return found, summary, lines


def test_a_table_is_exported_as_it_was_and_imported_again(cloud, table):
    ddb, s3 = cloud.client("dynamodb"), cloud.client("s3")
    ddb.put_item(TableName="things", Item=ITEM)
    cloud.advance(60)
    moment = cloud.now
    cloud.advance(60)
    put(cloud, "late", 1)
    ddb.delete_item(TableName="things", Key={"p": {"S": "a"}, "n": {"N": "500"}})
    found, summary, lines = exported(cloud, table, ExportTime=moment, S3Prefix="pre")
    assert summary["manifestFilesS3Key"].startswith("pre/AWSDynamoDB/") and summary["outputFormat"] == "DYNAMODB_JSON" and summary["tableArn"] == table and found["ExportType"] == "FULL_EXPORT"
    assert [json.loads(line) for line in lines] == [{"Item": {**ITEM, "b": {"B": "AAE="}}}]
    _, ion, ion_lines = exported(cloud, table, ExportTime=moment, ExportFormat="ION", S3Prefix="ion")
    assert ion_lines == ["$ion_1_0 {Item:{p:\"a\",n:5d2,b:{{AAE=}},ss:$dynamodb_SS::[\"x\",\"y\"],ns:$dynamodb_NS::[1.,2.5],m:{'k 1':true,z:null},l:[\"é\\\"q\"]}}"]
    for name, kind, prefix in (("json", "DYNAMODB_JSON", summary["manifestFilesS3Key"]), ("ion", "ION", ion["manifestFilesS3Key"])):
        made = ddb.import_table(S3BucketSource={"S3Bucket": f"exports-{cloud.account}", "S3KeyPrefix": prefix.replace("manifest-files.json", "data/")}, InputFormat=kind, InputCompressionType="GZIP",
                                TableCreationParameters={"TableName": name, **KEYS})["ImportTableDescription"]
        assert made["ImportStatus"] == "IN_PROGRESS" and ddb.describe_table(TableName=name)["Table"]["TableStatus"] == "CREATING"
        cloud.advance(12)
        done = ddb.describe_import(ImportArn=made["ImportArn"])["ImportTableDescription"]
        assert (done["ImportStatus"], done["ImportedItemCount"], done["ErrorCount"]) == ("COMPLETED", 1, 0)
        assert ddb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE" and ddb.get_item(TableName=name, Key={"p": {"S": "a"}, "n": {"N": "500"}})["Item"] == ITEM
    assert [e["ExportStatus"] for e in ddb.list_exports(TableArn=table)["ExportSummaries"]] == ["COMPLETED"] * 2 and len(ddb.list_imports()["ImportSummaryList"]) == 2
    assert s3.list_objects_v2(Bucket=f"exports-{cloud.account}", Prefix="pre/AWSDynamoDB/")["KeyCount"] == 6


def test_an_increment_has_what_each_item_was_and_became(cloud, table):
    put(cloud, "kept", 1, v={"S": "old"})
    put(cloud, "gone", 1, v={"S": "old"})
    cloud.advance(minutes=1)
    begin = cloud.now
    cloud.advance(minutes=5)
    put(cloud, "kept", 1, v={"S": "new"})
    put(cloud, "fresh", 2)
    put(cloud, "brief", 3)
    cloud.client("dynamodb").delete_item(TableName="things", Key={"p": {"S": "brief"}, "n": {"N": "3"}})
    cloud.client("dynamodb").delete_item(TableName="things", Key={"p": {"S": "gone"}, "n": {"N": "1"}})
    cloud.advance(minutes=11)
    end = cloud.now
    cloud.advance(minutes=1)
    put(cloud, "kept", 1, v={"S": "later"})
    about = {"ExportFromTime": begin, "ExportToTime": end}
    _, summary, lines = exported(cloud, table, ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=about)
    found = {one["Keys"]["p"]["S"]: one for one in map(json.loads, lines)}
    assert found["kept"]["OldImage"]["v"] == {"S": "old"} and found["kept"]["NewImage"]["v"] == {"S": "new"}
    assert "OldImage" not in found["fresh"] and found["fresh"]["NewImage"]["n"] == {"N": "2"} and "NewImage" not in found["gone"] and found["gone"]["OldImage"]["v"] == {"S": "old"}
    assert found["brief"].keys() == {"Metadata", "Keys"} and int(found["kept"]["Metadata"]["WriteTimestampMicros"]["N"]) > begin * 1e6
    assert (summary["outputView"], summary["exportType"]) == ("NEW_AND_OLD_IMAGES", "INCREMENTAL_EXPORT")
    _, _, lines = exported(cloud, table, ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=about | {"ExportViewType": "NEW_IMAGE"})
    assert all("OldImage" not in json.loads(line) for line in lines) and len(lines) == 4


def test_what_an_export_refuses(cloud, table):
    ddb, now = cloud.client("dynamodb"), cloud.now
    ask = lambda **more: refused(ddb.export_table_to_point_in_time, **({"TableArn": table, "S3Bucket": f"exports-{cloud.account}"} | more))
    assert ask(ExportTime=now + 600) == "InvalidExportTimeException" and ask(TableArn=table + "x") == "TableNotFoundException"
    assert ask(ExportType="INCREMENTAL_EXPORT") == "ValidationException"
    assert ask(ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification={"ExportFromTime": now - 60, "ExportToTime": now}) == "ValidationException"
    first = ddb.export_table_to_point_in_time(TableArn=table, S3Bucket=f"exports-{cloud.account}", ClientToken="t")["ExportDescription"]
    assert ddb.export_table_to_point_in_time(TableArn=table, S3Bucket=f"exports-{cloud.account}", ClientToken="t")["ExportDescription"]["ExportArn"] == first["ExportArn"]
    assert ask(S3Prefix="other", ClientToken="t") == "ExportConflictException"
    nowhere = ddb.export_table_to_point_in_time(TableArn=table, S3Bucket="nobodys-bucket-at-all")["ExportDescription"]["ExportArn"]
    ann = people.Person(cloud, "ann", people.allow("dynamodb:*")).client("dynamodb")  # may not write to the bucket
    barred = ann.export_table_to_point_in_time(TableArn=table, S3Bucket=f"exports-{cloud.account}")["ExportDescription"]["ExportArn"]
    cloud.advance(31)
    said = [ddb.describe_export(ExportArn=arn)["ExportDescription"] for arn in (nowhere, barred)]
    assert [(one["ExportStatus"], one["FailureCode"]) for one in said] == [("FAILED", "S3NoSuchBucket"), ("FAILED", "S3AccessDenied")]
    assert refused(ddb.describe_export, ExportArn=nowhere + "x") == "ExportNotFoundException"
    ddb.update_continuous_backups(TableName="things", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False})
    assert ask() == "PointInTimeRecoveryUnavailableException"


def test_a_csv_becomes_a_table_with_indexes_and_what_does_not_fit_is_logged(cloud):
    ddb, s3 = cloud.client("dynamodb"), cloud.client("s3")
    s3.create_bucket(Bucket=f"source-{cloud.account}")
    s3.put_object(Bucket=f"source-{cloud.account}", Key="in/1.csv", Body=b"p;n;colour\na;1;red\nb;2;blue\nc;none;red\nd;4\n")
    s3.put_object(Bucket=f"source-{cloud.account}", Key="in/2.csv", Body=b"p;n;colour\na;1;green\n")
    index = {"IndexName": "by-colour", "KeySchema": [{"AttributeName": "colour", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}
    creating = {"TableName": "made", **KEYS, "AttributeDefinitions": [*KEYS["AttributeDefinitions"], {"AttributeName": "colour", "AttributeType": "S"}], "GlobalSecondaryIndexes": [index]}
    asking = {"S3BucketSource": {"S3Bucket": f"source-{cloud.account}", "S3KeyPrefix": "in/"}, "InputFormat": "CSV", "InputFormatOptions": {"Csv": {"Delimiter": ";"}}, "TableCreationParameters": creating, "ClientToken": "t"}
    made = ddb.import_table(**asking)["ImportTableDescription"]
    assert ddb.import_table(**asking)["ImportTableDescription"]["ImportArn"] == made["ImportArn"]
    assert refused(ddb.import_table, **asking | {"InputFormat": "ION", "InputFormatOptions": {}}) == "ImportConflictException"
    assert refused(ddb.import_table, **asking | {"ClientToken": "u"}) == "ResourceInUseException"
    cloud.advance(12)
    done = ddb.describe_import(ImportArn=made["ImportArn"])["ImportTableDescription"]
    assert (done["ImportStatus"], done["ProcessedItemCount"], done["ImportedItemCount"], done["ErrorCount"]) == ("COMPLETED", 5, 3, 2)
    items = ddb.query(TableName="made", IndexName="by-colour", KeyConditionExpression="colour = :c", ExpressionAttributeValues={":c": {"S": "green"}})["Items"]
    assert items == [{"p": {"S": "a"}, "n": {"N": "1"}, "colour": {"S": "green"}}] and ddb.describe_table(TableName="made")["Table"]["ItemCount"] == 2
    lines = [json.loads(e["message"]) for e in cloud.client("logs").filter_log_events(logGroupName="/aws-dynamodb/imports")["events"]]
    assert len(lines) == 2 and lines[0]["importArn"] == made["ImportArn"]
    gone = ddb.import_table(S3BucketSource={"S3Bucket": "nobodys-bucket-at-all"}, InputFormat="DYNAMODB_JSON", TableCreationParameters={"TableName": "none", **KEYS})["ImportTableDescription"]
    cloud.advance(12)
    failed = ddb.describe_import(ImportArn=gone["ImportArn"])["ImportTableDescription"]
    assert (failed["ImportStatus"], failed["FailureCode"]) == ("FAILED", "S3NoSuchBucket") and refused(ddb.describe_table, TableName="none") == "ResourceNotFoundException"
    assert refused(ddb.describe_import, ImportArn=gone["ImportArn"] + "x") == "ImportNotFoundException"


def test_a_template_makes_a_table_of_what_lies_in_s3(cloud):
    from tests.services.cloudformation.templates import reasons, status
    cfn, ddb, s3 = cloud.client("cloudformation"), cloud.client("dynamodb"), cloud.client("s3")
    s3.create_bucket(Bucket=f"source-{cloud.account}")
    s3.put_object(Bucket=f"source-{cloud.account}", Key="a.json", Body=b'{"Item": {"p": {"S": "a"}, "n": {"N": "1"}}}\n')
    body = {"Resources": {"T": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "imported", **KEYS, "Tags": [{"Key": "a", "Value": "b"}], "ContributorInsightsSpecification": {"Enabled": True},
            "ImportSourceSpecification": {"InputFormat": "DYNAMODB_JSON", "S3BucketSource": {"S3Bucket": f"source-{cloud.account}"}}}}}}
    cfn.create_stack(StackName="i", TemplateBody=json.dumps(body))
    for _ in range(10):
        if status(cfn, "i") == "CREATE_COMPLETE":
            break
        cloud.advance(5)
    assert status(cfn, "i") == "CREATE_COMPLETE", reasons(cfn, "i")
    assert ddb.get_item(TableName="imported", Key={"p": {"S": "a"}, "n": {"N": "1"}})["Item"]["n"] == {"N": "1"}
    tags = ddb.list_tags_of_resource(ResourceArn=ddb.describe_table(TableName="imported")["Table"]["TableArn"])["Tags"]
    assert {"Key": "a", "Value": "b"} in tags and ddb.describe_contributor_insights(TableName="imported")["ContributorInsightsStatus"] == "ENABLED"
