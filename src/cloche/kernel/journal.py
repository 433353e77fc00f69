"""What was asked of the cloud and what came of it, on disk: what CloudTrail tells.

A line is taken down as the request left it, and written with whatever the turn commits, or within a moment where it commits nothing. It is put into
CloudTrail's words only when somebody reads it (`services/cloudtrail`). Secrets never get here: the model says which members they are.
Operations on data (an item, an object, a message) are taken down only while a trail asks for their kind: else they pay one look into a set.
"""
from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from ..iam.principal import Principal
from ..wire.model import Operation, Shape

if TYPE_CHECKING:
    from .call import Call
    from .cloud import Cloud
    from .service import Entry

log = logging.getLogger("cloche")

MANAGEMENT = "Management"
SOON_SECONDS = 0.25          # of real time: how long a line waits for a commit that it can go along with
KEPT_SECONDS, DATA_KEPT_SECONDS, DAY = 90 * 86_400, 2 * 86_400, 86_400
LONGEST = 100_000            # bytes of a request or an answer; what is longer is left out, and said to be
HIDDEN, REMOVED = "HIDDEN_DUE_TO_SECURITY_REASONS", "<sensitiveDataRemoved>"  # the second is EC2's
GLOBAL = ("iam", "organizations", "route53", "cloudfront", "shield", "globalaccelerator")  # these tell in one region, wherever they were called from

# What AWS counts as an operation on data, by the type of resource that a trail names to have it; "" is in no trail.
DATA: dict[str, dict[str, str]] = {
    "s3": {"AWS::S3::Object": "AbortMultipartUpload CompleteMultipartUpload CopyObject CreateMultipartUpload DeleteObject DeleteObjects DeleteObjectTagging GetObject GetObjectAcl "
           "GetObjectAttributes GetObjectLegalHold GetObjectRetention GetObjectTagging GetObjectTorrent HeadBucket HeadObject ListMultipartUploads ListObjects ListObjectsV2 "
           "ListObjectVersions ListParts PutObject PutObjectAcl PutObjectLegalHold PutObjectRetention PutObjectTagging RenameObject RestoreObject SelectObjectContent UploadPart UploadPartCopy"},
    "lambda": {"AWS::Lambda::Function": "Invoke InvokeAsync InvokeWithResponseStream"},
    "dynamodb": {"AWS::DynamoDB::Table": "BatchExecuteStatement BatchGetItem BatchWriteItem DeleteItem ExecuteStatement ExecuteTransaction GetItem PutItem Query Scan TransactGetItems "
                 "TransactWriteItems UpdateItem"},
    "dynamodbstreams": {"AWS::DynamoDB::Stream": "GetRecords GetShardIterator"},
    "sqs": {"AWS::SQS::Queue": "ChangeMessageVisibility ChangeMessageVisibilityBatch DeleteMessage DeleteMessageBatch ReceiveMessage SendMessage SendMessageBatch"},
    "sns": {"AWS::SNS::Topic": "Publish PublishBatch"},
    "kinesis": {"AWS::Kinesis::Stream": "GetRecords GetShardIterator PutRecord PutRecords SubscribeToShard"},
    "cloudwatch": {"AWS::CloudWatch::Metric": "GetMetricData GetMetricStatistics GetMetricWidgetImage PutMetricData"},
    "cognito-identity": {"AWS::Cognito::IdentityPool": "GetCredentialsForIdentity GetId GetOpenIdToken"},
    "events": {"": "PutEvents"}, "logs": {"": "PutLogEvents"}, "apigatewaymanagementapi": {"": "DeleteConnection GetConnection PostToConnection"},
}
READING = ("Get", "List", "Describe", "Head", "Lookup", "Search", "BatchGet", "Query", "Scan", "Select", "Check", "Validate", "Simulate", "Test", "Filter", "Estimate", "Preview", "View", "Decode")
# those that change nothing by AWS's count, though their names do not say so; `told` are answered with what was given, which the record shows
READ_TOO = {"kms": ("Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "GenerateRandom", "GenerateMac",
                    "VerifyMac", "ReEncrypt", "Sign", "Verify", "DeriveSharedSecret"),
            "sts": ("AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot")}
TOLD = ("AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot", "GetFederationToken", "GetSessionToken")

Line = tuple[int, float, str, str, str, str, str, bool, str, str, bytes]  # the table's row


def category(service: str, operation: str) -> str:
    return next((type_ for type_, names in DATA.get(service, {}).items() if operation in names.split()), MANAGEMENT)


class Facts:
    """What the journal must know of an operation, found out once."""

    __slots__ = ("answers", "category", "hides", "hides_answer", "name", "operation", "reads", "region", "service", "source")

    def __init__(self, entry: Entry) -> None:
        op = self.operation = entry.op
        service = self.service = op.model.name
        self.category, self.source, self.name = entry.category, source(op), event_name(op)
        self.reads = op.name.startswith(READING) or op.name in READ_TOO.get(service, ())
        self.answers = not self.reads or (service == "sts" and op.name in TOLD)
        self.hides = op.input is not None and hides(op.input)
        self.hides_answer = op.output is not None and hides(op.output)
        self.region = "us-east-1" if service in GLOBAL else ""


