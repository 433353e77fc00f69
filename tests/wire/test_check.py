"""Constraints: AWS's sentences, and the codes each protocol and service says them under."""
from __future__ import annotations

import json

import pytest

from cloche.wire import codec, model
from cloche.wire.codec import constraints
from cloche.wire.http import Request


def refusal(service, operation, body, protocol=None, target="/", headers=None):
    one = model.load(service)
    op = one.operations[operation]
    with pytest.raises(codec.Invalid) as error:
        codec.read(op, protocol or one.protocols[0], Request(op.http["method"], target, headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode()))
    return error.value.code, error.value.message


def null(*names):
    found = "; ".join(f"Value null at '{n}' failed to satisfy constraint: Member must not be null" for n in names)
    return f"{len(names)} validation error{'s' * (len(names) > 1)} detected: {found}"


@pytest.mark.parametrize(("service", "operation", "body", "code", "message"), [
    ("dynamodb", "PutItem", {"Item": {}}, "ValidationException", null("tableName")),
    ("dynamodb", "PutItem", {}, "ValidationException", null("tableName", "item")),
    ("dynamodb", "GetItem", {"TableName": "t", "Key": {}, "ReturnConsumedCapacity": "x"}, "ValidationException",
     "1 validation error detected: Value 'x' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]"),
    ("dynamodb", "PutItem", {"TableName": 5}, "SerializationException", "NUMBER_VALUE can not be converted to a String"),
    ("dynamodb", "PutItem", {"TableName": ["x"]}, "SerializationException", "Start of list found where not expected"),
    ("dynamodb", "PutItem", {"TableName": {}}, "SerializationException", "Start of structure or map found where not expected."),
    ("dynamodb", "GetItem", {"TableName": "t", "Key": {}, "ConsistentRead": "x"}, "SerializationException", "STRING_VALUE can not be converted to a Boolean"),
    ("kms", "Encrypt", {"KeyId": "x", "Plaintext": ""}, "ValidationException",
     "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=0 cap=0]' at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1"),
    ("kms", "CreateKey", {"Tags": [{"TagKey": "", "TagValue": ""}]}, "ValidationException",
     "1 validation error detected: Value '' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length greater than or equal to 1"),
    ("logs", "CreateLogGroup", {"logGroupName": "a b"}, "InvalidParameterException",
     r"1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+"),
    ("sqs", "SendMessage", {"QueueUrl": "u"}, "MissingParameter", "The request must contain the parameter MessageBody."),
    ("events", "PutEvents", {"Entries": []}, "ValidationException",
     "1 validation error detected: Value '[]' at 'entries' failed to satisfy constraint: Member must have length greater than or equal to 1"),
])
def test_json(service, operation, body, code, message):
    assert refusal(service, operation, body) == (code, message)


@pytest.mark.parametrize(("service", "operation", "body", "code", "message"), [
    ("iam", "CreateUser", b"", "ValidationError", null("userName")),
    ("iam", "CreateUser", b"UserName=a%20b", "ValidationError", r"1 validation error detected: Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+"),
    ("sts", "AssumeRole", b"RoleArn=arn:aws:iam::123456789012:role/r&RoleSessionName=abc&DurationSeconds=1", "ValidationError",
     "1 validation error detected: Value '1' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"),
    ("sts", "AssumeRole", b"DurationSeconds=abc", "MalformedInput", '"abc" is not a valid integer'),
])
def test_query(service, operation, body, code, message):
    assert refusal(service, operation, body) == (code, message)


def test_ec2_speaks_of_parameters():
    assert refusal("ec2", "CreateSubnet", b"CidrBlock=x") == ("MissingParameter", "The request must contain the parameter VpcId")


def test_s3_speaks_of_xml_and_arguments():
    assert refusal("s3", "DeleteObjects", b"<Delete>", target="/b?delete")[0] == "MalformedXML"
    assert refusal("s3", "DeleteObjects", b"<Wrong/>", target="/b?delete")[0] == "MalformedXML"
    assert refusal("s3", "UploadPart", b"", target="/b/k?partNumber=x&uploadId=u") == ("InvalidArgument", "Provided partNumber not an integer or within integer range")


def test_lambda_and_api_gateway():
    assert refusal("lambda", "CreateFunction", {"FunctionName": "f"}, target="/2015-03-31/functions") == ("ValidationException", null("role", "code"))
    assert refusal("apigateway", "CreateRestApi", {}, target="/restapis")[0] == "BadRequestException"


def test_a_shape_without_constraints_costs_nothing():
    assert constraints.checker(model.load("dynamodb").shape("AttributeValue")) is None


def test_null_is_absent():
    op = model.load("dynamodb").operations["PutItem"]
    assert codec.read(op, "json", Request("POST", "/", {}, b'{"TableName": "tab", "Item": {}, "ReturnValues": null}')) == {"TableName": "tab", "Item": {}}


NOT_COMPILING = {
    r"^arn:\S+:rbin:[a-z\-0-9]{0,63}:[0-9]{12}:rule/[0-9a-zA-Z]{11}{0,1011}$",  # a repetition of a repetition
}


def test_every_pattern_of_every_service_compiles_or_is_listed():
    bad = set()
    for name in model.services():
        for shape in model.load(name).raw["shapes"].values():
            if shape["type"] == "string" and "pattern" in shape and constraints.java_regex(shape["pattern"]) is None:
                bad.add(shape["pattern"])
        model.load.cache_clear()
    constraints._patterns.clear()
    assert bad == NOT_COMPILING
