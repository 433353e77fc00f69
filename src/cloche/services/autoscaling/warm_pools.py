"""Warm pools: instances started beforehand and stopped, from which a group grows faster."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call

from . import activities, errors
from . import service as autoscaling
from .groups import Group, acting, ask, by_name, find, page, tags_context
from .instances import COUNTED, Instance, brief, of_group

if TYPE_CHECKING:
    from cloche.shapes import autoscaling as t


def pool(call: Call, group: str) -> list[Instance]:
    return [one for one in of_group(call, group) if one.warm]


def size(group: Group) -> int:
    """As many as are lacking to the largest size (or the prepared capacity), at least MinSize."""
    config = group.warm_pool
    if not config or config.get("Status") or group.status:
        return 0
    prepared = config.get("MaxGroupPreparedCapacity", -1)
    return max(config.get("MinSize", 0), (group.most if prepared is None or prepared < 0 else prepared) - group.desired)


@autoscaling.op(resource=by_name, context=tags_context, partly="pools of hibernated instances are refused; lifecycle hooks do not run on the way into the pool; instances do not return to it")
def put_warm_pool(call: Call, req: t.PutWarmPoolType) -> None:
    from . import reconciling
    group = find(call, req["AutoScalingGroupName"])
    if req.get("PoolState", "Stopped") == "Hibernated":
        raise errors.not_built("a warm pool of hibernated instances")
    if (req.get("InstanceReusePolicy") or {}).get("ReuseOnScaleIn"):
        raise errors.not_built("a warm pool to which instances return")
    if "MixedInstancesPolicy" in group.config:
        raise errors.invalid("You can't add a warm pool to an Auto Scaling group that has a mixed instances policy.")
    config = {"MinSize": req.get("MinSize", 0), "PoolState": req.get("PoolState", "Stopped")}
    if "MaxGroupPreparedCapacity" in req:
        config["MaxGroupPreparedCapacity"] = req["MaxGroupPreparedCapacity"]
    call.put(group.but(warm_pool=config))
    reconciling.soon(call, group.name)


@autoscaling.op(resource=lambda call, req: "*")
def describe_warm_pool(call: Call, req: t.DescribeWarmPoolType) -> t.DescribeWarmPoolAnswer:
    group = find(call, req["AutoScalingGroupName"])
    shown, token = page(pool(call, group.name), req)
    out: Any = {"Instances": [brief(one) for one in shown]} | token
    return out | ({"WarmPoolConfiguration": group.warm_pool} if group.warm_pool else {})  # type: ignore[no-any-return]


@autoscaling.op(resource=by_name, context=tags_context)
def delete_warm_pool(call: Call, req: t.DeleteWarmPoolType) -> None:
    from . import reconciling
    group = find(call, req["AutoScalingGroupName"])
    if not group.warm_pool:
        raise errors.invalid(f"No warm pool found for the Auto Scaling group {group.name}")
    members = pool(call, group.name)
    if not members:
        call.put(group.but(warm_pool={}))
        return
    if not req.get("ForceDelete"):
        raise AwsError("ResourceInUse", "You cannot delete a warm pool while there are still instances in it.")
    call.put(group.but(warm_pool=group.warm_pool | {"Status": "PendingDelete"}))
    reconciling.soon(call, group.name)


# -- the group's worker -----------------------------------------------------------------------------------------------

def advance(call: Call, group: Group) -> None:
    if group.warm_pool.get("Status") and not pool(call, group.name):
        call.put((call.get(Group, group.name) or group).but(warm_pool={}))


async def take(call: Call, group: Group, count: int) -> int:
    """Move up to so many from the pool into the group; how many."""
    ready = [one for one in pool(call, group.name) if one.lifecycle in ("Stopped", "Running")][:count]
    if not ready:
        return 0
    try:
        if stopped := [one.id for one in ready if one.lifecycle == "Stopped"]:
            await ask(acting(call, group), "ec2", "StartInstances", InstanceIds=stopped)
    except AwsError as error:
        call.cloud.memory["autoscaling.warm"] = (group.name, error.code)
        return 0
    with call.step():
        for one in ready:
            have = len([m for m in of_group(call, group.name) if m.lifecycle in COUNTED and not m.warm])
            cause = f"{group.cause}  At {activities.stamp(call.now)} an instance was started in response to a difference between desired and actual capacity, increasing the capacity from {have} to {have + 1}."
            id_ = activities.begin(call, group, f"Launching a new EC2 instance from warm pool: {one.id}", cause)
            call.put(one.but(warm=False, lifecycle="Pending", activity=id_, launched=call.now))
    return len(ready)


async def work(call: Call, name: str, states: dict[str, Any]) -> bool:
    """Fill the pool, let instances that have started come to rest, end those that are too many."""
    from . import choosing, launching, reconciling
    group = call.get(Group, name)
    if group is None or not (group.warm_pool or pool(call, name)):
        return False
    role, members, wanted = acting(call, group), pool(call, name), size(group)
    try:
        for one in members:
            state = states.get(one.id, {}).get("State", {}).get("Name")
            await settle(call, group, one, state)
        over = [one for one in members if not one.ended][wanted:]
        if over:
            await ask(role, "ec2", "TerminateInstances", InstanceIds=[one.id for one in over])
            with call.step():
                for one in over:
                    if there := call.get(Instance, one.id):
                        call.put(there.but(ended=True, lifecycle="Terminating"))
        elif len(members) < wanted and call.now >= group.retry and not any(one.lifecycle.startswith("Pending") for one in of_group(call, name) if not one.warm):
            request, note = await launching.request(call, group)
            for subnet in choosing.spread(group.subnets, members, wanted - len(members)):
                await reconciling.batch(call, group, request, note, subnet, 1, warm=True)
    except AwsError as error:
        call.cloud.memory["autoscaling.warm"] = (name, error.code)
    return False


async def settle(call: Call, group: Group, one: Instance, state: str | None) -> None:
    stop = group.warm_pool.get("PoolState", "Stopped") == "Stopped"
    if one.lifecycle == "Pending" and state == "running":
        if stop:
            await ask(acting(call, group), "ec2", "StopInstances", InstanceIds=[one.id])
        with call.step():
            if there := call.get(Instance, one.id):
                call.put(there.but(lifecycle="Pending:Proceed" if stop else "Running"))
                if not stop:
                    activities.end(call, one.activity)
    elif one.lifecycle == "Pending:Proceed" and state == "stopped":
        with call.step():
            if there := call.get(Instance, one.id):
                call.put(there.but(lifecycle="Stopped"))
                activities.end(call, one.activity)
    elif state in ("terminated", None) and call.now > one.launched + 10:
        with call.step():
            if there := call.get(Instance, one.id):
                call.delete(there)
