"""Batch operations: one thing done to every object of a manifest, under a role, with a report."""
from __future__ import annotations

import csv
import io
import json

import pytest

from cloche.testing.people import allow, document, trusting

from ..s3.refusals import refused
from .test_access_points import to_here

BATCH = {"Service": "batchoperations.s3.amazonaws.com"}


@pytest.fixture
def job(cloud):
    s3, iam, control = cloud.client("s3"), cloud.client("iam"), to_here(cloud.client("s3control"), cloud)
    bucket = f"b-{cloud.account}"
    s3.create_bucket(Bucket=bucket)
    role = iam.create_role(RoleName="batch", AssumeRolePolicyDocument=trusting(BATCH))["Role"]["Arn"]
    iam.put_role_policy(RoleName="batch", PolicyName="p", PolicyDocument=document(allow(["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObjectTagging"])))
    for key in ("a", "b c", "d"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    etag = s3.put_object(Bucket=bucket, Key="manifest.csv", Body=f"{bucket},a\n{bucket},b+c\n{bucket},missing\n".encode())["ETag"]

    def make(operation, **more):
        return control.create_job(**{
            "AccountId": cloud.account, "Operation": operation, "Priority": 10, "RoleArn": role, "ClientRequestToken": f"t{len(made)}", "ConfirmationRequired": False,
            "Report": {"Enabled": True, "Bucket": f"arn:aws:s3:::{bucket}", "Format": "Report_CSV_20180820", "Prefix": "reports", "ReportScope": "AllTasks"},
            "Manifest": {"Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]}, "Location": {"ObjectArn": f"arn:aws:s3:::{bucket}/manifest.csv", "ETag": etag}}} | more)["JobId"]

    made: list[str] = []

    def run(operation, **more):
        made.append(make(operation, **more))
        cloud.advance(1)  # comes back when no job is at work
        return control.describe_job(AccountId=cloud.account, JobId=made[-1])["Job"]

    run.s3, run.control, run.bucket, run.account, run.role, run.cloud = s3, control, bucket, cloud.account, role, cloud
    return run


TAGS = {"S3PutObjectTagging": {"TagSet": [{"Key": "kept", "Value": "yes"}]}}


def test_a_job_does_one_thing_to_each_object_and_reports(job):
    done = job(TAGS, Description="tags", Tags=[{"Key": "team", "Value": "red"}])
    assert done["Status"] == "Complete" and done["ProgressSummary"] | {"Timers": None} == {"TotalNumberOfTasks": 3, "NumberOfTasksSucceeded": 2, "NumberOfTasksFailed": 1, "Timers": None}
    assert job.s3.get_object_tagging(Bucket=job.bucket, Key="b c")["TagSet"] == [{"Key": "kept", "Value": "yes"}]
    report = json.loads(job.s3.get_object(Bucket=job.bucket, Key=f"reports/job-{done['JobId']}/manifest.json")["Body"].read())
    assert report["Format"] == "Report_CSV_20180820" and [one["TaskExecutionStatus"] for one in report["Results"]] == ["succeeded", "failed"]
    [row] = csv.reader(io.StringIO(job.s3.get_object(Bucket=job.bucket, Key=report["Results"][1]["Key"])["Body"].read().decode()))
    assert row[:6] == [job.bucket, "missing", "", "failed", "NoSuchKey", "404"]
    [listed] = job.control.list_jobs(AccountId=job.account, JobStatuses=["Complete"])["Jobs"]
    assert (listed["JobId"], listed["Operation"], listed["Description"]) == (done["JobId"], "S3PutObjectTagging", "tags")
    ask = {"AccountId": job.account, "JobId": done["JobId"]}
    assert job.control.get_job_tagging(**ask)["Tags"] == [{"Key": "team", "Value": "red"}]
    job.control.put_job_tagging(**ask, Tags=[{"Key": "team", "Value": "blue"}])
    job.control.delete_job_tagging(**ask)
    assert job.control.get_job_tagging(**ask)["Tags"] == []
    assert refused(job.control.update_job_priority, **ask, Priority=1) == ("JobStatusException", 400)
    assert job({"S3DeleteObjectTagging": {}})["ProgressSummary"]["NumberOfTasksSucceeded"] == 2
    assert job.s3.get_object_tagging(Bucket=job.bucket, Key="a")["TagSet"] == []


def test_objects_are_copied_under_a_prefix(job):
    job({"S3PutObjectCopy": {"TargetResource": f"arn:aws:s3:::{job.bucket}", "TargetKeyPrefix": "copies", "StorageClass": "STANDARD_IA", "NewObjectMetadata": {"UserMetadata": {"by": "batch"}}}})
    head = job.s3.head_object(Bucket=job.bucket, Key="copies/b c")
    assert head["Metadata"] == {"by": "batch"} and head["StorageClass"] == "STANDARD_IA"


def test_a_job_may_wait_for_a_word_and_fails_without_one(job):
    waiting = job(TAGS, ConfirmationRequired=True)
    assert (waiting["Status"], waiting["SuspendedCause"]) == ("Suspended", "AwaitingConfirmation")
    ask = {"AccountId": job.account, "JobId": waiting["JobId"]}
    assert job.control.update_job_priority(**ask, Priority=42)["Priority"] == 42
    job.control.update_job_status(**ask, RequestedJobStatus="Ready")
    job.cloud.advance(1)
    assert job.control.describe_job(**ask)["Job"]["Status"] == "Complete"
    assert refused(job.control.update_job_status, **ask, RequestedJobStatus="Cancelled") == ("JobStatusException", 400)
    cancelled = job(TAGS, ConfirmationRequired=True, ClientRequestToken="c")
    job.control.update_job_status(AccountId=job.account, JobId=cancelled["JobId"], RequestedJobStatus="Cancelled", StatusUpdateReason="no")
    about = job.control.describe_job(AccountId=job.account, JobId=cancelled["JobId"])["Job"]
    assert (about["Status"], about["StatusUpdateReason"]) == ("Cancelled", "no") and about["TerminationDate"]
    late = job(TAGS, ConfirmationRequired=True, ClientRequestToken="l")
    job.cloud.advance(days=31)
    assert job.control.describe_job(AccountId=job.account, JobId=late["JobId"])["Job"]["Status"] == "Failed"
    job.cloud.advance(days=91)
    assert refused(job.control.describe_job, **ask) == ("NotFoundException", 404)


def test_a_manifest_that_cannot_be_read_fails_the_job(job):
    wrong = {"Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]}, "Location": {"ObjectArn": f"arn:aws:s3:::{job.bucket}/manifest.csv", "ETag": "0" * 32}}
    failed = job(TAGS, Manifest=wrong)
    assert failed["Status"] == "Failed" and failed["FailureReasons"][0]["FailureCode"] == "ManifestNotReadable"


def test_jobs_that_make_no_sense_are_refused(job):
    first = job(TAGS, ClientRequestToken="same")
    assert job(TAGS, ClientRequestToken="same")["JobId"] == first["JobId"]
    assert refused(job, {"S3DeleteObjectTagging": {}}, ClientRequestToken="same") == ("IdempotencyException", 400)
    assert refused(job, TAGS | {"S3DeleteObjectTagging": {}}) == ("InvalidRequest", 400)
    assert refused(job, {"S3ReplicateObject": {}}) == ("NotImplemented", 501)
    assert refused(job, TAGS, Report={"Enabled": True}) == ("InvalidRequest", 400)
    assert refused(job.control.describe_job, AccountId=job.account, JobId="0" * 36) == ("NotFoundException", 404)
