"""CloudTrail: event data stores, and queries over them."""
import csv
import gzip
import io
import json

from cloche.testing.people import Person, allow, refused

from .test_trails import bucket


def store(cloud, **more):
    return cloud.client("cloudtrail").create_event_data_store(**{"Name": "events", "TerminationProtectionEnabled": False, **more})


def ask(cloud, statement, **more):
    """The rows of a query, each as one dictionary."""
    client = cloud.client("cloudtrail")
    got = client.get_query_results(QueryId=client.start_query(QueryStatement=statement, **more)["QueryId"])
    assert got["QueryStatus"] == "FINISHED", got
    return [{name: value for each in row for name, value in each.items()} for row in got["QueryResultRows"]]


def test_a_store_hears_what_happens_and_answers_queries(cloud):
    client, sqs = cloud.client("cloudtrail"), cloud.client("sqs")
    sqs.create_queue(QueueName="before")
    made = store(cloud)
    id_ = made["EventDataStoreArn"].rpartition("/")[2]
    assert (made["Status"], made["RetentionPeriod"], made["MultiRegionEnabled"], made["BillingMode"]) == ("ENABLED", 366, True, "EXTENDABLE_RETENTION_PRICING")
    assert made["AdvancedEventSelectors"][0]["FieldSelectors"] == [{"Field": "eventCategory", "Equals": ["Management"]}]
    for name in ("one", "two"):
        sqs.create_queue(QueueName=name)
    cloud.client("sqs", region="eu-west-1").create_queue(QueueName="three")
    rows = ask(cloud, f"SELECT eventName, awsRegion, element_at(requestParameters, 'queueName') AS queue, userIdentity.type FROM {id_} WHERE eventName = 'CreateQueue' ORDER BY awsRegion DESC, queue")
    assert [(one["queue"], one["awsRegion"], one["type"]) for one in rows] == [("one", "us-east-1", "Root"), ("two", "us-east-1", "Root"), ("three", "eu-west-1", "Root")]
    assert ask(cloud, f"SELECT eventSource, count(*) AS n FROM {id_} WHERE eventName = 'CreateQueue' GROUP BY eventSource") == [{"eventSource": "sqs.amazonaws.com", "n": "3"}]
    client.stop_event_data_store_ingestion(EventDataStore=id_)
    sqs.create_queue(QueueName="unheard")
    refused("InvalidEventDataStoreStatusException", client.stop_event_data_store_ingestion, EventDataStore=id_)
    client.start_event_data_store_ingestion(EventDataStore=made["EventDataStoreArn"])
    assert len(ask(cloud, f"SELECT eventID FROM {id_} WHERE eventName = 'CreateQueue'")) == 3
    client.update_event_data_store(EventDataStore=id_, RetentionPeriod=7)
    cloud.advance(days=8)
    assert ask(cloud, f"SELECT eventID FROM {id_} WHERE eventName = 'CreateQueue'") == []


