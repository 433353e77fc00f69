"""What a partition may have of its table, how clients spread and repeat, and how they keep out of each other's way."""
import pytest
from botocore.config import Config

from .conftest import item

BIG = "x" * 390_000


def fill(ddb, keys):
    """Writes of 381 units each; how many were taken, and the error of the first that was not."""
    for count, key in enumerate(keys):
        try:
            ddb.put_item(TableName="table", Item=item(key, x=BIG))
        except ddb.exceptions.ClientError as error:
            return count, error.response
    return len(keys), None


@pytest.fixture(autouse=True)
def still(cloud):
    """Time does not pass by itself, so nothing depends on how fast the machine writes."""
    cloud.control("clock", {"freeze": True})
    yield
    cloud.control("clock", {"freeze": False})


def test_a_key_may_use_all_that_its_table_has(ddb, make):
    make(read=1, write=3)  # 900 units are saved for bursts: two such writes to one key, without warning
    assert fill(ddb, ["hot"] * 2) == (2, None)


def test_a_key_has_a_thousand_writes_a_second_whatever_the_table_has(ddb, make, cloud):
    make(read=10_000, write=20_000)
    taken, refusal = fill(ddb, ["hot"] * 5)
    assert taken == 3
    assert refusal["Error"]["Code"] == "ProvisionedThroughputExceededException"
    assert refusal["ThrottlingReasons"][0]["reason"] == "TableWriteKeyRangeThroughputExceeded" and refusal["ThrottlingReasons"][0]["resource"].endswith(":table/table")
    assert fill(ddb, ["cool"]) == (1, None)
    cloud.advance(10)
    assert fill(ddb, ["hot"]) == (1, None)


def test_a_key_has_three_thousand_reads_a_second(ddb, make):
    make(read=20_000, write=20_000)
    ddb.put_item(TableName="table", Item=item("hot", x=BIG))
    with pytest.raises(ddb.exceptions.ProvisionedThroughputExceededException) as error:
        for _ in range(40):
            ddb.batch_get_item(RequestItems={"table": {"Keys": [item("hot")], "ConsistentRead": True}})
    assert error.value.response["ThrottlingReasons"][0]["reason"] == "TableReadKeyRangeThroughputExceeded"


def test_suffixes_spread_the_writes_of_a_hot_key(ddb, make):
    make(read=10_000, write=20_000)
    assert fill(ddb, [f"hot#{n}" for n in range(12)]) == (12, None)  # calculated or random: each suffix is a partition key of its own
    pages = [ddb.query(TableName="table", KeyConditionExpression="p = :p", ExpressionAttributeValues={":p": {"S": f"hot#{n}"}}, ProjectionExpression="p")["Items"] for n in range(12)]
    assert [p[0]["p"]["S"] for p in pages] == [f"hot#{n}" for n in range(12)]


def test_a_client_tries_again_by_itself(ddb, make, cloud):
    make(read=1, write=1)
    assert fill(ddb, ["k"] * 3)[0] == 1
    patient, sent = cloud.client("dynamodb", config=Config(retries={"mode": "standard", "total_max_attempts": 4})), []

    def before(**_):
        sent.append(1)
        if len(sent) == 3:
            cloud.advance(400)

    patient.meta.events.register("before-send.dynamodb.PutItem", before)
    answer = patient.put_item(TableName="table", Item=item("later"))
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2 and len(sent) == 3


def test_unused_capacity_of_five_minutes_is_a_burst_and_no_more(ddb, make, cloud):
    make(read=1, write=1)
    cloud.advance(hours=5)
    taken = 0
    while taken < 100:
        try:
            ddb.put_item(TableName="table", Item=item(f"k{taken}", x="x" * 10_000))
        except ddb.exceptions.ProvisionedThroughputExceededException:
            break
        taken += 1
    assert 25 <= taken <= 40


def test_a_request_is_taken_while_there_is_anything_left_and_leaves_a_debt(ddb, make, cloud, refuses):
    make(read=1, write=1)
    assert fill(ddb, ["k"] * 2)[0] == 1  # 381 units of 300
    cloud.advance(20)
    with refuses("ProvisionedThroughputExceededException"):
        ddb.put_item(TableName="table", Item=item("small"))
    cloud.advance(100)
    ddb.put_item(TableName="table", Item=item("small"))


