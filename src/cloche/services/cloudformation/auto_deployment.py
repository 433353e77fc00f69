"""Automatic deployment: an account that comes into a unit gets the stacks of the sets deployed to it, one that leaves loses them."""
from __future__ import annotations

from cloche.kernel import Call
from cloche.services.organizations.public import Moved

from . import service as cloudformation
from . import set_operations, set_targets
from .stack_instances import Instance, instances
from .stack_sets import StackSet


@cloudformation.on(Moved)
def follow(call: Call, event: Moved) -> None:
    for region, name in call.sql("SELECT region, name FROM cloudformation_auto WHERE account=?", event.management):
        there = call.at(event.management, region)
        one = there.get(StackSet, name)
        if one is not None:
            deploy(there, one, event.account)


def deploy(call: Call, one: StackSet, account: str) -> None:
    unit = next((x for x in one.deployed if account in set_targets.members(call, x)), "")
    have = [x for x in instances(call, one) if x.account == account]
    if unit:
        fresh = [(account, region, unit) for region in one.deployed[unit] if region not in {x.region for x in have}]
        if fresh:
            running = set_operations.begin(call, one, "CREATE", {}, fresh, queue=True)
            for _, region, _ in fresh:
                call.put(Instance(one.id, account, region, unit, operation=running.id))
    elif gone := [(account, x.region, x.unit) for x in have]:
        running = set_operations.begin(call, one, "DELETE", {"RetainStacks": one.auto.get("RetainStacksOnAccountRemoval")}, gone, queue=True)
        for each in have:
            call.put(each.but(detailed="PENDING", operation=running.id))
