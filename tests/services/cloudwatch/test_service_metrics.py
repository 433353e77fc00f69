"""CloudWatch: what services tell of themselves, and what metric filters find in logs."""
import io
import json
import zipfile

from .test_alarms import alarm, state


def total(cloud, space, name, stat="Sum", **dims):
    got = cloud.client("cloudwatch").get_metric_statistics(
        Namespace=space, MetricName=name, Dimensions=[{"Name": k, "Value": v} for k, v in dims.items()], StartTime=cloud.now - 3600, EndTime=cloud.now + 60, Period=3600, Statistics=[stat])["Datapoints"]
    return sum(p[stat] for p in got) if got else None


def test_a_queue_counts_what_is_sent_received_and_deleted(cloud):
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    for _ in range(3):
        sqs.send_message(QueueUrl=url, MessageBody="12345")
    for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2)["Messages"]:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    count = {name: total(cloud, "AWS/SQS", name, QueueName="jobs") for name in ("NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted", "SentMessageSize")}
    assert count == {"NumberOfMessagesSent": 3, "NumberOfMessagesReceived": 2, "NumberOfMessagesDeleted": 2, "SentMessageSize": 15}
    assert total(cloud, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", QueueName="jobs") == 1
    listed = {m["MetricName"] for m in cloud.client("cloudwatch").list_metrics(Namespace="AWS/SQS", Dimensions=[{"Name": "QueueName", "Value": "jobs"}])["Metrics"]}
    assert "NumberOfMessagesSent" in listed


def test_an_alarm_watches_how_full_a_queue_is(cloud):
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    alarm(cloud, "full", Namespace="AWS/SQS", MetricName="ApproximateNumberOfMessagesVisible", Dimensions=[{"Name": "QueueName", "Value": "jobs"}], Statistic="Average", Threshold=2)
    cloud.advance(60)
    assert state(cloud, "full") == "OK"
    for _ in range(3):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    cloud.advance(60)
    assert state(cloud, "full") == "ALARM"
    sqs.purge_queue(QueueUrl=url)
    cloud.advance(120)
    assert state(cloud, "full") == "OK"


def test_an_alarm_on_a_services_metric_goes_off_without_anybody_asking(cloud):
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    alarm(cloud, "busy", Namespace="AWS/SQS", MetricName="NumberOfMessagesSent", Dimensions=[{"Name": "QueueName", "Value": "jobs"}], Threshold=2)
    cloud.advance(60)
    for _ in range(3):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    cloud.advance(60)
    assert state(cloud, "busy") == "ALARM"


def test_a_table_counts_its_capacity_and_its_throttles(cloud):
    dynamodb = cloud.client("dynamodb")
    dynamodb.create_table(TableName="pay", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                          ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 1})
    cloud.advance(15)
    dynamodb.put_item(TableName="pay", Item={"id": {"S": "a"}, "body": {"S": "x" * 3000}})
    dynamodb.get_item(TableName="pay", Key={"id": {"S": "a"}}, ConsistentRead=True)
    assert total(cloud, "AWS/DynamoDB", "ConsumedWriteCapacityUnits", TableName="pay") == 3 and total(cloud, "AWS/DynamoDB", "ConsumedReadCapacityUnits", TableName="pay") == 1
    assert total(cloud, "AWS/DynamoDB", "ProvisionedReadCapacityUnits", "Maximum", TableName="pay") == 5


def test_a_rule_counts_its_events_and_its_failures(cloud):
    events = cloud.client("events")
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["app"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": f"arn:aws:sqs:us-east-1:{cloud.account}:nobody"}])
    events.put_events(Entries=[{"Source": "app", "DetailType": "x", "Detail": "{}"}])
    cloud.advance(1)
    assert [total(cloud, "AWS/Events", name, RuleName="r") for name in ("MatchedEvents", "TriggeredRules", "Invocations", "FailedInvocations")] == [1, 1, 1, 1]


def test_a_function_counts_invocations_errors_and_throttles(cloud):
    iam, functions = cloud.client("iam"), cloud.client("lambda")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="f", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("f.py", "def handler(event, context):\n    return 1 / event['n']\n")
    functions.create_function(FunctionName="f", Runtime="python3.12", Role=role, Handler="f.handler", Code={"ZipFile": data.getvalue()})
    functions.invoke(FunctionName="f", Payload=b'{"n": 1}')
    functions.invoke(FunctionName="f", Payload=b'{"n": 0}')
    functions.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    try:
        functions.invoke(FunctionName="f", Payload=b'{"n": 1}')
    except functions.exceptions.TooManyRequestsException:
        pass
    assert [total(cloud, "AWS/Lambda", name, FunctionName="f") for name in ("Invocations", "Errors", "Throttles")] == [2, 1, 1]
    assert total(cloud, "AWS/Lambda", "Duration", "Average", FunctionName="f") > 0 and total(cloud, "AWS/Lambda", "ConcurrentExecutions", "Maximum", FunctionName="f") == 1
    assert total(cloud, "AWS/Lambda", "Invocations") == 2


def test_an_alarm_calls_a_function_that_lets_it_in(cloud):
    iam, functions, metrics = cloud.client("iam"), cloud.client("lambda"), cloud.client("cloudwatch")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="f", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="f", PolicyName="logs", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}))
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("f.py", "import json\ndef handler(event, context):\n    print('HEARD', json.dumps(event))\n")
    arn = functions.create_function(FunctionName="f", Runtime="python3.12", Role=role, Handler="f.handler", Code={"ZipFile": data.getvalue()})["FunctionArn"]
    alarm(cloud, "a", AlarmActions=[arn])
    functions.add_permission(FunctionName="f", StatementId="s", Action="lambda:InvokeFunction", Principal="lambda.alarms.cloudwatch.amazonaws.com", SourceArn=f"arn:aws:cloudwatch:us-east-1:{cloud.account}:alarm:a")
    metrics.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="a drill")
    cloud.advance(5)
    [item] = metrics.describe_alarm_history(AlarmName="a", HistoryItemType="Action")["AlarmHistoryItems"]
    assert item["HistorySummary"] == f"Successfully executed action {arn}"
    [line] = [e["message"] for e in cloud.client("logs").filter_log_events(logGroupName="/aws/lambda/f", filterPattern="HEARD")["events"]]
    event = json.loads(line.partition("HEARD ")[2])
    assert event["alarmData"]["alarmName"] == "a" and event["alarmData"]["state"]["reason"] == "a drill" and event["alarmArn"].endswith(":alarm:a")


