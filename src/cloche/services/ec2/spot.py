"""Spot requests: open until the market's price is low enough, active while their instance runs, interrupted with two minutes' notice when the price rises above theirs.

The price moves by the hour (`prices`); a request without a price of its own pays at most the price on demand and is never outbid.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, AwsEvent, Call, Record
from cloche.services.iam import public as iam

from . import describe, errors, instance_types, life, names, prices, tags
from . import service as ec2
from .instances import Instance
from .volumes import describe_time

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

    from .launch import Plan

NOTICE_SECONDS = 120.0
HOUR = prices.HOUR
STATUS = {
    "pending-evaluation": "Your Spot request has been submitted for review, and is pending evaluation.", "fulfilled": "Your Spot request is fulfilled.",
    "price-too-low": "Your Spot request price is lower than the minimum required Spot request fulfillment price.", "request-canceled-and-instance-running":
    "Your Spot request is canceled, but your instance is still running.", "canceled-before-fulfillment": "Your Spot request is canceled before it was fulfilled.",
    "instance-terminated-by-user": "Your Spot instance was terminated by you.", "instance-terminated-by-price": "Your Spot instance was terminated because the price rose above yours.",
    "marked-for-termination": "Your Spot instance is marked for termination.", "marked-for-stop": "Your Spot instance is marked for stop.", "instance-stopped-by-price":
    "Your Spot instance was stopped because the price rose above yours.", "instance-stopped-by-user": "Your Spot instance was stopped by you.", "schedule-expired":
    "Your Spot request expired before it could be fulfilled.", "not-scheduled-yet": "Your Spot request is not yet scheduled.", "bad-parameters": "Your Spot request failed because of its parameters.",
}


class SpotRequest(Record, frozen=True):
    kind = "ec2.spot-request"

    id: str
    type: str                      # one-time, persistent
    state: str                     # open, active, disabled, closed, cancelled, failed
    status: str
    changed: float
    made: float
    zone: str
    spec: dict[str, Any]           # RunInstances' members
    price: str = ""                # the most that is paid; "" the price on demand
    instance: str = ""
    behavior: str = "terminate"
    valid_from: float = 0
    valid_until: float = 0
    launch_group: str = ""
    fault: str = ""
    fleet: str = ""

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> SpotRequest:
    return describe.find(call, SpotRequest, id_, "InvalidSpotInstanceRequestID.NotFound", "spot instance request ID")


tags.FINDERS["sir"] = find


def put(call: Call, one: SpotRequest) -> SpotRequest:
    return call.put(one.but(changed=call.now))


def _outbid(call: Call, one: SpotRequest, zone: str) -> bool:
    kind = instance_types.find(one.spec.get("InstanceType") or "m1.small")
    return bool(one.price) and float(one.price) < prices.spot(kind, zone, call.now)


# -- filling ------------------------------------------------------------------------------------------------------------------------

def launch(call: Call, planned: Plan, req: Any, reservation: str, **more: Any) -> list[Instance]:
    """RunInstances with InstanceMarketOptions: filled now, or refused."""
    from . import launch as launching
    options = (req.get("InstanceMarketOptions") or {}).get("SpotOptions") or {}
    kind, behavior, price = options.get("SpotInstanceType") or "one-time", options.get("InstanceInterruptionBehavior") or "terminate", options.get("MaxPrice") or ""
    _sound(kind, behavior, price)
    if options.get("ValidUntil") and kind == "one-time":
        raise errors.combination("ValidUntil may only be given for persistent Spot requests")
    iam.ensure_linked(call, "spot.amazonaws.com")
    floor = prices.spot(planned.type, planned.subnet.zone, call.now)
    if price and float(price) < floor:
        raise AwsError("SpotMaxPriceTooLow", f"Your Spot request price of {price} is lower than the minimum required Spot request fulfillment price of {floor}.")
    made = []
    spec = {k: v for k, v in req.items() if k not in ("InstanceMarketOptions", "ClientToken", "MinCount", "MaxCount", "DryRun")}
    for index in range(req["MaxCount"]):
        request = SpotRequest(_id(call), kind, "active", "fulfilled", call.now, call.now, planned.subnet.zone, spec, price, behavior=behavior, valid_until=options.get("ValidUntil") or 0)
        try:
            one = launching.run(call, planned, 1, reservation=reservation, lifecycle="spot", spot_request=request.id, **more)[0]
        except AwsError:
            if index < req["MinCount"]:
                raise
            break
        one = call.put(one.but(index=index))
        put(call, request.but(instance=one.id))
        tags.take(call, req, "spot-instances-request", request.id, "instance", "volume", "network-interface")
        _watch(call, request)
        made.append(one)
    return made


def _id(call: Call) -> str:
    return call.id("sir-", 8)


def _sound(kind: str, behavior: str, price: str) -> None:
    if behavior != "terminate" and kind != "persistent":
        raise errors.combination(f"Interruption behavior {behavior} needs a persistent Spot request")
    if behavior == "hibernate":
        raise errors.AwsError("UnsupportedHibernationConfiguration", "Spot instances cannot hibernate here: Cloche has no hibernation.")
    try:
        if price and float(price) <= 0:
            raise ValueError(price)
    except ValueError:
        raise errors.invalid(f"Invalid value '{price}' for the Spot price.") from None


def _watch(call: Call, one: SpotRequest) -> None:
    """The price is looked at when it may have moved: at the next full hour."""
    if one.price:
        call.due((call.now // HOUR + 1) * HOUR, market_moved, one.id, id=one.id)


@ec2.timer
def market_moved(call: Call, id: str) -> None:
    one = call.get(SpotRequest, id)
    if one is None or one.state not in ("open", "active"):
        return
    if one.state == "open":
        fill(call, one)
    elif (instance := call.get(Instance, one.instance)) and instance.state == "running" and _outbid(call, one, instance.zone):
        interrupt(call, one)
    if (one := call.get(SpotRequest, id)) and one.state in ("open", "active"):
        _watch(call, one)


def fill(call: Call, one: SpotRequest) -> SpotRequest:
    """Try to launch what an open request wants."""
    from . import launch as launching
    if one.valid_from > call.now:
        call.due(one.valid_from, market_moved, one.id, id=one.id)
        return put(call, one.but(status="not-scheduled-yet"))
    try:
        planned = launching.plan(call, {**one.spec, "MinCount": 1, "MaxCount": 1})
        if _outbid(call, one, planned.subnet.zone):
            _watch(call, one)
            return put(call, one.but(status="price-too-low"))
        instance = launching.run(call, planned, 1, lifecycle="spot", spot_request=one.id, spawned_by=one.fleet)[0]
    except AwsError as error:
        return put(call, one.but(state="failed", status="bad-parameters", fault=f"{error.code}: {error.message}"))
    _watch(call, one)
    return put(call, one.but(state="active", status="fulfilled", instance=instance.id, zone=instance.zone))


def interrupt(call: Call, one: SpotRequest) -> None:
    """Two minutes' notice, in the metadata and on the bus; then it is done."""
    from datetime import UTC, datetime
    instance = call.get(Instance, one.instance)
    if instance is None or instance.spot_action:
        return
    action = {"terminate": "terminate", "stop": "stop", "hibernate": "hibernate"}[one.behavior]
    moment = call.now + NOTICE_SECONDS
    call.put(instance.but(spot_action={"action": action, "time": datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}))
    put(call, one.but(status="marked-for-stop" if action == "stop" else "marked-for-termination"))
    call.emit(AwsEvent("aws.ec2", "EC2 Spot Instance Interruption Warning", {"instance-id": instance.id, "instance-action": action}, [names.arn(call, "instance", instance.id)]))
    call.due(moment, interrupted, one.id, id=one.id)