# the hosts of these endpoints are not the names under which CloudTrail knows them
SOURCES = {"dynamodbstreams": "dynamodb", "sso-admin": "sso", "sso-oidc": "sso", "s3control": "s3", "cloudcontrol": "cloudcontrolapi", "apigatewayv2": "apigateway",
           "application-autoscaling": "autoscaling"}


def source(op: Operation) -> str:
    return f"{SOURCES.get(op.model.name) or op.model.meta['endpointPrefix'].rpartition('.')[2]}.amazonaws.com"


SECOND = ("AddPermission", "GetFunction", "GetFunctionConfiguration", "GetPolicy", "RemovePermission", "UpdateFunctionCode", "UpdateFunctionConfiguration")


def event_name(op: Operation) -> str:
    """Lambda's operations carry the version of their API in their names (`CreateFunction20150331`)."""
    if op.model.name == "lambda" and op.name not in DATA["lambda"]["AWS::Lambda::Function"]:
        date = op.http["requestUri"][1:11].replace("-", "")
        if date.isdigit():
            return f"{op.name}{date}{'v2' if op.name in SECOND and date == '20150331' else ''}"
    return op.name


class Journal:
    """`asked` are the kinds of events that are wanted; `followers` hear of each at once, within the step that it is told in: f(line, call)."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.facts: dict[Any, Facts] = {}
        self.people: dict[int, tuple[Principal, msgspec.Raw]] = {}
        self.load()

    def load(self) -> None:
        """After the store was opened."""
        self.asked = {MANAGEMENT}
        self.followers: list[Callable[[Line, Call], None]] = []
        self.pruned = float("-inf")
        self.waits = False
        self.last = int(self.cloud.store.run("SELECT max(id) FROM journal").fetchone()[0] or self.cloud.store.meta("journal.last", 0))

    def add(self, call: Call, value: Any, result: Any = None, error: Any = None, by: str = "") -> None:
        """Take a request down, whose category is asked for. `by` is the service that made it for the caller."""
        try:
            line = self._line(call, value, result, error, by)
        except Exception:   # who looks on must not come between a client and its answer
            log.exception("the record of request %s", call.request_id)
            return
        if line is None:
            return
        store = self.cloud.store
        self._keep(line, call, error)
        if line[5] == "sts.amazonaws.com" and (owner := owner_of(value)) and owner != line[2]:   # a role of another account: it is told of it too
            self.last += 1
            self._keep((self.last, line[1], owner, *line[3:8], "", "", line[10]), call, error)
        if not self.waits and (not store.open or line[1] - self.pruned > DAY):
            self.waits = True
            asyncio.get_running_loop().call_later(SOON_SECONDS, self.flush)

    def _keep(self, line: Line, call: Call, error: Any) -> None:
        store = self.cloud.store
        store.lines.append(line)
        if store._steps and error is None:   # what it tells is taken back if the step around it is; that it was refused stays true
            store.on_rollback(lambda: store.lines.remove(line) if line in store.lines else None)
        if self.followers:
            self._tell(line, call)

    def flush(self) -> None:
        """Everything told so far is in the table."""
        self.waits = False
        store = self.cloud.store
        now = self.cloud.clock.now()
        if store.lines and not store._steps and now - self.pruned > DAY:
            self.pruned = now
            self._prune(now)
        store.flush()

    def _line(self, call: Call, value: Any, result: Any, error: Any, by: str) -> Line | None:
        principal = call.principal
        if principal.inside:
            return None
        facts = self.facts.get(call.entry)
        if facts is None:
            facts = self.facts[call.entry] = Facts(call.entry)  # type: ignore[arg-type]
        kind, username, key = principal.kind, principal.session or principal.name, principal.access_key
        account = call.account
        request = call.request if not by else None
        if kind == "root":
            username, key = "root", key or key_of(request)
        elif kind == "service":
            username = ""
        elif kind == "anonymous" and not account:
            account = owner_of(value)
            if not account:
                return None
        if facts.hides and value:
            value = clean(facts.operation.input, value)
        if error is not None or not facts.answers or type(result) is not dict:
            result = {} if error is None and result is None and not facts.reads else None
        elif facts.hides_answer:
            result = clean(facts.operation.output, result)
        where = None if request is None else (request.peer, request.headers.get("user-agent", ""), request.via or None)
        known = self.people.get(id(principal))
        if known is None:
            if len(self.people) > 4096:
                self.people.clear()
            known = self.people[id(principal)] = (principal, msgspec.Raw(encode(remembered(principal))))
        refusal = error and (error.code, error.message, error.status)
        body = encode((call.request_id, known[1], value, result, where, by, refusal, facts.service, facts.operation.name))
        if len(body) > LONGEST:
            body = encode((call.request_id, known[1], short(value), short(result), where, by, refusal, facts.service, facts.operation.name))
        self.last += 1
        return (self.last, self.cloud.clock.now(), account, facts.region or call.region, facts.category, facts.source, facts.name, facts.reads, username, key, body)

    def _tell(self, line: Line, call: Call) -> None:
        for follower in self.followers:
            try:
                with self.cloud.store:
                    follower(line, call)
            except Exception:
                log.exception("a follower of request %s", call.request_id)

    def _prune(self, now: float) -> None:
        store = self.cloud.store
        first = store.run("SELECT min(id) FROM journal WHERE at >= ?", (now - KEPT_SECONDS,)).fetchone()[0]
        with store:
            store.write("DELETE FROM journal WHERE id < ?", (first if first is not None else self.last + 1 - len(store.lines),))
            store.write("DELETE FROM journal WHERE category <> 'Management' AND at < ?", (now - DATA_KEPT_SECONDS,))
            store.set_meta("journal.last", self.last)


def remembered(principal: Principal) -> dict[str, Any]:
    """What a record says of its principal."""
    return {name: value for name in principal.__struct_fields__ if name not in ("tags", "session_policies", "claims") and (value := getattr(principal, name))}


def key_of(request: Any) -> str:
    """Root's access key, which is not the principal's but the request's."""
    text = "" if request is None else request.headers.get("authorization", "")
    return text.partition("Credential=")[2].partition("/")[0] if text else ""


