"""The HTTP API: place an order, look at one, list those in a state."""
import json
import os
from decimal import Decimal

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
queue = boto3.client("sqs")


def answer(status, value):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(value, default=lambda d: int(d) if isinstance(d, Decimal) else str(d))}


def handler(event, context):
    route = event["httpMethod"], event["resource"]
    if route == ("POST", "/orders"):
        order = json.loads(event["body"] or "{}")
        if not order.get("item") or not isinstance(order.get("count"), int):
            return answer(400, {"error": "an order has an item and a count"})
        order = {"id": event["requestContext"]["requestId"], "item": order["item"], "count": order["count"], "state": "placed", "placed": event["requestContext"]["requestTime"]}
        table.put_item(Item=order, ConditionExpression="attribute_not_exists(id)")
        queue.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps({"id": order["id"], "item": order["item"]}))
        print("placed", order["id"])
        return answer(201, order)
    if route == ("GET", "/orders/{id}"):
        found = table.get_item(Key={"id": event["pathParameters"]["id"]}).get("Item")
        return answer(200, found) if found else answer(404, {"error": "no such order"})
    state = (event["queryStringParameters"] or {}).get("state", "placed")
    found = table.query(IndexName="by-state", KeyConditionExpression="#s = :s", ExpressionAttributeNames={"#s": "state"}, ExpressionAttributeValues={":s": state})
    return answer(200, found["Items"])
