"""What the serverless macro adds: aliases and versions, connectors, runtimes in layers, every source of events that stands here."""
import io
import json
import zipfile

from .templates import outputs, reasons, status
from .test_types import deploy, gone

ALIAS = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      AutoPublishAlias: live
      InlineCode: "def handler(event, context): return 'WORD'"
Outputs:
  Alias: {Value: !Ref Fn.Alias}
  Version: {Value: !Ref Fn.Version}
"""


def said(cloud, function):
    answer = cloud.client("lambda").invoke(FunctionName=function)
    return json.loads(answer["Payload"].read())


def test_an_auto_published_alias_moves_to_a_new_version_and_the_old_one_stays(cloud):
    cfn, client = cloud.client("cloudformation"), cloud.client("lambda")
    first = deploy(cfn, "alias", ALIAS.replace("WORD", "one"))
    [version] = [x for x in first if x.startswith("FnVersion")]
    assert first["FnAliaslive"] == outputs(cfn, "alias")["Alias"] and first["FnAliaslive"].endswith(":live") and first[version].endswith(":1")
    assert said(cloud, first["FnAliaslive"]) == "one"
    processed = cfn.get_template(StackName="alias", TemplateStage="Processed")["TemplateBody"]["Resources"]
    assert processed[version]["DeletionPolicy"] == "Retain" and len(version) == len("FnVersion") + 10
    second = deploy(cfn, "alias", ALIAS.replace("WORD", "two"))
    [newer] = [x for x in second if x.startswith("FnVersion")]
    assert newer != version and second[newer].endswith(":2") and second["FnAliaslive"] == first["FnAliaslive"]
    assert said(cloud, second["FnAliaslive"]) == "two" and said(cloud, first[version]) == "one"  # retained
    assert client.get_alias(FunctionName=first["Fn"], Name="live")["FunctionVersion"] == "2"
    again = deploy(cfn, "alias", ALIAS.replace("WORD", "two").replace("Handler:", "Timeout: 5\n      Handler:"))
    assert newer in again  # the code is the same: no new version


CONNECTED = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Table: {Type: AWS::Serverless::SimpleTable}
  Topic: {Type: AWS::SNS::Topic}
  Fn:
    Type: AWS::Serverless::Function
    Connectors:
      Tell: {Properties: {Destination: {Id: Topic}, Permissions: [Write]}}
    Properties:
      Runtime: python3.11
      Handler: index.handler
      Environment: {Variables: {TABLE: !Ref Table, TOPIC: !Ref Topic}}
      InlineCode: |
        import boto3, os
        def handler(event, context):
            out = {}
            for name, work in (("put", lambda: boto3.client("dynamodb").put_item(TableName=os.environ["TABLE"], Item={"id": {"S": "x"}})),
                               ("get", lambda: boto3.client("dynamodb").get_item(TableName=os.environ["TABLE"], Key={"id": {"S": "x"}})),
                               ("tell", lambda: boto3.client("sns").publish(TopicArn=os.environ["TOPIC"], Message="m"))):
                try:
                    work()
                    out[name] = "yes"
                except Exception as error:
                    out[name] = type(error).__name__
            return out
  Reads:
    Type: AWS::Serverless::Connector
    Properties: {Source: {Id: Fn}, Destination: {Id: Table}, Permissions: [Read]}
Outputs: {Fn: {Value: !Ref Fn}}
"""


def test_a_connector_gives_a_function_the_rights_it_names_and_no_others(cloud):
    cfn = cloud.client("cloudformation")
    made = deploy(cfn, "connected", CONNECTED)
    assert {"ReadsPolicy", "FnTellPolicy"} <= made.keys()
    answer = said(cloud, outputs(cfn, "connected")["Fn"])
    assert answer == {"put": "ClientError", "get": "yes", "tell": "yes"}
    deploy(cfn, "connected", CONNECTED.replace("Permissions: [Read]", "Permissions: [Read, Write]"))
    assert said(cloud, outputs(cfn, "connected")["Fn"])["put"] == "yes"
    gone(cfn, "connected")


