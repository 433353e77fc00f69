"""Spot fleets (RequestSpotFleet): a target of Spot capacity from several pools, kept up while the request is active."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.iam import public as iam

from . import describe, errors, fleet_capacity, fleets, life, names, tags
from . import service as ec2
from .fleet_capacity import Fleet, Pool

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

STATES = {"active": "active", "deleted": "cancelled", "cancelled": "cancelled", "cancelled_running": "cancelled_running", "cancelled_terminating": "cancelled_terminating", "expired": "cancelled"}


def _specified(each: Any) -> Pool:
    """A launch specification of the old kind as RunInstances' members."""
    spec = {k: v for k, v in each.items() if k in ("ImageId", "InstanceType", "KeyName", "SubnetId", "UserData", "BlockDeviceMappings", "NetworkInterfaces", "IamInstanceProfile", "EbsOptimized",
                                                   "Placement", "Monitoring")}
    if groups := [group["GroupId"] for group in each.get("SecurityGroups") or () if group.get("GroupId")]:
        spec["SecurityGroupIds"] = groups
    if each.get("TagSpecifications"):
        spec["TagSpecifications"] = each["TagSpecifications"]
    return Pool(spec, float(each.get("WeightedCapacity") or 1), each.get("SpotPrice") or "")


@ec2.op(**names.making("spot-fleet-request"), partly="load balancers and prices in total are not looked at")
def request_spot_fleet(call: Call, req: t.RequestSpotFleetRequest) -> t.RequestSpotFleetResponse:
    config: Any = req["SpotFleetRequestConfig"]
    if bool(config.get("LaunchSpecifications")) == bool(config.get("LaunchTemplateConfigs")):
        raise errors.combination("Either LaunchSpecifications or LaunchTemplateConfigs must be given, and not both")
    role = config["IamFleetRole"]
    call.pass_role(role, "spotfleet.amazonaws.com")
    if iam.role(call, role) is None:
        raise errors.invalid(f"The role '{role}' given as IamFleetRole does not exist.")
    token = config.get("ClientToken")
    if token and (before := next((one for one in call.all(Fleet) if one.token == token and one.id.startswith("sfr-")), None)):
        return {"SpotFleetRequestId": before.id}
    price = config.get("SpotPrice") or ""
    pools = [_specified(each) for each in config.get("LaunchSpecifications") or ()] + fleet_capacity.pools(call, config.get("LaunchTemplateConfigs"), price)
    for pool in pools:
        fleet_capacity.kind_of(pool)
    fleet = call.put(Fleet("sfr-" + call.uuid(), config.get("Type") or "maintain", call.now, pools, {"config": config}, float(config["TargetCapacity"]), float(config.get("OnDemandTargetCapacity") or 0),
                           config.get("AllocationStrategy") or "lowestPrice", config.get("OnDemandAllocationStrategy") or "lowestPrice", config.get("ExcessCapacityTerminationPolicy") or "Default",
                           price=price, token=token or "", ends=config.get("ValidUntil") or 0, terminate_at_end=bool(config.get("TerminateInstancesWithExpiration"))))
    tags.take(call, config, "spot-fleet-request", fleet.id)
    call.after(0.5, fleets.fleet_due, fleet.id, id=fleet.id)
    if fleet.ends:
        call.due(fleet.ends, fleets.fleet_over, fleet.id, id=fleet.id)
    return {"SpotFleetRequestId": fleet.id}


def shown(call: Call, fleet: Fleet) -> t.SpotFleetRequestConfig:
    everything, demanded = fleet_capacity.fulfilled(call, fleet)
    config: Any = dict(fleet.asked["config"]) | {"TargetCapacity": int(fleet.total), "OnDemandTargetCapacity": int(fleet.on_demand), "FulfilledCapacity": everything, "OnDemandFulfilledCapacity": demanded,
                                            "AllocationStrategy": fleet.strategy, "Type": fleet.type, "ExcessCapacityTerminationPolicy": fleet.excess}
    return {"SpotFleetRequestId": fleet.id, "SpotFleetRequestState": STATES.get(fleet.state, fleet.state), "CreateTime": fleet.made, "Tags": tags.shown(call, fleet.id),  # type: ignore[typeddict-item]
            "ActivityStatus": "fulfilled" if everything >= fleet.total else "pending_fulfillment", "SpotFleetRequestConfig": config}


