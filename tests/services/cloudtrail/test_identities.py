"""CloudTrail: who asked, where it was not a person with a key."""
import json

import pytest
from botocore.exceptions import ClientError

from cloche.testing.people import keys, trusting

from ..lambda_.conftest import zipped
from ..sts import test_saml, test_web_identity
from .test_history import events, record

issuer, idp = test_web_identity.issuer, test_saml.idp


def test_whom_a_web_identity_provider_vouched_for(cloud, issuer):
    it = test_web_identity.Federation(cloud, issuer)
    session = keys(it.assume())
    [event] = events(cloud, "AssumeRoleWithWebIdentity")
    told = record(event)
    assert told["userIdentity"] == {"type": "WebIdentityUser", "principalId": f"{it.provider}:sts.amazonaws.com:repo:me/app:main", "userName": "repo:me/app:main", "identityProvider": it.provider}
    assert told["recipientAccountId"] == cloud.account and told["responseElements"]["credentials"]["accessKeyId"] == session["key"]
    assert "webIdentityToken" not in told["requestParameters"] or told["requestParameters"]["webIdentityToken"].startswith("HIDDEN")
    cloud.client("iam", **session).list_users()
    who = record(events(cloud, "ListUsers")[0])["userIdentity"]
    assert who["type"] == "AssumedRole" and who["sessionContext"]["webIdFederationData"]["federatedProvider"] == it.provider


def test_whom_a_saml_provider_vouched_for(cloud, idp):
    it = test_saml.Federation(cloud, idp)
    answer = it.assume(it.assertion())
    told = record(events(cloud, "AssumeRoleWithSAML")[0])
    assert told["userIdentity"] == {"type": "SAMLUser", "principalId": f"{answer['NameQualifier']}:{answer['Subject']}", "userName": answer["Subject"], "identityProvider": answer["NameQualifier"]}


CODE = "import boto3\ndef handler(event, context): return boto3.client('sts').get_caller_identity()['Arn']"


def test_a_service_that_takes_a_role_for_its_workload_is_a_service(cloud):
    iam, functions = cloud.client("iam"), cloud.client("lambda")
    role = iam.create_role(RoleName="f", AssumeRolePolicyDocument=trusting({"Service": "lambda.amazonaws.com"}))["Role"]["Arn"]
    functions.create_function(FunctionName="f", Role=role, Runtime="python3.11", Handler="f.handler", Code={"ZipFile": zipped({"f.py": CODE})}, Timeout=30)
    functions.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    arn = json.loads(functions.invoke(FunctionName="f")["Payload"].read())
    [told] = [one for event in events(cloud, "AssumeRole") if (one := record(event))["userIdentity"]["type"] == "AWSService"]
    assert told["userIdentity"] == {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"} and told["sourceIPAddress"] == told["userAgent"] == "lambda.amazonaws.com"
    assert told["requestParameters"]["roleArn"] == role and told["responseElements"]["credentials"]["accessKeyId"].startswith("ASIA")
    who = record(events(cloud, "GetCallerIdentity")[0])["userIdentity"]          # and the function's own calls are the session's
    assert who["type"] == "AssumedRole" and who["arn"] == arn and who["sessionContext"]["sessionIssuer"]["arn"] == role
    assert who["accessKeyId"] == told["responseElements"]["credentials"]["accessKeyId"]


def test_what_a_service_does_by_itself_is_an_event_of_the_service(cloud):
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    cloud.advance(days=91)
    [event] = events(cloud, "RotateKey")
    told = record(event)
    assert told["eventType"] == "AwsServiceEvent" and told["serviceEventDetails"] == {"keyId": key["KeyId"]} and told["userIdentity"] == {"accountId": cloud.account, "invokedBy": "AWS Internal"}
    assert told["resources"] == [{"ARN": key["Arn"], "accountId": cloud.account, "type": "AWS::KMS::Key"}] and "Username" not in event
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    cloud.advance(days=8)
    assert record(events(cloud, "DeleteKey")[0])["eventType"] == "AwsServiceEvent"


def test_a_request_says_how_s3_was_spoken_to(cloud):
    cloud.client("s3").list_buckets()
    assert record(events(cloud, "ListBuckets")[0])["additionalEventData"] == {"SignatureVersion": "SigV4", "AuthenticationMethod": "AuthHeader"}


@pytest.mark.parametrize("long", [60_000, 120_000])
def test_what_is_too_long_is_left_out(cloud, long):
    text = json.dumps({"Version": "2012-10-17", "Statement": [], "Id": "x" * long})
    with pytest.raises(ClientError):
        cloud.client("iam").create_policy(PolicyName="p", PolicyDocument=text)
    asked = record(events(cloud, "CreatePolicy")[0])["requestParameters"]
    assert (asked.get("omitted") is True and asked["originalSize"] > long) == (long > 100_000)
