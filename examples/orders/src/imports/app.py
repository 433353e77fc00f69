"""Imports: a CSV file of orders (item,count) dropped into incoming/."""
import csv
import io
import json
import os
from urllib.parse import unquote_plus

import boto3

s3, queue = boto3.client("s3"), boto3.client("sqs")
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    for record in event["Records"]:
        key = unquote_plus(record["s3"]["object"]["key"])
        body = s3.get_object(Bucket=record["s3"]["bucket"]["name"], Key=key)["Body"].read().decode()
        for number, (item, count) in enumerate(csv.reader(io.StringIO(body))):
            order = {"id": f"{key.rsplit('/', 1)[1]}-{number}", "item": item, "count": int(count), "state": "placed", "placed": record["eventTime"]}
            table.put_item(Item=order)
            queue.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps({"id": order["id"], "item": item}))
        print("imported", key)
