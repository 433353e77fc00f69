"""What was asked of the cloud and what came of it, on disk: what CloudTrail tells.

A line is taken down as the request left it, and written with whatever the turn commits, or within a moment where it commits nothing. It is put into
CloudTrail's words only when somebody reads it (`services/cloudtrail`). Secrets never get here: the model says which members they are.
Operations on data (an item, an object, a message) are taken down only while a trail asks for their kind: else they pay one look into a set.
"""
from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from ..iam.principal import Principal
from ..wire import model
from ..wire.model import Operation, Shape

if TYPE_CHECKING:
    from .call import Call
    from .cloud import Cloud

log = logging.getLogger("cloche")
id_of = id

MANAGEMENT = "Management"
SOON_SECONDS = 0.25          # of real time: how long a line waits for a commit that it can go along with
KEPT_SECONDS, DAY = 90 * 86_400, 86_400
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
    "xray": {"AWS::XRay::Trace": "BatchGetTraces GetServiceGraph GetTimeSeriesServiceStatistics GetTraceGraph GetTraceSummaries PutTraceSegments",
             "": "GetSamplingStatisticSummaries GetSamplingTargets PutTelemetryRecords"},
    "events": {"": "PutEvents"}, "logs": {"": "PutLogEvents"}, "apigatewaymanagementapi": {"": "DeleteConnection GetConnection PostToConnection"},
}
READING = ("Get", "List", "Describe", "Head", "Lookup", "Search", "BatchGet", "Query", "Scan", "Select", "Check", "Validate", "Simulate", "Test", "Filter", "Estimate", "Preview", "View", "Decode")
# those that change nothing by AWS's count, though their names do not say so; `told` are answered with what was given, which the record shows
READ_TOO = {"kms": ("Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "GenerateRandom", "GenerateMac",
                    "VerifyMac", "ReEncrypt", "Sign", "Verify", "DeriveSharedSecret"),
            "sts": ("AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot")}
TOLD = ("AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot", "GetFederationToken", "GetSessionToken")



def category(service: str, operation: str) -> str:
    return next((type_ for type_, names in DATA.get(service, {}).items() if operation in names.split()), MANAGEMENT)


class Facts:
    """What the journal must know of an operation, or of an event of a service's own (`operation` is None), found out once."""

    __slots__ = ("answers", "category", "hides", "hides_answer", "name", "operation", "reads", "region", "service", "source")

    def __init__(self, service: str, operation: str) -> None:
        known = model.load(service)
        op = self.operation = known.operations.get(operation)
        self.service, self.source = service, source(known)
        if op is None:
            self.category, self.name, self.reads, self.answers, self.hides, self.hides_answer = MANAGEMENT, operation, False, False, None, None
        else:
            self.category, self.name = category(service, op.name), event_name(op)
            self.reads = op.name.startswith(READING) or op.name in READ_TOO.get(service, ())
            self.answers = (not self.reads or (service == "sts" and op.name in TOLD)) and not (self.category != MANAGEMENT and service == "dynamodb")     # items are told of by their keys alone
            self.hides = cleaner(op.input) if op.input is not None else None
            self.hides_answer = cleaner(op.output) if op.output is not None else None
        self.region = "us-east-1" if service in GLOBAL else ""


@cache
def facts_of(service: str, operation: str) -> Facts:
    return Facts(service, operation)


# the hosts of these endpoints are not the names under which CloudTrail knows them
SOURCES = {"dynamodbstreams": "dynamodb", "sso-admin": "sso", "sso-oidc": "sso", "s3control": "s3", "cloudcontrol": "cloudcontrolapi", "apigatewayv2": "apigateway",
           "application-autoscaling": "autoscaling"}


def source(of: model.Model) -> str:
    return f"{SOURCES.get(of.name) or of.meta['endpointPrefix'].rpartition('.')[2]}.amazonaws.com"


SECOND = ("AddPermission", "GetFunction", "GetFunctionConfiguration", "GetPolicy", "RemovePermission", "UpdateFunctionCode", "UpdateFunctionConfiguration")


def event_name(op: Operation) -> str:
    """Lambda's operations carry the version of their API in their names (`CreateFunction20150331`)."""
    if op.model.name == "lambda" and op.name not in DATA["lambda"]["AWS::Lambda::Function"]:
        date = op.http["requestUri"][1:11].replace("-", "")
        if date.isdigit():
            return f"{op.name}{date}{'v2' if op.name in SECOND and date == '20150331' else ''}"
    return op.name


class Line(msgspec.Struct, array_like=True, frozen=True):
    """One request. `who` and `where` are numbers of texts, which many lines share."""

    id: int
    at: float
    account: str
    region: str
    service: str
    operation: str
    request_id: str
    who: int
    key: str      # the access key, where the principal does not say it
    where: int    # 0: not over the wire
    by: str       # the service that made the request for somebody
    said: bytes   # (request, answer, refusal)
    owner: str = ""   # another account, whose thing it was: it is told of it too


