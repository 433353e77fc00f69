"""Event source mappings: a queue or a stream, the function that gets its records, and how. `polling` does what they say."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Need, Record
from cloche.languages import event_pattern

from . import errors, errors_mappings, names
from . import service as lambda_
from .paging import page
from .records import find, version_of
from .roles import acting

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t

QUEUE, STREAMS = "sqs", ("dynamodb", "kinesis")
MOST = 100
SHARED = ("BatchSize", "MaximumBatchingWindowInSeconds", "FilterCriteria", "FunctionResponseTypes", "KMSKeyArn", "MetricsConfig")
OF_QUEUES = (*SHARED, "ScalingConfig", "ProvisionedPollerConfig")
OTHERS = ("Topics", "Queues", "SourceAccessConfigurations", "SelfManagedEventSource", "AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig",
          "DocumentDBEventSourceConfig", "LoggingConfig")  # of Kafka, MQ and DocumentDB
METRICS = ("EventCount",)  # the others are Kafka's
POLLERS = (2, 200), (2, 2000)  # of a queue: what its minimum and its maximum may be; the defaults are the first and the second number
OF_STREAMS = (*SHARED, "ParallelizationFactor", "DestinationConfig", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError", "MaximumRetryAttempts", "TumblingWindowInSeconds")
ONLY_STREAMS = ("ParallelizationFactor", "BisectBatchOnFunctionError", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "TumblingWindowInSeconds")
READS = {
    "sqs": (("sqs:ReceiveMessage", "ReceiveMessage on SQS"), ("sqs:DeleteMessage", "DeleteMessage on SQS"), ("sqs:GetQueueAttributes", "GetQueueAttributes on SQS")),
    "dynamodb": tuple((f"dynamodb:{a}", f"{a} on DynamoDB") for a in ("GetRecords", "GetShardIterator", "DescribeStream")),
    "kinesis": tuple((f"kinesis:{a}", a) for a in ("GetRecords", "GetShardIterator", "DescribeStream", "ListShards")),
}


class Mapping(Record, frozen=True):
    kind = "lambda.mapping"
    uuid: str
    function: str
    qualifier: str | None
    source: str
    config: dict[str, Any]
    created: float
    modified: float
    state: str = "Creating"
    wanted: str = "Enabled"
    result: str = "No records processed"
    position: str = ""
    position_at: float = 0.0
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.uuid

    @property
    def source_kind(self) -> str:
        return self.source.split(":")[2]

    @property
    def batch_size(self) -> int:
        return int(self.config["BatchSize"])

    @property
    def reports_failures(self) -> bool:
        return "ReportBatchItemFailures" in self.config.get("FunctionResponseTypes", ())

    def filters(self) -> list[Any]:
        return [event_pattern.compile_pattern(f["Pattern"]) for f in self.config.get("FilterCriteria", {}).get("Filters", []) if f.get("Pattern")]


def context(call: Call, req: Any) -> dict[str, Any]:
    return {"lambda:FunctionArn": names.qualified(call, req)} if req.get("FunctionName") else {}


def describe(call: Call, mapping: Mapping, state: str | None = None) -> dict[str, Any]:
    out: dict[str, Any] = {
        "UUID": mapping.uuid, "EventSourceArn": mapping.source, "FunctionArn": names.arn(call, mapping.function, mapping.qualifier), "LastModified": mapping.modified,
        "State": state or mapping.state, "StateTransitionReason": "USER_INITIATED" if mapping.source_kind == QUEUE else "User action",
        "EventSourceMappingArn": call.arn(f"event-source-mapping:{mapping.uuid}"), **mapping.config,
    }
    if mapping.source_kind != QUEUE:
        out |= {"LastProcessingResult": mapping.result, "StartingPosition": mapping.position}
        if mapping.position == "AT_TIMESTAMP":
            out["StartingPositionTimestamp"] = mapping.position_at
    return out


def defaults(kind: str) -> dict[str, Any]:
    if kind == QUEUE:
        return {"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": []}
    return {"BatchSize": 100, "MaximumBatchingWindowInSeconds": 0, "ParallelizationFactor": 1, "DestinationConfig": {"OnFailure": {}}, "MaximumRecordAgeInSeconds": -1,
            "BisectBatchOnFunctionError": False, "MaximumRetryAttempts": -1, "TumblingWindowInSeconds": 0, "FunctionResponseTypes": []}


@lambda_.op(ANY, context=context, partly="queues, DynamoDB streams and Kinesis; Kafka, MQ and DocumentDB are refused")
def create_event_source_mapping(call: Call, req: t.CreateEventSourceMappingRequest) -> Any:
    source = req.get("EventSourceArn", "")
    kind = source.split(":")[2] if source.count(":") >= 5 else ""
    if kind not in READS:
        raise errors_mappings.unknown_source()
    name = names.parse(call, req["FunctionName"])
    try:
        function, version = find(call, name), version_of(call, name)
    except AwsError:
        raise errors_mappings.no_such_function_for_mapping() from None
    if kind != QUEUE:
        if not req.get("StartingPosition"):
            raise errors_mappings.starting_position_needed()
        if kind == "dynamodb" and req["StartingPosition"] == "AT_TIMESTAMP":
            raise errors_mappings.unsupported_position(source)
    config = checked(call, kind, source, defaults(kind), req, version.timeout)
    there = acting(call, version.role, "validation")
    for action, what in READS[kind] if kind != "kinesis" else ():
        if not there.allowed(action, source):
            raise errors_mappings.function_role_lacks(what)
    exists(call, kind, source, version.timeout)
    if kind == "kinesis":
        may_read(there, source)
    for other in call.all(Mapping):
        if (other.source, other.function, other.qualifier) == (source, name.name, name.qualifier):
            raise (errors_mappings.queue_mapping_exists if kind == QUEUE else errors_mappings.stream_mapping_exists)(source, function.name, other.uuid)
    mapping = call.put(Mapping(call.uuid(), function.name, name.qualifier, source, config, call.now, call.now, wanted="Enabled" if req.get("Enabled", True) else "Disabled",
                               position=req.get("StartingPosition", ""), position_at=req.get("StartingPositionTimestamp", 0.0), tags=req.get("Tags", {})))
    if kind != QUEUE:
        from .stream_poller import begin
        begin(call, mapping)
    call.wake(settle, mapping.uuid)
    return describe(call, mapping)


def exists(call: Call, kind: str, source: str, timeout: int) -> None:
    if kind == QUEUE:
        from cloche.services.sqs import public as sqs
        queue = sqs.describe(call, source)
        if queue is None:
            raise errors_mappings.no_such_queue()
        if queue.seconds("VisibilityTimeout") < timeout:
            raise errors_mappings.visibility_too_short(queue.seconds("VisibilityTimeout"), timeout)
        return
    if kind == "kinesis":
        from .source_kinesis import stream_of
        stream_of(call, source)
        return
    try:
        call.as_root().do("dynamodbstreams", "DescribeStream", StreamArn=source, Limit=1)
    except AwsError:
        raise errors_mappings.no_such_stream(source) from None


def may_read(there: Call, source: str) -> None:
    """The role, at the stream: its own policies, and the stream's where it is another account's."""
    from .source_kinesis import stream_of
    inside, stream = stream_of(there, source)
    if not all(inside.allowed(action, stream.arn, policy=stream.policy or None) for action, _ in READS["kinesis"]):
        raise errors_mappings.cannot_read(source)


def belongs(kind: str, req: Any) -> None:
    """What is another kind of source's is refused, not forgotten."""
    targets = req.get("DestinationConfig", {})
    wrong = [name for name in (*OTHERS, *(ONLY_STREAMS if kind == QUEUE else ("ScalingConfig", "ProvisionedPollerConfig"))) if req.get(name) is not None]
    if kind == QUEUE and any(side.get("Destination") for side in targets.values()):
        wrong.append("DestinationConfig")
    if wrong:
        raise errors_mappings.not_for_source(wrong[0])
    if targets.get("OnSuccess", {}).get("Destination"):
        raise errors_mappings.not_for_source("OnSuccess")
    target = targets.get("OnFailure", {}).get("Destination")
    if target and (target.count(":") < 5 or target.split(":")[2] not in ("sqs", "sns", "s3") or target.endswith(".fifo")):
        raise errors_mappings.bad_failure_destination(target)
    if strange := [one for one in req.get("MetricsConfig", {}).get("Metrics", []) if one not in METRICS]:
        raise errors_mappings.not_for_source(strange[0])


