"""The engine: one worker per stack, driven by what is on disk.

Each resource step is one transaction: the operation on the service *and* the row that says it happened, so a crash
repeats a step or does not, and never half of it. What cannot end in one step (a custom resource, a nested stack, a wait
condition, an operation that waits for the world) leaves its row `pending`; whoever brings the answer writes it there and
wakes the worker. Phases: apply -> (cleanup) -> rest, or apply -> undo -> (sweep) -> rest; remove -> rest.
"""
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from cloche.kernel import AwsError, Call
from cloche.languages.cloudformation.errors import TemplateError
from cloche.languages.cloudformation.functions import unknowns

from . import exports, resources, triggers, validation
from . import service as cloudformation
from .events import resource_event, stack_event
from .plan import Plan
from .records import Alias, Operation, Row, Stack, Undone, drop_old, drop_row, lookup, old_ones, put_old, put_row, rows
from .records import row as read_row
from .resources import Slot

CONFIGURED, INVALID = "CONFIGURATION_COMPLETE", "VALIDATION_FAILED"


@cloudformation.worker
async def deploy(call: Call, key: str) -> None:
    while (stack := lookup(call, key)) is not None and stack.operation is not None:
        if not await PHASES[stack.operation.phase](call, stack):
            return


def change(call: Call, stack: Stack, **changes: Any) -> Stack:
    """The stack with some fields changed; its status change is an event."""
    new = stack.but(**changes)
    if new.key != stack.key:
        call.delete(stack)
        if (alias := call.get(Alias, stack.alias)) is not None:
            call.delete(alias)
    call.put(new)
    if "status" in changes:
        stack_event(call, new if new.operation else new.but(operation=stack.operation), new.reason if "reason" in changes else "", changes.get("detailed", ""))
    return new


def go_on(stack: Stack, **changes: Any) -> Operation:
    return msgspec.structs.replace(stack.operation, **changes)  # type: ignore[type-var]


def rest(call: Call, stack: Stack, status: str, reason: str = "", **changes: Any) -> bool:
    """The operation is over."""
    operation = stack.operation
    if stack.detailed == CONFIGURED:
        stack = stack.but(detailed="")
    stack = change(call, stack, status=status, reason=reason, operation=None, **changes)
    if operation is not None:
        if status in ("UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED"):
            call.put(Undone(stack.id, operation))
        elif (undone := call.get(Undone, stack.id)) is not None:
            call.delete(undone)
        call.cancel(expire, stack.id)
        if stack.target.rollback:
            triggers.stop(call, stack)
        call.cloud.memory.get("cloudformation.patience", set()).discard(operation.id)
    call.signal(f"cloudformation/{stack.id}")
    if stack.watched:
        from . import set_operations
        set_operations.told(call, stack.watched)
        call.put(stack.but(watched={}))
    if stack.parent:
        good = status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "DELETE_COMPLETE")
        # a child that went back when its parent did has done what it should
        undone = status == "UPDATE_ROLLBACK_COMPLETE" and operation is not None and operation.kind == "UPDATE_STACK"
        error = "" if good and not undone else f"Embedded stack {stack.id} was not successfully {_verb(operation)}: {reason or 'Currently in ' + status + ' state'}"
        resources.answer_child(call, stack, error)
    return False


def _verb(operation: Operation | None) -> str:
    return {"CREATE_STACK": "created", "DELETE_STACK": "deleted"}.get(operation.kind if operation else "", "updated")


def acting(call: Call, stack: Stack) -> Call:
    """The caller's rights, or those of the stack's role."""
    operation = stack.operation
    assert operation is not None
    asking = call.as_principal(operation.principal)
    if operation.role:
        asking = asking.as_role(operation.role, "AWSCloudFormation", "cloudformation.amazonaws.com")
    via = (*asking.principal.via, "cloudformation.amazonaws.com")
    return asking.as_principal(msgspec.structs.replace(asking.principal, via=via))


def reload(call: Call, stack: Stack) -> Stack:
    found = lookup(call, stack.id)
    assert found is not None
    return found


# -- forward ----------------------------------------------------------------------------------------------------------