def test_a_store_of_data_events_hears_what_its_selectors_say(cloud):
    s3, name = cloud.client("s3"), f"data-{cloud.account}"
    s3.create_bucket(Bucket=name)
    id_ = store(cloud, AdvancedEventSelectors=[{"Name": "objects", "FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}, {"Field": "readOnly", "Equals": ["false"]}]}])["EventDataStoreArn"].rpartition("/")[2]
    s3.put_object(Bucket=name, Key="k", Body=b"1")
    s3.get_object(Bucket=name, Key="k")
    assert ask(cloud, f"SELECT eventName, requestParameters.key FROM {id_}") == [{"eventName": "PutObject", "key": "k"}]
    refused("InvalidEventSelectorsException", store, cloud, Name="other", AdvancedEventSelectors=[{"FieldSelectors": [{"Field": "eventName", "Equals": ["x"]}]}])


def test_a_query_is_described_listed_paged_and_delivered(cloud):
    client, name = cloud.client("cloudtrail"), bucket(cloud)
    made = store(cloud)
    id_ = made["EventDataStoreArn"].rpartition("/")[2]
    for n in range(5):
        cloud.client("sns").create_topic(Name=f"t{n}")
    query = client.start_query(QueryStatement=f"SELECT element_at(requestParameters, 'name') AS topic FROM {id_} WHERE eventName = 'CreateTopic'", DeliveryS3Uri=f"s3://{name}/lake")["QueryId"]
    told = client.describe_query(QueryId=query)
    assert (told["QueryStatus"], told["DeliveryStatus"], told["QueryStatistics"]["EventsMatched"]) == ("FINISHED", "ACCESS_DENIED", 5), "the bucket lets CloudTrail write to AWSLogs/ alone"
    query = client.start_query(QueryStatement=told["QueryString"], DeliveryS3Uri=f"s3://{name}")["QueryId"]
    assert client.describe_query(QueryId=query)["DeliveryStatus"] == "SUCCESS"
    [key] = [one["Key"] for one in cloud.client("s3").list_objects_v2(Bucket=name)["Contents"] if "CloudTrail-Lake" in one["Key"]]
    text = gzip.decompress(cloud.client("s3").get_object(Bucket=name, Key=key)["Body"].read()).decode()
    assert list(csv.reader(io.StringIO(text))) == [["topic"], *([f"t{n}"] for n in range(5))]
    first = client.get_query_results(QueryId=query, MaxQueryResults=3)
    assert len(first["QueryResultRows"]) == 3 and first["QueryStatistics"]["TotalResultsCount"] == 5
    assert len(client.get_query_results(QueryId=query, MaxQueryResults=3, NextToken=first["NextToken"])["QueryResultRows"]) == 2
    assert next(one["QueryId"] for one in client.list_queries(EventDataStore=id_, QueryStatus="FINISHED")["Queries"]) == query
    refused("InactiveQueryException", client.cancel_query, QueryId=query)
    failed = client.start_query(QueryStatement=f"SELECT eventName FROM {id_} WHERE eventName = 1")["QueryId"]
    said = client.get_query_results(QueryId=failed)
    assert said["QueryStatus"] == "FAILED" and "cannot be applied" in said["ErrorMessage"] and said["QueryResultRows"] == []
    refused("InvalidQueryStatementException", client.start_query, QueryStatement=f"SELECT eventName FROM {id_} JOIN {id_}")
    refused("EventDataStoreNotFoundException", client.start_query, QueryStatement="SELECT eventName FROM 00000000-0000-4000-8000-000000000000")
    refused("QueryIdNotFoundException", client.get_query_results, QueryId="00000000-0000-4000-8000-000000000000")
    reader = Person(cloud, "reader", allow("cloudtrail:StartQuery", [made["EventDataStoreArn"]]))
    one = reader.client("cloudtrail").start_query(QueryStatement=f"SELECT eventName FROM {id_}")["QueryId"]
    refused("AccessDeniedException", reader.client("cloudtrail").get_query_results, QueryId=one)
    cloud.advance(days=8)
    refused("QueryIdNotFoundException", client.describe_query, QueryId=query)


def test_a_store_is_changed_protected_deleted_and_restored(cloud):
    client = cloud.client("cloudtrail")
    made = store(cloud, TerminationProtectionEnabled=True, TagsList=[{"Key": "a", "Value": "b"}])
    arn = made["EventDataStoreArn"]
    assert made["TagsList"] == [{"Key": "a", "Value": "b"}] and client.list_tags(ResourceIdList=[arn])["ResourceTagList"][0]["TagsList"] == [{"Key": "a", "Value": "b"}]
    refused("EventDataStoreAlreadyExistsException", store, cloud)
    refused("EventDataStoreTerminationProtectedException", client.delete_event_data_store, EventDataStore=arn)
    refused("InvalidParameterException", store, cloud, Name="fixed", BillingMode="FIXED_RETENTION_PRICING", RetentionPeriod=3000)
    refused("InvalidParameterException", client.update_event_data_store, EventDataStore=arn, BillingMode="FIXED_RETENTION_PRICING")
    changed = client.update_event_data_store(EventDataStore=arn, Name="renamed", RetentionPeriod=30, MultiRegionEnabled=False, TerminationProtectionEnabled=False)
    assert (changed["Name"], changed["RetentionPeriod"], changed["MultiRegionEnabled"]) == ("renamed", 30, False)
    assert [one["Name"] for one in client.list_event_data_stores()["EventDataStores"]] == ["renamed"]
    client.delete_event_data_store(EventDataStore=arn)
    assert client.get_event_data_store(EventDataStore=arn)["Status"] == "PENDING_DELETION"
    refused("InactiveEventDataStoreException", client.start_query, QueryStatement=f"SELECT eventName FROM {arn.rpartition('/')[2]}")
    assert client.restore_event_data_store(EventDataStore=arn)["Status"] == "ENABLED"
    client.delete_event_data_store(EventDataStore=arn)
    cloud.advance(days=8)
    refused("EventDataStoreNotFoundException", client.get_event_data_store, EventDataStore=arn)
    refused("EventDataStoreARNInvalidException", client.get_event_data_store, EventDataStore="arn:aws:cloudtrail:us-east-1:123456789012:trail/x")
    made = [store(cloud, Name=f"s{n}x") for n in range(10)]
    refused("EventDataStoreMaxLimitExceededException", store, cloud, Name="over")
    for one in made:
        client.delete_event_data_store(EventDataStore=one["EventDataStoreArn"])


def test_a_store_by_cloudformation(cloud):
    cfn, client = cloud.client("cloudformation"), cloud.client("cloudtrail")
    template = {"Resources": {"S": {"Type": "AWS::CloudTrail::EventDataStore", "Properties": {"Name": "stacked", "RetentionPeriod": 30, "TerminationProtectionEnabled": False}}},
                "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["S", "EventDataStoreArn"]}}, "Status": {"Value": {"Fn::GetAtt": ["S", "Status"]}}}}
    cfn.create_stack(StackName="s", TemplateBody=json.dumps(template))
    cfn.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    out = {one["OutputKey"]: one["OutputValue"] for one in cfn.describe_stacks(StackName="s")["Stacks"][0]["Outputs"]}
    assert out["Status"] == "ENABLED" and client.get_event_data_store(EventDataStore=out["Arn"])["RetentionPeriod"] == 30
    template["Resources"]["S"]["Properties"]["RetentionPeriod"] = 60
    cfn.update_stack(StackName="s", TemplateBody=json.dumps(template))
    cfn.get_waiter("stack_update_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    assert client.get_event_data_store(EventDataStore=out["Arn"])["RetentionPeriod"] == 60
    cfn.delete_stack(StackName="s")
    cfn.get_waiter("stack_delete_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    assert client.get_event_data_store(EventDataStore=out["Arn"])["Status"] == "PENDING_DELETION"
