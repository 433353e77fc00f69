"""What requests consume, and what happens when there is no more."""
import pytest

from .conftest import item

T, I = {"ReturnConsumedCapacity": "TOTAL"}, {"ReturnConsumedCapacity": "INDEXES"}  # noqa: E741


def units(answer):
    return answer["ConsumedCapacity"]["CapacityUnits"]


@pytest.mark.parametrize(("before", "after", "expected"), [(None, 100, 1), (None, 1024, 1), (None, 1025, 2), (5000, 100, 5), (100, 3000, 3)])
def test_a_put_costs_the_larger_of_old_and_new(ddb, make, before, after, expected):
    make()
    if before:
        ddb.put_item(TableName="table", Item=item("a", x="x" * (before - 3)))
    assert units(ddb.put_item(TableName="table", Item=item("a", x="x" * (after - 3)), **T)) == expected


def test_reads_are_four_kilobytes_strong_or_half_eventual(ddb, make):
    make()
    ddb.put_item(TableName="table", Item=item("a", x="x" * 5000))
    assert units(ddb.get_item(TableName="table", Key=item("a"), ConsistentRead=True, **T)) == 2
    assert units(ddb.get_item(TableName="table", Key=item("a"), ProjectionExpression="p", **T)) == 1
    assert units(ddb.get_item(TableName="table", Key=item("none"), **T)) == 0.5
    assert units(ddb.get_item(TableName="table", Key=item("none"), ConsistentRead=True, **T)) == 1


def test_updates_and_deletes(ddb, make, refuses):
    make()
    ddb.put_item(TableName="table", Item=item("a", x="x" * 3000))
    assert units(ddb.update_item(TableName="table", Key=item("a"), UpdateExpression="REMOVE x", **T)) == 3
    assert units(ddb.delete_item(TableName="table", Key=item("a"), **T)) == 1
    assert units(ddb.delete_item(TableName="table", Key=item("a"), **T)) == 1


