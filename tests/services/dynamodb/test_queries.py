"""Query and Scan: ranges, order, pages, filters, what is shown; indexes that are kept as items change."""
import pytest

from .conftest import item

A = {":p": {"S": "a"}}


@pytest.fixture
def numbers(ddb, make):
    """Sort keys that sort otherwise as text."""
    make(range="N")
    for n in ("10", "9", "-1", "0", "0.5", "-20", "100"):
        ddb.put_item(TableName="table", Item=item("a", {"N": n}))
    ddb.put_item(TableName="table", Item=item("b", {"N": "7"}))


def keys(answer):
    return [i["r"].get("N") or i["r"]["S"] for i in answer["Items"]]


def query(ddb, condition="p = :p", values=None, **more):
    return ddb.query(TableName="table", KeyConditionExpression=condition, ExpressionAttributeValues=A | (values or {}), **more)


def test_a_partition_comes_in_the_order_of_its_numbers_either_way(ddb, numbers):
    assert keys(query(ddb)) == ["-20", "-1", "0", "0.5", "9", "10", "100"]
    assert keys(query(ddb, ScanIndexForward=False)) == ["100", "10", "9", "0.5", "0", "-1", "-20"]


@pytest.mark.parametrize(("condition", "values", "found"), [
    ("r > :x", {":x": {"N": "9"}}, ["10", "100"]), ("r >= :x", {":x": {"N": "9"}}, ["9", "10", "100"]), ("r < :x", {":x": {"N": "0"}}, ["-20", "-1"]),
    ("r <= :x", {":x": {"N": "0"}}, ["-20", "-1", "0"]), ("r = :x", {":x": {"N": "0.50"}}, ["0.5"]), ("r BETWEEN :x AND :y", {":x": {"N": "-1"}, ":y": {"N": "9"}}, ["-1", "0", "0.5", "9"])])
def test_a_range_of_numbers(ddb, numbers, condition, values, found):
    assert keys(query(ddb, f"p = :p AND {condition}", values)) == found


def test_a_range_of_text_may_begin_with_a_prefix(ddb, make):
    make(range="S")
    for text in ("ab", "abc", "ac", "b", "a\uffff"):
        ddb.put_item(TableName="table", Item=item("a", text))
    assert keys(query(ddb, "p = :p AND begins_with(r, :x)", {":x": {"S": "ab"}})) == ["ab", "abc"]
    assert keys(query(ddb, "p = :p AND begins_with(r, :x)", {":x": {"S": "a"}})) == ["ab", "abc", "ac", "a\uffff"]


def test_a_limit_counts_what_is_looked_at_and_the_next_page_goes_on(ddb, numbers):
    first = query(ddb, Limit=3)
    assert keys(first) == ["-20", "-1", "0"] and first["LastEvaluatedKey"] == item("a", 0)
    second = query(ddb, Limit=3, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert keys(second) == ["0.5", "9", "10"]
    last = query(ddb, Limit=3, ExclusiveStartKey=second["LastEvaluatedKey"])
    assert keys(last) == ["100"] and "LastEvaluatedKey" not in last
    back = query(ddb, Limit=2, ScanIndexForward=False, ExclusiveStartKey=item("a", 0))
    assert keys(back) == ["-1", "-20"]


def test_a_filter_throws_away_after_reading(ddb, numbers):
    answer = query(ddb, FilterExpression="attribute_exists(zzz)", Limit=4)
    assert answer["Count"] == 0 and answer["ScannedCount"] == 4 and "LastEvaluatedKey" in answer


def test_a_page_is_a_megabyte_before_the_filter(ddb, make):
    make(range="N")
    for n in range(5):
        ddb.put_item(TableName="table", Item=item("a", n, x="x" * 300_000))
    answer = query(ddb, FilterExpression="attribute_not_exists(zzz)")
    assert answer["Count"] == 3 and answer["LastEvaluatedKey"] == item("a", 2)
    assert query(ddb, ExclusiveStartKey=answer["LastEvaluatedKey"])["Count"] == 2


def test_select_count_gives_no_items(ddb, numbers):
    answer = query(ddb, Select="COUNT")
    assert answer["Count"] == 7 and "Items" not in answer


@pytest.mark.parametrize(("params", "words"), [
    ({}, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."),
    ({"KeyConditionExpression": "r = :p", "ExpressionAttributeValues": A}, "Query condition missed key schema element: p"),
    ({"KeyConditionExpression": "p > :p", "ExpressionAttributeValues": A}, "Query key condition not supported"),
    ({"KeyConditionExpression": "p = :p OR p = :p", "ExpressionAttributeValues": A}, "Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: OR"),
    ({"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"N": "1"}}},
     "One or more parameter values were invalid: Condition parameter type does not match schema type"),
    ({"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": A, "FilterExpression": "r = :p"},
     "Filter Expression can only contain non-primary key attributes: Primary key attribute: r"),
    ({"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": A, "IndexName": "nope"}, "The table does not have the specified index: nope"),
    ({"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": A, "ExclusiveStartKey": item("b", 1)},
     "The provided starting key is outside query boundaries based on provided conditions"),
    ({"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": A, "ExclusiveStartKey": item("b")}, "The provided starting key is invalid"),
    ({"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": A, "Select": "SPECIFIC_ATTRIBUTES"},
     "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"),
    ({"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": A, "Select": "ALL_PROJECTED_ATTRIBUTES"},
     "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")])
def test_a_query_that_makes_no_sense_is_refused(ddb, numbers, refuses, params, words):
    with refuses("ValidationException", words):
        ddb.query(TableName="table", **params)


def test_a_partition_of_one_item_has_no_second_page(ddb, make, refuses):
    make()
    ddb.put_item(TableName="table", Item=item("a"))
    asked = {"TableName": "table", "KeyConditionExpression": "p = :p", "ExpressionAttributeValues": A}
    answer = ddb.query(**asked, Limit=1)
    assert answer["Count"] == 1 and "LastEvaluatedKey" not in answer
    with refuses("ValidationException", "The provided exclusive start key is invalid: ExclusiveStartKey: {p=AttributeValue: {S:a}}"):
        ddb.query(**asked, ExclusiveStartKey=item("a"))


def test_key_conditions_and_query_filter_still_work(ddb, numbers):
    answer = ddb.query(TableName="table", KeyConditions={"p": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]},
                                                        "r": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [{"N": "0"}, {"N": "9"}]}},
                       QueryFilter={"zzz": {"ComparisonOperator": "NULL"}}, AttributesToGet=["r"])
    assert answer["Items"] == [{"r": {"N": n}} for n in ("0", "0.5", "9")]