class Journal:
    """`asked` are the kinds of events that are wanted; `followers` hear of each at once, within the step that it is told in: f(line, call)."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        cloud.store.pack = self.pack
        self.facts: dict[Any, Facts] = {}
        self.load()

    def load(self) -> None:
        """After the store was opened."""
        self.asked = {MANAGEMENT}
        self.followers: list[Callable[[Line, Call], None]] = []
        self.people: dict[int, tuple[Principal, int]] = {}
        self.places: dict[Any, int] = {}
        self.texts: dict[int, bytes] = {}
        self.fresh = float("-inf")     # since when texts are known: each is written anew once a day, so that old ones can go
        self.waits = False
        run = self.cloud.store.run
        self.last = int(run("SELECT max(last) FROM journal").fetchone()[0] or self.cloud.store.meta("journal.last", 0))
        self.texted = int(run("SELECT max(id) FROM journal_text").fetchone()[0] or 0)

    def add(self, call: Call, value: Any, result: Any = None, error: Any = None, by: str = "") -> None:
        """Take a request down, whose category is asked for. `by` is the service that made it for the caller. What costs is done at the end of the turn, for all of it at once."""
        if call.principal.inside:
            return
        store = self.cloud.store
        self.last += 1
        owner = ""
        if error is None:   # what was done to another account's thing
            owner = owner_of(value) if call.service.name == "sts" else call.decision.abroad if call.decision is not None else ""
        elif call.service.name == "sts":
            owner = owner_of(value)
        if owner == call.account or not call.account:
            owner = ""
        fact = (self.last, self.cloud.clock.now(), call.account, call, value, result, error, by, owner)
        store.lines.append(fact)
        if owner:
            self.last += 1
            other = (self.last, fact[1], owner, *fact[3:])
            store.lines.append(other)
            if store._steps and error is None:
                store.on_rollback(lambda: self._unsay(other))
        if store._steps and error is None:   # what it tells is taken back if the step around it is; that it was refused stays true
            store.on_rollback(lambda: self._unsay(fact))
        if self.followers:
            self._tell(call)
        if not store.open and not self.waits:
            self.waits = True
            asyncio.get_running_loop().call_later(SOON_SECONDS, self.flush)

    def happen(self, call: Call, name: str, details: dict[str, Any]) -> None:
        """What a service did by itself (KMS rotated a key)."""
        own = call.at(call.account, call.region)
        own.entry = own.decision = None
        self.add(own, details, by=name)

    def tell(self, call: Call, operation: str, value: dict[str, Any], by: str) -> None:
        """What one service asked of another behind the curtain, where AWS tells it as if it had been asked in public (Lambda's Invoke)."""
        entry = call.service.entries[operation]
        if entry.category in self.asked:
            own = call.at(call.account, call.region)
            own.entry, own.decision = entry, None
            self.add(own, value, by=by)

    def _unsay(self, fact: Any) -> None:
        self.cloud.store.lines = [one for one in self.cloud.store.lines if one is not fact and getattr(one, "id", 0) != fact[0]]

    def _tell(self, call: Call) -> None:
        """Followers hear of what this call has just added, made out already."""
        store = self.cloud.store
        for place in range(len(store.lines) - 1, -1, -1):
            if type(store.lines[place]) is Line:
                break
            if (line := self._line(*store.lines[place])) is None:
                continue
            store.lines[place] = line
            for follower in self.followers:
                try:
                    with store:
                        follower(line, call)
                except Exception:   # who looks on must not come between a client and its answer
                    log.exception("a follower of request %s", call.request_id)

    def pack(self) -> tuple[int, float, bytes] | None:
        """The row of what was told in this turn."""
        if (now := self.cloud.clock.now()) - self.fresh > DAY:
            self._morning(now)
        lines = [line for fact in self.cloud.store.lines if (line := fact if type(fact) is Line else self._line(*fact)) is not None]
        return (lines[-1].id, lines[-1].at, encode(lines)) if lines else None

    def _line(self, id: int, now: float, account: str, call: Call, value: Any, result: Any, error: Any, by: str, owner: str) -> Line | None:
        try:
            principal, entry = call.principal, call.entry
            facts = self.facts.get(entry)
            if facts is None:
                if entry is None:   # what a service did by itself
                    facts, by = facts_of(call.service.name, by), call.service.name
                else:
                    facts = self.facts[entry] = facts_of(entry.op.model.name, entry.op.name)
            account = account or owner_of(value)
            if not account:
                return None
            request = call.request if not by else None
            if facts.hides is not None and value:
                value = facts.hides(value)
            if error is not None:
                said = encode((value, None, (error.code, error.message, error.status)))
            elif facts.answers and (result is None or type(result) is dict):
                said = encode((value, facts.hides_answer(result) if facts.hides_answer is not None and result else result or {}, None))
            else:
                said = encode((value, None, None))
            if len(said) > LONGEST:
                said = encode([short(one) for one in msgspec.msgpack.decode(said)])
            known = self.people.get(id_of(principal))
            who = known[1] if known is not None else self._person(principal)
            where = 0
            if request is not None:
                headers = request.headers
                place = (request.peer, headers.get("user-agent", ""), request.via.get("aws:SourceVpce", "") if request.via else "", headers.get("authorization", "")[:4])
                where = self.places.get(place) or self._place(place)
            key = key_of(request) if principal.kind == "root" else ""
            return Line(id, now, account, facts.region or call.region, facts.service, facts.operation.name if facts.operation else facts.name, call.request_id, who, key, where, by, said, owner)
        except Exception:   # who looks on must not come between a client and its answer
            log.exception("the record of request %s", call.request_id)
            return None

    def flush(self) -> None:
        """Everything told so far is in the table."""
        self.waits = False
        self.cloud.store.flush()

    # -- texts --------------------------------------------------------------------------------------------------------------

    def _person(self, principal: Principal) -> int:
        number = self._text(encode(remembered(principal)))
        self.people[id_of(principal)] = (principal, number)
        return number

    def _place(self, place: tuple[str, str, str, str]) -> int:
        number = self.places[place] = self._text(encode(place))
        return number

    def _text(self, body: bytes) -> int:
        if len(self.texts) > 4096:
            self.forget()
        self.texted += 1
        self.texts[self.texted] = body
        self.cloud.store.texts.append((self.texted, self.cloud.clock.now(), body))
        return self.texted

    def text(self, number: int) -> bytes:
        found = self.texts.get(number)
        return found if found is not None else self.cloud.store.run("SELECT body FROM journal_text WHERE id = ?", (number,)).fetchone()[0]  # type: ignore[no-any-return]

    def forget(self) -> None:
        """What is known by number is said again: after a commit that failed, and once a day."""
        self.people.clear()
        self.places.clear()
        self.texts.clear()

    def _morning(self, now: float) -> None:
        self.fresh = now
        self.people.clear()
        self.places.clear()
        run = self.cloud.store.run
        run("DELETE FROM journal WHERE at < ?", (now - KEPT_SECONDS,))
        run("DELETE FROM journal_text WHERE at < ?", (now - KEPT_SECONDS - 2 * DAY,))


def remembered(principal: Principal) -> dict[str, Any]:
    """What a record says of its principal."""
    return {name: value for name in principal.__struct_fields__ if name not in ("tags", "session_policies", "claims") and (value := getattr(principal, name))}


def key_of(request: Any) -> str:
    """Root's access key, which is not the principal's but the request's."""
    text = "" if request is None else request.headers.get("authorization", "")
    return text.partition("Credential=")[2].partition("/")[0] if text else ""


def owner_of(value: Any) -> str:
    """The account of the role that is to be assumed."""
    arn = value.get("RoleArn") if value else None
    parts = arn.split(":", 5) if type(arn) is str else ()
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
Clean = Callable[[Any], Any]
_cleaners: dict[tuple[str, str], Clean | None] = {}


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


def cleaner(shape: Shape) -> Clean | None:
    """What hides the secrets of a value of this shape; None if it can have none."""
    name = (shape.model.name, shape.name)
    if name not in _cleaners:
        if not _hides(shape, set()):
            _cleaners[name] = None
        else:
            _cleaners[name] = lambda value: _cleaners[name](value)  # type: ignore[misc]  # for a shape within itself
            _cleaners[name] = _made(shape)
    return _cleaners[name]


def _hides(shape: Shape, seen: set[str]) -> bool:
    if shape.name in seen:
        return False
    seen.add(shape.name)
    if way(shape) != TELL:
        return True
    if shape.type == "structure":
        return any(way(target, shape, name) != TELL or _hides(target, seen) for name, (target, _) in shape.members.items())
    below = [shape.item] if shape.type == "list" else [shape.map_key, shape.value] if shape.type == "map" else []
    return any(_hides(one, seen) for one in below)


def _made(shape: Shape) -> Clean:
    hidden = REMOVED if shape.model.name == "ec2" else HIDDEN
    if (how := way(shape)) != TELL:
        return (lambda value: hidden) if how == HIDE else (lambda value: None)
    if shape.type == "structure":
        rest = {name: (lambda value: hidden) if how == HIDE else None if how == OMIT else cleaner(target)
                for name, (target, _) in shape.members.items() if (how := way(target, shape, name)) != TELL or cleaner(target) is not None}

        def structure(value: Any) -> Any:
            out = {}
            for name, one in value.items():
                if name not in rest:
                    out[name] = one
                elif (clean := rest[name]) is not None and one is not None:
                    out[name] = clean(one)
            return out
        return structure
    if shape.type == "list":
        item = cleaner(shape.item)
        return (lambda value: []) if way(shape.item) == OMIT else (lambda value: [item(one) for one in value])  # type: ignore[misc]
    key, clean = way(shape.map_key), cleaner(shape.value)
    if way(shape.value) == OMIT:
        return lambda value: {}
    return lambda value: {HIDDEN if key else name: clean(one) if clean else one for name, one in value.items()}