BOOTSTRAP = """#!/bin/sh
while true; do
  curl -sS -D /tmp/head -o /tmp/event "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next"
  id=$(tr -d '\\r' < /tmp/head | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  curl -sS -X POST -d "{\\"layer\\": true, \\"word\\": \\"$(cat $LAMBDA_TASK_ROOT/word)\\"}" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response"
done
"""
PROVIDED = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Runtime:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: s3://BUCKET/layer.zip, CompatibleRuntimes: [provided.al2023]}
  Fn:
    Type: AWS::Serverless::Function
    Properties: {Runtime: provided.al2023, Handler: any, CodeUri: s3://BUCKET/code.zip, Layers: [!Ref Runtime], Timeout: 20}
Outputs: {Fn: {Value: !Ref Fn}}
"""


def zipped(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o755 << 16
            archive.writestr(info, text)
    return out.getvalue()


def test_a_runtime_of_ones_own_comes_in_a_layer(cloud):
    cfn, s3 = cloud.client("cloudformation"), cloud.client("s3")
    bucket = f"code-{cloud.account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="layer.zip", Body=zipped(bootstrap=BOOTSTRAP))
    s3.put_object(Bucket=bucket, Key="code.zip", Body=zipped(word="mine"))
    made = deploy(cfn, "provided", PROVIDED.replace("BUCKET", bucket))
    [layer] = [x for x in made if x.startswith("Runtime")]
    assert len(layer) == len("Runtime") + 10 and said(cloud, outputs(cfn, "provided")["Fn"]) == {"layer": True, "word": "mine"}
    processed = cfn.get_template(StackName="provided", TemplateStage="Processed")["TemplateBody"]["Resources"]
    assert processed[layer]["DeletionPolicy"] == "Retain"
    gone(cfn, "provided")
    assert cloud.client("lambda").list_layers()["Layers"][0]["LatestMatchingVersion"]["LayerVersionArn"] == made[layer]


def test_an_application_at_a_url_is_a_nested_stack(cloud):
    cfn, s3 = cloud.client("cloudformation"), cloud.client("s3")
    bucket = f"apps-{cloud.account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="app.yaml", Body=b"Parameters: {Seconds: {Type: Number}}\nResources: {Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: !Ref Seconds}}}\n"
                                                      b"Outputs: {Url: {Value: !Ref Queue}}")
    body = f"""
Transform: AWS::Serverless-2016-10-31
Resources:
  App: {{Type: AWS::Serverless::Application, Properties: {{Location: "https://{bucket}.s3.us-east-1.amazonaws.com/app.yaml", Parameters: {{Seconds: 7}}}}}}
Outputs: {{Url: {{Value: !GetAtt App.Outputs.Url}}}}
"""
    deploy(cfn, "nested", body)
    url = outputs(cfn, "nested")["Url"]
    assert cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] == "7"
    assert status(cfn, "nested") == "CREATE_COMPLETE", reasons(cfn, "nested")


EVENTS = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: BUCKET}}
  Topic: {Type: AWS::SNS::Topic}
  Group: {Type: AWS::Logs::LogGroup}
  Pool: {Type: AWS::Cognito::UserPool}
  Table:
    Type: AWS::DynamoDB::Table
    Properties: {BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{AttributeName: k, AttributeType: S}], KeySchema: [{AttributeName: k, KeyType: HASH}],
                 StreamSpecification: {StreamViewType: NEW_IMAGE}}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      InlineCode: "def handler(event, context): return 1"
      Events:
        Stored: {Type: S3, Properties: {Bucket: !Ref Bucket, Events: s3:ObjectCreated:*}}
        Told: {Type: SNS, Properties: {Topic: !Ref Topic, FilterPolicy: {kind: [x]}}}
        Changed: {Type: DynamoDB, Properties: {Stream: !GetAtt Table.StreamArn, StartingPosition: LATEST, BatchSize: 7}}
        Often: {Type: Schedule, Properties: {Schedule: rate(5 minutes), Input: '{"a": 1}'}}
        Later: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 hour)}}
        Seen: {Type: EventBridgeRule, Properties: {Pattern: {source: [app]}}}
        Watched: {Type: CloudWatchEvent, Properties: {Pattern: {source: [old]}}}
        Logged: {Type: CloudWatchLogs, Properties: {LogGroupName: !Ref Group, FilterPattern: ERROR}}
        Joined: {Type: Cognito, Properties: {UserPool: !Ref Pool, Trigger: PreSignUp}}
        Asked: {Type: AlexaSkill}
"""


def test_every_source_of_events_that_stands_here_is_wired_to_the_function(cloud):
    cfn, client = cloud.client("cloudformation"), cloud.client("lambda")
    made = deploy(cfn, "events", EVENTS.replace("BUCKET", f"events-{cloud.account}"))
    arn = client.get_function(FunctionName=made["Fn"])["Configuration"]["FunctionArn"]
    [stored] = cloud.client("s3").get_bucket_notification_configuration(Bucket=made["Bucket"])["LambdaFunctionConfigurations"]
    assert (stored["LambdaFunctionArn"], stored["Events"]) == (arn, ["s3:ObjectCreated:*"])
    [told] = cloud.client("sns").list_subscriptions_by_topic(TopicArn=made["Topic"])["Subscriptions"]
    assert (told["Protocol"], told["Endpoint"]) == ("lambda", arn)
    [mapping] = client.list_event_source_mappings(FunctionName=made["Fn"])["EventSourceMappings"]
    assert (mapping["BatchSize"], mapping["StartingPosition"]) == (7, "LATEST") and ":table/" in mapping["EventSourceArn"]
    rules = cloud.client("events")
    for name, field, value in (("FnOften", "ScheduleExpression", "rate(5 minutes)"), ("FnSeen", "EventPattern", '{"source":["app"]}'), ("FnWatched", "EventPattern", '{"source":["old"]}')):
        assert rules.describe_rule(Name=made[name])[field] == value and rules.list_targets_by_rule(Rule=made[name])["Targets"][0]["Arn"] == arn
    later = cloud.client("scheduler").get_schedule(Name=made["FnLater"])
    assert (later["ScheduleExpression"], later["Target"]["Arn"]) == ("rate(1 hour)", arn)
    [logged] = cloud.client("logs").describe_subscription_filters(logGroupName=made["Group"])["subscriptionFilters"]
    assert (logged["destinationArn"], logged["filterPattern"]) == (arn, "ERROR")
    assert cloud.client("cognito-idp").describe_user_pool(UserPoolId=made["Pool"])["UserPool"]["LambdaConfig"]["PreSignUp"] == arn
    principals = {x["Principal"]["Service"] for x in json.loads(client.get_policy(FunctionName=made["Fn"])["Policy"])["Statement"]}
    assert principals == {"s3.amazonaws.com", "sns.amazonaws.com", "events.amazonaws.com", "logs.amazonaws.com", "cognito-idp.amazonaws.com", "alexa-appkit.amazon.com"}
    gone(cfn, "events")


def test_what_few_templates_need_of_the_translator_is_there_when_one_does(cloud):
    cfn = cloud.client("cloudformation")

    def asked(name, config):
        function = {"Type": "AWS::Serverless::Function", "Properties": {"Runtime": "python3.11", "Handler": "index.handler", "InlineCode": "x = 1", "CapacityProviderConfig": config}}
        cfn.create_change_set(StackName=name, ChangeSetName="x", ChangeSetType="CREATE", DisableValidation=True, Capabilities=["CAPABILITY_IAM"],
                              TemplateBody=json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": {"Fn": function}}))
        return cfn.describe_change_set(StackName=name, ChangeSetName="x")

    wrong = asked("wrong", {"Nonsense": 1})
    assert wrong["Status"] == "FAILED" and "Invalid CapacityProviderConfig" in wrong["StatusReason"]
    arn = f"arn:aws:lambda:us-east-1:{cloud.account}:capacity-provider:mine"
    assert asked("right", {"Arn": arn})["Status"] == "CREATE_COMPLETE"
    processed = cfn.get_template(StackName="right", ChangeSetName="x", TemplateStage="Processed")["TemplateBody"]
    assert processed["Resources"]["Fn"]["Properties"]["CapacityProviderConfig"]["LambdaManagedInstancesCapacityProviderConfig"]["CapacityProviderArn"] == arn