def test_a_write_whose_condition_fails_consumes_all_the_same(ddb, make, refuses):
    make(read=1, write=1)
    ddb.put_item(TableName="table", Item=item("a", x="x" * 99_000))  # 97 of 300 units
    for _ in range(3):
        with refuses("ConditionalCheckFailedException"):
            ddb.put_item(TableName="table", Item=item("a"), ConditionExpression="attribute_not_exists(p)")
    with refuses("ProvisionedThroughputExceededException"):
        ddb.put_item(TableName="table", Item=item("b"))


def test_a_batch_that_finds_no_capacity_at_all_is_refused_and_one_that_finds_some_is_not(ddb, make, refuses):
    make(OnDemandThroughput={"MaxReadRequestUnits": 100, "MaxWriteRequestUnits": 30})
    puts = [{"PutRequest": {"Item": item(f"k{n}", x="x" * 20_000)}} for n in range(6)]
    left = ddb.batch_write_item(RequestItems={"table": puts})["UnprocessedItems"]["table"]
    assert 1 <= len(left) <= 5
    with refuses("TransactionCanceledException", "[ThrottlingError]") as error:
        ddb.transact_write_items(TransactItems=[{"Put": {"TableName": "table", "Item": item("t", x="x" * 300_000)}}])
        ddb.transact_write_items(TransactItems=[{"Put": {"TableName": "table", "Item": item("t", x="x" * 300_000)}}])
    assert error.value.response["CancellationReasons"][0]["Code"] == "ThrottlingError"


def test_reads_of_a_batch_that_find_no_capacity_come_back_unprocessed(ddb, make, refuses):
    make(read=1, write=1000)
    for n in range(8):
        ddb.put_item(TableName="table", Item=item(f"k{n}", x="x" * 300_000))
    wanted = {"table": {"Keys": [item(f"k{n}") for n in range(8)], "ConsistentRead": True}}
    answer = ddb.batch_get_item(RequestItems=wanted)
    assert 1 <= len(answer["Responses"]["table"]) < 8 and len(answer["Responses"]["table"]) + len(answer["UnprocessedKeys"]["table"]["Keys"]) == 8
    with refuses("ProvisionedThroughputExceededException"):
        ddb.batch_get_item(RequestItems=wanted)


def test_a_new_table_on_demand_is_warm_for_4000_writes_and_12000_reads(ddb, make):
    make()
    warm = ddb.describe_table(TableName="table")["Table"]["WarmThroughput"]
    assert warm == {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000, "Status": "ACTIVE"}


def test_smaller_pages_spread_the_same_units(ddb, make):
    make(range="N")
    for n in range(40):
        ddb.put_item(TableName="table", Item=item("a", n, x="x" * (4096 - 8)))
    asked = {"TableName": "table", "KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}, "ReturnConsumedCapacity": "TOTAL"}
    assert ddb.query(**asked, ConsistentRead=True)["ConsumedCapacity"]["CapacityUnits"] == 40
    pages, start = [], {}
    while True:
        page = ddb.query(**asked, Limit=10, **start)
        pages.append(page["ConsumedCapacity"]["CapacityUnits"])
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert pages[:4] == [5, 5, 5, 5]


# -- locking ------------------------------------------------------------------------------------------------------------

def test_a_version_is_an_optimistic_lock(ddb, make, refuses):
    make()
    ddb.put_item(TableName="table", Item=item("a", version=1, x="first"))
    change = {"TableName": "table", "Key": item("a"), "UpdateExpression": "SET x = :x ADD version :one", "ConditionExpression": "version = :v"}
    ddb.update_item(**change, ExpressionAttributeValues={":x": {"S": "mine"}, ":one": {"N": "1"}, ":v": {"N": "1"}})
    with refuses("ConditionalCheckFailedException", "The conditional request failed") as error:
        ddb.update_item(**change, ExpressionAttributeValues={":x": {"S": "theirs"}, ":one": {"N": "1"}, ":v": {"N": "1"}}, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert error.value.response["Item"] == item("a", version=2, x="mine")


def test_an_owner_with_a_time_is_a_pessimistic_lock(ddb, make, cloud, refuses):
    make()

    def take(owner):
        now = int(cloud.now)
        ddb.put_item(TableName="table", Item=item("lock", owner=owner, until=now + 60), ConditionExpression="attribute_not_exists(p) OR #until < :now",
                     ExpressionAttributeNames={"#until": "until"}, ExpressionAttributeValues={":now": {"N": str(now)}})

    take("one")
    with refuses("ConditionalCheckFailedException"):
        take("two")
    cloud.advance(61)
    take("two")
    assert ddb.get_item(TableName="table", Key=item("lock"))["Item"]["owner"] == {"S": "two"}
