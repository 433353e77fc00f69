"""Flow logs: which packets of a VPC, a subnet or an interface are written down, where, and in which words. What writes is `flow_log_delivery`."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.engines.net import topology as net
from cloche.kernel import AwsError, Call, Need, Record

from . import describe, errors, flow_log_lines, links, names, network, network_interfaces, network_map, subnets, tags, vpcs
from . import errors_insights as refusals
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

RESOURCES = {"VPC": ("vpc-", vpcs.find), "Subnet": ("subnet-", subnets.find), "NetworkInterface": ("eni-", network_interfaces.find)}
INTERVALS = (60, 600)
DELIVERY = "delivery.logs.amazonaws.com"


class FlowLog(Record, frozen=True):
    kind = "ec2.flow-log"

    id: str
    resource: str
    made: float
    traffic: str
    to: str                       # cloud-watch-logs, s3 or kinesis-data-firehose
    group: str = ""               # of CloudWatch Logs
    destination: str = ""         # ARN of a bucket (with a folder), or of the log group where that was given
    role: str = ""
    cross: str = ""
    words: str = flow_log_lines.DEFAULT
    interval: int = 600
    options: dict[str, Any] = {}
    failure: str = ""
    written: float = 0            # up to when
    token: str = ""

    @property
    def key(self) -> str:
        return self.id

    @property
    def meaning(self) -> tuple[str, ...]:
        return self.resource, self.traffic, self.to, self.group, self.destination


def find(call: Call, id_: str) -> FlowLog:
    found = call.get(FlowLog, id_)
    if found is None:
        raise refusals.flow_log_not_found(id_)
    return found


tags.FINDERS["fl"] = find


def _wanted(call: Call) -> list[net.FlowLog]:
    return [net.FlowLog(one.id, one.resource, one.traffic, "${tcp-flags}" in one.words) for one in call.all(FlowLog)]


network_map.SOURCES.append(_wanted)


def shown(call: Call, one: FlowLog) -> t.FlowLog:
    out: Any = {"FlowLogId": one.id, "FlowLogStatus": "ACTIVE", "ResourceId": one.resource, "CreationTime": one.made, "TrafficType": one.traffic, "LogDestinationType": one.to,
                "LogFormat": one.words, "MaxAggregationInterval": one.interval, "DeliverLogsStatus": "FAILED" if one.failure else "SUCCESS", "Tags": tags.shown(call, one.id)}
    for member, value in (("LogGroupName", one.group), ("LogDestination", one.destination), ("DeliverLogsPermissionArn", one.role), ("DeliverCrossAccountRole", one.cross),
                          ("DeliverLogsErrorMessage", one.failure), ("DestinationOptions", one.options)):
        if value:
            out[member] = value
    return out  # type: ignore[no-any-return]


def _needs(call: Call, req: Any) -> list[Need]:
    kind = {"VPC": "vpc", "Subnet": "subnet", "NetworkInterface": "network_interface"}.get(req.get("ResourceType", ""), "vpc")
    found: list[Need] = names.making("vpc-flow-log", **{kind: "ResourceIds"})["needs"](call, req)
    return found


def _guests(call: Call, id_: str) -> bool:
    """An interface that a participant put into a subnet of this account's."""
    from . import shared_network
    return id_.startswith("eni-") and id_ in shared_network.seen(call, network_interfaces.NetworkInterface)


@ec2.op(needs=_needs, partly="Not as Parquet, and not for transit gateways; pkt-src-aws-service and its like are always `-`.")
def create_flow_logs(call: Call, req: t.CreateFlowLogsRequest) -> t.CreateFlowLogsResult:
    if (token := req.get("ClientToken")) and (there := [one.id for one in call.all(FlowLog) if one.token == token]):
        return {"FlowLogIds": there, "ClientToken": token, "Unsuccessful": []}
    prefix, finder = RESOURCES.get(req["ResourceType"], ("", None))
    if finder is None:
        raise errors.invalid(f"Value ({req['ResourceType']}) for parameter resourceType is invalid. Cloche logs VPC, Subnet and NetworkInterface.")
    if not req.get("TrafficType"):
        raise refusals.traffic_type_missing()
    for id_ in req["ResourceIds"]:
        if not id_.startswith(prefix):
            raise errors.invalid_value(id_, "resourceIds", f"It is no {req['ResourceType']}.")
        if not _guests(call, id_):
            finder(call, id_)
    words = req.get("LogFormat") or flow_log_lines.DEFAULT
    if unknown := flow_log_lines.unknown(words):
        raise refusals.bad_log_format(unknown)
    interval = req.get("MaxAggregationInterval") or 600
    if interval not in INTERVALS:
        raise refusals.bad_interval(interval)
    where = _destination(call, req)
    made = []
    for id_ in req["ResourceIds"]:
        one = FlowLog(call.id("fl-"), id_, call.now, req["TrafficType"], words=words, interval=interval, written=call.now, token=token or "", **where)
        if any(other.meaning == one.meaning for other in call.all(FlowLog)):
            raise refusals.flow_log_exists(id_)
        made.append(call.put(one))
        links.tie(call, one.id, f"logged:{id_}")
        tags.take(call, req, "vpc-flow-log", one.id)
        from . import flow_log_delivery
        flow_log_delivery.begin(call, one)
    network.changed(call)
    return {"FlowLogIds": [one.id for one in made], "ClientToken": token or call.uuid(), "Unsuccessful": []}


