"""Pipes themselves: made, described, listed, changed, started, stopped, deleted; their states, and the role they act under."""
import json

import pytest


def test_a_pipe_is_creating_and_then_running(bench):
    _, source = bench.queue("in")
    _, target = bench.queue("out")
    made = bench.make(source, target, wait=False, Description="d", Tags={"a": "1"})
    assert made["CurrentState"] == "CREATING" and made["DesiredState"] == "RUNNING" and made["Arn"].endswith(":pipe/pipe")
    bench.cloud.advance(1)
    told = bench.pipes.describe_pipe(Name="pipe")
    assert told["CurrentState"] == "RUNNING" and told["Source"] == source and told["Target"] == target and told["Description"] == "d" and told["Tags"] == {"a": "1"}
    assert told["SourceParameters"] == {"SqsQueueParameters": {"BatchSize": 10}} and told["RoleArn"].endswith(":role/pipe")


def test_a_name_is_taken_once(bench, refused):
    _, source = bench.queue("in")
    _, target = bench.queue("out")
    bench.make(source, target)
    code, words = refused(bench.make, source, target, role=f"arn:aws:iam::{bench.cloud.account}:role/pipe")
    assert (code, words) == ("ConflictException", "Pipe pipe already exists.")
    for operation in (bench.pipes.describe_pipe, bench.pipes.delete_pipe, bench.pipes.start_pipe, bench.pipes.stop_pipe):
        assert refused(operation, Name="nobody") == ("NotFoundException", "Pipe nobody does not exist.")


def test_a_stopped_pipe_lets_nothing_through_until_it_is_started(bench):
    url, source = bench.queue("in")
    out, target = bench.queue("out")
    bench.make(source, target, DesiredState="STOPPED")
    assert bench.state() == ("STOPPED", "")
    bench.send(url, "one")
    assert bench.bodies(out) == [] and bench.left(url) == (1, 0)
    assert bench.pipes.start_pipe(Name="pipe")["CurrentState"] == "STARTING"
    bench.cloud.advance(1)
    assert bench.state() == ("RUNNING", "") and len(bench.bodies(out)) == 1
    assert bench.pipes.stop_pipe(Name="pipe")["CurrentState"] == "STOPPING"
    bench.cloud.advance(1)
    bench.send(url, "two")
    assert bench.state() == ("STOPPED", "") and bench.bodies(out) == []


def test_a_deleted_pipe_is_gone(bench, refused):
    url, source = bench.queue("in")
    out, target = bench.queue("out")
    bench.make(source, target)
    answer = bench.pipes.delete_pipe(Name="pipe")
    assert answer["CurrentState"] == "DELETING" and answer["DesiredState"] == "DELETED"
    bench.cloud.advance(1)
    assert refused(bench.pipes.describe_pipe, Name="pipe")[0] == "NotFoundException"
    bench.send(url, "late")
    assert bench.bodies(out) == [] and bench.pipes.list_pipes()["Pipes"] == []


def test_a_role_that_may_not_read_fails_the_pipe_and_says_why(bench):
    _, source = bench.queue("in")
    _, target = bench.queue("out")
    bench.make(source, target, role=bench.role("poor", "sqs:SendMessage"))
    state, reason = bench.state()
    assert state == "CREATE_FAILED" and "ReceiveMessage" in reason
    bench.allow("poor", "sqs:*")
    bench.pipes.start_pipe(Name="pipe")
    bench.cloud.advance(1)
    assert bench.state() == ("RUNNING", "")


def test_a_role_that_does_not_trust_pipes_fails_it_too(bench):
    _, source = bench.queue("in")
    _, target = bench.queue("out")
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
    bench.make(source, target, role=bench.role("other", trust=trust))
    assert bench.state()[0] == "CREATE_FAILED"


def test_a_source_that_is_not_there_fails_it(bench):
    _, target = bench.queue("out")
    bench.make(f"arn:aws:sqs:us-east-1:{bench.cloud.account}:nobody", target)
    assert bench.state()[0] == "CREATE_FAILED"


def test_a_pipe_is_changed(bench):
    url, source = bench.queue("in")
    out, target = bench.queue("out")
    other, elsewhere = bench.queue("other")
    bench.make(source, target, SourceParameters={"SqsQueueParameters": {"BatchSize": 5}, "FilterCriteria": {"Filters": [{"Pattern": '{"body":["never"]}'}]}})
    role = f"arn:aws:iam::{bench.cloud.account}:role/pipe"
    answer = bench.pipes.update_pipe(Name="pipe", RoleArn=role, Target=elsewhere, Description="new", SourceParameters={"FilterCriteria": {"Filters": []}})
    assert answer["CurrentState"] == "UPDATING"
    bench.cloud.advance(1)
    told = bench.pipes.describe_pipe(Name="pipe")
    assert told["Target"] == elsewhere and told["Description"] == "new" and told["SourceParameters"] == {"SqsQueueParameters": {"BatchSize": 5}}
    bench.send(url, "x")
    assert bench.bodies(out) == [] and len(bench.bodies(other)) == 1


