"""One resource at one step: make it, change it, replace it, put it back, take it down; and wait for those who answer later."""
from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from cloche.kernel import AwsError, Call, Record
from cloche.languages.cloudformation import difference, graph
from cloche.languages.cloudformation.errors import TemplateError
from cloche.languages.cloudformation.functions import evaluate, resolve_dynamic

from . import errors, policies, registry
from . import service as cloudformation
from .events import resource_event
from .plan import Dynamic, Plan
from .public import Resource, Type
from .records import Row, Stack, lookup, old_ones, put_old, put_row, row, rows

log = logging.getLogger("cloche")
SNAPSHOT = "snapshot:"  # the stage of a resource of which a snapshot is taken before it goes
PATIENCE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # seconds between one look and the next at what is not ready


class Slot:
    """A row and where it is kept: among the stack's resources, or among what is to be cleaned up."""

    __slots__ = ("old", "row")

    def __init__(self, row_: Row, old: int | None = None) -> None:
        self.row, self.old = row_, old

    def save(self, call: Call, stack_id: str, row_: Row) -> Row:
        self.row = row_
        if self.old is None:
            put_row(call, stack_id, row_)
        else:
            put_old(call, stack_id, row_, self.old)
        return row_


def fresh(call: Call, stack: Stack, slots: list[Slot]) -> list[Slot]:
    olds = dict(old_ones(call, stack.id))
    return [Slot(now, slot.old) for slot in slots if (now := row(call, stack.id, slot.row.logical) if slot.old is None else olds.get(slot.old)) is not None]


# -- forward ----------------------------------------------------------------------------------------------------------

async def carry(call: Call, stack: Stack, plan: Plan, name: str, rights: Call) -> None:
    """Bring one resource to what the template says. A fault of ours fails the resource, not the engine."""
    try:
        await bring(call, stack, plan, name, rights)
    except Exception:
        log.exception("%s of stack %s", name, stack.name)
        with call.step():
            base = plan.rows.get(name) or Row(name, plan.live[name]["Type"], status="CREATE_IN_PROGRESS", needs=plan.needs[name])
            assert stack.operation is not None
            failed(call, stack, Slot(base.but(op=stack.operation.id, action=base.action or "create", born=base.born or stack.operation.id)), "Internal Failure")


async def bring(call: Call, stack: Stack, plan: Plan, name: str, rights: Call) -> None:
    operation = stack.operation
    assert operation is not None
    body, old = plan.live[name], plan.rows.get(name)
    kind = body["Type"]
    resuming = old is not None and old.op == operation.id and old.state == "begun"
    base = msgspec.convert(old.before, Row) if resuming and old and old.before is not None else None if resuming else old
    if base is not None and (not base.physical or base.status == "DELETE_COMPLETE"):
        base = None
    facts = about(plan, body, name)
    own: dict[str, Any] = {}
    try:
        own = plan.properties(name, rights)
        wanted = plan.with_tags(name, own)
        table = registry.find(kind)
        action = ("import" if name in operation.imports else "create") if base is None else choose(base, kind, wanted, table, facts["policies"])
        if action == "none":
            assert base is not None
            with call.step():
                put_row(call, stack.id, base.but(op=operation.id, state="done", action="none", before=None, **facts))
            return
        if base is not None:
            policies.check(stack, operation.policy or stack.policy, name, base.type, base.physical, "Update:Replace" if action == "replace" else "Update:Modify")
        if action == "replace":
            assert base is not None
            if table.name and table.name in own and own[table.name] == base.properties.get(table.name) and base.type == kind:
                raise errors.custom_named(base.physical)
        if complaint := registry.complaint(name, kind, own):
            raise errors.validation(complaint)
    except (AwsError, TemplateError) as error:
        status = "CREATE_IN_PROGRESS" if base is None else "UPDATE_IN_PROGRESS"
        with call.step():
            start = Row(name, kind) if base is None else base
            start = start.but(op=operation.id, before=None if base is None else msgspec.to_builtins(base), born=operation.id if base is None else base.born, status=status,
                              updated=call.now, **facts)
            resource_event(call, stack, start, properties=plan.told(name, rights, own))
            failed(call, stack, Slot(start), reason_of(error, plain=True))
        return
    told = plan.told(name, rights, own)
    making, verb = action in ("create", "replace"), "IMPORT" if action == "import" else "CREATE"
    with call.step():
        begun = (base or Row(name, kind)).but(
            type=kind, physical="" if making else base.physical if base else "", attributes={} if making else base.attributes if base else {}, properties=wanted,
            status=f"{verb}_IN_PROGRESS" if base is None else "UPDATE_IN_PROGRESS", reason="", updated=call.now, op=operation.id, state="begun", action=action,
            born=operation.id if base is None else base.born, before=msgspec.to_builtins(base) if base is not None else None, pending=None, touched=False,
            planned=old.planned if resuming and old else planned_name(rights, stack, name, kind, table, own) if making else base.planned if base else "", **facts)
        put_row(call, stack.id, begun)
        if not resuming:
            resource_event(call, stack, begun, "Requested update requires the creation of a new physical resource; hence creating one." if action == "replace"
                           else "Resource import started." if action == "import" else "",
                           properties=told)

    def work() -> Resource:
        return ask(rights, stack, begun, wanted, base.properties if base and not making else {}, table, resuming)

    async def taking(table: Type, r: Resource) -> Resource:
        from . import imports
        return await imports.take(kind, r, operation.imports[name])

    await run(call, stack, Slot(begun), table, work, taking if action == "import" else make if making else remake)


