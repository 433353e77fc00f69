"""A stack as it is on disk: the stack, what it is to become (`Target`), what is going on (`Operation`), its resources (`Row`).

Template texts and rows are tables of their own: a status change does not write a megabyte, and a step of one resource
does not touch the others. A live stack's key is its name, a deleted one's its ARN: AWS finds it by ARN only.
"""
from __future__ import annotations

import json
from typing import Any

import msgspec

from cloche.iam.principal import Principal
from cloche.kernel import Call, Record

from . import errors
from . import service as cloudformation

cloudformation.table("CREATE TABLE IF NOT EXISTS cloudformation_template (id TEXT PRIMARY KEY, original TEXT NOT NULL, processed TEXT NOT NULL) WITHOUT ROWID;")
cloudformation.table("""
CREATE TABLE IF NOT EXISTS cloudformation_resource (
    stack TEXT, logical TEXT, physical TEXT NOT NULL DEFAULT '', body BLOB NOT NULL, PRIMARY KEY (stack, logical)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cloudformation_resource_physical ON cloudformation_resource (physical, stack);
CREATE TABLE IF NOT EXISTS cloudformation_old (id INTEGER PRIMARY KEY, stack TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS cloudformation_old_stack ON cloudformation_old (stack, id);
""")


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a stack is meant to be: everything that an update exchanges and a rollback puts back."""

    template: str
    given: dict[str, str] = {}        # parameters as the caller gave them
    meant: dict[str, Any] = {}        # and what they mean
    shown: list[dict[str, Any]] = []  # and what DescribeStacks shows
    tags: dict[str, str] = {}
    capabilities: list[str] = []
    notifications: list[str] = []
    description: str = ""
    rollback: dict[str, Any] = {}


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is going on. `phase` names the engine's function; `failed` is why it will be undone."""

    id: str
    kind: str                    # IMPORT_STACK CREATE_STACK UPDATE_STACK DELETE_STACK CONTINUE_ROLLBACK ROLLBACK
    phase: str                   # apply cleanup undo remove
    principal: Principal
    token: str = ""
    role: str = ""
    on_failure: str = "ROLLBACK"
    failed: str = ""
    before: Target | None = None
    was: str = ""                # the stack's status before this operation
    retain: list[str] = []
    skip: list[str] = []
    policy: str = ""             # a stack policy for this update only
    cancelled: bool = False
    imports: dict[str, dict[str, str]] = {}  # logical id to the identifier under which it is there already
    retain_except: bool = False  # RetainExceptOnCreate: what this operation made is not retained when it is undone
    unchecked: bool = False      # DisableValidation, or validated already with its change set
    express: bool = False        # a resource is done when it is configured, ready or not
    watch_until: float = 0.0     # the rollback triggers' monitoring time, once all resources are there


class Stack(Record, frozen=True, omit_defaults=True):
    kind = "cloudformation.stack"

    id: str
    name: str
    status: str
    created: float
    target: Target
    reason: str = ""
    updated: float = 0.0
    deleted: float = 0.0
    role: str = ""
    on_failure: str = "ROLLBACK"
    timeout: int = 0
    protected: bool = False
    policy: str = ""
    parent: str = ""
    root: str = ""
    parent_logical: str = ""
    outputs: list[dict[str, Any]] = []
    change_set: str = ""
    change_sets: dict[str, str] = {}
    operation: Operation | None = None
    last: list[dict[str, str]] = []
    detailed: str = ""
    deployment: dict[str, Any] = {}   # DeploymentConfig
    alias: str = ""
    drift: dict[str, Any] = {}
    tokens: dict[str, str] = {}       # ClientRequestToken -> operation id
    watched: dict[str, str] = {}      # the stack set's operation that waits for this stack: account, region, key

    @property
    def key(self) -> str:
        return self.id if self.status == "DELETE_COMPLETE" else self.name


class Alias(Record, frozen=True):
    kind = "cloudformation.alias"

    name: str
    stack: str

    @property
    def key(self) -> str:
        return self.name


