"""A few hundred random writes of every kind, against a dict: items, indexes, counts, streams and recovery must all agree with it."""
import random
from decimal import Decimal

from .conftest import item


def write(ddb, dice, key, model):
    """One random write; what it does to the dict."""
    new = item(*key, n=dice.choice([1, 2.5, -3]), **{k: v for k, v in (("g", dice.choice("xyz")), ("x", "x" * dice.choice([0, 10, 2000]))) if dice.random() < 0.7})
    at = {"p": new["p"], "r": new["r"]}
    match dice.choice(["put", "put", "update", "remove", "delete", "batch", "transaction", "fail"]):
        case "put":
            ddb.put_item(TableName="table", Item=new)
            model[key] = new
        case "update":
            old = model.get(key, at)
            ddb.update_item(TableName="table", Key=at, UpdateExpression="ADD n :n SET g = if_not_exists(g, :g)", ExpressionAttributeValues={":n": {"N": "2"}, ":g": {"S": "u"}})
            total = Decimal(old.get("n", {"N": "0"})["N"]) + 2
            model[key] = {**old, "n": {"N": f"{total.normalize():f}"}, "g": old.get("g", {"S": "u"})}
        case "remove":
            ddb.update_item(TableName="table", Key=at, UpdateExpression="REMOVE g, x")
            if key in model:  # taking away makes no item
                model[key] = {k: v for k, v in model[key].items() if k not in ("g", "x")}
        case "delete":
            ddb.delete_item(TableName="table", Key=at)
            model.pop(key, None)
        case "batch":
            ddb.batch_write_item(RequestItems={"table": [{"PutRequest": {"Item": new}}, {"DeleteRequest": {"Key": item("p0", 99)}}]})
            model[key] = new
            model.pop(("p0", 99), None)
        case "transaction":
            other = item("p0", 99, g="t")
            ddb.transact_write_items(TransactItems=[{"Put": {"TableName": "table", "Item": new}}, {"Put": {"TableName": "table", "Item": other}}])
            model[key] = new
            model[("p0", 99)] = other
        case "fail":
            try:
                ddb.transact_write_items(TransactItems=[{"Put": {"TableName": "table", "Item": item(*key, g="never")}},
                                                        {"ConditionCheck": {"TableName": "table", "Key": item("no", 0), "ConditionExpression": "attribute_exists(p)"}}])
            except ddb.exceptions.TransactionCanceledException:
                pass


def place(one):
    return one["p"]["S"], one["r"]["N"]


def everything(ddb, **more):
    return sorted((i for page in ddb.get_paginator("scan").paginate(TableName="table", PaginationConfig={"PageSize": 7}, **more) for i in page["Items"]), key=place)


def test_everything_that_follows_from_a_write_agrees(ddb, make, cloud, index):
    make(range="N", types={"g": "S", "n": "N"}, LocalSecondaryIndexes=[index("byn", "p", "n")], GlobalSecondaryIndexes=[index("byg", "g", "r", projection="KEYS_ONLY")],
         StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
    ddb.update_continuous_backups(TableName="table", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    dice, model, then = random.Random(23), {}, {}
    for step in range(240):
        write(ddb, dice, (f"p{dice.randrange(3)}", dice.randrange(6)), model)
        if step == 120:
            then = dict(model)
            cloud.advance(60)
            moment = cloud.now
            cloud.advance(60)
    items = sorted(model.values(), key=place)
    assert everything(ddb) == items
    assert everything(ddb, IndexName="byn") == [i for i in items if "n" in i]
    assert everything(ddb, IndexName="byg") == [{k: i[k] for k in ("p", "r", "g")} for i in items if "g" in i]
    table = ddb.describe_table(TableName="table")["Table"]
    assert table["ItemCount"] == len(items) and table["LocalSecondaryIndexes"][0]["ItemCount"] == sum("n" in i for i in items)
    assert table["GlobalSecondaryIndexes"][0]["ItemCount"] == sum("g" in i for i in items)
    streams = cloud.client("dynamodbstreams")
    shard = streams.describe_stream(StreamArn=table["LatestStreamArn"])["StreamDescription"]["Shards"][0]["ShardId"]
    told = {}
    for record in streams.get_records(ShardIterator=streams.get_shard_iterator(StreamArn=table["LatestStreamArn"], ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"])["Records"]:
        change = record["dynamodb"]
        key = repr(sorted(change["Keys"].items()))
        assert told.get(key) == change.get("OldImage"), "each record begins where the last one ended"
        told[key] = change.get("NewImage")
    assert sorted((i for i in told.values() if i), key=place) == items
    cloud.advance(minutes=10)
    ddb.restore_table_to_point_in_time(SourceTableName="table", TargetTableName="copy", RestoreDateTime=moment)
    cloud.advance(1)
    assert sorted(ddb.scan(TableName="copy")["Items"], key=place) == sorted(then.values(), key=place)
