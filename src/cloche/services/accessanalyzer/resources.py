"""The resources that an analyzer looks at, and their policies: asked through the services' own public operations, as the account's service-linked role is on AWS."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from cloche.kernel import AwsError, Call

Found = tuple[str, str, str]                           # (ARN, type, policy)


def every(call: Call, account: str) -> Iterator[Found]:
    """All with a policy in one account and the analyzer's region."""
    there = call.at(account, call.region).as_root()
    for service, look in LOOKS.items():
        if service in there.cloud.services or there.cloud.store.run("SELECT 1 FROM record WHERE kind LIKE ? LIMIT 1", (f"{service}.%",)).fetchone():
            yield from look(there)


def asked(there: Call, service: str, operation: str, **req: Any) -> Any:
    """What the operation answers; {} where it refuses, as it does where there is no policy."""
    try:
        return there.do(service, operation, **req)
    except AwsError:
        return {}


def listed(there: Call, service: str, operation: str, member: str, token: str, sent: str) -> Iterator[Any]:
    answer = asked(there, service, operation)
    while True:
        yield from answer.get(member, [])
        if not answer.get(token):
            return
        answer = asked(there, service, operation, **{sent: answer[token]})


def buckets(there: Call) -> Iterator[Found]:
    for one in asked(there, "s3", "ListBuckets").get("Buckets", []):
        if (asked(there, "s3", "GetBucketLocation", Bucket=one["Name"]).get("LocationConstraint") or "us-east-1") == there.region and (
                text := asked(there, "s3", "GetBucketPolicy", Bucket=one["Name"]).get("Policy")):
            yield f"arn:aws:s3:::{one['Name']}", "AWS::S3::Bucket", text


def roles(there: Call) -> Iterator[Found]:
    for one in listed(there, "iam", "ListRoles", "Roles", "Marker", "Marker"):
        if not one["Path"].startswith("/aws-service-role/"):
            yield one["Arn"], "AWS::IAM::Role", unquote(one["AssumeRolePolicyDocument"])


def keys(there: Call) -> Iterator[Found]:
    for one in listed(there, "kms", "ListKeys", "Keys", "NextMarker", "Marker"):
        if text := asked(there, "kms", "GetKeyPolicy", KeyId=one["KeyId"], PolicyName="default").get("Policy"):
            yield one["KeyArn"], "AWS::KMS::Key", text


def queues(there: Call) -> Iterator[Found]:
    for url in listed(there, "sqs", "ListQueues", "QueueUrls", "NextToken", "NextToken"):
        found = asked(there, "sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["Policy", "QueueArn"]).get("Attributes", {})
        if found.get("Policy"):
            yield found["QueueArn"], "AWS::SQS::Queue", found["Policy"]


def topics(there: Call) -> Iterator[Found]:
    for one in listed(there, "sns", "ListTopics", "Topics", "NextToken", "NextToken"):
        if text := asked(there, "sns", "GetTopicAttributes", TopicArn=one["TopicArn"]).get("Attributes", {}).get("Policy"):
            yield one["TopicArn"], "AWS::SNS::Topic", text


def functions(there: Call) -> Iterator[Found]:
    for one in listed(there, "lambda", "ListFunctions", "Functions", "NextMarker", "Marker"):
        if text := asked(there, "lambda", "GetPolicy", FunctionName=one["FunctionName"]).get("Policy"):
            yield one["FunctionArn"], "AWS::Lambda::Function", text


def secrets(there: Call) -> Iterator[Found]:
    for one in listed(there, "secretsmanager", "ListSecrets", "SecretList", "NextToken", "NextToken"):
        if text := asked(there, "secretsmanager", "GetResourcePolicy", SecretId=one["ARN"]).get("ResourcePolicy"):
            yield one["ARN"], "AWS::SecretsManager::Secret", text


LOOKS = {"s3": buckets, "iam": roles, "kms": keys, "sqs": queues, "sns": topics, "lambda": functions, "secretsmanager": secrets}
