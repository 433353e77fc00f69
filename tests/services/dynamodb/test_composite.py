"""Global indexes whose keys have several attributes."""
import itertools

import pytest

from .conftest import item

KEYS = [("h1", "HASH", "S"), ("h2", "HASH", "N"), ("r1", "RANGE", "S"), ("r2", "RANGE", "N")]


def spec(keys=KEYS, **more):
    return {"IndexName": "many", "KeySchema": [{"AttributeName": n, "KeyType": k} for n, k, _ in keys], "Projection": {"ProjectionType": "ALL"}, **more}


@pytest.fixture
def rows(ddb, make):
    """Nine items in one partition of the index, two in others, and one that lacks part of the key."""
    make(types={n: t for n, _, t in KEYS}, GlobalSecondaryIndexes=[spec()])
    for number, (one, two) in enumerate(itertools.product(("a", "ab", "b\0"), (1, 2, 10))):
        ddb.put_item(TableName="table", Item=item(f"k{number}", h1="x", h2=1, r1=one, r2=two))
    ddb.put_item(TableName="table", Item=item("other", h1="x", h2=2, r1="a", r2=1))
    ddb.put_item(TableName="table", Item=item("third", h1="x1", h2=1, r1="a", r2=1))
    ddb.put_item(TableName="table", Item=item("sparse", h1="x", h2=1, r1="a"))


def query(ddb, more="", values=None, **params):
    given = {":x": {"S": "x"}, ":one": {"N": "1"}, **{k: {"S": v} if isinstance(v, str) else {"N": str(v)} for k, v in (values or {}).items()}}
    found = ddb.query(TableName="table", IndexName="many", KeyConditionExpression="h1 = :x AND h2 = :one" + more, ExpressionAttributeValues=given, **params)
    return [(i["r1"]["S"], int(i["r2"]["N"])) for i in found["Items"]]


ALL = list(itertools.product(("a", "ab", "b\0"), (1, 2, 10)))


def test_an_index_is_described_as_it_was_made(ddb, rows):
    told = ddb.describe_table(TableName="table")["Table"]["GlobalSecondaryIndexes"][0]
    assert told["KeySchema"] == spec()["KeySchema"] and told["ItemCount"] == 11


@pytest.mark.parametrize(("more", "values", "found"), [
    ("", {}, ALL), (" AND r1 = :r", {":r": "a"}, ALL[:3]), (" AND r1 = :r AND r2 = :s", {":r": "ab", ":s": 2}, [("ab", 2)]), (" AND r1 = :r AND r2 > :s", {":r": "ab", ":s": 1}, [("ab", 2), ("ab", 10)]),
    (" AND r1 = :r AND r2 <= :s", {":r": "b\0", ":s": 2}, [("b\0", 1), ("b\0", 2)]), (" AND r1 = :r AND r2 BETWEEN :s AND :t", {":r": "a", ":s": 2, ":t": 10}, [("a", 2), ("a", 10)]),
    (" AND begins_with(r1, :r)", {":r": "a"}, ALL[:6]), (" AND r1 < :r", {":r": "ab"}, ALL[:3]), (" AND r1 >= :r", {":r": "ab"}, ALL[3:]), (" AND r1 > :r", {":r": "ab"}, ALL[6:]),
    (" AND r1 BETWEEN :r AND :s", {":r": "a", ":s": "ab"}, ALL[:6]), (" AND r1 <= :r", {":r": "a"}, ALL[:3])])
def test_the_first_attributes_of_the_range_key_narrow_it(ddb, rows, more, values, found):
    assert query(ddb, more, values) == found
    assert query(ddb, more, values, ScanIndexForward=False) == found[::-1]