def _destination(call: Call, req: Any) -> dict[str, Any]:
    """Where to, checked: the fields of the record."""
    to, group, destination, role = req.get("LogDestinationType") or "cloud-watch-logs", req.get("LogGroupName") or "", req.get("LogDestination") or "", req.get("DeliverLogsPermissionArn") or ""
    if to == "cloud-watch-logs":
        if destination and not group:
            group = destination.split(":log-group:", 1)[-1].removesuffix(":*")
        if not group:
            raise refusals.no_log_group()
        if not role:
            raise refusals.no_log_role()
        call.pass_role(role, "vpc-flow-logs.amazonaws.com")
        return {"to": to, "group": group, "destination": destination, "role": role, "cross": req.get("DeliverCrossAccountRole") or ""}
    if role:
        raise refusals.bad_log_role()
    if not destination:
        raise refusals.no_log_destination()
    if to == "kinesis-data-firehose":
        _admit_to_stream(call, destination)
        return {"to": to, "destination": destination}
    options = {"FileFormat": "plain-text", "HiveCompatiblePartitions": False, "PerHourPartition": False} | dict(req.get("DestinationOptions") or {})
    if options["FileFormat"] != "plain-text":
        raise errors.invalid(f"Value ({options['FileFormat']}) for parameter FileFormat is invalid. Cloche writes plain-text.")
    _admit(call, destination)
    return {"to": to, "destination": destination, "options": options}


def _admit_to_stream(call: Call, destination: str) -> None:
    """A delivery stream is opened to the log delivery service by a tag, which whoever makes the flow log sets."""
    name = destination.rsplit("/", 1)[-1]
    if destination != call.arn(f"deliverystream/{name}", service="firehose"):
        raise refusals.bad_log_destination(destination)
    try:
        call.as_root().do("firehose", "DescribeDeliveryStream", DeliveryStreamName=name)
    except AwsError:
        raise refusals.bad_log_destination(destination) from None
    call.do("firehose", "TagDeliveryStream", DeliveryStreamName=name, Tags=[{"Key": "LogDeliveryEnabled", "Value": "true"}])


def _admit(call: Call, destination: str) -> None:
    """The log delivery service gets into the bucket's policy, by the hand of who makes the flow log: as on AWS, who may not write the policy is refused."""
    bucket = destination.split(":::", 1)[-1].split("/", 1)[0]
    folder = destination.split(":::", 1)[-1].partition("/")[2].strip("/")
    try:
        call.as_root().do("s3", "HeadBucket", Bucket=bucket)
    except AwsError as error:
        if error.status == 404:
            raise refusals.bad_log_destination(destination) from None
        return                                           # another account's: its own policy decides at every delivery
    below = f"arn:aws:s3:::{bucket}/{folder + '/' if folder else ''}AWSLogs/{call.account}/*"
    source = {"StringEquals": {"aws:SourceAccount": call.account}, "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{call.region}:{call.account}:*"}}
    wanted = [{"Sid": "AWSLogDeliveryWrite", "Effect": "Allow", "Principal": {"Service": DELIVERY}, "Action": "s3:PutObject", "Resource": below,
               "Condition": {**source, "StringEquals": {**source["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"}}},
              {"Sid": "AWSLogDeliveryAclCheck", "Effect": "Allow", "Principal": {"Service": DELIVERY}, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}", "Condition": source}]
    try:
        policy = json.loads(call.do("s3", "GetBucketPolicy", Bucket=bucket)["Policy"])
    except AwsError as error:
        if error.code != "NoSuchBucketPolicy":
            raise AwsError("AccessDenied", f"Access Denied for LogDestination: {bucket}. Please check LogDestination permission", 400) from None
        policy = {"Version": "2012-10-17", "Statement": []}
    missing = [one for one in wanted if one not in policy["Statement"]]
    if missing:
        try:
            call.do("s3", "PutBucketPolicy", Bucket=bucket, Policy=json.dumps({**policy, "Statement": [*policy["Statement"], *missing]}))
        except AwsError:
            raise AwsError("AccessDenied", f"Access Denied for LogDestination: {bucket}. Please check LogDestination permission", 400) from None


FACETS: describe.Facets = {
    "deliver-log-status": lambda f: "FAILED" if f.failure else "SUCCESS", "log-destination-type": lambda f: f.to, "flow-log-id": lambda f: f.id, "log-group-name": lambda f: f.group,
    "resource-id": lambda f: f.resource, "traffic-type": lambda f: f.traffic,
}


@ec2.op(**names.LOOK)
def describe_flow_logs(call: Call, req: t.DescribeFlowLogsRequest) -> t.DescribeFlowLogsResult:
    ids = req.get("FlowLogIds")
    found = [find(call, id_) for id_ in dict.fromkeys(ids)] if ids else call.all(FlowLog)
    found = describe.matching(call, found, req.get("Filter"), FACETS)
    return describe.page(req, [shown(call, one) for one in found], "FlowLogs")  # type: ignore[no-any-return]


@ec2.op(**names.on("vpc-flow-log", "FlowLogIds"))
def delete_flow_logs(call: Call, req: t.DeleteFlowLogsRequest) -> t.DeleteFlowLogsResult:
    if absent := [id_ for id_ in req["FlowLogIds"] if call.get(FlowLog, id_) is None]:
        raise AwsError("InvalidFlowLogId.NotFound", f"These flow log ids in the input list are not found: [TotalCount: {len(absent)}] {', '.join(absent)}")
    for id_ in req["FlowLogIds"]:
        drop(call, find(call, id_))
    return {"Unsuccessful": []}


def drop(call: Call, one: FlowLog) -> None:
    from . import flow_log_delivery
    call.delete(one)
    links.untie(call, one.id)
    tags.drop(call, one.id)
    flow_log_delivery.end(call, one)
    network.changed(call)
