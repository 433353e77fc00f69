"""Events of a group, exported to a bucket that lets CloudWatch Logs in."""
import gzip
import json

from cloche.testing.people import refused


def test_a_task_writes_each_stream_compressed(cloud):
    logs, s3, bucket = cloud.client("logs"), cloud.client("s3"), f"export-{cloud.account}"
    logs.create_log_group(logGroupName="/app/g")
    begin = int(cloud.now * 1000) - 60_000
    for name in ("web/1", "web/2", "db"):
        logs.create_log_stream(logGroupName="/app/g", logStreamName=name)
        logs.put_log_events(logGroupName="/app/g", logStreamName=name, logEvents=[{"timestamp": begin + i * 1000, "message": f"{name} {i}"} for i in range(3)])
    ask = {"logGroupName": "/app/g", "from": begin, "to": begin + 1500, "destination": bucket, "destinationPrefix": "out", "logStreamNamePrefix": "web", "taskName": "mine"}
    refused("InvalidParameterException", logs.create_export_task, **ask)
    s3.create_bucket(Bucket=bucket)
    assert "GetBucketAcl call on the given bucket failed" in refused("InvalidParameterException", logs.create_export_task, **ask)
    statement = {"Effect": "Allow", "Principal": {"Service": "logs.amazonaws.com"}}
    policy = {"Version": "2012-10-17", "Statement": [{**statement, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}"}]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    assert "PutObject call on the given bucket failed" in refused("InvalidParameterException", logs.create_export_task, **ask)
    policy["Statement"].append({**statement, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": {"StringEquals": {"aws:SourceAccount": cloud.account}}})
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    refused("ResourceNotFoundException", logs.create_export_task, **{**ask, "logGroupName": "none"})
    refused("InvalidParameterException", logs.create_export_task, **{**ask, "to": begin - 1})
    id_ = logs.create_export_task(**ask)["taskId"]
    cloud.advance(1)
    [task] = logs.describe_export_tasks(taskId=id_)["exportTasks"]
    assert (task["status"]["code"], task["taskName"], task["destination"], task["destinationPrefix"], task["from"]) == ("COMPLETED", "mine", bucket, "out", begin)
    assert task["executionInfo"]["completionTime"] >= task["executionInfo"]["creationTime"]
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == ["out/" + name for name in sorted(["aws-logs-write-test", f"{id_}/web-1/000000.gz", f"{id_}/web-2/000000.gz"])]
    lines = gzip.decompress(s3.get_object(Bucket=bucket, Key=f"out/{id_}/web-1/000000.gz")["Body"].read()).decode().splitlines()
    assert [line.split("Z ", 1)[1] for line in lines] == ["web/1 0", "web/1 1"], "what came later than asked for is not there"
    assert logs.describe_export_tasks(statusCode="RUNNING")["exportTasks"] == []
    refused("InvalidOperationException", logs.cancel_export_task, taskId=id_)
    refused("ResourceNotFoundException", logs.cancel_export_task, taskId="none")