@ec2.timer
def interrupted(call: Call, id: str) -> None:
    one = call.get(SpotRequest, id)
    instance = call.get(Instance, one.instance) if one else None
    if one is None or instance is None or not instance.spot_action:
        return
    call.put(instance.but(spot_action={}))
    instance = instance.but(spot_action={})
    if one.behavior == "stop":
        put(call, one.but(status="instance-stopped-by-price"))
        life.stop(call, instance, "Server.SpotInstanceShutdown", "Spot instance shutdown")
    else:
        put(call, one.but(status="instance-terminated-by-price"))
        life.end(call, instance, "Server.SpotInstanceTermination", "Spot instance termination")


def _heard(call: Call, instance: Instance) -> None:
    """What becomes of the request when its instance goes."""
    one = call.get(SpotRequest, instance.spot_request) if instance.spot_request else None
    if one is None or one.instance != instance.id:
        return
    by_user = instance.reason_code.startswith("Client.")
    if instance.state == "shutting-down":
        status = "instance-terminated-by-user" if by_user else one.status
        if one.state == "cancelled":
            put(call, one.but(status=status))
        elif one.type == "persistent":
            put(call, one.but(state="open", status=status, instance=""))
            call.after(1.0, market_moved, one.id, id=one.id)
        else:
            put(call, one.but(state="closed", status=status))
    elif instance.state == "stopped" and one.state == "active":
        put(call, one.but(state="disabled" if by_user else "open", status="instance-stopped-by-user" if by_user else one.status))
    elif instance.state == "pending" and one.state in ("disabled", "open"):
        put(call, one.but(state="active", status="fulfilled"))