def about(plan: Plan, body: dict[str, Any], name: str) -> dict[str, Any]:
    """What a row keeps of the template's resource beside its properties."""
    scope = plan.scope()
    deletion = evaluate(body.get("DeletionPolicy", "Delete"), scope)
    return {"needs": plan.needs[name], "deletion": deletion, "replacement": evaluate(body.get("UpdateReplacePolicy", "Delete"), scope), "metadata": body.get("Metadata"),
            "description": body.get("Description", ""), "policies": {k: evaluate(body[k], scope) for k in ("CreationPolicy", "UpdatePolicy") if k in body}}


def choose(base: Row, kind: str, wanted: dict[str, Any], table: Type, policies: dict[str, Any]) -> str:
    if base.type != kind:
        return "replace"
    if not difference.changed(base.properties, wanted) and base.status not in ("UPDATE_FAILED", "CREATE_FAILED"):
        return "none"
    if table.update is None or difference.needs_replacement(base.properties, wanted, registry.create_only(kind)):
        return "replace"
    if table.renews is not None and table.renews(base.properties, wanted, policies):
        return "replace"
    return "update"


def planned_name(rights: Call, stack: Stack, name: str, kind: str, table: Type, own: dict[str, Any]) -> str:
    if not table.name or own.get(table.name):
        return ""
    return table.make_name(Resource(rights, stack.id, name, kind, own))


def ask(rights: Call, stack: Stack, row_: Row, properties: dict[str, Any], old: dict[str, Any], table: Type, resuming: bool = False) -> Resource:
    """What the type's functions see: secrets looked up, the made-up name in its place."""
    operation = stack.operation
    assert operation is not None
    dynamic = Dynamic(rights)
    new, was = dict(resolve_dynamic(properties, dynamic)), dict(resolve_dynamic(old, dynamic))
    if table.name and row_.planned:
        new.setdefault(table.name, row_.planned)
        was.setdefault(table.name, row_.planned)
    r = Resource(rights, stack.id, row_.logical, row_.type, new, old=was, physical=row_.physical, attributes=row_.attributes, token=f"{operation.id}-{row_.logical}",
                 planned=row_.planned, pending=row_.pending, resuming=resuming)
    r.extra, r.signals = row_.policies, (row_.pending or {}).get("signals", {})
    return r


async def make(table: Type, r: Resource) -> Resource:
    try:
        r.physical = await table.create(r)
    except AwsError as error:
        # a step taken again after a crash finds what it had made; otherwise the name is somebody else's
        if not (r.resuming and table.name and ("Exist" in error.code or "Conflict" in error.code or "InUse" in error.code)):
            raise
        r.physical = r.properties[table.name]
    return await known(table, r)


async def remake(table: Type, r: Resource) -> Resource:
    assert table.update is not None
    answer = await table.update(r)
    if isinstance(answer, str) and answer:
        r.physical = answer
    return await known(table, r)


async def known(table: Type, r: Resource) -> Resource:
    if table.read is not None and r.pending is None:
        await table.read(r)
    if table.ready is not None and r.pending is None and not await table.ready(r):
        r.pending = {"kind": "poll", "stage": r.stage}
    return r


