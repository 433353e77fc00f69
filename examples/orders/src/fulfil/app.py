"""Fulfilment: one order a message. What cannot be fulfilled goes back to the queue, and after three tries to the dead letters."""
import json
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    failed = []
    for record in event["Records"]:
        try:
            order = json.loads(record["body"])
            table.update_item(
                Key={"id": order["id"]}, UpdateExpression="SET #s = :new ADD tries :one", ConditionExpression="attribute_exists(id)",
                ExpressionAttributeNames={"#s": "state"}, ExpressionAttributeValues={":new": "fulfilled", ":one": 1},
            )
            print("fulfilled", order["id"])
        except Exception as error:
            print("cannot fulfil", record["messageId"], type(error).__name__, error)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