def test_pages_go_on_where_they_ended(ddb, rows):
    seen, start = [], {}
    while True:
        page = ddb.query(TableName="table", IndexName="many", KeyConditionExpression="h1 = :x AND h2 = :one", ExpressionAttributeValues={":x": {"S": "x"}, ":one": {"N": "1"}}, Limit=2, **start)
        seen += [(i["r1"]["S"], int(i["r2"]["N"])) for i in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        assert set(page["LastEvaluatedKey"]) == {"p", "h1", "h2", "r1", "r2"}
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert seen == ALL
    assert ddb.scan(TableName="table", IndexName="many")["Count"] == 11


def test_an_item_moves_when_any_part_of_its_key_changes(ddb, rows):
    ddb.update_item(TableName="table", Key=item("sparse"), UpdateExpression="SET r2 = :n", ExpressionAttributeValues={":n": {"N": "5"}})
    assert ("a", 5) in query(ddb)
    ddb.update_item(TableName="table", Key=item("sparse"), UpdateExpression="SET h2 = :n", ExpressionAttributeValues={":n": {"N": "7"}})
    assert ("a", 5) not in query(ddb)
    ddb.update_item(TableName="table", Key=item("k0"), UpdateExpression="REMOVE r1")
    assert query(ddb) == ALL[1:]
    ddb.delete_item(TableName="table", Key=item("k1"))
    assert query(ddb) == ALL[2:]


@pytest.mark.parametrize(("condition", "words"), [
    ("h1 = :x", "All HASH attributes"), ("h1 = :x AND h2 > :one", "equality condition"), ("h1 = :x AND h2 = :one AND r2 = :one", "RANGE attributes"),
    ("h1 = :x AND h2 = :one AND r1 > :x AND r2 = :one", "RANGE attributes"), ("h1 = :x AND h2 = :one AND z = :x", "not part of the key: z"), ("h1 = :x AND h2 = :x", "does not match schema type"),
    ("h1 = :x AND h2 = :one AND r1 = :x AND begins_with(r2, :x)", "does not match schema type")])
def test_a_query_that_skips_part_of_the_key_is_refused(ddb, rows, refuses, condition, words):
    given = {name: value for name, value in {":x": {"S": "x"}, ":one": {"N": "1"}}.items() if name in condition}
    with refuses("ValidationException", words):
        ddb.query(TableName="table", IndexName="many", KeyConditionExpression=condition, ExpressionAttributeValues=given)


def test_a_filter_and_a_start_key_know_the_whole_key(ddb, rows, refuses):
    asked = {"TableName": "table", "IndexName": "many", "KeyConditionExpression": "h1 = :x AND h2 = :one", "ExpressionAttributeValues": {":x": {"S": "x"}, ":one": {"N": "1"}}}
    with refuses("ValidationException", "Filter Expression can only contain non-primary key attributes: Primary key attribute: r2"):
        ddb.query(**asked, FilterExpression="r2 = :one")
    with refuses("ValidationException", "The provided starting key is invalid"):
        ddb.query(**asked, ExclusiveStartKey=item("k0", h1="x", h2=1, r1="a"))
    with refuses("ValidationException", "Type mismatch for Index Key r2 Expected: N Actual: S IndexName: many"):
        ddb.put_item(TableName="table", Item=item("bad", h1="x", h2=1, r1="a", r2="text"))


@pytest.mark.parametrize(("keys", "words"), [
    ([("a", "HASH", "S"), ("b", "RANGE", "S"), ("c", "HASH", "S")], "all HASH key elements must precede all RANGE"),
    ([(n, "HASH", "S") for n in "abcde"], "HASH key elements exceeds the limit of 4"), ([("a", "HASH", "S")] + [(n, "RANGE", "S") for n in "bcdef"], "RANGE key elements exceeds the limit of 4"),
    ([("a", "HASH", "S"), ("a", "HASH", "S")], "have the same name")])
def test_a_key_that_cannot_be_is_refused(ddb, make, refuses, keys, words):
    with refuses("ValidationException", words):
        make(types={n: t for n, _, t in keys}, GlobalSecondaryIndexes=[spec(keys)])
    with refuses("ValidationException"):  # tables and local indexes have two attributes at most
        ddb.create_table(TableName="two", AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in "ab"], BillingMode="PAY_PER_REQUEST",
                         KeySchema=[{"AttributeName": n, "KeyType": "HASH"} for n in "ab"])


def test_such_an_index_may_come_later(ddb, make, cloud):
    make()
    ddb.put_item(TableName="table", Item=item("a", h1="x", h2=1, r1="a", r2=3))
    ddb.update_table(TableName="table", AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, _, t in KEYS], GlobalSecondaryIndexUpdates=[{"Create": spec()}])
    cloud.advance(1)
    assert query(ddb) == [("a", 3)]
    assert ddb.execute_statement(Statement="SELECT p FROM \"table\".\"many\" WHERE h1 = 'x' AND h2 = 1")["Items"] == [{"p": {"S": "a"}}]