def test_pipes_are_listed_page_by_page(bench):
    _, source = bench.queue("in")
    _, target = bench.queue("out")
    role = bench.role()
    for name in ("a1", "a2", "b1"):
        bench.make(source, target, name, role, DesiredState="STOPPED" if name == "b1" else "RUNNING")
    page = bench.pipes.list_pipes(Limit=2)
    assert [p["Name"] for p in page["Pipes"]] == ["a1", "a2"] and page["Pipes"][0]["Source"] == source
    assert [p["Name"] for p in bench.pipes.list_pipes(Limit=2, NextToken=page["NextToken"])["Pipes"]] == ["b1"]
    assert [p["Name"] for p in bench.pipes.list_pipes(NamePrefix="a")["Pipes"]] == ["a1", "a2"]
    assert [p["Name"] for p in bench.pipes.list_pipes(CurrentState="STOPPED")["Pipes"]] == ["b1"]
    assert [p["Name"] for p in bench.pipes.list_pipes(TargetPrefix="arn:aws:lambda")["Pipes"]] == []


def test_tags(bench, refused):
    _, source = bench.queue("in")
    _, target = bench.queue("out")
    arn = bench.make(source, target, Tags={"a": "1"})["Arn"]
    bench.pipes.tag_resource(resourceArn=arn, tags={"b": "2"})
    bench.pipes.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert bench.pipes.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    assert refused(bench.pipes.list_tags_for_resource, resourceArn=arn + "x")[0] == "NotFoundException"


@pytest.mark.parametrize(("more", "words"), [
    ({"SourceParameters": {"SqsQueueParameters": {"BatchSize": 11}}}, "Maximum batch window in seconds must be greater than 0"),
    ({"SourceParameters": {"DynamoDBStreamParameters": {"StartingPosition": "LATEST"}}}, "DynamoDBStreamParameters cannot be specified"),
    ({"SourceParameters": {"FilterCriteria": {"Filters": [{"Pattern": "nonsense"}]}}}, "Filter pattern is not valid"),
    ({"TargetParameters": {"InputTemplate": "<aws.pipes.nonsense>"}}, "InputTemplate is not valid")])
def test_a_pipe_that_makes_no_sense_is_refused(bench, refused, more, words):
    _, source = bench.queue("in")
    _, target = bench.queue("out")
    code, said = refused(bench.make, source, target, **more)
    assert code == "ValidationException" and words in said
    assert bench.pipes.list_pipes()["Pipes"] == []


def test_what_is_not_built_says_so(bench, refused):
    _, source = bench.queue("in")
    role = bench.role()
    assert refused(bench.make, source, "arn:aws:redshift:us-east-1:000000000000:cluster:c", role=role)[0] == "NotImplemented"
    assert refused(bench.make, "arn:aws:kafka:us-east-1:000000000000:cluster/c/1", source, role=role)[0] == "NotImplemented"
    assert refused(bench.make, source, source, role=role, Enrichment=source)[0] == "NotImplemented"


def test_a_template_makes_a_pipe(cloud, bench):
    template = {"Resources": {
        "In": {"Type": "AWS::SQS::Queue"}, "Out": {"Type": "AWS::SQS::Queue"},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "pipes.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
            "Policies": [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}}]}},
        "Pipe": {"Type": "AWS::Pipes::Pipe", "Properties": {
            "Source": {"Fn::GetAtt": ["In", "Arn"]}, "Target": {"Fn::GetAtt": ["Out", "Arn"]}, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "Description": "one",
            "TargetParameters": {"InputTemplate": "<$.body>"}, "Tags": {"a": "1"}}}},
        "Outputs": {"Name": {"Value": {"Ref": "Pipe"}}, "Arn": {"Value": {"Fn::GetAtt": ["Pipe", "Arn"]}}, "State": {"Value": {"Fn::GetAtt": ["Pipe", "CurrentState"]}},
                    "In": {"Value": {"Ref": "In"}}, "Out": {"Value": {"Ref": "Out"}}}}
    stacks = cloud.client("cloudformation")

    def settled(wanted):
        cloud.advance(10)
        told = stacks.describe_stacks(StackName="s")["Stacks"][0]
        assert told["StackStatus"] == wanted, [e.get("ResourceStatusReason") for e in stacks.describe_stack_events(StackName="s")["StackEvents"]]
        return {o["OutputKey"]: o["OutputValue"] for o in told["Outputs"]}

    stacks.create_stack(StackName="s", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
    out = settled("CREATE_COMPLETE")
    assert out["State"] == "RUNNING" and out["Arn"].endswith(f":pipe/{out['Name']}")
    bench.send(out["In"], "hello")
    assert bench.bodies(out["Out"]) == ['"hello"']
    template["Resources"]["Pipe"]["Properties"] |= {"Description": "two", "Tags": {"b": "2"}}
    stacks.update_stack(StackName="s", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
    settled("UPDATE_COMPLETE")
    told = bench.pipes.describe_pipe(Name=out["Name"])
    assert told["Description"] == "two" and told["Tags"].get("b") == "2" and "a" not in told["Tags"]
    stacks.delete_stack(StackName="s")
    cloud.advance(10)
    assert bench.pipes.list_pipes()["Pipes"] == []
