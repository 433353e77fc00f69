"""The hourly report: how many orders stand in which state."""
import collections
import json
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
s3 = boto3.client("s3")


def handler(event, context):
    count = collections.Counter(item["state"] for item in table.scan(ProjectionExpression="#s", ExpressionAttributeNames={"#s": "state"})["Items"])
    key = f"reports/{event['time']}.json"
    s3.put_object(Bucket=os.environ["BUCKET"], Key=key, Body=json.dumps(count).encode())
    print("wrote", key, dict(count))
    return {"key": key}