async def run(call: Call, stack: Stack, slot: Slot, table: Type, work: Callable[[], Resource], function: Callable[[Type, Resource], Coroutine[Any, Any, Resource]]) -> None:
    """Drive a type's function; success, waiting and failure all end as a row."""
    verb = slot.row.status.removesuffix("_IN_PROGRESS")

    def record(r: Resource) -> None:
        now = slot.row.but(physical=r.physical, attributes=r.attributes, updated=call.now)
        if verb in ("CREATE",) or now.action == "replace":
            resource_event(call, stack, now, f"Resource {'creation' if verb == 'CREATE' else 'update'} Initiated" if verb == "CREATE" else "Resource creation Initiated",
                           properties=None)
        for note in r.notes:
            resource_event(call, stack, now, note)
        if r.pending is not None and r.pending["kind"] == "poll" and not r.stage:
            if stack.operation is not None and stack.operation.express and slot.row.action != "delete":
                r.pending = None  # it becomes ready by itself
            elif slot.row.action in ("create", "replace", "update"):
                resource_event(call, stack, now, "Eventual consistency check initiated", detailed="CONFIGURATION_COMPLETE")
        if r.pending is not None:
            slot.save(call, stack.id, now.but(state="pending", pending=r.pending))
            if r.pending["kind"] == "poll":
                call.after(PATIENCE[0], look_again, f"{stack.id}/{now.logical}", stack=stack.id)
            return
        succeeded(call, stack, slot, now)

    def pause() -> None:
        if not slot.row.touched:
            slot.save(call, stack.id, slot.row.but(touched=True))

    try:
        await drive(call, function(table, work()), record, pause)
    except (AwsError, TemplateError) as error:
        with call.step():
            failed(call, stack, slot, reason_of(error))
    except Exception:
        log.exception("%s %s of stack %s", slot.row.type, slot.row.logical, stack.name)
        with call.step():
            failed(call, stack, slot, "Internal Failure")


async def drive(call: Call, work: Coroutine[Any, Any, Any], record: Callable[[Any], None], pause: Callable[[], None]) -> None:
    """Run a resource's coroutine in as few steps as it has waits; `record` what came of it in the last one."""
    value: Any = None
    error: BaseException | None = None
    while True:
        with call.step():
            try:
                awaitable = work.throw(error) if error is not None else work.send(value)
            except StopIteration as end:
                record(end.value)
                return
            pause()
        value, error = None, None
        try:
            value = await awaitable
        except AwsError as problem:
            error = problem


def configured(row_: Row) -> bool:
    """All that is left is to wait until it is ready."""
    return (row_.pending or {}).get("kind") == "poll" and not (row_.pending or {}).get("stage")


def succeeded(call: Call, stack: Stack, slot: Slot, row_: Row) -> None:
    verb = row_.status.removesuffix("_IN_PROGRESS")
    state = "restored" if row_.action == "restore" else "done"
    slot.save(call, stack.id, row_.but(status=f"{verb}_COMPLETE", reason="", state=state, pending=None, updated=call.now))
    resource_event(call, stack, slot.row, "Resource import completed." if verb == "IMPORT" else "")


def failed(call: Call, stack: Stack, slot: Slot, reason: str) -> Row:
    verb = slot.row.status.removesuffix("_IN_PROGRESS").removesuffix("_COMPLETE").removesuffix("_FAILED")
    if slot.row.action == "delete":
        verb = "DELETE"
    now = slot.save(call, stack.id, slot.row.but(status=f"{verb}_FAILED", reason=reason, state="failed", pending=None, updated=call.now))
    resource_event(call, stack, now, reason)
    return now


HANDLER = {"AccessDenied": "AccessDenied", "NotFound": "NotFound", "NonExistent": "NotFound", "NoSuch": "NotFound", "Exist": "AlreadyExists", "InUse": "AlreadyExists",
           "Throttl": "Throttling", "LimitExceeded": "ServiceLimitExceeded", "Conflict": "ResourceConflict", "NotImplemented": "UnsupportedAction"}


def reason_of(error: AwsError | TemplateError, plain: bool = False) -> str:
    """As a resource handler reports the error of a service."""
    if isinstance(error, TemplateError):
        return str(error)
    if plain or error.code in ("ValidationError", "NotImplemented"):
        return error.message
    code = next((name for part, name in HANDLER.items() if part in error.code), "InvalidRequest")
    return f'Resource handler returned message: "{error.message} (Status Code: {error.status}, Error Code: {error.code})" (HandlerErrorCode: {code})'


# -- back -------------------------------------------------------------------------------------------------------------

def in_order(rows_: dict[str, Row]) -> list[str]:
    return graph.order({name: {x for x in one.needs if x in rows_} for name, one in rows_.items()})


