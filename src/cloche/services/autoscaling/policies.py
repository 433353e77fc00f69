"""Scaling policies: simple, step, target tracking (with its two alarms); predictive ones are kept and forecast nothing.

An alarm calls `alarmed` when it goes off and every minute while it lasts; ExecutePolicy calls the same arithmetic by hand.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.languages import scaling
from cloche.services.cloudwatch import public as cloudwatch

from . import errors, reconciling, tracking
from . import service as autoscaling
from .groups import Group, by_name, find, page, resize, tags_context
from .instances import of_group

if TYPE_CHECKING:
    from cloche.shapes import autoscaling as t

TYPES = ("SimpleScaling", "StepScaling", "TargetTrackingScaling", "PredictiveScaling")
ADJUSTMENTS = ("ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity")
PER_GROUP, STEPS = 50, 20
SHOWN = (
    "AdjustmentType", "MinAdjustmentStep", "MinAdjustmentMagnitude", "ScalingAdjustment", "Cooldown", "StepAdjustments", "MetricAggregationType", "EstimatedInstanceWarmup",
    "TargetTrackingConfiguration", "PredictiveScalingConfiguration")


class Policy(Record, frozen=True):
    kind = "autoscaling.policy"

    group: str
    name: str
    arn: str
    type: str
    config: dict[str, Any]
    enabled: bool = True
    alarms: list[str] = []   # those of target tracking: high, low

    @property
    def key(self) -> str:
        return f"{self.group}/{self.name}"


def of_group_(call: Call, group: str) -> list[Policy]:
    return sorted((one for one in call.all(Policy) if one.group == group), key=lambda one: one.name)


def forget(call: Call, group: str) -> None:
    for one in of_group_(call, group):
        tracking.unwatch(call, one)
        call.delete(one)


# -- putting ----------------------------------------------------------------------------------------------------------

@autoscaling.op(resource=by_name, context=tags_context, partly="predictive policies are kept but forecast and scale nothing; metric math in a customized metric is taken for target tracking only")
def put_scaling_policy(call: Call, req: t.PutScalingPolicyType) -> t.PolicyARNType:
    group, name, type_ = find(call, req["AutoScalingGroupName"]), req["PolicyName"], req.get("PolicyType", "SimpleScaling")
    if type_ not in TYPES:
        raise errors.invalid(f"PolicyType {type_} is not valid; it must be one of {', '.join(TYPES)}.")
    check(req, type_)
    old = call.get(Policy, f"{group.name}/{name}")
    if old is None and len(of_group_(call, group.name)) >= PER_GROUP:
        raise errors.limit("scaling policies of an AutoScalingGroup")
    if old is not None and old.type != type_:
        raise errors.invalid(f"Policy type cannot be changed from {old.type} to {type_}.")
    config = {key: req[key] for key in SHOWN if key in req}  # type: ignore[literal-required]
    if type_ == "StepScaling":
        config.setdefault("MetricAggregationType", "Average")
    arn = old.arn if old else call.arn(f"scalingPolicy:{call.uuid()}:autoScalingGroupName/{group.name}:policyName/{name}")
    policy = Policy(group.name, name, arn, type_, config, req.get("Enabled", True), old.alarms if old else [])
    if type_ == "TargetTrackingScaling":
        policy = policy.but(alarms=tracking.watch(call, group, policy))
    call.put(policy)
    return {"PolicyARN": arn, "Alarms": shown_alarms(call, policy)}


def check(req: Any, type_: str) -> None:
    adjustment = req.get("AdjustmentType")
    if type_ in ("SimpleScaling", "StepScaling"):
        if adjustment is None:
            raise errors.invalid("You must specify an AdjustmentType for policy type: " + type_)
        if adjustment not in ADJUSTMENTS:
            raise errors.invalid(f"Invalid AdjustmentType: {adjustment}. Valid types are: {', '.join(ADJUSTMENTS)}")
        if req.get("MinAdjustmentMagnitude") is not None and adjustment != "PercentChangeInCapacity":
            raise errors.invalid("MinAdjustmentMagnitude is only supported with the AdjustmentType PercentChangeInCapacity.")
        if "TargetTrackingConfiguration" in req or "PredictiveScalingConfiguration" in req:
            raise errors.invalid(f"The policy type {type_} takes no TargetTrackingConfiguration and no PredictiveScalingConfiguration.")
    if type_ == "SimpleScaling":
        if "ScalingAdjustment" not in req:
            raise errors.invalid("You must specify a ScalingAdjustment for policy type: SimpleScaling")
        if "StepAdjustments" in req:
            raise errors.invalid("StepAdjustments are not supported by policy type: SimpleScaling")
        if adjustment == "ExactCapacity" and req["ScalingAdjustment"] < 0:
            raise errors.invalid("ScalingAdjustment must not be negative with the AdjustmentType ExactCapacity.")
    elif type_ == "StepScaling":
        if "ScalingAdjustment" in req or "Cooldown" in req:
            raise errors.invalid("ScalingAdjustment and Cooldown are not supported by policy type: StepScaling")
        steps = req.get("StepAdjustments") or []
        if len(steps) > STEPS:
            raise errors.limit("step adjustments of a policy")
        if wrong := scaling.wrong_steps(steps):
            raise errors.invalid(wrong)
        if req.get("MetricAggregationType", "Average") not in ("Average", "Minimum", "Maximum"):
            raise errors.invalid("MetricAggregationType must be Average, Minimum or Maximum.")
    elif type_ == "TargetTrackingScaling":
        if "TargetTrackingConfiguration" not in req:
            raise errors.invalid("You must specify a TargetTrackingConfiguration for policy type: TargetTrackingScaling")
        tracking.check(req["TargetTrackingConfiguration"])
    elif "PredictiveScalingConfiguration" not in req:
        raise errors.invalid("You must specify a PredictiveScalingConfiguration for policy type: PredictiveScaling")


def shown_alarms(call: Call, policy: Policy) -> list[Any]:
    names = policy.alarms if policy.type == "TargetTrackingScaling" else cloudwatch.alarms_with(call, policy.arn)
    return [{"AlarmName": name, "AlarmARN": call.arn(f"alarm:{name}", service="cloudwatch")} for name in names]


@autoscaling.op(resource=lambda call, req: "*")
def describe_policies(call: Call, req: t.DescribePoliciesType) -> t.PoliciesType:
    group, names, types = req.get("AutoScalingGroupName"), req.get("PolicyNames"), req.get("PolicyTypes")
    if group:
        find(call, group)
    found = [one for one in sorted(call.all(Policy), key=lambda p: (p.group, p.name))
             if group in (None, one.group) and (not names or one.name in names or one.arn in names) and (not types or one.type in types)]
    shown, token = page(found, req)
    return {"ScalingPolicies": [{"AutoScalingGroupName": one.group, "PolicyName": one.name, "PolicyARN": one.arn, "PolicyType": one.type, "Enabled": one.enabled,
                                 "Alarms": shown_alarms(call, one), "StepAdjustments": []} | one.config for one in shown]} | token  # type: ignore[return-value]


def by_policy(call: Call, req: Any) -> str:
    named = req["PolicyName"]
    if named.startswith("arn:"):
        return by_name(call, {"AutoScalingGroupName": named.partition("autoScalingGroupName/")[2].partition(":")[0]})
    return by_name(call, req)


def look(call: Call, req: Any) -> Policy:
    named = req["PolicyName"]
    for one in call.all(Policy):
        if one.arn == named or (one.name == named and one.group == req.get("AutoScalingGroupName")):
            return one
    if req.get("AutoScalingGroupName"):
        find(call, req["AutoScalingGroupName"])
    raise errors.no_such_policy(named)


@autoscaling.op(resource=by_policy)
def delete_policy(call: Call, req: t.DeletePolicyType) -> None:
    policy = look(call, req)
    tracking.unwatch(call, policy)
    call.delete(policy)


# -- acting -----------------------------------------------------------------------------------------------------------

@autoscaling.op(resource=by_policy)
def execute_policy(call: Call, req: t.ExecutePolicyType) -> None:
    policy = look(call, req)
    group = find(call, policy.group)
    if policy.type in ("TargetTrackingScaling", "PredictiveScaling"):
        raise errors.invalid(f"Policies of type {policy.type} cannot be executed.")
    if policy.type == "StepScaling":
        if "MetricValue" not in req or "BreachThreshold" not in req:
            raise errors.invalid("MetricValue and BreachThreshold are required for policies of type StepScaling.")
    elif "MetricValue" in req or "BreachThreshold" in req:
        raise errors.invalid("MetricValue and BreachThreshold are not supported for policies of type SimpleScaling.")
    if req.get("HonorCooldown", False) and policy.type == "SimpleScaling" and call.now < group.cooling:
        raise errors.cooling(group.name)
    change(call, group, policy, req.get("MetricValue", 0.0), req.get("BreachThreshold", 0.0), f"a user request executed policy {policy.name}")


def change(call: Call, group: Group, policy: Policy, value: float, threshold: float, why: str) -> None:
    """Simple and step policies, once."""
    config = policy.config
    amount = config["ScalingAdjustment"] if policy.type == "SimpleScaling" else scaling.step_for(config["StepAdjustments"], value, threshold)
    if amount is None:
        return
    current = group.desired
    if policy.type == "StepScaling" and amount > 0 and config["AdjustmentType"] != "ExactCapacity":
        # what is still warming up counts towards the step, so that an alarm that goes on does not add it every minute
        current -= min(len(warming(call, group, policy)), max(0, group.desired - group.least))
    wanted = scaling.adjusted(current, config["AdjustmentType"], amount, config.get("MinAdjustmentMagnitude") or config.get("MinAdjustmentStep") or 0)
    if policy.type == "StepScaling" and amount > 0 and config["AdjustmentType"] != "ExactCapacity":
        wanted = max(wanted, group.desired)
    apply(call, group, policy, wanted, why)


def apply(call: Call, group: Group, policy: Policy, wanted: int, why: str) -> None:
    wanted = min(max(wanted, group.least), group.most)
    if wanted == group.desired:
        return
    new = resize(call, group, wanted, f"{why} changing the desired capacity from {group.desired} to {wanted}.")
    if policy.type == "SimpleScaling":
        call.put(new.but(cooling=call.now // 1 + policy.config.get("Cooldown", group.cooldown)))
    reconciling.soon(call, group.name)


def warmup(group: Group, policy: Policy) -> int:
    own = policy.config.get("EstimatedInstanceWarmup")
    default = group.config.get("DefaultInstanceWarmup", -1)
    return int(own if own is not None else default if default is not None and default >= 0 else group.cooldown if policy.type != "SimpleScaling" else 0)


def warming(call: Call, group: Group, policy: Policy) -> list[Any]:
    seconds = warmup(group, policy)
    return [one for one in of_group(call, group.name)
            if not one.warm and (one.lifecycle.startswith("Pending") or (one.lifecycle == "InService" and call.now < one.in_service + seconds))]


def alarmed(call: Call, arn: str, alarm: str, state: str) -> None:
    """An alarm is in a state for which it names this policy."""
    policy = next((one for one in call.all(Policy) if one.arn == arn), None)
    group = call.get(Group, policy.group) if policy else None
    if policy is None or group is None:
        raise errors.no_such_policy(arn)
    if not policy.enabled or "AlarmNotification" in group.suspended or group.status:
        return
    if policy.type == "TargetTrackingScaling":
        tracking.follow(call, group, policy, alarm)
        return
    if policy.type == "SimpleScaling" and call.now < group.cooling:
        return
    measured = cloudwatch.measured(call, alarm)
    value, threshold = measured if measured is not None else (0.0, 0.0)
    if measured is None and policy.type == "StepScaling":
        return
    change(call, group, policy, value, threshold, f"a monitor alarm {alarm} in state {state} triggered policy {policy.name}")


@autoscaling.op(resource=by_policy)
def get_predictive_scaling_forecast(call: Call, req: t.GetPredictiveScalingForecastType) -> t.GetPredictiveScalingForecastAnswer:
    look(call, req)
    raise errors.invalid("No forecast is available: Cloche does not forecast.")