def test_an_api_counts_requests_and_refusals(cloud):
    import urllib.error
    import urllib.request
    api = cloud.client("apigateway")
    made = api.create_rest_api(name="shop")
    root = api.get_resources(restApiId=made["id"])["items"][0]["id"]
    api.put_method(restApiId=made["id"], resourceId=root, httpMethod="GET", authorizationType="NONE")
    api.put_integration(restApiId=made["id"], resourceId=root, httpMethod="GET", type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    api.put_method_response(restApiId=made["id"], resourceId=root, httpMethod="GET", statusCode="200")
    api.put_integration_response(restApiId=made["id"], resourceId=root, httpMethod="GET", statusCode="200")
    api.create_deployment(restApiId=made["id"], stageName="prod")
    for path in ("", "nothing"):
        try:
            urllib.request.urlopen(f"{cloud.url}/restapis/{made['id']}/prod/_user_request_/{path}").read()
        except urllib.error.HTTPError:
            pass
    assert [total(cloud, "AWS/ApiGateway", name, ApiName="shop", Stage="prod") for name in ("Count", "4XXError", "5XXError")] == [2, 1, 0]


def test_a_metric_filter_makes_values_of_what_matches(cloud):
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="app")
    logs.create_log_stream(logGroupName="app", logStreamName="s")
    logs.put_metric_filter(logGroupName="app", filterName="slow", filterPattern='{ $.ms > 100 }', metricTransformations=[{"metricName": "Slow", "metricNamespace": "App", "metricValue": "$.ms", "unit": "Milliseconds"}])
    logs.put_metric_filter(logGroupName="app", filterName="errors", filterPattern="ERROR", metricTransformations=[{"metricName": "Errors", "metricNamespace": "App", "metricValue": "1", "defaultValue": 0}])
    now = int(cloud.now * 1000)
    logs.put_log_events(logGroupName="app", logStreamName="s", logEvents=[{"timestamp": now, "message": m} for m in ('{"ms": 50}', '{"ms": 250}', "ERROR one", "ERROR two")])
    assert total(cloud, "App", "Slow") == 250 and total(cloud, "App", "Errors") == 2
    assert total(cloud, "App", "Errors", "SampleCount") == 2


def test_embedded_metrics_in_logs_become_metrics(cloud):
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="app")
    logs.create_log_stream(logGroupName="app", logStreamName="s")
    now = int(cloud.now * 1000)
    line = {"_aws": {"Timestamp": now, "CloudWatchMetrics": [{"Namespace": "Emf", "Dimensions": [["Service"]], "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}]}]}, "Service": "pay", "Latency": 42}
    logs.put_log_events(logGroupName="app", logStreamName="s", logEvents=[{"timestamp": now, "message": json.dumps(line)}])
    assert total(cloud, "Emf", "Latency", Service="pay") == 42


def test_a_topic_counts_what_it_was_given_and_what_arrived(cloud):
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    topic = sns.create_topic(Name="news")["TopicArn"]
    for name in ("open", "shut"):
        sqs.create_queue(QueueName=name)
        arn = f"arn:aws:sqs:us-east-1:{cloud.account}:{name}"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        if name == "open":
            policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]}
            sqs.set_queue_attributes(QueueUrl=f"{cloud.url}/{cloud.account}/open", Attributes={"Policy": json.dumps(policy)})
    sns.publish(TopicArn=topic, Message="12345")
    assert [total(cloud, "AWS/SNS", name, TopicName="news") for name in ("NumberOfMessagesPublished", "PublishSize", "NumberOfNotificationsDelivered", "NumberOfNotificationsFailed")] == [1, 5, 1, 1]


def test_a_log_group_counts_what_comes_in(cloud):
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="app")
    logs.create_log_stream(logGroupName="app", logStreamName="s")
    logs.put_log_events(logGroupName="app", logStreamName="s", logEvents=[{"timestamp": int(cloud.now * 1000), "message": "x" * 10}] * 3)
    assert total(cloud, "AWS/Logs", "IncomingLogEvents", LogGroupName="app") == 3 and total(cloud, "AWS/Logs", "IncomingBytes", LogGroupName="app") == 3 * 36


def test_numbers_in_memory_are_written_when_their_minute_is_over(process):
    cloud = process()
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    cloud.advance(60)
    sqs.send_message(QueueUrl=url, MessageBody="x")  # another minute: the first is written, soon
    cloud.advance(1)
    cloud.kill()
    cloud.start()
    assert total(cloud, "AWS/SQS", "NumberOfMessagesSent", QueueName="q") == 1  # the second was in memory