async def apply(call: Call, stack: Stack) -> bool:
    operation = stack.operation
    assert operation is not None
    try:
        rights = acting(call, stack)
    except AwsError as error:
        with call.step():
            return give_up(call, stack, {}, f"Role {operation.role} is invalid or cannot be assumed: {error.message}")
    plan = Plan(call, stack.id, stack.target, rows(call, stack.id), settled=lambda row: row.op == operation.id and row.state == "done")
    begun = any(row.op == operation.id for row in plan.rows.values())
    if not begun and not operation.unchecked and (faults := await validation.look(plan, rights)):
        with call.step():
            return refuse(call, reload(call, stack), faults)
    if stack.target.rollback and (reason := triggers.gone_off(stack, rights)):
        with call.step():
            return give_up(call, reload(call, stack), {name: one for name, one in plan.rows.items() if one.op == operation.id}, reason)
    await resources.collect(call, stack, [Slot(row) for row in plan.rows.values()], rights)
    look_at = set(plan.rows)  # what may have changed: all of it at first, then what was worked on and what waits for others
    while True:
        stack = reload(call, stack)
        assert stack.operation is not None
        for name in look_at:
            if (now := read_row(call, stack.id, name)) is not None:
                plan.rows[name] = now
        here = {name: one for name, one in plan.rows.items() if one.op == operation.id}
        if stack.operation.failed or any(one.state == "failed" for one in here.values()):
            with call.step():
                return give_up(call, stack, here, stack.operation.failed)
        done = {name for name, one in here.items() if one.state == "done"}
        todo = [name for name in plan.order if name not in done]
        if not todo:
            if stack.target.rollback and triggers.watching(call, stack):
                return False
            return finish(call, stack, plan, rights)
        waiting = {name for name in todo if name in here and here[name].state == "pending"}
        ready = [name for name in todo if name not in waiting and done.issuperset(plan.needs[name])]
        if not ready:
            if triggers.of(stack):
                with call.step():
                    triggers.look_later(call, stack)
            if stack.detailed != CONFIGURED and all(name in waiting and resources.configured(here[name]) for name in todo):
                with call.step():
                    change(call, stack, status=stack.status, reason="", detailed=CONFIGURED)
            return False
        # on AWS they go side by side, and what only permits something is there first: an S3 or Logs target that is tried at once finds it allowed
        ready.sort(key=lambda name: not plan.live[name]["Type"].endswith(("Permission", "Policy")))
        await asyncio.gather(*(resources.carry(call, stack, plan, name, rights) for name in ready))
        look_at = {*ready, *waiting}


def refuse(call: Call, stack: Stack, faults: list[validation.Fault]) -> bool:
    """A validation failed: no resource is touched, and what there is to roll back is the stack alone."""
    operation = stack.operation
    assert operation is not None
    verb = "CREATE" if operation.kind == "CREATE_STACK" else "IMPORT" if operation.kind == "IMPORT_STACK" else "UPDATE"
    validation.tell(call, stack, operation.id, faults)
    for name in dict.fromkeys(one.logical for one in faults):
        mine = [one for one in faults if one.logical == name]
        row = Row(name, mine[0].type, status="CREATE_FAILED" if verb != "UPDATE" or mine[0].new else "UPDATE_FAILED")
        resource_event(call, stack, row, validation.sentence(mine), detailed=INVALID)
    if operation.on_failure != "DO_NOTHING" and verb != "IMPORT":
        stack = change(call, stack, status=f"{verb}_FAILED", reason=validation.FAILED, detailed=INVALID)
    return give_up(call, stack.but(detailed=INVALID), {}, validation.FAILED + " ")


def give_up(call: Call, stack: Stack, here: dict[str, Row], reason: str) -> bool:
    """Something failed, or somebody called it off: what still waits is cancelled, and the way back begins (or nothing does)."""
    operation = stack.operation
    assert operation is not None
    creating = operation.kind == "CREATE_STACK"
    failed = sorted(name for name, row in here.items() if row.state == "failed")
    for row in here.values():
        if row.state in ("pending", "begun"):
            verb = row.status.partition("_")[0]
            resources.forget(call, row)
            row = put_row(call, stack.id, row.but(status=f"{verb}_FAILED", state="failed", reason=f"Resource { {'CREATE': 'creation', 'IMPORT': 'import'}.get(verb, 'update') } cancelled",
                                                  updated=call.now, pending=None, touched=True))
            resource_event(call, stack, row, row.reason)
    if not reason:
        made = [name for name in failed if here[name].status.startswith("CREATE")]
        taken = [name for name in failed if here[name].status.startswith("IMPORT")]
        changed = [name for name in failed if name not in made and name not in taken]
        reason = "".join(f"The following resource(s) failed to {verb}: [{', '.join(names)}]. " for verb, names in (("create", made), ("import", taken), ("update", changed)) if names)
    if operation.on_failure == "DO_NOTHING":
        return rest(call, stack, "CREATE_FAILED" if creating else "UPDATE_FAILED", reason.strip(), **({"detailed": INVALID} if stack.detailed == INVALID else {}))
    if creating and operation.on_failure == "DELETE":
        change(call, stack, status="DELETE_IN_PROGRESS", reason=reason + "Delete requested by user.", operation=go_on(stack, phase="remove", failed=reason))
    elif operation.kind == "IMPORT_STACK":
        change(call, stack, status="IMPORT_ROLLBACK_IN_PROGRESS", reason=reason.strip(), operation=go_on(stack, phase="undo", failed=reason))
    elif creating:
        change(call, stack, status="ROLLBACK_IN_PROGRESS", reason=reason + "Rollback requested by user.", operation=go_on(stack, phase="undo", failed=reason))
    else:
        change(call, stack, status="UPDATE_ROLLBACK_IN_PROGRESS", reason=reason.strip(), operation=go_on(stack, phase="undo", failed=reason))
    return True


