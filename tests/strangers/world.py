"""A small cloud with one of each thing in it, and the ways to knock at its door: no credentials, a wrong signature, an expired session, a key without permission."""
from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore import serialize
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cloche import _index
from cloche.iam import principal as principals
from cloche.kernel import Call, Cloud, Request, Response
from cloche.wire import model
from cloche.wire.codec import cbor

from .shaping import ACCOUNT, value

ROLE = f"arn:aws:iam::{ACCOUNT}:role/stranger"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT, "Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}, "Action": "sts:AssumeRole"}]})
ANYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]})
WHERE = "http://127.0.0.1:4566"


@cache
def session() -> Any:
    return botocore.session.Session()


@cache
def service_model(name: str) -> Any:
    return session().get_service_model(name)


@cache
def serializer(name: str) -> Any:
    return serialize.create_serializer(service_model(name).metadata["protocol"], include_validation=False)


def written(service: str, operation: str, value: dict[str, Any]) -> AWSRequest:
    """The request as botocore would write it."""
    made = serializer(service).serialize_to_request(value, service_model(service).operation_model(operation))
    query = made.get("query_string") or {}
    if isinstance(query, dict):
        from urllib.parse import urlencode
        query = urlencode(query, doseq=True)
    url = WHERE + made["url_path"] + (("&" if "?" in made["url_path"] else "?") + query if query else "")
    body = made.get("body") or b""
    if isinstance(body, dict):
        from urllib.parse import urlencode
        body = urlencode(body, doseq=True).encode()
    return AWSRequest(made["method"], url, data=body, headers={**made["headers"]})


def seen(request: AWSRequest) -> Request:
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    headers = {"host": parts.netloc} | {name.lower(): (text if isinstance(text, str) else text.decode()).encode().decode("latin-1") for name, text in prepared.headers.items()}
    body = prepared.body or b""
    return Request(prepared.method, (parts.path or "/") + ("?" + parts.query if parts.query else ""), headers, body.encode() if isinstance(body, str) else body, peer="127.0.0.1")


class Keys:
    """Somebody's credentials; None in place of them is nobody."""

    def __init__(self, key: str, secret: str, token: str | None = None) -> None:
        self.credentials = Credentials(key, secret, token)


async def knock(cloud: Cloud, service: str, operation: str, asked: dict[str, Any], keys: Keys | None) -> tuple[int, str, str]:
    """(status, code, message) of the answer."""
    request = written(service, operation, asked)
    if service == "s3" and model.load(service).operations[operation].spec.get("httpChecksum", {}).get("requestChecksumRequired"):
        request.headers["content-md5"] = base64.b64encode(hashlib.md5(request.data if isinstance(request.data, bytes) else b"").digest()).decode()
    if service == "glacier":                           # as every client says it, for which no model asks
        request.headers["x-amz-glacier-version"] = model.load(service).meta["apiVersion"]
    if keys is not None:
        meta = model.load(service).meta
        signer = S3SigV4Auth if service in ("s3", "s3control") else SigV4Auth
        signer(keys.credentials, meta.get("signingName") or meta["endpointPrefix"], "us-east-1").add_auth(request)
    else:                                              # which service is meant, only the host says then
        request.url = request.url.replace("127.0.0.1:4566", f"{model.load(service).meta['endpointPrefix']}.us-east-1.amazonaws.com")
    answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    cloud.handle(seen(request), lambda response: answered.done() or answered.set_result(response))
    response = await asyncio.wait_for(answered, 10)
    return (response.status, *refusal(response))


def refusal(response: Response) -> tuple[str, str]:
    headers, body = {name.lower(): value for name, value in response.headers}, response.body if isinstance(response.body, bytes) else b""
    if response.status < 300:
        return "", ""
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        said = cbor.loads(body)
        return said.get("__type", "").rpartition("#")[2], said.get("message") or said.get("Message") or ""
    text = body.decode("utf-8", "replace")
    if text.startswith("<") or "<Code>" in text:
        def tag(name: str) -> str:
            return text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]
        return tag("Code"), tag("Message").replace("&quot;", '"')
    try:
        said = json.loads(text or "{}")
    except ValueError:
        said = {}
    code = headers.get("x-amzn-query-error", "").partition(";")[0] or headers.get("x-amzn-errortype") or said.get("__type") or said.get("code") or ""
    return code.partition(":")[0].rpartition("#")[2], said.get("message") or said.get("Message") or ""