def owner_of(value: Any) -> str:
    """The account of the role that is to be assumed."""
    parts = str(value.get("RoleArn", "")).split(":") if value else []
    return parts[4] if len(parts) > 5 else ""


def _plain(value: Any) -> Any:
    return None


encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode


def short(value: Any) -> Any:
    size = len(encode(value))
    return value if size <= LONGEST else {"omitted": True, "originalSize": size, "reason": "too large"}


# -- what is not told -------------------------------------------------------------------------------------------------------

NEVER = {("", "SecretAccessKey"), ("", "secretAccessKey"), ("cloudformation", "ParameterValue"), ("cloudformation", "TemplateBody")}   # not even that there is one
# what the models do not call sensitive, and is
SECRET = {("sts", "SessionToken"), ("autoscaling", "UserData"), ("elbv2", "ClientSecret"), ("sns", "Token"), ("apigateway", "certificatePrivateKey"), ("kms", "GrantToken")}
SECRET_SHAPES = {("apigateway", "CreateApiKeyRequest", "value"), ("apigateway", "ApiKey", "value")}
TELL, HIDE, OMIT = range(3)
_hides: dict[tuple[str, str], bool] = {}


def hides(shape: Shape, within: frozenset[str] = frozenset()) -> bool:
    """Is there anything below this shape that must not be told, or that nobody could read?"""
    name = (shape.model.name, shape.name)
    if name in _hides:
        return _hides[name]
    if shape.name in within:
        return False
    within |= {shape.name}
    found = way(shape) != TELL or any(hides(one, within) for one in _below(shape)) or (shape.type == "structure" and any(way(one, shape, member) for member, (one, _) in shape.members.items()))
    if found or len(within) == 1:   # a no from within a circle is not yet a no
        _hides[name] = found
    return found


def way(shape: Shape, of: Shape | None = None, member: str = "") -> int:
    """Is it told, hidden, or left out?"""
    service = shape.model.name
    if of is not None:
        if ("", member) in NEVER or (service, member) in NEVER:
            return OMIT
        if (service, member) in SECRET or (service, of.name, member) in SECRET_SHAPES:
            return HIDE
    if shape.spec.get("sensitive"):
        return HIDE
    return OMIT if shape.type == "blob" or shape.spec.get("eventstream") else TELL   # bytes, or a stream of them, that are no secret


def _below(shape: Shape) -> list[Shape]:
    if shape.type == "structure":
        return [target for target, _ in shape.members.values()]
    return [shape.item] if shape.type == "list" else [shape.map_key, shape.value] if shape.type == "map" else []


def clean(shape: Shape | None, value: Any, how: int = -1) -> Any:
    """The value with its secrets hidden."""
    if shape is None or value is None:
        return value
    how = way(shape) if how < 0 else how
    if how == HIDE:
        return REMOVED if shape.model.name == "ec2" else HIDDEN
    if how == OMIT:
        return None
    if not hides(shape):
        return value
    if shape.type == "structure" and isinstance(value, dict):
        members = shape.members
        return {name: clean(members[name][0], one, how) for name, one in value.items() if name in members and (how := way(members[name][0], shape, name)) != OMIT}
    if shape.type == "list" and isinstance(value, list | tuple):
        return [] if way(shape.item) == OMIT else [clean(shape.item, one) for one in value]
    if shape.type == "map" and isinstance(value, dict):
        return {HIDDEN if way(shape.map_key) else key: clean(shape.value, one) for key, one in value.items() if way(shape.value) != OMIT}
    return None
