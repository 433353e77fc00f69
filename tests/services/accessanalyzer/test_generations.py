"""Access Analyzer: policies generated from what CloudTrail recorded."""
import json

import pytest

from cloche.testing.people import Person, allow, refused, trusting

from ..cloudtrail.test_trails import bucket, trail


@pytest.fixture
def reader(cloud):
    """The role under which the trail's files are read."""
    iam, name = cloud.client("iam"), f"trail-{cloud.account}"
    role = iam.create_role(RoleName="monitor", AssumeRolePolicyDocument=trusting({"Service": "access-analyzer.amazonaws.com"}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="monitor", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        allow("cloudtrail:GetTrail"), allow(["s3:GetObject", "s3:ListBucket"], [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"])]}))
    return role


def start(cloud, reader, principal, begun, client=None, **more):
    arn = f"arn:aws:cloudtrail:us-east-1:{cloud.account}:trail/main"
    details = {"trails": [{"cloudTrailArn": arn, "allRegions": True}], "accessRole": reader, "startTime": begun, **more}
    return (client or cloud.client("accessanalyzer")).start_policy_generation(policyGenerationDetails={"principalArn": principal}, cloudTrailDetails=details)["jobId"]


def generated(cloud, job, **more):
    """The finished job and its policy's statements."""
    api = cloud.client("accessanalyzer")
    for _ in range(20):
        answer = api.get_generated_policy(jobId=job, **more)
        if answer["jobDetails"]["status"] != "IN_PROGRESS":
            break
        cloud.advance(5)
    policies = answer["generatedPolicyResult"].get("generatedPolicies") or []
    return answer, json.loads(policies[0]["policy"])["Statement"] if policies else None


def test_a_policy_is_generated_from_what_a_user_did(cloud, reader):
    begun = cloud.now - 60
    trail(cloud, S3BucketName=bucket(cloud), IsMultiRegionTrail=True)
    ann = Person(cloud, "ann", allow(["sqs:*", "iam:ListUsers", "s3:*"]))
    ann.client("sqs").create_queue(QueueName="q")
    ann.client("sqs", region="eu-west-1").list_queues()
    ann.client("iam").list_users()
    ann.client("s3").list_buckets()
    ann.client("s3").get_bucket_location(Bucket=f"trail-{cloud.account}")
    refused("AccessDeniedException", ann.client("kms").create_key)
    cloud.client("sns").create_topic(Name="t")                            # another's
    cloud.advance(301)
    job = start(cloud, reader, ann.arn, begun)
    refused("ConflictException", start, cloud, reader, ann.arn, begun)
    answer, statements = generated(cloud, job)
    assert answer["jobDetails"]["status"] == "SUCCEEDED" and answer["generatedPolicyResult"]["properties"]["isComplete"]
    assert statements == [{"Effect": "Allow", "Resource": "*", "Action": ["iam:ListUsers", "s3:GetBucketLocation", "s3:ListAllMyBuckets", "sqs:CreateQueue", "sqs:ListQueues"]}]
    _, statements = generated(cloud, job, includeResourcePlaceholders=True)
    assert {"Effect": "Allow", "Resource": "arn:aws:s3:::${BucketName}", "Action": ["s3:GetBucketLocation"]} in statements
    assert {"Effect": "Allow", "Resource": "arn:aws:sqs:${Region}:${Account}:${QueueName}", "Action": ["sqs:CreateQueue"]} in statements
    # the policy is enough for what was done, and for no more
    bob = Person(cloud, "bob", *json.loads(answer["generatedPolicyResult"]["generatedPolicies"][0]["policy"])["Statement"])
    bob.client("sqs").create_queue(QueueName="other")
    refused("AccessDenied", bob.client("iam").create_user, UserName="x")


def test_a_roles_sessions_count_for_the_role(cloud, reader):
    begun = cloud.now - 60
    trail(cloud, S3BucketName=bucket(cloud))
    ann = Person(cloud, "ann", allow("sts:AssumeRole"))
    iam = cloud.client("iam")
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trusting({"AWS": ann.arn}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow("sqs:*")]}))
    cloud.client("sqs", **ann.assume(role)).create_queue(QueueName="q")
    cloud.advance(301)
    _, statements = generated(cloud, start(cloud, reader, role, begun))
    assert statements == [{"Effect": "Allow", "Resource": "*", "Action": ["sqs:CreateQueue"]}]
    _, statements = generated(cloud, start(cloud, reader, role, cloud.now - 10))     # nothing of late
    assert statements == []


def test_a_role_that_may_not_read_the_trail_fails_the_job(cloud, reader):
    begun, name = cloud.now - 60, bucket(cloud)
    trail(cloud, S3BucketName=name)
    ann = Person(cloud, "ann")
    cloud.client("iam").delete_role_policy(RoleName="monitor", PolicyName="p")
    answer, statements = generated(cloud, start(cloud, reader, ann.arn, begun))
    assert answer["jobDetails"]["status"] == "FAILED" and answer["jobDetails"]["jobError"]["code"] == "AUTHORIZATION_ERROR" and statements is None


def test_generations_are_listed_and_canceled(cloud, reader):
    trail(cloud, S3BucketName=bucket(cloud))
    ann, bob, api = Person(cloud, "ann"), Person(cloud, "bob"), cloud.client("accessanalyzer")
    first, second = start(cloud, reader, ann.arn, cloud.now - 60), start(cloud, reader, bob.arn, cloud.now - 60)
    assert {one["jobId"] for one in api.list_policy_generations()["policyGenerations"]} == {first, second}
    assert [one["status"] for one in api.list_policy_generations(principalArn=ann.arn)["policyGenerations"]] == ["IN_PROGRESS"]
    api.cancel_policy_generation(jobId=first)
    cloud.advance(30)
    statuses = {one["jobId"]: one["status"] for one in api.list_policy_generations()["policyGenerations"]}
    assert statuses == {first: "CANCELED", second: "SUCCEEDED"}
    assert len(api.list_policy_generations(maxResults=1)["policyGenerations"]) == 1
    refused("ValidationException", api.cancel_policy_generation, jobId="00000000-0000-0000-0000-000000000000")


def test_what_is_asked_is_checked(cloud, reader):
    trail(cloud, S3BucketName=bucket(cloud))
    ann = Person(cloud, "ann", allow("access-analyzer:*"))
    refused("ValidationException", start, cloud, reader, ann.arn, cloud.now - 60, endTime=cloud.now - 120)
    refused("ValidationException", start, cloud, reader, ann.arn, cloud.now - 91 * 86400)
    refused("ValidationException", start, cloud, reader, "arn:aws:iam::123456789012:user/x", cloud.now - 60)
    refused("AccessDeniedException", start, cloud, reader, ann.arn, cloud.now - 60, ann.client("accessanalyzer"))    # iam:PassRole
