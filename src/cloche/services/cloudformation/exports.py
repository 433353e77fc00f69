"""Exports and imports: a name per region that other stacks may lean on, and may not be pulled away while they do."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record
from cloche.languages.cloudformation.errors import TemplateError

from . import errors
from . import service as cloudformation
from .records import Stack

if TYPE_CHECKING:
    from cloche.shapes import cloudformation as t

cloudformation.table("CREATE TABLE IF NOT EXISTS cloudformation_import (account TEXT, region TEXT, name TEXT, stack TEXT, PRIMARY KEY (account, region, name, stack)) WITHOUT ROWID;"
                     "CREATE INDEX IF NOT EXISTS cloudformation_import_stack ON cloudformation_import (stack);")
PAGE = 100


class Export(Record, frozen=True):
    kind = "cloudformation.export"

    name: str
    value: str
    stack: str

    @property
    def key(self) -> str:
        return self.name


def value(call: Call, name: str) -> str:
    if (export := call.get(Export, name)) is None:
        raise TemplateError(f"No export named {name} found.")
    return export.value


def importers(call: Call, name: str) -> list[str]:
    """Names of the stacks that lean on an export."""
    found = call.sql("SELECT stack FROM cloudformation_import WHERE account=? AND region=? AND name=? ORDER BY stack", call.account, call.region, name)
    return [stack.split("/")[1] for (stack,) in found]


def of_stack(call: Call, stack_id: str, outputs: list[dict[str, Any]]) -> list[Export]:
    return [one for x in outputs if "ExportName" in x and (one := call.get(Export, x["ExportName"])) is not None and one.stack == stack_id]


def publish(call: Call, stack: Stack, outputs: list[dict[str, Any]]) -> None:
    """Exchange a stack's exports for those of its new outputs, or say why not."""
    before = {one.name: one for one in of_stack(call, stack.id, stack.outputs)}
    after = {x["ExportName"]: x["OutputValue"] for x in outputs if "ExportName" in x}
    if len(after) < sum("ExportName" in x for x in outputs):
        raise TemplateError("Export names must be unique within a stack")
    for name, new in after.items():
        other = call.get(Export, name)
        if other is not None and other.stack != stack.id:
            raise TemplateError(f"Export with name {name} is already exported by stack {other.stack.split('/')[1]}")
        if other is not None and other.value != new and (users := importers(call, name)):
            raise TemplateError(f"Export {name} cannot be updated as it is in use by {', '.join(users)}")
    for name, one in before.items():
        if name not in after:
            if users := importers(call, name):
                raise TemplateError(f"Export {name} cannot be deleted as it is in use by {', '.join(users)}")
            call.delete(one)
    for name, new in after.items():
        call.put(Export(name, new, stack.id))


def in_use(call: Call, stack: Stack) -> tuple[str, list[str]] | None:
    """An export of the stack that others import, and who."""
    for one in of_stack(call, stack.id, stack.outputs):
        if users := importers(call, one.name):
            return one.name, users
    return None


def withdraw(call: Call, stack: Stack) -> None:
    for one in of_stack(call, stack.id, stack.outputs):
        call.delete(one)
    call.sql("DELETE FROM cloudformation_import WHERE stack=?", stack.id)


def note_imports(call: Call, stack_id: str, names: set[str]) -> None:
    call.sql("DELETE FROM cloudformation_import WHERE stack=?", stack_id)
    for name in sorted(names):
        call.sql("INSERT OR IGNORE INTO cloudformation_import VALUES (?,?,?,?)", call.account, call.region, name, stack_id)


async def all_settled(call: Call) -> None:
    """Give stacks that are on their way the moment that a describe of each would give them."""
    from .settling import settled
    for stack in call.all(Stack):
        if stack.status.endswith("IN_PROGRESS"):
            await settled(call, stack.id)


@cloudformation.op(resource=ANY)
async def list_exports(call: Call, req: t.ListExportsInput) -> t.ListExportsOutput:
    await all_settled(call)
    after = req.get("NextToken", "")
    names = sorted(x.name for x in call.all(Export) if x.name > after)
    page = [call.get(Export, name) for name in names[:PAGE]]
    answer: Any = {"Exports": [{"ExportingStackId": x.stack, "Name": x.name, "Value": x.value} for x in page if x]}
    if len(names) > PAGE:
        answer["NextToken"] = names[PAGE - 1]
    return answer


@cloudformation.op(resource=ANY)
async def list_imports(call: Call, req: t.ListImportsInput) -> t.ListImportsOutput:
    await all_settled(call)
    users = importers(call, req["ExportName"])
    if not users:
        raise errors.not_imported(req["ExportName"])
    start = int(req["NextToken"]) if req.get("NextToken", "").isdecimal() else 0
    answer: Any = {"Imports": users[start:start + PAGE]}
    if len(users) > start + PAGE:
        answer["NextToken"] = str(start + PAGE)
    return answer