def finish(call: Call, stack: Stack, plan: Plan, rights: Call) -> bool:
    """All resources are as the template wants them: outputs and exports, then what is left over."""
    operation = stack.operation
    assert operation is not None
    try:
        with call.step():
            outputs = plan.outputs(rights)
            if late := unknowns([x["OutputValue"] for x in outputs]):
                raise TemplateError(f"Unresolved output: {late[0]}")
            exports.publish(call, stack, outputs)
            for name in plan.live:
                plan.properties(name, rights)
            exports.note_imports(call, stack.id, plan.imports)
            for row in plan.rows.values():
                if row.before is not None:
                    before = msgspec.convert(row.before, Row)
                    if before.physical != row.physical:
                        put_old(call, stack.id, before.but(op=operation.id, state="", action="replaced"))
                    put_row(call, stack.id, row.but(before=None))
            if operation.kind in ("CREATE_STACK", "IMPORT_STACK"):
                return rest(call, stack, operation.kind.replace("STACK", "COMPLETE"), outputs=outputs)
            change(call, stack, status="UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", outputs=outputs, operation=go_on(stack, phase="cleanup"))
            return True
    except (TemplateError, AwsError) as error:
        with call.step():
            return give_up(call, stack, {}, getattr(error, "message", None) or str(error))


async def cleanup(call: Call, stack: Stack) -> bool:
    """After an update: what was replaced, and what the template no longer has. A failure here does not fail the update."""
    plan = Plan(call, stack.id, stack.target, rows(call, stack.id))
    slots = [Slot(row) for name, row in plan.rows.items() if name not in plan.live] + [Slot(row, id_) for id_, row in old_ones(call, stack.id)]
    outcome = await take_down(call, stack, slots)
    if outcome is None:
        return False
    with call.step():
        stack = reload(call, stack)
        for slot in outcome:
            (drop_row(call, stack.id, slot.row.logical) if slot.old is None else drop_old(call, slot.old))
        return rest(call, stack, "UPDATE_COMPLETE")


# -- back -------------------------------------------------------------------------------------------------------------

async def undo(call: Call, stack: Stack) -> bool:
    operation = stack.operation
    assert operation is not None
    if operation.kind == "CREATE_STACK":
        outcome = await take_down(call, stack, [Slot(row) for row in rows(call, stack.id).values()], creating=True)
        if outcome is None:
            return False
        with call.step():
            stack = reload(call, stack)
            if failed := [slot.row.logical for slot in outcome if slot.row.state == "failed"]:
                return rest(call, stack, "ROLLBACK_FAILED", f"The following resource(s) failed to delete: [{', '.join(sorted(failed))}]. ")
            return rest(call, stack, "ROLLBACK_COMPLETE")
    return await undo_update(call, stack)


async def undo_update(call: Call, stack: Stack) -> bool:
    """Every resource that the update touched becomes what it was, in the order of the old template."""
    operation = stack.operation
    assert operation is not None
    rights = acting(call, stack)
    await resources.collect(call, stack, [Slot(row) for row in rows(call, stack.id).values()], rights)
    touched = {name: row for name, row in rows(call, stack.id).items() if row.op == operation.id}
    with call.step():
        for row in touched.values():
            if row.born == operation.id:
                if row.physical and row.action != "import":
                    put_old(call, stack.id, row.but(state="", action="undone"))
                drop_row(call, stack.id, row.logical)
    if operation.kind == "IMPORT_STACK":
        with call.step():
            return rest(call, reload(call, stack), "IMPORT_ROLLBACK_COMPLETE", target=operation.before or stack.target)
    for name in resources.in_order({n: r for n, r in touched.items() if r.born != operation.id}):
        row = touched[name]
        if row.state == "restored" or row.before is None or (name in operation.skip):
            continue
        if row.state == "pending" and row.action == "restore":
            return False
        outcome = await resources.restore(call, stack, row, rights)
        if outcome == "pending":
            return False
        if outcome == "failed":
            with call.step():
                return rest(call, reload(call, stack), "UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed to update: [{name}]. ")
    with call.step():
        stack = reload(call, stack)
        assert operation.before is not None
        change(call, stack, status="UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", target=operation.before, operation=go_on(stack, phase="sweep"))
    return True


