"""Scalable targets: a resource's capacity with a smallest and a largest value. Registering moves the value between the two at once."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record

from . import activities, errors, resources
from . import service as scaling

if TYPE_CHECKING:
    from cloche.shapes import application_autoscaling as t

PAGE, MOST_TAGS = 50, 50
RETRY_SECONDS, TRIES = 10, 90
PASSING = ("ResourceInUseException", "LimitExceededException", "ResourceConflictException", "TooManyRequestsException")


class Target(Record, frozen=True):
    kind = "application-autoscaling.target"

    namespace: str
    resource: str
    dimension: str
    arn: str
    created: float
    least: int
    most: int
    suspended: dict[str, bool] = {}
    tags: dict[str, str] = {}
    wanted: int | None = None      # a value that could not be set yet
    activity: str = ""             # that waits for it
    tries: int = 0
    scaled_out: float = 0.0        # when a policy last did
    scaled_in: float = 0.0

    @property
    def key(self) -> str:
        return f"{self.resource}|{self.dimension}"


def key(req: Any) -> str:
    return f"{req['ResourceId']}|{req['ScalableDimension']}"


def by_target(call: Call, req: Any) -> str:
    found = call.get(Target, key(req))
    return found.arn if found else call.arn("scalable-target/*")


def context(call: Call, req: Any) -> dict[str, Any]:
    out: dict[str, Any] = {"application-autoscaling:service-namespace": req["ServiceNamespace"], "application-autoscaling:scalable-dimension": req["ScalableDimension"]}
    if tags := req.get("Tags"):
        out |= {"aws:TagKeys": list(tags)} | {f"aws:RequestTag/{k}": v for k, v in tags.items()}
    found = call.get(Target, key(req))
    return out | ({f"aws:ResourceTag/{k}": v for k, v in found.tags.items()} if found else {})


def find(call: Call, req: Any) -> Target:
    found = call.get(Target, key(req))
    if found is None or found.namespace != req["ServiceNamespace"]:
        raise errors.no_such_target(req["ServiceNamespace"], req["ResourceId"], req["ScalableDimension"])
    return found


def page(items: list[Any], req: Any) -> tuple[list[Any], dict[str, str]]:
    token = req.get("NextToken") or "0"
    if not token.isdigit():
        raise errors.bad_token()
    start, size = int(token), req.get("MaxResults") or PAGE
    return items[start:start + size], {"NextToken": str(start + size)} if start + size < len(items) else {}


# -- operations -------------------------------------------------------------------------------------------------------

@scaling.op(resource=by_target, context=context, partly="DynamoDB tables and indexes, provisioned concurrency of functions, ECS services and spot fleets (where those are built); others are refused")
async def register_scalable_target(call: Call, req: t.RegisterScalableTargetRequest) -> t.RegisterScalableTargetResponse:
    dimension, match = resources.find(req["ServiceNamespace"], req["ResourceId"], req["ScalableDimension"])
    old = call.get(Target, key(req))
    least, most = req.get("MinCapacity", old.least if old else None), req.get("MaxCapacity", old.most if old else None)
    if least is None or most is None:
        raise errors.invalid("MinCapacity and MaxCapacity must be specified when registering a new scalable target.")
    if least < dimension.least:
        raise errors.invalid(f"Minimum capacity must be at least {dimension.least}.")
    if least > most:
        raise errors.min_over_max(least, most)
    with call.step():
        role = resources.acting(call, dimension)
    current = await dimension.read(role, match)
    if current is None:
        raise errors.missing_resource({"dynamodb": "DynamoDB table", "ecs": "ECS service", "lambda": "Lambda function", "ec2": "Spot Fleet request"}[req["ServiceNamespace"]], req["ResourceId"])
    with call.step():
        old = call.get(Target, key(req))
        tags = dict(req.get("Tags") or {}) if old is None else old.tags
        made = old or Target(req["ServiceNamespace"], req["ResourceId"], req["ScalableDimension"], call.arn(f"scalable-target/{call.id(digits=32)}"), call.now, least, most, tags=tags)
        if "SuspendedState" in req:
            made = made.but(suspended=made.suspended | dict(req["SuspendedState"]))
        made = call.put(made.but(least=least, most=most))
    cause = f"minimum capacity was set to {least}" if current < least else f"maximum capacity was set to {most}"
    await into_bounds(call, made, cause)
    return {"ScalableTargetARN": made.arn}


@scaling.op(resource=lambda call, req: "*")
def describe_scalable_targets(call: Call, req: t.DescribeScalableTargetsRequest) -> t.DescribeScalableTargetsResponse:
    found = sorted((one for one in call.all(Target) if matches(one, req)), key=lambda one: one.key)
    shown, token = page(found, req)
    return {"ScalableTargets": [view(call, one) for one in shown]} | token  # type: ignore[return-value]


def matches(one: Any, req: Any) -> bool:
    ids = req.get("ResourceIds") or ([req["ResourceId"]] if req.get("ResourceId") else None)
    return one.namespace == req["ServiceNamespace"] and (ids is None or one.resource in ids) and req.get("ScalableDimension") in (None, one.dimension)


def view(call: Call, one: Target) -> dict[str, Any]:
    state = {name: one.suspended.get(name, False) for name in ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")}
    return {"ServiceNamespace": one.namespace, "ResourceId": one.resource, "ScalableDimension": one.dimension, "MinCapacity": one.least, "MaxCapacity": one.most,
            "RoleARN": resources.role_arn(call, resources.DIMENSIONS[one.dimension]), "CreationTime": one.created, "SuspendedState": state, "ScalableTargetARN": one.arn}


@scaling.op(resource=by_target, context=context)
def deregister_scalable_target(call: Call, req: t.DeregisterScalableTargetRequest) -> None:
    """Its policies (with their alarms) and scheduled actions go along; the capacity stays as it is."""
    from . import policies, schedules
    one = find(call, req)
    policies.forget(call, one)
    schedules.forget(call, one)
    call.cancel(again, one.key)
    call.delete(one)


# -- setting a capacity -------------------------------------------------------------------------------------------------

async def into_bounds(call: Call, one: Target, cause: str) -> None:
    dimension, match = resources.find(one.namespace, one.resource, one.dimension)
    current = await dimension.read(resources.acting(call, dimension), match)
    if current is not None:
        await move(call, one, current, min(max(current, one.least), one.most), cause)


async def move(call: Call, one: Target, current: int, wanted: int, cause: str) -> bool:
    """Set the capacity and keep the activity; what is busy is tried again every few seconds."""
    if wanted == current:
        return False
    dimension = resources.DIMENSIONS[one.dimension]
    with call.step():
        if one.activity and (open_ := call.get(Target, one.key)) and open_.activity:
            activities.end(call, open_.activity, "Overridden", "Another activity took its place.")
        id_ = activities.begin(call, one, f"Setting {dimension.words} to {wanted}.", cause)
    await attempt(call, one, wanted, id_, 0)
    return True


async def attempt(call: Call, one: Target, wanted: int, activity: str, tries: int) -> None:
    dimension, match = resources.find(one.namespace, one.resource, one.dimension)
    try:
        await dimension.write(resources.acting(call, dimension), match, wanted)
    except AwsError as error:
        with call.step():
            now = call.get(Target, one.key)
            if now is not None and (error.code in PASSING or error.query_code in PASSING) and tries < TRIES:
                call.put(now.but(wanted=wanted, activity=activity, tries=tries + 1))
                call.after(RETRY_SECONDS, again, name=one.key, key=one.key)
            else:
                activities.end(call, activity, "Failed", f"Failed to set {dimension.words} to {wanted}. Reason: {error.message}")
                if now is not None:
                    call.put(now.but(wanted=None, activity="", tries=0))
        return
    with call.step():
        activities.end(call, activity, "Successful", f"Successfully set {dimension.words} to {wanted}. Change successfully fulfilled by {one.namespace}.")
        if (now := call.get(Target, one.key)) is not None and now.activity:
            call.put(now.but(wanted=None, activity="", tries=0))
    from . import policies
    await policies.moved(call, one, wanted)


@scaling.timer
def again(call: Call, key: str) -> None:
    call.wake(try_again, key)


@scaling.worker
async def try_again(call: Call, key: str) -> None:
    one = call.get(Target, key)
    if one is not None and one.wanted is not None:
        await attempt(call, one, one.wanted, one.activity, one.tries)


# -- tags ---------------------------------------------------------------------------------------------------------------

def by_arn(call: Call, req: Any) -> str:
    return call.arn(f"scalable-target/{req['ResourceARN'].rpartition('/')[2]}")


def tagged(call: Call, arn: str) -> Target:
    for one in call.all(Target):
        if one.arn == arn:
            return one
    raise errors.no_such_resource(arn)


@scaling.op(resource=by_arn)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    one = tagged(call, req["ResourceARN"])
    if call.reserves(req["Tags"]):
        raise errors.invalid("Tag keys starting with 'aws:' are reserved for system use.")
    tags = one.tags | req["Tags"]
    if len(tags) > MOST_TAGS:
        raise errors.too_many_tags(one.arn)
    call.put(one.but(tags=tags))


@scaling.op(resource=by_arn)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    one = tagged(call, req["ResourceARN"])
    call.put(one.but(tags={k: v for k, v in one.tags.items() if k not in req["TagKeys"]}))


@scaling.op(resource=by_arn)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    return {"Tags": tagged(call, req["ResourceARN"]).tags}