life.LISTENERS.append(_heard)


# -- operations ---------------------------------------------------------------------------------------------------------------------------

def shown(call: Call, one: SpotRequest) -> t.SpotInstanceRequest:
    spec: Any = {k: v for k, v in one.spec.items() if k in ("ImageId", "InstanceType", "KeyName", "SubnetId", "EbsOptimized", "BlockDeviceMappings", "NetworkInterfaces", "Placement", "UserData",
                                                            "IamInstanceProfile")}
    spec["Monitoring"] = {"Enabled": bool((one.spec.get("Monitoring") or {}).get("Enabled"))}
    spec["SecurityGroups"] = [{"GroupId": id_} for id_ in one.spec.get("SecurityGroupIds") or ()]
    if "Placement" in spec:
        spec["Placement"] = {k: v for k, v in spec["Placement"].items() if k in ("AvailabilityZone", "GroupName", "Tenancy")}
    out: Any = {
        "SpotInstanceRequestId": one.id, "State": one.state, "Type": one.type, "CreateTime": one.made, "LaunchSpecification": spec, "ProductDescription": "Linux/UNIX",
        "Status": {"Code": one.status, "Message": one.fault or STATUS.get(one.status, one.status), "UpdateTime": one.changed}, "InstanceInterruptionBehavior": one.behavior,
        "SpotPrice": f"{float(one.price or prices.on_demand(instance_types.find(one.spec.get('InstanceType') or 'm1.small'))):.6f}", "Tags": tags.shown(call, one.id),
    }
    if one.instance:
        out |= {"InstanceId": one.instance, "LaunchedAvailabilityZone": one.zone}
    if one.fault:
        out["Fault"] = {"Code": one.status, "Message": one.fault}
    for member, value in (("ValidFrom", one.valid_from), ("ValidUntil", one.valid_until), ("LaunchGroup", one.launch_group)):
        if value:
            out[member] = value
    return out  # type: ignore[no-any-return]


@ec2.op(**names.making("spot-instances-request"), partly="launch groups and availability zone groups are noted, not kept together")
def request_spot_instances(call: Call, req: t.RequestSpotInstancesRequest) -> t.RequestSpotInstancesResult:
    spec: Any = dict(req.get("LaunchSpecification") or {})
    if not spec.get("ImageId"):
        raise errors.missing("LaunchSpecification.ImageId")
    kind, behavior, price = req.get("Type") or "one-time", req.get("InstanceInterruptionBehavior") or "terminate", req.get("SpotPrice") or ""
    _sound(kind, behavior, price)
    if req.get("BlockDurationMinutes"):
        raise errors.unsupported("Spot blocks (BlockDurationMinutes) are not offered any more.")
    if (req.get("ValidUntil") or call.now + 1) <= call.now:
        raise errors.invalid("The request's end date must be in the future")
    from . import launch as launching
    iam.ensure_linked(call, "spot.amazonaws.com")
    planned = launching.plan(call, {**spec, "MinCount": 1, "MaxCount": 1})  # what is wrong with it is said now
    made = []
    for _ in range(req.get("InstanceCount") or 1):
        one = put(call, SpotRequest(_id(call), kind, "open", "pending-evaluation", call.now, call.now, planned.subnet.zone, spec, price, behavior=behavior, valid_from=req.get("ValidFrom") or 0,
                                    valid_until=req.get("ValidUntil") or 0, launch_group=req.get("LaunchGroup") or ""))
        tags.take(call, req, "spot-instances-request", one.id)
        if one.valid_until:
            call.due(one.valid_until, spot_expired, one.id, id=one.id)
        made.append(shown(call, one))
        call.after(0.5, market_moved, one.id, id=one.id)
    return {"SpotInstanceRequests": made}


