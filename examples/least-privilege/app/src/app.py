"""Keeps a note; asked to, it also tries what its boundary does not let through."""
import json
import os

import boto3
from botocore.exceptions import ClientError


def handler(event, context):
    note = event if "id" in event else json.loads(event.get("body") or "{}")
    boto3.client("dynamodb").put_item(TableName=os.environ["TABLE"], Item={"id": {"S": note["id"]}})
    if not note.get("queues"):
        return {"statusCode": 200, "body": "kept"}
    try:
        return {"statusCode": 200, "body": json.dumps(boto3.client("sqs").list_queues().get("QueueUrls", []))}
    except ClientError as error:
        return {"statusCode": 403, "body": error.response["Error"]["Message"], "request": error.response["ResponseMetadata"]["RequestId"]}