async def restore(call: Call, stack: Stack, row_: Row, rights: Call) -> str:
    """Make a resource what it was before the update. `done`, `pending` or `failed`."""
    before = msgspec.convert(row_.before, Row)
    operation = stack.operation
    assert operation is not None
    if row_.physical != before.physical or row_.action in ("replace", "none"):
        with call.step():
            if row_.physical and row_.physical != before.physical:
                put_old(call, stack.id, row_.but(state="", action="undone", before=None))
            put_row(call, stack.id, before.but(op=operation.id, state="restored", before=None, status="UPDATE_COMPLETE", updated=call.now))
            resource_event(call, stack, before.but(status="UPDATE_COMPLETE"))
        return "done"
    if row_.state == "failed" and row_.status == "UPDATE_FAILED" and not row_.touched and row_.action != "restore":
        with call.step():  # its step was taken back as a whole: nothing has changed
            put_row(call, stack.id, before.but(op=operation.id, state="restored", before=None, status="UPDATE_COMPLETE", updated=call.now))
            resource_event(call, stack, before.but(status="UPDATE_COMPLETE"))
        return "done"
    table = registry.find(row_.type)
    with call.step():
        begun = row_.but(status="UPDATE_IN_PROGRESS", state="begun", action="restore", updated=call.now, pending=None, policies=before.policies)
        put_row(call, stack.id, begun)
        resource_event(call, stack, begun)
    slot = Slot(begun)
    await run(call, stack, slot, table, lambda: ask(rights, stack, begun, before.properties, row_.properties, table), remake)
    if slot.row.state == "restored":
        with call.step():
            put_row(call, stack.id, before.but(op=operation.id, state="restored", before=None, status="UPDATE_COMPLETE", attributes=slot.row.attributes, updated=call.now))
        return "done"
    return slot.row.state


async def delete(call: Call, stack: Stack, slot: Slot, rights: Call, creating: bool) -> None:
    operation = stack.operation
    assert operation is not None
    row_ = slot.row
    policy = row_.replacement if row_.action == "replaced" else row_.deletion
    snapshot = policy == "Snapshot" and not creating
    kept = (policy == "Retain" and not (creating and operation.retain_except)) or (policy == "RetainExceptOnCreate" and not creating)
    with call.step():
        if not row_.physical or row_.status == "DELETE_COMPLETE":
            slot.save(call, stack.id, row_.but(op=operation.id, action="delete", state="done", status="DELETE_COMPLETE" if row_.physical else row_.status))
            return
        if kept or row_.logical in operation.retain:
            slot.save(call, stack.id, row_.but(op=operation.id, action="delete", state="done", status="DELETE_SKIPPED", updated=call.now))
            resource_event(call, stack, slot.row)
            return
        begun = slot.save(call, stack.id, row_.but(op=operation.id, action="delete", state="begun", status="DELETE_IN_PROGRESS", reason="", updated=call.now, pending=None))
        resource_event(call, stack, begun)
    try:
        table = registry.find(row_.type)
    except AwsError as error:
        with call.step():
            failed(call, stack, slot, error.message)
        return

    def work() -> Resource:
        r = ask(rights, stack, begun, begun.properties, begun.properties, table)
        r.stage = SNAPSHOT if snapshot and table.snapshot is not None else ""
        return r

    await run(call, stack, slot, table, work, take_away)


async def take_away(table: Type, r: Resource) -> Resource:
    """Delete it. A type whose end takes time leaves `r.pending = {"kind": "poll"}` behind and is asked to delete again, until it does not."""
    if r.stage.startswith(SNAPSHOT) and table.snapshot is not None:
        if not await table.snapshot(r):
            r.not_yet(r.stage)
            return r
        r.stage = ""
    if table.delete is not None:
        try:
            await table.delete(r)
        except AwsError as error:
            if error.code not in table.gone and not any(part in error.code for part in ("NotFound", "NonExistent", "NoSuch", "DoesNotExist")):
                raise
            r.pending = None
    return r


# -- answers that come later --------------------------------------------------------------------------------------------

class Callback(Record, frozen=True):
    """A URL somebody was given: what its token stands for."""

    kind = "cloudformation.callback"
    scope = "cloud"

    token: str
    account: str
    region: str
    stack: str
    logical: str
    purpose: str                 # custom | wait

    @property
    def key(self) -> str:
        return self.token


def answer(call: Call, stack_id: str, logical: str, what: dict[str, Any], token: str = "") -> bool:
    """Somebody brings what a pending resource waits for; the engine takes it from there."""
    from .engine import deploy
    stack = lookup(call, stack_id)
    found = row(call, stack_id, logical)
    slots = ([Slot(found)] if found else []) + [Slot(one, id_) for id_, one in old_ones(call, stack_id) if one.logical == logical]
    for slot in slots:
        pending = slot.row.pending
        if slot.row.state == "pending" and pending is not None and (not token or pending.get("token") == token) and "answer" not in pending:
            slot.save(call, stack_id, slot.row.but(pending=pending | {"answer": what}))
            if stack is not None:
                call.wake(deploy, stack.id)
            return True
    return False