def pollers(config: dict[str, Any]) -> dict[str, Any]:
    """Provisioned mode of a queue, with what is left out filled in."""
    (least, minimum_most), (_, most) = POLLERS
    wish = config["ProvisionedPollerConfig"]
    if config.get("ScalingConfig"):
        raise errors_mappings.provisioned_and_limited()
    low, high = wish.get("MinimumPollers", least), wish.get("MaximumPollers", max(200, wish.get("MinimumPollers", least)))
    if "PollerGroupName" in wish or not least <= low <= minimum_most or not low <= high <= most:
        raise errors_mappings.bad_pollers(least, minimum_most, most)
    return {"MinimumPollers": low, "MaximumPollers": high}


def checked(call: Call, kind: str, source: str, config: dict[str, Any], req: Any, timeout: int) -> dict[str, Any]:
    belongs(kind, req)
    config = config | {k: req[k] for k in (OF_QUEUES if kind == QUEUE else OF_STREAMS) if k in req}
    if not config.get("FilterCriteria", {"Filters": 1}).get("Filters"):
        config.pop("FilterCriteria")
    for one in config.get("FilterCriteria", {}).get("Filters", []):
        try:
            event_pattern.compile_pattern(one.get("Pattern", ""))
        except event_pattern.Invalid:
            raise errors_mappings.bad_filter() from None
    size, window = config["BatchSize"], config["MaximumBatchingWindowInSeconds"]
    if kind == QUEUE:
        if source.endswith(".fifo"):
            if window:
                raise errors_mappings.fifo_window()
            if size > 10:
                raise errors_mappings.fifo_batch_too_large()
        elif size > 10 and not window:
            raise errors_mappings.window_needed()
        if "ScalingConfig" in req and not req["ScalingConfig"].get("MaximumConcurrency"):
            config.pop("ScalingConfig")
        if "ProvisionedPollerConfig" in req and not req["ProvisionedPollerConfig"]:
            config.pop("ProvisionedPollerConfig")  # back to on-demand
        if "ProvisionedPollerConfig" in config:
            config["ProvisionedPollerConfig"] = pollers(config)
    return config


