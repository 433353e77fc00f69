"""What does not end in one step: wait conditions, custom resources, nested stacks, timeouts, signals."""
import json
import urllib.error
import urllib.request

import pytest

from .templates import events, outputs, queue, reasons, refused, resources, status, template

HANDLE = {"Type": "AWS::CloudFormation::WaitConditionHandle"}


def wait(**properties):
    return {"Type": "AWS::CloudFormation::WaitCondition", "Properties": {"Handle": {"Ref": "H"}, "Timeout": "60", **properties}}


def put(url, **body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": ""}, method="PUT")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status


def test_a_wait_condition_waits_for_as_many_signals_as_it_counts(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="wait", TemplateBody=template({"H": HANDLE, "W": wait(Count=2), "Q": {**queue(), "DependsOn": "W"}},
                                                             Outputs={"Data": {"Value": {"Fn::GetAtt": ["W", "Data"]}}}))
    assert status(cfn, "wait") == "CREATE_IN_PROGRESS"
    url = resources(cfn, "wait")["H"]["PhysicalResourceId"]
    put(url, Status="SUCCESS", UniqueId="one", Data="1", Reason="")
    put(url, Status="SUCCESS", UniqueId="one", Data="1", Reason="")
    cloud.advance(1)
    assert status(cfn, "wait") == "CREATE_IN_PROGRESS"
    put(url, Status="SUCCESS", UniqueId="two", Data="2", Reason="")
    cloud.advance(1)
    assert status(cfn, "wait") == "CREATE_COMPLETE"
    assert json.loads(outputs(cfn, "wait")["Data"]) == {"one": "1", "two": "2"}


def test_a_wait_condition_fails_on_a_failure_or_when_time_is_up(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="fail", TemplateBody=template({"H": HANDLE, "W": wait()}))
    put(resources(cfn, "fail")["H"]["PhysicalResourceId"], Status="FAILURE", UniqueId="x", Reason="no luck")
    cloud.advance(1)
    assert status(cfn, "fail") == "ROLLBACK_COMPLETE" and "WaitCondition received failed message: 'no luck' for uniqueId: x" in reasons(cfn, "fail")
    cfn.create_stack(StackName="late", TemplateBody=template({"H": HANDLE, "W": wait()}))
    assert status(cfn, "late") == "CREATE_IN_PROGRESS"
    cloud.advance(61)
    assert status(cfn, "late") == "ROLLBACK_COMPLETE" and "WaitCondition timed out. Received 0 conditions when expecting 1" in reasons(cfn, "late")


def test_a_url_that_was_used_up_or_never_given_answers_403(cloud):
    with pytest.raises(urllib.error.HTTPError) as refused_:
        put(f"{cloud.url}/_cloudformation/response/nonsense", Status="SUCCESS")
    assert refused_.value.code == 403


def test_signal_resource_signals_a_resource_that_waits_by_its_creation_policy(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="sig", TemplateBody=template({"W": {"Type": "AWS::CloudFormation::WaitCondition",
                                                                   "CreationPolicy": {"ResourceSignal": {"Count": 1, "Timeout": "PT10M"}}}}))
    assert status(cfn, "sig") == "CREATE_IN_PROGRESS"
    cfn.signal_resource(StackName="sig", LogicalResourceId="W", UniqueId="me", Status="SUCCESS")
    cloud.advance(1)
    assert status(cfn, "sig") == "CREATE_COMPLETE"
    assert refused(cfn.signal_resource, StackName="sig", LogicalResourceId="W", UniqueId="me", Status="SUCCESS")[0] == "ValidationError"


def test_a_stack_that_takes_longer_than_its_timeout_rolls_back(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="slow", TemplateBody=template({"H": HANDLE, "W": wait(Timeout="3600"), "Q": queue()}), TimeoutInMinutes=2)
    assert status(cfn, "slow") == "CREATE_IN_PROGRESS"
    cloud.advance(minutes=2, seconds=1)
    assert status(cfn, "slow") == "ROLLBACK_COMPLETE"
    assert ("W", "CREATE_FAILED") in events(cfn, "slow") and ("Q", "DELETE_COMPLETE") in events(cfn, "slow")


def test_an_update_that_was_cancelled_goes_back(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="can", TemplateBody=template({"A": queue(VisibilityTimeout=1)}))
    assert refused(cfn.cancel_update_stack, StackName="can")[1] == "CancelUpdateStack cannot be called from current stack status"
    cfn.update_stack(StackName="can", TemplateBody=template({"A": queue(VisibilityTimeout=2), "H": HANDLE, "W": wait(Timeout="600")}))
    assert status(cfn, "can") == "UPDATE_IN_PROGRESS"
    cfn.cancel_update_stack(StackName="can")
    assert status(cfn, "can") == "UPDATE_ROLLBACK_COMPLETE" and set(resources(cfn, "can")) == {"A"}


def bucket(cloud, **objects):
    s3 = cloud.client("s3")
    name = f"templates-{cloud.account}"
    s3.create_bucket(Bucket=name)
    for key, body in objects.items():
        s3.put_object(Bucket=name, Key=key, Body=body.encode())
    return name


CHILD = template({"Q": queue(VisibilityTimeout={"Ref": "Seconds"})}, Parameters={"Seconds": {"Type": "Number"}}, Outputs={"Url": {"Value": {"Ref": "Q"}}})


def nested(url, seconds, **more):
    return template({"Child": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url, "Parameters": {"Seconds": seconds}}}, **more},
                    Outputs={"Url": {"Value": {"Fn::GetAtt": ["Child", "Outputs.Url"]}}})