@ec2.op(**names.LOOK)
def describe_spot_fleet_requests(call: Call, req: t.DescribeSpotFleetRequestsRequest) -> t.DescribeSpotFleetRequestsResponse:
    ids = req.get("SpotFleetRequestIds")
    found = [fleets.find(call, id_) for id_ in ids] if ids else [one for one in call.all(Fleet) if one.id.startswith("sfr-")]
    return describe.page(req, [shown(call, one) for one in found], "SpotFleetRequestConfigs", least=1)


@ec2.op(**names.on("spot-fleet-request", "SpotFleetRequestId"))
def describe_spot_fleet_instances(call: Call, req: t.DescribeSpotFleetInstancesRequest) -> t.DescribeSpotFleetInstancesResponse:
    fleet = fleets.find(call, req["SpotFleetRequestId"])
    rows = [{"InstanceId": one.id, "InstanceType": one.type, "InstanceHealth": "healthy", **({"SpotInstanceRequestId": one.spot_request} if one.spot_request else {})}
            for one in fleet_capacity.members(call, fleet)]
    return {"SpotFleetRequestId": fleet.id, **describe.page(req, rows, "ActiveInstances", least=1)}


@ec2.op(**names.on("spot-fleet-request", "SpotFleetRequestId"))
def describe_spot_fleet_request_history(call: Call, req: t.DescribeSpotFleetRequestHistoryRequest) -> t.DescribeSpotFleetRequestHistoryResponse:
    fleet = fleets.find(call, req["SpotFleetRequestId"])
    rows: list[Any] = [each for each in fleet.history if each["Timestamp"] >= req["StartTime"] and req.get("EventType") in (None, each["EventType"])]
    return {"SpotFleetRequestId": fleet.id, "StartTime": req["StartTime"], "LastEvaluatedTime": call.now, "HistoryRecords": rows}


@ec2.op(**names.on("spot-fleet-request", "SpotFleetRequestId"))
def modify_spot_fleet_request(call: Call, req: t.ModifySpotFleetRequestRequest) -> t.ModifySpotFleetRequestResponse:
    fleet = fleets.find(call, req["SpotFleetRequestId"])
    if fleet.type != "maintain" or fleet.state != "active":
        raise errors.incorrect_state(f"The Spot Fleet request {fleet.id} cannot be modified: it is of type {fleet.type} and {fleet.state}.")
    change: dict[str, Any] = {}
    if (target := req.get("TargetCapacity")) is not None:
        change["total"] = float(target)
    if (demanded := req.get("OnDemandTargetCapacity")) is not None:
        change["on_demand"] = float(demanded)
    if excess := req.get("ExcessCapacityTerminationPolicy"):
        change["excess"] = excess
    if configs := req.get("LaunchTemplateConfigs"):
        change["pools"] = fleet_capacity.pools(call, configs, fleet.price)
    call.put(fleet.but(**change))
    call.after(0.5, fleets.fleet_due, fleet.id, id=fleet.id)
    return {"Return": True}


@ec2.op(**names.on("spot-fleet-request", "SpotFleetRequestIds"))
def cancel_spot_fleet_requests(call: Call, req: t.CancelSpotFleetRequestsRequest) -> t.CancelSpotFleetRequestsResponse:
    done: list[Any] = []
    failed: list[Any] = []
    for id_ in req["SpotFleetRequestIds"]:
        fleet = call.get(Fleet, id_)
        if fleet is None:
            failed.append({"SpotFleetRequestId": id_, "Error": {"Code": "fleetRequestIdDoesNotExist", "Message": f"The Spot Fleet request ID '{id_}' does not exist"}})
            continue
        there = fleet_capacity.members(call, fleet)
        state = ("cancelled_terminating" if req["TerminateInstances"] else "cancelled_running") if there else "cancelled"
        call.put(fleet.but(state=state))
        for one in there if req["TerminateInstances"] else ():
            life.end(call, one)
        done.append({"SpotFleetRequestId": id_, "CurrentSpotFleetRequestState": state, "PreviousSpotFleetRequestState": STATES.get(fleet.state, fleet.state)})
    return {"SuccessfulFleetRequests": done, "UnsuccessfulFleetRequests": failed}
