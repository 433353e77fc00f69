"""EC2 fleets (CreateFleet): on demand and Spot together, from launch templates; instant ones answer with their instances."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call

from . import describe, errors, fleet_capacity, life, names, tags
from . import service as ec2
from .fleet_capacity import Fleet, Pool
from .instances import Instance

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t


def find(call: Call, id_: str) -> Fleet:
    return describe.find(call, Fleet, id_, "InvalidFleetId.NotFound" if id_.startswith("fleet-") else "InvalidSpotFleetRequestId.NotFound", "fleet ID")


tags.FINDERS["fleet"] = find
tags.FINDERS["sfr"] = find


def _target(spec: Any) -> tuple[float, float]:
    """(total, on demand)."""
    total, demanded, wanted = spec["TotalTargetCapacity"], spec.get("OnDemandTargetCapacity"), spec.get("SpotTargetCapacity")
    if (demanded or 0) + (wanted or 0) > total:
        raise errors.combination("The sum of OnDemandTargetCapacity and SpotTargetCapacity cannot be more than TotalTargetCapacity")
    if demanded is None:
        demanded = total - (wanted or 0) if (spec.get("DefaultTargetCapacityType") or "on-demand") == "on-demand" else 0
    elif (spec.get("DefaultTargetCapacityType") or "on-demand") == "on-demand":
        demanded = total - (wanted or 0)
    return float(total), float(demanded)


@ec2.op(**names.making("fleet"), partly="minimum capacities and prices in total are not looked at")
def create_fleet(call: Call, req: t.CreateFleetRequest) -> t.CreateFleetResult:
    kind, token = req.get("Type") or "maintain", req.get("ClientToken") or ""
    if token and (before := next((one for one in call.all(Fleet) if one.token == token), None)):
        return {"FleetId": before.id}
    total, demanded = _target(req["TargetCapacitySpecification"])
    pools = fleet_capacity.pools(call, req["LaunchTemplateConfigs"])
    spot_options, demand_options = req.get("SpotOptions") or {}, req.get("OnDemandOptions") or {}
    given = [one for each in req.get("TagSpecifications") or () if each.get("ResourceType") == "instance" for one in each.get("Tags") or ()]
    fleet = call.put(Fleet("fleet-" + call.uuid(), kind, call.now, pools, _kept(req), total, demanded, spot_options.get("AllocationStrategy") or "lowest-price",
                           demand_options.get("AllocationStrategy") or "lowest-price", req.get("ExcessCapacityTerminationPolicy") or "termination", token=token, tags=tags.checked(call, given),
                           ends=req.get("ValidUntil") or 0, terminate_at_end=bool(req.get("TerminateInstancesWithExpiration"))))
    tags.take(call, req, "fleet", fleet.id, "instance", "volume", "network-interface")
    if kind != "instant":
        call.after(0.5, fleet_due, fleet.id, id=fleet.id)
        if fleet.ends:
            call.due(fleet.ends, fleet_over, fleet.id, id=fleet.id)
        return {"FleetId": fleet.id}
    fleet, made, failed = fleet_capacity.settle(call, fleet)
    return {"FleetId": fleet.id, "Instances": [_launched(call, fleet, pool, one) for pool, one in made],
            "Errors": [{"LaunchTemplateAndOverrides": _origin(fleet, pool), "Lifecycle": "spot", "ErrorCode": error.code, "ErrorMessage": error.message} for pool, error in failed]}


def _kept(req: Any) -> dict[str, Any]:
    return {k: v for k, v in req.items() if k in ("LaunchTemplateConfigs", "TargetCapacitySpecification", "SpotOptions", "OnDemandOptions", "ReplaceUnhealthyInstances", "TerminateInstancesWithExpiration",
                                                  "ValidFrom", "ValidUntil", "Context")}


def _origin(fleet: Fleet, pool: Pool) -> Any:
    config = fleet.asked["LaunchTemplateConfigs"][pool.config]
    return {"LaunchTemplateSpecification": config.get("LaunchTemplateSpecification") or {}, **({"Overrides": pool.override} if pool.override else {})}


def _launched(call: Call, fleet: Fleet, pool: Pool, one: Instance) -> Any:
    return {"LaunchTemplateAndOverrides": _origin(fleet, pool), "Lifecycle": one.lifecycle or "on-demand", "InstanceIds": [one.id], "InstanceType": one.type}


@ec2.timer
def fleet_due(call: Call, id: str) -> None:
    """Made, changed, or one of its instances went."""
    if (fleet := call.get(Fleet, id)) and fleet.state in ("active", "modifying", "submitted"):
        fleet, _, _ = fleet_capacity.settle(call, fleet.but(state="active"))
        call.put(fleet)


@ec2.timer
def fleet_over(call: Call, id: str) -> None:
    """ValidUntil has come: nothing is launched any more."""
    if (fleet := call.get(Fleet, id)) and fleet.state == "active":
        call.put(fleet.but(state="expired"))
        for one in fleet_capacity.members(call, fleet) if fleet.terminate_at_end else ():
            life.end(call, one)


def _heard(call: Call, one: Instance) -> None:
    fleet = call.get(Fleet, one.spawned_by) if one.spawned_by else None
    if fleet is not None and one.state == "shutting-down":
        if fleet.type == "maintain" and fleet.state == "active":
            call.after(1.0, fleet_due, fleet.id, id=fleet.id)
        elif fleet.state.endswith("terminating") and not [each for each in fleet_capacity.members(call, fleet) if each.id != one.id]:
            call.put(fleet.but(state="cancelled" if fleet.id.startswith("sfr-") else "deleted"))


life.LISTENERS.append(_heard)


def shown(call: Call, fleet: Fleet) -> t.FleetData:
    everything, demanded = fleet_capacity.fulfilled(call, fleet)
    target = dict(fleet.asked["TargetCapacitySpecification"]) | {"TotalTargetCapacity": int(fleet.total), "OnDemandTargetCapacity": int(fleet.on_demand), "SpotTargetCapacity": int(fleet.total - fleet.on_demand)}
    out: Any = {
        "FleetId": fleet.id, "FleetState": fleet.state, "Type": fleet.type, "CreateTime": fleet.made, "ActivityStatus": "fulfilled" if everything >= fleet.total else "pending_fulfillment",
        "FulfilledCapacity": everything, "FulfilledOnDemandCapacity": demanded, "ExcessCapacityTerminationPolicy": fleet.excess, "TargetCapacitySpecification": target,
        "LaunchTemplateConfigs": fleet.asked["LaunchTemplateConfigs"], "ReplaceUnhealthyInstances": bool(fleet.asked.get("ReplaceUnhealthyInstances")),
        "TerminateInstancesWithExpiration": bool(fleet.asked.get("TerminateInstancesWithExpiration")), "Tags": tags.shown(call, fleet.id),
        "SpotOptions": {"AllocationStrategy": fleet.strategy, "InstanceInterruptionBehavior": "terminate"}, "OnDemandOptions": {"AllocationStrategy": fleet.on_demand_strategy}}
    if fleet.token:
        out["ClientToken"] = fleet.token
    return out  # type: ignore[no-any-return]


def _ours(call: Call) -> list[Fleet]:
    return [one for one in call.all(Fleet) if one.id.startswith("fleet-")]


@ec2.op(**names.LOOK)
def describe_fleets(call: Call, req: t.DescribeFleetsRequest) -> t.DescribeFleetsResult:
    """Instant ones are shown only by id."""
    ids = req.get("FleetIds")
    found = [find(call, id_) for id_ in ids] if ids else [one for one in _ours(call) if one.type != "instant"]
    found = describe.matching(call, found, req.get("Filters"), {
        "activity-status": lambda call, f: shown(call, f)["ActivityStatus"], "excess-capacity-termination-policy": lambda f: f.excess in ("termination", "Default"), "fleet-state": lambda f: f.state,
        "replace-unhealthy-instances": lambda f: bool(f.asked.get("ReplaceUnhealthyInstances")), "type": lambda f: f.type})
    return describe.page(req, [shown(call, one) for one in found], "Fleets", least=1)


@ec2.op(**names.on("fleet", "FleetId"))
def describe_fleet_instances(call: Call, req: t.DescribeFleetInstancesRequest) -> t.DescribeFleetInstancesResult:
    fleet = find(call, req["FleetId"])
    rows = [{"InstanceId": one.id, "InstanceType": one.type, "InstanceHealth": "healthy", **({"SpotInstanceRequestId": one.spot_request} if one.spot_request else {})}
            for one in fleet_capacity.members(call, fleet)]
    rows = describe.matching(call, rows, req.get("Filters"), {"instance-type": lambda row: row["InstanceType"]})
    return {"FleetId": fleet.id, **describe.page(req, rows, "ActiveInstances", least=1)}


@ec2.op(**names.on("fleet", "FleetId"))
def describe_fleet_history(call: Call, req: t.DescribeFleetHistoryRequest) -> t.DescribeFleetHistoryResult:
    fleet = find(call, req["FleetId"])
    wanted = {"instance-change": "instanceChange", "fleet-change": "fleetRequestChange", "service-error": "error"}.get(req.get("EventType") or "")
    rows: list[Any] = [{**each, "EventType": {"instanceChange": "instance-change", "error": "service-error"}.get(each["EventType"], "fleet-change")}
                       for each in fleet.history if each["Timestamp"] >= req["StartTime"] and wanted in (None, each["EventType"])]
    return {"FleetId": fleet.id, "StartTime": req["StartTime"], "LastEvaluatedTime": call.now, "HistoryRecords": rows}


@ec2.op(**names.on("fleet", "FleetId"))
def modify_fleet(call: Call, req: t.ModifyFleetRequest) -> t.ModifyFleetResult:
    fleet = find(call, req["FleetId"])
    if fleet.type != "maintain":
        raise AwsError("InvalidFleetType" if fleet.type == "instant" else "InvalidFleetConfiguration", f"A fleet of type {fleet.type} cannot be modified.")
    if fleet.state != "active":
        raise errors.incorrect_state(f"The fleet {fleet.id} is {fleet.state}.")
    change: dict[str, Any] = {}
    if target := req.get("TargetCapacitySpecification"):
        whole = {"DefaultTargetCapacityType": fleet.asked["TargetCapacitySpecification"].get("DefaultTargetCapacityType"), **target}
        change["total"], change["on_demand"] = _target(whole)
    if configs := req.get("LaunchTemplateConfigs"):
        change |= {"pools": fleet_capacity.pools(call, configs), "asked": fleet.asked | {"LaunchTemplateConfigs": configs}}
    if excess := req.get("ExcessCapacityTerminationPolicy"):
        change["excess"] = excess
    call.put(fleet.but(**change))
    call.after(0.5, fleet_due, fleet.id, id=fleet.id)
    return {"Return": True}


@ec2.op(**names.on("fleet", "FleetIds"))
def delete_fleets(call: Call, req: t.DeleteFleetsRequest) -> t.DeleteFleetsResult:
    done: list[Any] = []
    failed: list[Any] = []
    for id_ in req["FleetIds"]:
        fleet = call.get(Fleet, id_)
        if fleet is None or not id_.startswith("fleet-"):
            failed.append({"FleetId": id_, "Error": {"Code": "fleetIdDoesNotExist", "Message": f"The fleet ID '{id_}' does not exist"}})
            continue
        there = fleet_capacity.members(call, fleet)
        state = ("deleted_terminating" if req["TerminateInstances"] else "deleted_running") if there else "deleted"
        call.put(fleet.but(state=state))
        for one in there if req["TerminateInstances"] else ():
            life.end(call, one)
        done.append({"FleetId": id_, "CurrentFleetState": state, "PreviousFleetState": fleet.state})
    return {"SuccessfulFleetDeletions": done, "UnsuccessfulFleetDeletions": failed}