def test_a_nested_stack_lives_and_dies_with_its_parent(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    url = f"{cloud.url}/{bucket(cloud, child=CHILD)}/child"
    parent = cfn.create_stack(StackName="nest", TemplateBody=nested(url, 10), Tags=[{"Key": "t", "Value": "1"}])["StackId"]
    assert status(cfn, "nest") == "CREATE_COMPLETE"
    child = cfn.describe_stacks(StackName=resources(cfn, "nest")["Child"]["PhysicalResourceId"])["Stacks"][0]
    assert child["ParentId"] == child["RootId"] == parent and child["StackName"].startswith("nest-Child-") and child["Tags"] == [{"Key": "t", "Value": "1"}]
    where = outputs(cfn, "nest")["Url"]
    cfn.update_stack(StackName="nest", TemplateBody=nested(url, 20))
    assert status(cfn, "nest") == "UPDATE_COMPLETE"
    assert sqs.get_queue_attributes(QueueUrl=where, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] == "20"
    bad = {"Type": "AWS::SQS::Queue", "DependsOn": "Child", "Properties": {"VisibilityTimeout": 99999999}}
    cfn.update_stack(StackName="nest", TemplateBody=nested(url, 30, Bad=bad))
    assert status(cfn, "nest") == "UPDATE_ROLLBACK_COMPLETE"
    assert sqs.get_queue_attributes(QueueUrl=where, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] == "20"
    cfn.delete_stack(StackName="nest")
    assert status(cfn, parent) == "DELETE_COMPLETE" and status(cfn, child["StackId"]) == "DELETE_COMPLETE"
    assert sqs.list_queues().get("QueueUrls", []) == []


def test_a_nested_stack_that_fails_fails_its_parent(cloud):
    cfn = cloud.client("cloudformation")
    url = f"https://s3.amazonaws.com/{bucket(cloud, child=CHILD)}/child"
    cfn.create_stack(StackName="nestbad", TemplateBody=nested(url, 99999999))
    assert status(cfn, "nestbad") == "ROLLBACK_COMPLETE" and "was not successfully created" in reasons(cfn, "nestbad")


def test_a_template_may_lie_in_s3_under_any_style_of_url_and_include_another(cloud):
    cfn = cloud.client("cloudformation")
    name = bucket(cloud, big=template({"Q": queue(), **{f"Q{i}": queue(QueueName=f"{'x' * 60}{i}") for i in range(3)}}), piece=json.dumps({"Included": queue()}))
    for number, url in enumerate((f"https://s3.us-east-1.amazonaws.com/{name}/big", f"https://{name}.s3.amazonaws.com/big", f"https://{name}.s3.us-east-1.amazonaws.com/big")):
        assert cfn.get_template_summary(TemplateURL=url)["ResourceTypes"] == ["AWS::SQS::Queue"], number
    assert refused(cfn.validate_template, TemplateURL=f"https://s3.amazonaws.com/{name}/none")[0] == "ValidationError"
    body = json.dumps({"Resources": {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": f"s3://{name}/piece"}}, "Own": queue()}})
    cfn.create_stack(StackName="incl", TemplateBody=body, Capabilities=["CAPABILITY_AUTO_EXPAND"])
    assert status(cfn, "incl") == "CREATE_COMPLETE" and set(resources(cfn, "incl")) == {"Included", "Own"}


def test_a_nested_stack_is_protected_with_its_root(cloud):
    cfn = cloud.client("cloudformation")
    url = f"https://s3.amazonaws.com/{bucket(cloud, child=CHILD)}/child"
    cfn.create_stack(StackName="root", TemplateBody=nested(url, 5), EnableTerminationProtection=True)
    assert status(cfn, "root") == "CREATE_COMPLETE"
    child = resources(cfn, "root")["Child"]["PhysicalResourceId"]
    assert cfn.describe_stacks(StackName=child)["Stacks"][0]["EnableTerminationProtection"] is True
    assert refused(cfn.update_termination_protection, StackName=child, EnableTerminationProtection=False)[0] == "ValidationError"
    assert "TerminationProtection" in refused(cfn.delete_stack, StackName=child)[1]
    cfn.update_termination_protection(StackName="root", EnableTerminationProtection=False)
    assert cfn.describe_stacks(StackName=child)["Stacks"][0]["EnableTerminationProtection"] is False


def test_a_custom_resource_may_hide_what_it_answers_and_a_long_answer_is_refused(cloud):
    cfn, sqs, sns = cloud.client("cloudformation"), cloud.client("sqs"), cloud.client("sns")
    inbox = sqs.create_queue(QueueName="inbox", Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]})})["QueueUrl"]
    topic = sns.create_topic(Name="asks")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"], Attributes={"RawMessageDelivery": "true"})
    body = template({"C": {"Type": "Custom::Word", "Properties": {"ServiceToken": topic}}, "Q": {"Type": "AWS::SQS::Queue", "Properties": {"Tags": [{"Key": "word", "Value": {"Fn::GetAtt": ["C", "Word"]}}]}}})

    def asked():
        [message] = sqs.receive_message(QueueUrl=inbox, WaitTimeSeconds=5)["Messages"]
        sqs.delete_message(QueueUrl=inbox, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])

    cfn.create_stack(StackName="hush", TemplateBody=body)
    put(asked()["ResponseURL"], Status="SUCCESS", PhysicalResourceId="c", Data={"Word": "pssst"}, NoEcho=True)
    cloud.advance(1)
    assert status(cfn, "hush") == "CREATE_COMPLETE", reasons(cfn, "hush")
    assert sqs.list_queue_tags(QueueUrl=resources(cfn, "hush")["Q"]["PhysicalResourceId"])["Tags"]["word"] == "pssst"
    assert "pssst" not in str(cfn.describe_stack_events(StackName="hush"))
    cfn.create_stack(StackName="long", TemplateBody=body)
    put(asked()["ResponseURL"], Status="SUCCESS", PhysicalResourceId="c", Data={"Word": "x" * 4096})
    cloud.advance(1)
    assert status(cfn, "long") in ("ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE") and "Response object is too long." in reasons(cfn, "long")