@ec2.timer
def spot_expired(call: Call, id: str) -> None:
    if (one := call.get(SpotRequest, id)) and one.state == "open":
        put(call, one.but(state="cancelled", status="schedule-expired"))


FACETS: describe.Facets = {
    "spot-instance-request-id": lambda s: s.id, "state": lambda s: s.state, "status-code": lambda s: s.status, "type": lambda s: s.type, "instance-id": lambda s: s.instance or None,
    "spot-price": lambda s: s.price, "create-time": lambda s: describe_time(s.made), "launched-availability-zone": lambda s: s.zone if s.instance else None, "launch-group": lambda s: s.launch_group or None,
    "launch.image-id": lambda s: s.spec.get("ImageId"), "launch.instance-type": lambda s: s.spec.get("InstanceType"), "launch.key-name": lambda s: s.spec.get("KeyName"),
    "product-description": lambda s: "Linux/UNIX", "status-message": lambda s: STATUS.get(s.status), "availability-zone-group": lambda s: None,
    "network-interface.subnet-id": lambda s: s.spec.get("SubnetId"), "launch.group-id": lambda s: s.spec.get("SecurityGroupIds"),
}


@ec2.op(**names.LOOK)
def describe_spot_instance_requests(call: Call, req: t.DescribeSpotInstanceRequestsRequest) -> t.DescribeSpotInstanceRequestsResult:
    ids = req.get("SpotInstanceRequestIds")
    found = [find(call, id_) for id_ in ids] if ids else call.all(SpotRequest)
    found = describe.matching(call, found, req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, one) for one in found], "SpotInstanceRequests", ids=ids)


@ec2.op(**names.on("spot-instances-request", "SpotInstanceRequestIds"))
def cancel_spot_instance_requests(call: Call, req: t.CancelSpotInstanceRequestsRequest) -> t.CancelSpotInstanceRequestsResult:
    """The instance runs on; a stopped one of a persistent request is terminated."""
    out = []
    for id_ in req["SpotInstanceRequestIds"]:
        one = find(call, id_)
        if one.state in ("open", "active", "disabled"):
            instance = call.get(Instance, one.instance)
            one = put(call, one.but(state="cancelled", status="request-canceled-and-instance-running" if instance else "canceled-before-fulfillment"))
            if instance and instance.state in ("stopped", "stopping"):
                life.end(call, instance)
        out.append({"SpotInstanceRequestId": id_, "State": one.state})
    return {"CancelledSpotInstanceRequests": out}  # type: ignore[typeddict-item]


@ec2.op(**names.LOOK)
def describe_spot_price_history(call: Call, req: t.DescribeSpotPriceHistoryRequest) -> t.DescribeSpotPriceHistoryResult:
    """Each change of price in the stretch asked for (90 days at most), and the one that held at its begin; the newest first."""
    from . import zones
    wanted = req.get("InstanceTypes") or list(instance_types.table())
    end = min(req.get("EndTime") or call.now, call.now)
    start = max(req.get("StartTime") or end, call.now - 90 * 86400)
    places = [req["AvailabilityZone"]] if req.get("AvailabilityZone") else zones.of(call.region)
    most = req.get("MaxResults") or 1000
    if any(product not in ("Linux/UNIX", "Linux/UNIX (Amazon VPC)") for product in req.get("ProductDescriptions") or ()):
        return {"SpotPriceHistory": [], "NextToken": ""}
    hours = range(int(end // HOUR), int(start // HOUR) - 1, -1)
    rows = [{"AvailabilityZone": zone, "InstanceType": name, "ProductDescription": "Linux/UNIX", "SpotPrice": f"{prices.spot(kind, zone, hour * HOUR):.6f}", "Timestamp": hour * HOUR}
            for hour in hours for name in wanted if (kind := instance_types.get(name)) for zone in places]
    rows = describe.matching(call, rows, req.get("Filters"), {
        "availability-zone": lambda row: row["AvailabilityZone"], "instance-type": lambda row: row["InstanceType"], "product-description": lambda row: row["ProductDescription"],
        "spot-price": lambda row: row["SpotPrice"], "timestamp": lambda row: describe_time(row["Timestamp"])})
    return describe.page(dict(req, MaxResults=None), rows, "SpotPriceHistory", default=most)
