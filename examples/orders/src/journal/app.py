"""The journal: every change of an order, as one object a batch."""
import json
import os

import boto3

s3 = boto3.client("s3")


def handler(event, context):
    lines = [json.dumps({"change": r["eventName"], "keys": r["dynamodb"]["Keys"], "new": r["dynamodb"].get("NewImage")}) for r in event["Records"]]
    key = f"journal/{event['Records'][0]['dynamodb']['SequenceNumber']}.jsonl"
    s3.put_object(Bucket=os.environ["BUCKET"], Key=key, Body="\n".join(lines).encode())
    print("wrote", len(lines), "changes to", key)
