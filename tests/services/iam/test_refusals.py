"""Who is not known, or may not, hears it in the words and under the code of the service that was asked."""
import datetime
import json
import urllib.error
import urllib.request

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from cloche.testing.people import Person, allow, deny, document, keys, refused, trusting

ASK = {"iam": "list_users", "sts": "get_caller_identity", "dynamodb": "list_tables", "kms": "list_keys", "lambda": "list_functions", "s3": "list_buckets", "ec2": "describe_vpcs",
       "sns": "list_topics", "sqs": "list_queues"}
QUERY = {"unknown": ("InvalidClientTokenId", 403), "forged": ("SignatureDoesNotMatch", 403), "late": ("ExpiredToken", 403)}
JSON = {"unknown": ("UnrecognizedClientException", 400), "forged": ("InvalidSignatureException", 400), "late": ("ExpiredTokenException", 400)}
CODES = {
    "iam": QUERY, "sts": QUERY, "dynamodb": JSON, "kms": JSON,
    "s3": {"unknown": ("InvalidAccessKeyId", 403), "forged": ("SignatureDoesNotMatch", 403), "late": ("ExpiredToken", 400)},
    "ec2": {"unknown": ("AuthFailure", 401), "forged": ("AuthFailure", 401), "late": ("RequestExpired", 400)},
}


def said(client, service):
    with pytest.raises(ClientError) as error:
        getattr(client, ASK[service])()
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def bob(cloud):
    return Person(cloud, "bob", allow("*"))


@pytest.mark.parametrize("service", sorted(CODES))
def test_a_caller_who_is_not_known_is_refused_in_the_services_own_code(cloud, bob, service):
    codes = CODES[service]
    assert said(cloud.client(service, key="AKIAIOSFODNN7EXAMPLE", secret="x" * 40), service) == codes["unknown"]
    assert said(cloud.client(service, key=bob.key, secret="x" * 40), service) == codes["forged"]
    session = keys(bob.client("sts").get_session_token(DurationSeconds=900))
    cloud.advance(901)
    found = said(cloud.client(service, **session), service)
    assert found[0] == codes["late"][0] and (service == "ec2" or found == codes["late"])
    cloud.client("iam").update_access_key(UserName="bob", AccessKeyId=bob.key, Status="Inactive")
    assert said(bob.client(service), service) == codes["unknown"]
    cloud.client("iam").delete_access_key(UserName="bob", AccessKeyId=bob.key)
    assert said(bob.client(service), service) == codes["unknown"]


@pytest.mark.parametrize(("service", "code", "status"), [
    ("iam", "AccessDenied", 403), ("s3", "AccessDenied", 403), ("dynamodb", "AccessDeniedException", 400), ("kms", "AccessDeniedException", 400), ("lambda", "AccessDeniedException", 403),
    ("ec2", "UnauthorizedOperation", 403), ("sns", "AuthorizationError", 403)])
def test_a_caller_without_permission_is_refused_in_the_services_own_code(cloud, service, code, status):
    assert said(Person(cloud, "eve").client(service), service) == (code, status)


def test_each_kind_of_policy_that_allows_nothing_is_named(cloud):
    iam = cloud.client("iam")
    eve = Person(cloud, "eve")
    because = "because no {} allows the iam:ListUsers action".format
    message = refused("AccessDenied", eve.client("iam").list_users)
    assert message.startswith(f"User: {eve.arn} is not authorized to perform: iam:ListUsers on resource: ") and message.endswith(because("identity-based policy"))
    capped = Person(cloud, "capped", allow("*"), PermissionsBoundary="arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess")
    assert refused("AccessDenied", capped.client("iam").list_users).endswith(because("permissions boundary"))
    carl = Person(cloud, "carl", allow("*"))
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"AWS": carl.arn}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="all", PolicyDocument=document(allow("*")))
    session = carl.assume(role, Policy=document(allow("sqs:*")))
    assert refused("AccessDenied", cloud.client("iam", **session).list_users).endswith(because("session policy"))
    url = cloud.other().client("sqs").create_queue(QueueName="q")["QueueUrl"]
    assert refused("AccessDenied", carl.client("sqs").get_queue_attributes, QueueUrl=url).endswith("because no resource-based policy allows the sqs:GetQueueAttributes action")


def test_a_denial_of_ec2_has_an_encoded_message_that_sts_decodes(cloud):
    iam = cloud.client("iam")
    eve = Person(cloud, "eve", allow("sts:DecodeAuthorizationMessage"), deny("ec2:CreateVpc"))
    message = refused("UnauthorizedOperation", eve.client("ec2").create_vpc, CidrBlock="10.0.0.0/16")
    assert message.startswith("You are not authorized to perform this operation. User: ")
    text = json.loads(eve.client("sts").decode_authorization_message(EncodedMessage=message.rpartition("message: ")[2])["DecodedMessage"])
    assert (text["allowed"], text["explicitDeny"], text["context"]["action"], text["context"]["principal"]["arn"]) == (False, True, "ec2:CreateVpc", eve.arn)
    refused("InvalidAuthorizationMessageException", eve.client("sts").decode_authorization_message, EncodedMessage="garbage")
    iam.delete_user_policy(UserName="eve", PolicyName="inline")
    refused("AccessDenied", eve.client("sts").decode_authorization_message, EncodedMessage="x")


def test_a_signature_sixteen_minutes_off_the_real_time_is_refused(cloud, bob, monkeypatch):
    """Clients sign with their own clock: that it is a year behind the cloud's is well, that it is wrong is not."""
    cloud.advance(days=400)

    def ask(minutes_late):
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - datetime.timedelta(minutes=minutes_late))
        request = AWSRequest("POST", cloud.url, {"content-type": "application/x-www-form-urlencoded"}, "Action=ListUsers&Version=2010-05-08")
        botocore.auth.SigV4Auth(Credentials(bob.key, bob.secret), "iam", "us-east-1").add_auth(request)
        try:
            with urllib.request.urlopen(urllib.request.Request(cloud.url, request.data.encode(), dict(request.headers.items()))) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
    assert ask(0)[0] == ask(14)[0] == 200
    status, text = ask(16)
    assert status == 403 and "<Code>SignatureDoesNotMatch</Code>" in text and "Signature expired: " in text
    assert ask(-16)[0] == 403