def test_a_scan_reads_everything_once_in_pages_and_in_segments(ddb, make):
    make()
    for n in range(40):
        ddb.put_item(TableName="table", Item=item(f"k{n}", n=n))
    seen, start = [], {}
    while True:
        page = ddb.scan(TableName="table", Limit=7, **start)
        seen += [i["p"]["S"] for i in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert sorted(seen) == sorted(f"k{n}" for n in range(40))
    parts = [ddb.scan(TableName="table", Segment=s, TotalSegments=3) for s in range(3)]
    assert sorted(i["p"]["S"] for part in parts for i in part["Items"]) == sorted(seen)
    assert all(part["Count"] < 40 for part in parts)
    assert ddb.scan(TableName="table", FilterExpression="n < :n", ExpressionAttributeValues={":n": {"N": "10"}})["Count"] == 10
    assert ddb.scan(TableName="table", ScanFilter={"n": {"ComparisonOperator": "LT", "AttributeValueList": [{"N": "10"}]}})["Count"] == 10


@pytest.mark.parametrize(("params", "words"), [
    ({"Segment": 0}, "The TotalSegments parameter is required but was not present in the request when Segment parameter is present"),
    ({"TotalSegments": 2}, "The Segment parameter is required but was not present in the request when parameter TotalSegments is present"),
    ({"Segment": 2, "TotalSegments": 2}, "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 2 is not less than TotalSegments: 2")])
def test_a_scan_that_makes_no_sense_is_refused(ddb, make, refuses, params, words):
    make()
    with refuses("ValidationException", words):
        ddb.scan(TableName="table", **params)


# -- indexes ------------------------------------------------------------------------------------------------------------

def by_index(ddb, name, attribute, value, **more):
    return ddb.query(TableName="table", IndexName=name, KeyConditionExpression=f"{attribute} = :v", ExpressionAttributeValues={":v": value}, **more)


def test_a_global_index_follows_every_change(ddb, make, index):
    make(types={"g": "S", "n": "N"}, GlobalSecondaryIndexes=[index("byg", "g", "n")])
    ddb.put_item(TableName="table", Item=item("a", g="x", n=2))
    ddb.put_item(TableName="table", Item=item("b", g="x", n=1))
    ddb.put_item(TableName="table", Item=item("c", g="x"))  # lacks n: not in the index
    assert [i["p"]["S"] for i in by_index(ddb, "byg", "g", {"S": "x"})["Items"]] == ["b", "a"]
    ddb.update_item(TableName="table", Key=item("a"), UpdateExpression="SET g = :y", ExpressionAttributeValues={":y": {"S": "y"}})
    assert [i["p"]["S"] for i in by_index(ddb, "byg", "g", {"S": "x"})["Items"]] == ["b"]
    assert by_index(ddb, "byg", "g", {"S": "y"})["Items"] == [item("a", g="y", n=2)]
    ddb.update_item(TableName="table", Key=item("a"), UpdateExpression="REMOVE n")
    ddb.delete_item(TableName="table", Key=item("b"))
    assert ddb.scan(TableName="table", IndexName="byg")["Count"] == 0
    assert ddb.describe_table(TableName="table")["Table"]["GlobalSecondaryIndexes"][0]["ItemCount"] == 0


def test_an_index_shows_what_it_projects(ddb, make, index, refuses):
    make(types={"g": "S"}, GlobalSecondaryIndexes=[index("keys", "g", projection="KEYS_ONLY"), index("some", "g", projection="INCLUDE", include=["x"]), index("all", "g")])
    ddb.put_item(TableName="table", Item=item("a", g="v", x="1", y="2"))
    assert by_index(ddb, "keys", "g", {"S": "v"})["Items"] == [item("a", g="v")]
    assert by_index(ddb, "some", "g", {"S": "v"})["Items"] == [item("a", g="v", x="1")]
    assert by_index(ddb, "all", "g", {"S": "v"})["Items"] == [item("a", g="v", x="1", y="2")]
    with refuses("ValidationException", "Select type ALL_ATTRIBUTES is not supported for global secondary index keys because its projection type is not ALL"):
        by_index(ddb, "keys", "g", {"S": "v"}, Select="ALL_ATTRIBUTES")
    with refuses("ValidationException", "Consistent reads are not supported on global secondary indexes"):
        by_index(ddb, "keys", "g", {"S": "v"}, ConsistentRead=True)


def test_items_with_one_index_key_are_paged_without_loss(ddb, make, index):
    make(types={"g": "S"}, GlobalSecondaryIndexes=[index("byg", "g")])
    for n in range(10):
        ddb.put_item(TableName="table", Item=item(f"k{n}", g="same"))
    seen, start = [], {}
    while True:
        page = by_index(ddb, "byg", "g", {"S": "same"}, Limit=3, **start)
        seen += [i["p"]["S"] for i in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        assert set(page["LastEvaluatedKey"]) == {"p", "g"}
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert sorted(seen) == [f"k{n}" for n in range(10)]


def test_a_local_index_fetches_what_it_does_not_project(ddb, make, index):
    make(range="S", types={"l": "N"}, LocalSecondaryIndexes=[index("byl", "p", "l", projection="KEYS_ONLY")])
    ddb.put_item(TableName="table", Item=item("a", "1", l=2, x="x"))
    ddb.put_item(TableName="table", Item=item("a", "2", l=1, x="y"))
    assert [i["r"]["S"] for i in by_index(ddb, "byl", "p", {"S": "a"}, ConsistentRead=True)["Items"]] == ["2", "1"]
    assert by_index(ddb, "byl", "p", {"S": "a"})["Items"][0] == item("a", "2", l=1)
    assert by_index(ddb, "byl", "p", {"S": "a"}, Select="ALL_ATTRIBUTES")["Items"][0] == item("a", "2", l=1, x="y")
    assert by_index(ddb, "byl", "p", {"S": "a"}, ProjectionExpression="x")["Items"] == [{"x": {"S": "y"}}, {"x": {"S": "x"}}]


def test_an_index_key_of_the_wrong_type_is_refused(ddb, make, index, refuses):
    make(types={"g": "S"}, GlobalSecondaryIndexes=[index("byg", "g")])
    with refuses("ValidationException", "One or more parameter values were invalid: Type mismatch for Index Key g Expected: S Actual: N IndexName: byg"):
        ddb.put_item(TableName="table", Item=item("a", g=1))
    with refuses("ValidationException", "cannot contain an empty string value. IndexName: byg, IndexKey: g"):
        ddb.put_item(TableName="table", Item=item("a", g=""))
    assert ddb.scan(TableName="table")["Count"] == 0


def test_an_index_made_later_is_filled_with_what_is_there(ddb, make, cloud, index, refuses):
    make()
    for n in range(30):
        ddb.put_item(TableName="table", Item=item(f"k{n}", **({"g": f"g{n % 3}"} if n < 15 else {"g": n})))  # a number is not this index's type
    answer = ddb.update_table(TableName="table", AttributeDefinitions=[{"AttributeName": "g", "AttributeType": "S"}], GlobalSecondaryIndexUpdates=[{"Create": index("byg", "g")}])
    assert answer["TableDescription"]["GlobalSecondaryIndexes"][0]["IndexStatus"] == "CREATING"
    cloud.advance(1)
    found = ddb.describe_table(TableName="table")["Table"]["GlobalSecondaryIndexes"][0]
    assert found["IndexStatus"] == "ACTIVE" and found["ItemCount"] == 15
    assert by_index(ddb, "byg", "g", {"S": "g1"})["Count"] == 5
    ddb.update_table(TableName="table", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "byg"}}])
    with refuses("ValidationException", "The table does not have the specified index: byg"):
        by_index(ddb, "byg", "g", {"S": "g1"})
    with refuses("ResourceNotFoundException"):
        ddb.update_table(TableName="table", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "byg"}}])
