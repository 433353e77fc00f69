"""Policies of scalable targets: steps, and target tracking with the alarms that belong to it."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.languages import scaling as arithmetic
from cloche.services.cloudwatch import public as cloudwatch

from . import errors, resources, targets, tracking
from . import service as scaling
from .targets import Target, by_target, context, page

if TYPE_CHECKING:
    from cloche.shapes import application_autoscaling as t

PER_TARGET = 50
CONFIGS = {"StepScaling": "StepScalingPolicyConfiguration", "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration", "PredictiveScaling": "PredictiveScalingPolicyConfiguration"}
COOLDOWN = {"ecs": 300, "ec2": 300}  # others have none


class Policy(Record, frozen=True):
    kind = "application-autoscaling.policy"

    namespace: str
    resource: str
    dimension: str
    name: str
    arn: str
    type: str
    config: dict[str, Any]
    created: float
    alarms: list[str] = []

    @property
    def key(self) -> str:
        return f"{self.resource}|{self.dimension}|{self.name}"


def of_target(call: Call, one: Target) -> list[Policy]:
    return [p for p in call.all(Policy) if (p.resource, p.dimension) == (one.resource, one.dimension)]


def forget(call: Call, one: Target) -> None:
    for policy in of_target(call, one):
        drop(call, policy)


def drop(call: Call, policy: Policy) -> None:
    if policy.alarms:
        resources.acting(call, resources.DIMENSIONS[policy.dimension]).do("cloudwatch", "DeleteAlarms", AlarmNames=policy.alarms)
    call.delete(policy)


@scaling.op(resource=by_target, context=context, partly="predictive policies and metric math in customized metrics are refused")
async def put_scaling_policy(call: Call, req: t.PutScalingPolicyRequest) -> t.PutScalingPolicyResponse:
    one = targets.find(call, req)
    old = call.get(Policy, f"{one.key}|{req['PolicyName']}")
    type_ = req.get("PolicyType", old.type if old else "StepScaling")
    if type_ == "PredictiveScaling":
        raise errors.not_built("a predictive policy")
    if old is not None and old.type != type_:
        raise errors.invalid(f"Policy type cannot be changed from {old.type} to {type_}.")
    config = req.get(CONFIGS[type_], old.config if old else None)
    if config is None:
        raise errors.invalid(f"{CONFIGS[type_]} is required for the policy type {type_}.")
    if type_ == "StepScaling":
        if one.namespace == "dynamodb":
            raise errors.invalid("Step scaling policies are not supported for the service namespace dynamodb.")
        if "AdjustmentType" not in config:
            raise errors.invalid("AdjustmentType is required in a StepScalingPolicyConfiguration.")
        if wrong := arithmetic.wrong_steps(config.get("StepAdjustments") or []):
            raise errors.invalid(wrong)
    else:
        tracking.check(one, config)
    dimension, match = resources.find(one.namespace, one.resource, one.dimension)
    current = await dimension.read(resources.acting(call, dimension), match)
    with call.step():
        one, old = targets.find(call, req), call.get(Policy, f"{one.key}|{req['PolicyName']}")
        if old is None and len(of_target(call, one)) >= PER_TARGET:
            raise errors.limit("scaling policies per scalable target")
        arn = old.arn if old else call.arn(f"scalingPolicy:{call.uuid()}:resource/{one.namespace}/{one.resource}:policyName/{req['PolicyName']}", service="autoscaling")
        policy = Policy(one.namespace, one.resource, one.dimension, req["PolicyName"], arn, type_, dict(config), old.created if old else call.now, old.alarms if old else [])
        if type_ == "TargetTrackingScaling":
            policy = policy.but(alarms=tracking.watch(call, one, policy, current or 0))
        call.put(policy)
    return {"PolicyARN": arn, "Alarms": shown_alarms(call, policy)}


def shown_alarms(call: Call, policy: Policy) -> list[Any]:
    names = policy.alarms or cloudwatch.alarms_with(call, policy.arn)
    return [{"AlarmName": name, "AlarmARN": call.arn(f"alarm:{name}", service="cloudwatch")} for name in names]


@scaling.op(resource=lambda call, req: "*")
def describe_scaling_policies(call: Call, req: t.DescribeScalingPoliciesRequest) -> t.DescribeScalingPoliciesResponse:
    names = req.get("PolicyNames")
    found = sorted((p for p in call.all(Policy) if targets.matches(p, req) and (not names or p.name in names or p.arn in names)), key=lambda p: p.key)
    shown, token = page(found, req)
    return {"ScalingPolicies": [{"PolicyARN": p.arn, "PolicyName": p.name, "ServiceNamespace": p.namespace, "ResourceId": p.resource, "ScalableDimension": p.dimension, "PolicyType": p.type,
                                 CONFIGS[p.type]: p.config, "Alarms": shown_alarms(call, p), "CreationTime": p.created} for p in shown]} | token  # type: ignore[return-value]


@scaling.op(resource=by_target, context=context)
def delete_scaling_policy(call: Call, req: t.DeleteScalingPolicyRequest) -> None:
    policy = call.get(Policy, f"{targets.key(req)}|{req['PolicyName']}")
    if policy is None:
        raise errors.no_such_policy(req["PolicyName"])
    drop(call, policy)


# -- acting -------------------------------------------------------------------------------------------------------------

def alarmed(call: Call, arn: str, alarm: str, state: str) -> None:
    """An alarm is in a state for which it names this policy."""
    policy = next((p for p in call.all(Policy) if p.arn == arn), None)
    if policy is None:
        raise errors.no_such_policy(arn)
    call.wake(follow, f"{policy.key}\n{alarm}")


@scaling.worker
async def follow(call: Call, key: str) -> None:
    key, _, alarm = key.partition("\n")
    policy = call.get(Policy, key)
    one = call.get(Target, f"{policy.resource}|{policy.dimension}") if policy else None
    if policy is None or one is None or one.wanted is not None:
        return
    with call.step():
        measured = cloudwatch.measured(call, alarm)
    dimension, match = resources.find(one.namespace, one.resource, one.dimension)
    current = await dimension.read(resources.acting(call, dimension), match)
    if current is None or measured is None:
        return
    if policy.type == "TargetTrackingScaling" and "-ProvisionedCapacity" in alarm:
        await moved(call, one, current)  # somebody changed the capacity by hand: the alarms must know
        return
    wanted = tracking.wanted(one, policy, alarm, current, measured[0]) if policy.type == "TargetTrackingScaling" else stepped(policy, current, *measured)
    if wanted is None:
        return
    wanted = min(max(wanted, one.least), one.most)
    out = wanted > current
    if wanted == current or one.suspended.get("DynamicScalingOutSuspended" if out else "DynamicScalingInSuspended") or cooling(call, one, policy, out):
        return
    with call.step():
        if there := call.get(Target, one.key):
            one = call.put(there.but(scaled_out=call.now) if out else there.but(scaled_in=call.now))
    await targets.move(call, one, current, wanted, f"monitor alarm {alarm} in state ALARM triggered policy {policy.name}")


def stepped(policy: Policy, current: int, value: float, threshold: float) -> int | None:
    amount = arithmetic.step_for(policy.config["StepAdjustments"], value, threshold)
    return None if amount is None else arithmetic.adjusted(current, policy.config["AdjustmentType"], amount, policy.config.get("MinAdjustmentMagnitude", 0))


def cooling(call: Call, one: Target, policy: Policy, out: bool) -> bool:
    usual = COOLDOWN.get(one.namespace, 0)
    if policy.type == "StepScaling":
        seconds = policy.config.get("Cooldown", usual)
        return call.now < max(one.scaled_out, one.scaled_in) // 1 + seconds
    if out:
        return call.now < one.scaled_out // 1 + policy.config.get("ScaleOutCooldown", usual)
    return call.now < max(one.scaled_out, one.scaled_in) // 1 + policy.config.get("ScaleInCooldown", usual)


async def moved(call: Call, one: Target, value: int) -> None:
    """The capacity has changed: alarms whose thresholds depend on it are put again."""
    for policy in of_target(call, one):
        if policy.type == "TargetTrackingScaling" and one.namespace == "dynamodb":
            with call.step():
                if there := call.get(Policy, policy.key):
                    tracking.watch(call, one, there, value)


@scaling.op(resource=by_target, context=context)
def get_predictive_scaling_forecast(call: Call, req: t.GetPredictiveScalingForecastRequest) -> t.GetPredictiveScalingForecastResponse:
    if call.get(Policy, f"{targets.key(req)}|{req['PolicyName']}") is None:
        raise errors.invalid(f"No scaling policy found with name: {req['PolicyName']}")
    raise errors.invalid("The policy is not a predictive scaling policy.")