def answer_child(call: Call, child: Stack, error: str) -> None:
    outputs = {f"Outputs.{x['OutputKey']}": x["OutputValue"] for x in child.outputs}
    answer(call, child.parent, child.parent_logical, {"error": error, "attributes": outputs}, token=child.id)


@cloudformation.timer
def look_again(call: Call, stack: str) -> None:
    from .engine import deploy
    call.wake(deploy, stack)


async def collect(call: Call, stack: Stack, slots: list[Slot], rights: Call) -> None:
    """Take the answers that have come, and ask again where asking is the way."""
    for slot in slots:
        pending = slot.row.pending
        if slot.row.state != "pending" or pending is None:
            continue
        if "answer" in pending:
            what = pending["answer"]
            with call.step():
                if what.get("error"):
                    if what.get("physical") and not slot.row.physical:
                        slot.row = slot.row.but(physical=what["physical"])
                    slot.row = slot.row.but(touched=True)
                    failed(call, stack, slot, what["error"])
                elif pending["kind"] == "signals" and not pending.get("handle") and registry.find(slot.row.type).read is not None:
                    slot.save(call, stack.id, slot.row.but(pending={"kind": "poll", "stage": ""}))  # all have signalled: now it is looked at
                    call.after(0, look_again, f"{stack.id}/{slot.row.logical}", stack=stack.id)
                else:
                    now = slot.row.but(physical=what.get("physical") or slot.row.physical, attributes=slot.row.attributes | what.get("attributes", {}), hidden=bool(what.get("hidden")))
                    if now.physical != slot.row.physical and now.status == "CREATE_IN_PROGRESS":
                        resource_event(call, stack, now, "Resource creation Initiated")
                    succeeded(call, stack, slot, now)
        elif pending["kind"] == "poll":
            table, work = registry.find(slot.row.type), take_away if slot.row.action == "delete" else known

            async def again(table: Type, r: Resource, work: Callable[[Type, Resource], Coroutine[Any, Any, Resource]] = work) -> Resource:
                r.stage, r.pending = (r.pending or {}).get("stage", ""), None
                return await work(table, r)

            new, old = sides(slot.row)
            await run_poll(call, stack, slot, table, ask(rights, stack, slot.row, new, old, table), again)


def sides(row_: Row) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a pending row is on its way to, and where from."""
    before = (row_.before or {}).get("properties", {})
    if row_.action == "restore":
        return before, row_.properties
    return row_.properties, before if row_.action == "update" else {}


async def run_poll(call: Call, stack: Stack, slot: Slot, table: Type, r: Resource, again: Callable[[Type, Resource], Coroutine[Any, Any, Resource]]) -> None:
    tries = (slot.row.pending or {}).get("tries", 0) + 1

    def record(r: Resource) -> None:
        for note in r.notes:
            resource_event(call, stack, slot.row, note)
        if r.pending is not None:
            latest = row(call, stack.id, slot.row.logical) if slot.old is None else None  # a signal may have come meanwhile
            signals = (latest.pending or {}).get("signals") if latest is not None else None
            slot.save(call, stack.id, slot.row.but(pending={**r.pending, "tries": tries} | ({"signals": signals} if signals else {})))
            call.after(PATIENCE[min(tries, len(PATIENCE) - 1)], look_again, f"{stack.id}/{slot.row.logical}", stack=stack.id)
        else:
            succeeded(call, stack, slot, slot.row.but(attributes=r.attributes))

    try:
        await drive(call, again(table, r), record, lambda: None)
    except AwsError as error:
        with call.step():
            for note in r.notes:
                resource_event(call, stack, slot.row, note)
            slot.row = slot.row.but(touched=True)  # what it waited for had been begun
            failed(call, stack, slot, reason_of(error))


def forget(call: Call, row_: Row) -> None:
    """Nobody waits for this answer any more."""
    if row_.pending and (token := row_.pending.get("token")) and (found := call.get(Callback, token)):
        call.delete(found)


def forget_change_sets(call: Call, stack: Stack) -> None:
    from .change_sets import ChangeSet
    for arn in stack.change_sets.values():
        if (one := call.get(ChangeSet, arn)) is not None:
            call.delete(one)


def rows_waiting(call: Call, stack_id: str) -> list[Row]:
    """What of a stack is pending, in place or in the clean-up."""
    return [one for one in (*rows(call, stack_id).values(), *(x for _, x in old_ones(call, stack_id))) if one.state == "pending"]