class World:
    """The cloud, what is in it, and root's hand to change things behind the door."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.known: dict[str, dict[str, Any]] = {}

    def root(self, service: str) -> Call:
        return Call(self.cloud, self.cloud.service(service), ACCOUNT, "us-east-1", principals.root(ACCOUNT), "root")

    async def do(self, service: str, operation: str, **value: Any) -> Any:
        found = self.cloud.invoke(self.root(service), service, operation, value)
        return await found if asyncio.iscoroutine(found) else found

    async def furnish(self) -> None:
        """One of each thing that operations name, so that they get as far as the question of permission."""
        self.known |= NAMES
        for service, things in FURNITURE.items():
            if service in _index.PACKAGES:
                self.known[service] = {}
                for operation, value, names in things:
                    answer = await self.do(service, operation, **filled(value, self.known[service]))
                    for member, path in names.items():
                        found: Any = answer
                        for part in path.split("."):
                            found = found[int(part) if part.isdigit() else part]
                        self.known[service][member] = found

    async def people(self) -> tuple[Keys, Keys]:
        """(a user's key without permission, an expired session)."""
        await self.do("iam", "CreateUser", UserName="knocker")
        made = (await self.do("iam", "CreateAccessKey", UserName="knocker"))["AccessKey"]
        await self.do("iam", "CreateRole", RoleName="stranger", AssumeRolePolicyDocument=TRUST)
        user = principals.Principal(kind="user", arn=f"arn:aws:iam::{ACCOUNT}:user/knocker", account=ACCOUNT, id="AIDA", name="knocker")
        from cloche.services.sts import sessions
        with self.cloud.store:
            old, _ = sessions.begin(self.root("sts"), user, 900)
        return Keys(made["AccessKeyId"], made["SecretAccessKey"]), Keys(old["AccessKeyId"], old["SecretAccessKey"], old["SessionToken"])

    def asked(self, service: str, operation: str) -> dict[str, Any]:
        """What the operation is asked."""
        shape, known = model.load(service).operations[operation].input, self.known.get(service, {})
        return value(shape, "", known) | filled(MORE.get((service, operation), {}), known) if shape is not None else {}

    async def grant(self, actions: list[str]) -> None:
        """The stranger may do these on everything, and nothing else."""
        if actions:
            document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
            await self.do("iam", "PutUserPolicy", UserName="knocker", PolicyName="exactly", PolicyDocument=json.dumps(document))
        else:
            await self.do("iam", "DeleteUserPolicy", UserName="knocker", PolicyName="exactly")


def filled(value: Any, known: dict[str, Any]) -> Any:
    if isinstance(value, str) and value.startswith("="):
        return known[value[1:]]
    if isinstance(value, dict):
        return {name: filled(inner, known) for name, inner in value.items()}
    return [filled(inner, known) for inner in value] if isinstance(value, list) else value


# service -> [(operation, its input, {member that names the thing: where in the answer its name is})]. "=Name" stands for what was found before.
# Names that need nothing behind them.
CERTIFICATE = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012"
NAMES: dict[str, dict[str, Any]] = {"acm": {"CertificateArn": CERTIFICATE, "ResourceArn": CERTIFICATE},
                                    "glacier": {"accountId": "-"},
                                    "s3control": {"AccountId": ACCOUNT, "ResourceArn": "arn:aws:s3:::stranger"}}
FURNITURE: dict[str, list[tuple[str, dict[str, Any], dict[str, str]]]] = {
    "s3": [("CreateBucket", {"Bucket": "stranger"}, {})],
    "kms": [("CreateKey", {}, {"KeyId": "KeyMetadata.KeyId", "TargetKeyId": "KeyMetadata.KeyId", "DestinationKeyId": "KeyMetadata.KeyId"}),
            ("CreateGrant", {"KeyId": "=KeyId", "GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:root", "Operations": ["Encrypt"]}, {"GrantId": "GrantId"}),
            ("Encrypt", {"KeyId": "=KeyId", "Plaintext": b"x"}, {"CiphertextBlob": "CiphertextBlob"})],
    "sqs": [("CreateQueue", {"QueueName": "stranger"}, {"QueueUrl": "QueueUrl"})],
    "sns": [("CreateTopic", {"Name": "stranger"}, {"TopicArn": "TopicArn", "ResourceArn": "TopicArn"})],
    "iam": [("CreatePolicy", {"PolicyName": "stranger", "PolicyDocument": ANYTHING}, {"PolicyArn": "Policy.Arn"})],
    "secretsmanager": [("CreateSecret", {"Name": "stranger", "SecretString": "x"}, {"SecretId": "ARN"})],
    "dynamodb": [("CreateTable", {"TableName": "stranger", "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}],
                                  "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}]}, {"TableName": "TableDescription.TableName", "ResourceArn": "TableDescription.TableArn"})],
}
# Where the least that the model takes is not enough to be understood: what a person would add.
MORE: dict[tuple[str, str], dict[str, Any]] = {
    ("dynamodb", "ExecuteStatement"): {"Statement": 'SELECT * FROM "stranger"'},
    ("dynamodb", "BatchExecuteStatement"): {"Statements": [{"Statement": "SELECT * FROM \"stranger\" WHERE a = 'x'"}]},
    ("dynamodb", "ExecuteTransaction"): {"TransactStatements": [{"Statement": "SELECT * FROM \"stranger\" WHERE a = 'x'"}]},
    ("dynamodb", "TransactWriteItems"): {"TransactItems": [{"Put": {"TableName": "stranger", "Item": {"a": {"S": "x"}}}}]},
    ("s3", "CopyObject"): {"CopySource": "stranger/other"},
    ("s3", "UploadPartCopy"): {"CopySource": "stranger/other"},
    ("kms", "Decrypt"): {"CiphertextBlob": "=CiphertextBlob"},
    ("kms", "ReEncrypt"): {"CiphertextBlob": "=CiphertextBlob"},
    ("kms", "RetireGrant"): {"KeyId": "=KeyId", "GrantId": "=GrantId"},
    ("wafv2", "CheckCapacity"): {"Rules": [{"Name": "x", "Priority": 0, "Action": {"Count": {}}, "Statement": {"GeoMatchStatement": {"CountryCodes": ["DE"]}},
                                           "VisibilityConfig": {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "x"}}]},
    ("sns", "Unsubscribe"): {"SubscriptionArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:stranger:0b5a4b1c-6f0e-4b6e-9d57-1d0e1c1f7a11"},
}