def test_a_query_sums_and_rounds_once(ddb, make):
    make(range="N")
    for n in range(10):
        ddb.put_item(TableName="table", Item=item("a", n, x="x" * 1000))
    asked = {"TableName": "table", "KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}
    assert units(ddb.query(**asked, **T)) == 1.5  # 10,060 bytes are three units strong
    assert units(ddb.query(**asked, ConsistentRead=True, Select="COUNT", **T)) == 3
    assert units(ddb.scan(TableName="table", FilterExpression="attribute_exists(zzz)", **T)) == 1.5


def test_forty_items_of_four_kilobytes_cost_twenty_or_forty(ddb, make):
    make(range="N")
    for n in range(40):
        ddb.put_item(TableName="table", Item=item("a", n, x="x" * (4096 - 6)))
    page = ddb.query(TableName="table", KeyConditionExpression="p = :p", ExpressionAttributeValues={":p": {"S": "a"}}, **T)
    assert page["Count"] == 40 and 20 <= units(page) <= 20.5


def test_index_writes_are_counted_by_what_changes_in_them(ddb, make, index):
    make(types={"g": "S"}, GlobalSecondaryIndexes=[index("byg", "g", projection="INCLUDE", include=["x"])])

    def write(**more):
        used = ddb.put_item(TableName="table", Item=item("a", **more), **I)["ConsumedCapacity"]
        assert used["Table"]["CapacityUnits"] == 1
        return used.get("GlobalSecondaryIndexes", {}).get("byg", {}).get("CapacityUnits", 0)

    assert write(y="1") == 0  # not in the index
    assert write(g="1", y="1") == 1  # enters
    assert write(g="1", y="2") == 0  # nothing projected changes
    assert write(g="1", x="2") == 1  # something projected changes
    assert write(g="2", x="2") == 2  # moves: a delete and a put
    assert write(x="2") == 1  # leaves
    total = ddb.put_item(TableName="table", Item=item("a", g="1"), **T)["ConsumedCapacity"]
    assert total == {"TableName": "table", "CapacityUnits": 2.0}


def test_a_query_of_an_index_is_counted_there(ddb, make, index):
    make(range="S", types={"g": "S", "l": "S"}, GlobalSecondaryIndexes=[index("byg", "g", projection="KEYS_ONLY")], LocalSecondaryIndexes=[index("byl", "p", "l", projection="KEYS_ONLY")])
    for n in range(3):
        ddb.put_item(TableName="table", Item=item("a", str(n), g="g", l=str(n), x="x" * 5000))
    used = ddb.query(TableName="table", IndexName="byg", KeyConditionExpression="g = :v", ExpressionAttributeValues={":v": {"S": "g"}}, **I)["ConsumedCapacity"]
    assert used["CapacityUnits"] == 0.5 and used["Table"]["CapacityUnits"] == 0 and used["GlobalSecondaryIndexes"]["byg"]["CapacityUnits"] == 0.5
    used = ddb.query(TableName="table", IndexName="byl", KeyConditionExpression="p = :v", ExpressionAttributeValues={":v": {"S": "a"}}, Select="ALL_ATTRIBUTES",
                     ConsistentRead=True, **I)["ConsumedCapacity"]
    assert used["LocalSecondaryIndexes"]["byl"]["CapacityUnits"] == 1 and used["Table"]["CapacityUnits"] == 3 * 2  # each item fetched


def test_batches_and_transactions_list_tables(ddb, make):
    make()
    make("other")
    put = {"PutRequest": {"Item": item("a", x="x" * 1500)}}
    used = ddb.batch_write_item(RequestItems={"table": [put, {"DeleteRequest": {"Key": item("b")}}], "other": [put]}, **T)["ConsumedCapacity"]
    assert {u["TableName"]: u["CapacityUnits"] for u in used} == {"table": 3, "other": 2}
    used = ddb.batch_get_item(RequestItems={"table": {"Keys": [item("a"), item("b")], "ConsistentRead": True}}, **T)["ConsumedCapacity"]
    assert used == [{"TableName": "table", "CapacityUnits": 2.0}]
    used = ddb.transact_write_items(TransactItems=[{"Put": {"TableName": "table", "Item": item("a", x="x" * 1500)}}], **T)["ConsumedCapacity"]
    assert used == [{"TableName": "table", "CapacityUnits": 4.0, "WriteCapacityUnits": 4.0}]
    used = ddb.transact_get_items(TransactItems=[{"Get": {"TableName": "table", "Key": item("a")}}], **T)["ConsumedCapacity"]
    assert used == [{"TableName": "table", "CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}]


# -- throttling ---------------------------------------------------------------------------------------------------------

def pour(ddb, count, size=10_000):
    taken = 0
    for n in range(count):
        try:
            ddb.put_item(TableName="table", Item=item(f"k{n}", x="x" * size))
            taken += 1
        except ddb.exceptions.ProvisionedThroughputExceededException as error:
            assert error.response["Error"]["Message"].startswith("The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level")
            reason = error.response["ThrottlingReasons"][0]
            assert reason["reason"] == "TableWriteProvisionedThroughputExceeded" and reason["resource"].endswith(":table/table")
    return taken


def test_a_table_of_one_unit_takes_five_minutes_of_burst_and_then_refuses(ddb, make, cloud):
    make(read=1, write=1)
    assert 25 <= pour(ddb, 60) <= 35
    cloud.advance(310)
    assert 25 <= pour(ddb, 60) <= 35


def test_reads_are_throttled_too(ddb, make, refuses):
    make(read=1, write=1000)
    ddb.put_item(TableName="table", Item=item("a", x="x" * 399_000))
    with refuses("ProvisionedThroughputExceededException"):
        for _ in range(10):
            ddb.get_item(TableName="table", Key=item("a"), ConsistentRead=True)


def test_a_starved_index_refuses_the_tables_write(ddb, make, index, refuses):
    make(read=100, write=100, types={"g": "S"}, GlobalSecondaryIndexes=[index("byg", "g", ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})])
    with refuses("ProvisionedThroughputExceededException", "one or more global secondary indexes of the table") as error:
        for n in range(40):
            ddb.put_item(TableName="table", Item=item(f"k{n}", g="g", x="x" * 10_000))
    assert error.value.response["ThrottlingReasons"][0]["reason"] == "IndexWriteProvisionedThroughputExceeded"
    ddb.put_item(TableName="table", Item=item("fine", x="x" * 10_000))  # not in the index


def test_what_a_batch_cannot_write_comes_back_unprocessed(ddb, make, refuses):
    make(read=1, write=1)
    batch = {"table": [{"PutRequest": {"Item": item(f"k{n}", x="x" * 20_000)}} for n in range(25)]}
    left = ddb.batch_write_item(RequestItems=batch)["UnprocessedItems"]["table"]
    assert 5 <= len(left) < 25
    with refuses("ProvisionedThroughputExceededException"):
        ddb.batch_write_item(RequestItems={"table": left})
    with refuses("TransactionCanceledException", "[ProvisionedThroughputExceeded]"):
        ddb.transact_write_items(TransactItems=[{"Put": {"TableName": "table", "Item": item("a")}}])


def test_an_on_demand_table_may_have_a_maximum(ddb, make, refuses):
    make(OnDemandThroughput={"MaxReadRequestUnits": 1, "MaxWriteRequestUnits": 2})
    with refuses("ThrottlingException", "maximum OnDemandThroughput"):
        for n in range(6):
            ddb.put_item(TableName="table", Item=item(f"k{n}", x="x" * 10_000))


# -- collections --------------------------------------------------------------------------------------------------------

def test_only_tables_with_a_local_index_have_collections(ddb, make, index):
    make("plain", range="S")
    assert "ItemCollectionMetrics" not in ddb.put_item(TableName="plain", Item=item("a", "1"), ReturnItemCollectionMetrics="SIZE")
    make(range="S", types={"l": "S"}, LocalSecondaryIndexes=[index("byl", "p", "l")])
    metrics = ddb.put_item(TableName="table", Item=item("a", "1", l="1"), ReturnItemCollectionMetrics="SIZE")["ItemCollectionMetrics"]
    assert metrics == {"ItemCollectionKey": {"p": {"S": "a"}}, "SizeEstimateRangeGB": [0.0, 1.0]}


def test_a_collection_has_a_limit(ddb, make, index, refuses, cloche_server):
    make(range="N", types={"l": "S"}, LocalSecondaryIndexes=[index("byl", "p", "l", projection="KEYS_ONLY")])
    memory = cloche_server.bell.cloud.memory
    memory["dynamodb.collection_bytes"] = 50_000
    try:
        with refuses("ItemCollectionSizeLimitExceededException"):
            for n in range(6):
                ddb.put_item(TableName="table", Item=item("a", n, x="x" * 10_000))
        ddb.put_item(TableName="table", Item=item("b", 0, x="x" * 10_000))
        ddb.delete_item(TableName="table", Key=item("a", 0))
        ddb.put_item(TableName="table", Item=item("a", 9, x="x" * 9_000))
    finally:
        del memory["dynamodb.collection_bytes"]
