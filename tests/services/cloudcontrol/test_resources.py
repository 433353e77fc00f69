"""Resources of CloudFormation's types, one by one."""
import json

import pytest
from botocore.exceptions import ClientError


def refused(function, **arguments):
    with pytest.raises(ClientError) as error:
        function(**arguments)
    return error.value.response["Error"]["Code"]


def made(api, kind, **properties):
    token = api.create_resource(TypeName=kind, DesiredState=json.dumps(properties))["ProgressEvent"]["RequestToken"]
    return api.get_resource_request_status(RequestToken=token)["ProgressEvent"]


def properties(api, kind, identifier):
    return json.loads(api.get_resource(TypeName=kind, Identifier=identifier)["ResourceDescription"]["Properties"])


def test_a_resource_is_made_read_changed_listed_and_deleted(cloud):
    api = cloud.client("cloudcontrol")
    begun = api.create_resource(TypeName="AWS::SQS::Queue", DesiredState=json.dumps({"QueueName": "q", "VisibilityTimeout": 10}), ClientToken="once")["ProgressEvent"]
    assert (begun["Operation"], begun["OperationStatus"], begun["TypeName"]) == ("CREATE", "IN_PROGRESS", "AWS::SQS::Queue")
    assert api.create_resource(TypeName="AWS::SQS::Queue", DesiredState="{}", ClientToken="once")["ProgressEvent"]["RequestToken"] == begun["RequestToken"]
    done = api.get_resource_request_status(RequestToken=begun["RequestToken"])["ProgressEvent"]
    url = done["Identifier"]
    assert done["OperationStatus"] == "SUCCESS" and url == cloud.client("sqs").get_queue_url(QueueName="q")["QueueUrl"]
    assert properties(api, "AWS::SQS::Queue", url)["VisibilityTimeout"] == "10"
    token = api.update_resource(TypeName="AWS::SQS::Queue", Identifier=url, PatchDocument=json.dumps([{"op": "replace", "path": "/VisibilityTimeout", "value": 20}]))["ProgressEvent"]["RequestToken"]
    assert api.get_resource_request_status(RequestToken=token)["ProgressEvent"]["OperationStatus"] == "SUCCESS"
    assert cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["VisibilityTimeout"] == "20"
    assert [x["Identifier"] for x in api.list_resources(TypeName="AWS::SQS::Queue")["ResourceDescriptions"]] == [url]
    token = api.delete_resource(TypeName="AWS::SQS::Queue", Identifier=url)["ProgressEvent"]["RequestToken"]
    assert api.get_resource_request_status(RequestToken=token)["ProgressEvent"]["OperationStatus"] == "SUCCESS"
    assert refused(api.get_resource, TypeName="AWS::SQS::Queue", Identifier=url) == "ResourceNotFoundException"
    assert [x["Operation"] for x in api.list_resource_requests(ResourceRequestStatusFilter={"Operations": ["DELETE"]})["ResourceRequestStatusSummaries"]] == ["DELETE"]


def test_a_name_is_made_up_and_composite_identifiers_are_joined(cloud):
    api = cloud.client("cloudcontrol")
    topic = made(api, "AWS::SNS::Topic")
    assert topic["Identifier"].startswith("arn:aws:sns:")
    rest = made(api, "AWS::ApiGateway::RestApi", Name="api")["Identifier"]
    root = cloud.client("apigateway").get_resources(restApiId=rest)["items"][0]["id"]
    one = made(api, "AWS::ApiGateway::Resource", RestApiId=rest, ParentId=root, PathPart="pets")["Identifier"]
    assert one.split("|")[0] == rest and properties(api, "AWS::ApiGateway::Resource", one)["PathPart"] == "pets"
    token = api.delete_resource(TypeName="AWS::ApiGateway::Resource", Identifier=one)["ProgressEvent"]["RequestToken"]
    assert api.get_resource_request_status(RequestToken=token)["ProgressEvent"]["OperationStatus"] == "SUCCESS"
    assert len(cloud.client("apigateway").get_resources(restApiId=rest)["items"]) == 1
    table = made(api, "AWS::DynamoDB::Table", TableName="table", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                 AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}])
    assert table["Identifier"] == "table"


def test_what_is_wrong_is_said_at_once_or_by_the_request(cloud):
    api = cloud.client("cloudcontrol")
    assert refused(api.create_resource, TypeName="AWS::Nothing::AtAll", DesiredState="{}") == "TypeNotFoundException"
    assert refused(api.create_resource, TypeName="AWS::SQS::Queue", DesiredState="{") == "InvalidRequestException"
    assert refused(api.create_resource, TypeName="AWS::SQS::Queue", DesiredState='{"Nonsense": 1}') == "ValidationException"
    assert refused(api.get_resource_request_status, RequestToken="nobody") == "RequestTokenNotFoundException"
    assert refused(api.list_resources, TypeName="AWS::Lambda::Permission") == "UnsupportedActionException"
    failed = made(api, "AWS::SQS::Queue", VisibilityTimeout=99999999)
    assert failed["OperationStatus"] == "FAILED" and failed["ErrorCode"] in ("InvalidRequest", "GeneralServiceException") and failed["StatusMessage"]
    assert refused(api.cancel_resource_request, RequestToken=failed["RequestToken"]) == "ConcurrentModificationException"
    made(api, "AWS::IAM::User", UserName="u")
    taken = made(api, "AWS::IAM::User", UserName="u")
    assert (taken["OperationStatus"], taken["ErrorCode"]) == ("FAILED", "AlreadyExists")
    token = api.delete_resource(TypeName="AWS::IAM::User", Identifier="nobody")["ProgressEvent"]["RequestToken"]
    assert api.get_resource_request_status(RequestToken=token)["ProgressEvent"]["ErrorCode"] == "NotFound"
    assert refused(api.update_resource, TypeName="AWS::IAM::User", Identifier="u", PatchDocument='[{"op": "replace", "path": "/UserName", "value": "v"}]') == "NotUpdatableException"
    assert refused(api.update_resource, TypeName="AWS::IAM::User", Identifier="u", PatchDocument='[{"op": "jump", "path": "/Path"}]') == "InvalidRequestException"


def test_a_request_acts_with_the_rights_of_its_caller(cloud):
    from cloche.testing.people import Person, allow
    person = Person(cloud, "p", allow("cloudformation:*"))
    failed = made(person.client("cloudcontrol"), "AWS::SQS::Queue", QueueName="q")
    assert (failed["OperationStatus"], failed["ErrorCode"]) == ("FAILED", "AccessDenied")