def get(call: Call, req: Any) -> Mapping:
    mapping = call.get(Mapping, req["UUID"])
    if mapping is None:
        raise errors.not_found("The resource you requested does not exist.")
    return mapping


@lambda_.op(names.mapping)
def get_event_source_mapping(call: Call, req: t.GetEventSourceMappingRequest) -> Any:
    return describe(call, get(call, req))


@lambda_.op(ANY, context=context)
def list_event_source_mappings(call: Call, req: t.ListEventSourceMappingsRequest) -> Any:
    mappings = sorted(call.all(Mapping), key=lambda m: m.uuid)
    if source := req.get("EventSourceArn"):
        mappings = [m for m in mappings if m.source == source]
    if req.get("FunctionName"):
        name = names.parse(call, req["FunctionName"])
        mappings = [m for m in mappings if m.function == name.name and (name.qualifier is None or m.qualifier == name.qualifier)]
    chosen, marker = page(mappings, req, key=lambda m: m.uuid, most=MOST)
    return {"EventSourceMappings": [describe(call, m) for m in chosen], **marker}


def updating(call: Call, req: Any) -> list[Need]:
    return [Need("lambda:UpdateEventSourceMapping", names.mapping(call, req), context(call, req))]


@lambda_.op(needs=updating)
def update_event_source_mapping(call: Call, req: t.UpdateEventSourceMappingRequest) -> Any:
    mapping = get(call, req)
    if mapping.state.endswith("ing"):
        raise errors_mappings.mapping_in_use(mapping.state)
    name = names.parse(call, req["FunctionName"]) if req.get("FunctionName") else names.Name(call.account, call.region, mapping.function, mapping.qualifier)
    try:
        timeout = version_of(call, name).timeout
    except AwsError:
        raise errors_mappings.no_such_function_for_mapping() from None
    config = checked(call, mapping.source_kind, mapping.source, mapping.config, req, timeout)
    wanted = {True: "Enabled", False: "Disabled", None: mapping.wanted}[req.get("Enabled")]
    state = "Updating" if wanted == mapping.wanted else "Enabling" if wanted == "Enabled" else "Disabling"
    if config.get("ParallelizationFactor") != mapping.config.get("ParallelizationFactor"):
        from .stream_poller import relane
        relane(call, mapping, config["ParallelizationFactor"])
    mapping = call.put(mapping.but(function=name.name, qualifier=name.qualifier, config=config, wanted=wanted, state=state, modified=call.now))
    call.wake(settle, mapping.uuid)
    return describe(call, mapping)


@lambda_.op(names.mapping)
def delete_event_source_mapping(call: Call, req: t.DeleteEventSourceMappingRequest) -> Any:
    mapping = get(call, req)
    if mapping.state == "Deleting":
        raise errors_mappings.mapping_in_use(mapping.state)
    mapping = call.put(mapping.but(state="Deleting", wanted="Deleted"))
    call.wake(settle, mapping.uuid)
    return describe(call, mapping)


@lambda_.worker
async def settle(call: Call, key: str) -> None:
    """Bring a mapping from the state it passes through to the one that is wanted, and start or stop its poller."""
    from . import polling
    mapping = call.get(Mapping, key)
    if mapping is None:
        return
    with call.step():
        if mapping.wanted == "Deleted":
            polling.forget(call, mapping)
            call.delete(mapping)
            return
        call.put(mapping.but(state=mapping.wanted))
    if mapping.wanted == "Enabled":
        polling.attend(call, mapping)


def matches(filters: list[Any], event: dict[str, Any]) -> bool:
    return not filters or any(f(event) for f in filters)


def decoded(text: str) -> Any:
    """Filters look into a body that is JSON, else at the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