class Undone(Record, frozen=True):
    """An update that failed and was not, or not wholly, undone: what ContinueUpdateRollback and RollbackStack go on with."""

    kind = "cloudformation.undone"

    stack: str
    operation: Operation

    @property
    def key(self) -> str:
        return self.stack


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One resource of a stack. `op` and `state` say how far the operation at hand has come with it; `before` is the way back."""

    logical: str
    type: str
    physical: str = ""
    status: str = ""
    reason: str = ""
    updated: float = 0.0
    properties: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    needs: list[str] = []
    deletion: str = "Delete"
    replacement: str = "Delete"
    metadata: Any = None
    description: str = ""
    op: str = ""
    state: str = ""              # begun pending done failed
    action: str = ""             # create update replace delete
    born: str = ""               # the operation that made it
    planned: str = ""            # the name it will have: a step taken again finds what it made
    pending: dict[str, Any] | None = None  # what it waits for; `answer` once that has come
    touched: bool = False        # an operation was committed before the step as a whole was: failing undoes it
    before: dict[str, Any] | None = None
    drift: dict[str, Any] = {}
    policies: dict[str, Any] = {}  # CreationPolicy and UpdatePolicy
    hidden: bool = False         # a custom resource that answered with NoEcho: its attributes are not shown

    def but(self, **changes: Any) -> Row:
        return msgspec.structs.replace(self, **changes)


_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Row).decode


def row(call: Call, stack: str, logical: str) -> Row | None:
    found = call.row("SELECT body FROM cloudformation_resource WHERE stack=? AND logical=?", stack, logical)
    return _decode(found[0]) if found else None


def rows(call: Call, stack: str) -> dict[str, Row]:
    return {one.logical: one for (body,) in call.sql("SELECT body FROM cloudformation_resource WHERE stack=?", stack) for one in (_decode(body),)}


def put_row(call: Call, stack: str, one: Row) -> Row:
    call.sql("INSERT OR REPLACE INTO cloudformation_resource VALUES (?,?,?,?)", stack, one.logical, one.physical, _encode(one))
    return one


def drop_row(call: Call, stack: str, logical: str) -> None:
    call.sql("DELETE FROM cloudformation_resource WHERE stack=? AND logical=?", stack, logical)


def old_ones(call: Call, stack: str) -> list[tuple[int, Row]]:
    """What was replaced or belongs to an undone update, and waits to be deleted in the clean-up."""
    return [(id_, _decode(body)) for id_, body in call.sql("SELECT id, body FROM cloudformation_old WHERE stack=? ORDER BY id", stack)]


def put_old(call: Call, stack: str, one: Row, id_: int | None = None) -> None:
    call.sql("INSERT OR REPLACE INTO cloudformation_old VALUES (?,?,?)", id_, stack, _encode(one))


def drop_old(call: Call, id_: int) -> None:
    call.sql("DELETE FROM cloudformation_old WHERE id=?", id_)


def save_template(call: Call, original: str, processed: dict[str, Any]) -> str:
    id_ = call.uuid()
    call.sql("INSERT INTO cloudformation_template VALUES (?,?,?)", id_, original, json.dumps(processed))
    return id_


def original(call: Call, id_: str) -> str:
    return call.row("SELECT original FROM cloudformation_template WHERE id=?", id_)[0]


def processed(call: Call, id_: str) -> dict[str, Any]:
    return json.loads(call.row("SELECT processed FROM cloudformation_template WHERE id=?", id_)[0])


KEPT = 90 * 86400.0  # how long a deleted stack is told of


def forgotten(call: Call, stack: Stack) -> bool:
    return stack.status == "DELETE_COMPLETE" and call.now >= stack.deleted + KEPT


def lookup(call: Call, name: str) -> Stack | None:
    """By name, or by ARN: then also after its deletion."""
    if not name.startswith("arn:"):
        if (found := call.get(Stack, name)) is None and (alias := call.get(Alias, name)) is not None:
            found = call.get(Stack, alias.stack)
        return found
    if (found := call.get(Stack, name)) is not None:
        return None if forgotten(call, found) else found
    parts = name.split("/")
    live = call.get(Stack, parts[1]) if len(parts) == 3 else None
    return live if live is not None and live.id == name else None


def find(call: Call, name: str) -> Stack:
    if (stack := lookup(call, name)) is not None:
        return stack
    raise errors.no_such_stack(name)


def by_stack(call: Call, req: Any) -> str:
    """The ARN that IAM is asked about: the stack's, or one with every id if there is none of that name."""
    name = req.get("StackName") or ""
    if name.startswith("arn:"):
        return name
    stack = lookup(call, name) if name else None
    return stack.id if stack else call.arn(f"stack/{name or '*'}/*")