async def sweep(call: Call, stack: Stack) -> bool:
    """After an undone update: what it had made."""
    outcome = await take_down(call, stack, [Slot(row, id_) for id_, row in old_ones(call, stack.id)], creating=True)
    if outcome is None:
        return False
    with call.step():
        for slot in outcome:
            if slot.old is not None:
                drop_old(call, slot.old)
        for row in rows(call, stack.id).values():
            if row.before is not None or row.state == "restored":
                put_row(call, stack.id, row.but(before=None, state="done"))
        return rest(call, reload(call, stack), "UPDATE_ROLLBACK_COMPLETE")


async def remove(call: Call, stack: Stack) -> bool:
    """The whole stack goes."""
    operation = stack.operation
    assert operation is not None
    if operation.kind == "DELETE_STACK" and (used := exports.in_use(call, stack)):
        with call.step():
            return rest(call, stack, operation.was, f"Delete canceled. Cannot delete export {used[0]} as it is in use by {', '.join(used[1])}.")
    slots = [Slot(row) for row in rows(call, stack.id).values()] + [Slot(row, id_) for id_, row in old_ones(call, stack.id)]
    outcome = await take_down(call, stack, slots)
    if outcome is None:
        return False
    with call.step():
        stack = reload(call, stack)
        if failed := sorted(slot.row.logical for slot in outcome if slot.row.state == "failed"):
            return rest(call, stack, "DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(failed)}]. ")
        exports.withdraw(call, stack)
        for slot in outcome:
            if slot.old is not None:
                drop_old(call, slot.old)
        resources.forget_change_sets(call, stack)
        return rest(call, stack, "DELETE_COMPLETE", deleted=call.now, change_sets={})


async def take_down(call: Call, stack: Stack, slots: list[Slot], *, creating: bool = False) -> list[Slot] | None:
    """Delete resources, whoever needs others first. None while something is still on its way; else all of them, with `failed` where it did not work."""
    if not slots:
        return []
    try:
        rights = acting(call, stack)
    except AwsError as error:
        with call.step():
            return [Slot(row, slot.old) for slot in slots for row in [resources.failed(call, stack, slot, f"Role cannot be assumed: {error.message}")]]
    operation = stack.operation
    assert operation is not None
    await resources.collect(call, stack, slots, rights)
    slots = resources.fresh(call, stack, slots)
    while True:
        left, stuck = [], []
        for slot in slots:
            if slot.row.op != operation.id or slot.row.action != "delete" or slot.row.state not in ("done", "failed"):
                left.append(slot)
            elif slot.row.state == "failed":
                stuck.append(slot.row)
        if stuck:
            held = _needed_by(stuck, slots)  # what could not go keeps what it needs
            left = [slot for slot in left if slot.row.logical not in held]
        if not left:
            return slots
        needed = {x for slot in left for x in slot.row.needs if x != slot.row.logical}
        free = [slot for slot in left if slot.row.logical not in needed]
        free = [slot for slot in (free or left) if slot.row.state != "pending" or slot.row.action != "delete"]
        if not free:
            return None
        await asyncio.gather(*(resources.delete(call, stack, slot, rights, creating) for slot in free))


def _needed_by(failed: list[Row], slots: list[Slot]) -> set[str]:
    needs = {slot.row.logical: slot.row.needs for slot in slots}
    found: set[str] = set()
    path = [x for row in failed for x in row.needs]
    while path:
        if (name := path.pop()) not in found:
            found.add(name)
            path.extend(needs.get(name, []))
    return found


@cloudformation.timer
def expire(call: Call, stack: str, operation: str) -> None:
    """TimeoutInMinutes is over."""
    found = lookup(call, stack)
    if found is not None and found.operation is not None and found.operation.id == operation and found.operation.phase == "apply":
        call.put(found.but(operation=go_on(found, failed="Stack creation time exceeded the specified timeout. ")))
        call.wake(deploy, stack)


Phase = Callable[[Call, Stack], Awaitable[bool]]
PHASES: dict[str, Phase] = {"apply": apply, "cleanup": cleanup, "undo": undo, "sweep": sweep, "remove": remove}
