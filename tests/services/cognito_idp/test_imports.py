"""People brought in by a file."""
import urllib.error
import urllib.request

import pytest

from cloche.testing.people import allow, document, refused, trusting

from .conftest import WORD, Bench


def put(url, text):
    with urllib.request.urlopen(urllib.request.Request(url, text.encode(), method="PUT")) as answer:
        return answer.status


def test_a_file_brings_people_in_who_then_set_a_password(cloud):
    iam, bench = cloud.client("iam"), Bench(cloud)
    role = iam.create_role(RoleName="import", AssumeRolePolicyDocument=trusting({"Service": "cognito-idp.amazonaws.com"}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="import", PolicyName="p", PolicyDocument=document(allow("logs:*")))
    bench.person("old", email="old@x.example")
    head = bench.idp.get_csv_header(UserPoolId=bench.pool)["CSVHeader"]
    assert head[0] == "name" and head[-2:] == ["cognito:mfa_enabled", "cognito:username"]
    job = bench.idp.create_user_import_job(JobName="j", UserPoolId=bench.pool, CloudWatchLogsRoleArn=role)["UserImportJob"]
    ask = {"UserPoolId": bench.pool, "JobId": job["JobId"]}
    assert job["Status"] == "Created"
    refused("PreconditionNotMetException", bench.idp.start_user_import_job, **ask)
    line = lambda **row: ",".join(row.get(name.replace("cognito:", ""), "") for name in head)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        put(job["PreSignedUrl"] + "x", "")
    rows = [line(username="ann", email="ann@x.example", email_verified="true", mfa_enabled="false"), line(username="old", email="o@x.example", email_verified="true"),
            line(username="bad", email="bad@x.example"), line(username="odd", email="nonsense @", email_verified="true")]
    assert put(job["PreSignedUrl"], "\n".join([",".join(head), *rows])) == 200
    bench.idp.start_user_import_job(**ask)
    cloud.advance(1)
    done = bench.idp.describe_user_import_job(**ask)["UserImportJob"]
    assert (done["Status"], done["ImportedUsers"], done["SkippedUsers"], done["FailedUsers"]) == ("Succeeded", 1, 1, 2), done
    refused("PreconditionNotMetException", bench.idp.stop_user_import_job, **ask)
    assert bench.idp.list_user_import_jobs(UserPoolId=bench.pool, MaxResults=10)["UserImportJobs"][0]["JobId"] == job["JobId"]
    lines = [e["message"] for e in cloud.client("logs").filter_log_events(logGroupName=f"/aws/cognito/userpools/{bench.pool}/people")["events"]]
    assert lines[0] == "[SUCCEEDED] Line Number 2 - The import succeeded." and lines[1] == "[SKIPPED] Line Number 3 - The user already exists."
    bench.anonymous.forgot_password(ClientId=bench.client, Username="ann")
    bench.anonymous.confirm_forgot_password(ClientId=bench.client, Username="ann", ConfirmationCode=bench.code(), Password=WORD)
    assert bench.tokens()
    cloud.advance(days=1)
    late = bench.idp.create_user_import_job(JobName="k", UserPoolId=bench.pool, CloudWatchLogsRoleArn=role)["UserImportJob"]
    cloud.advance(days=2)
    assert bench.idp.describe_user_import_job(UserPoolId=bench.pool, JobId=late["JobId"])["UserImportJob"]["Status"] == "Expired"
