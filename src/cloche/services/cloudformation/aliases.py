"""Aliases: another name for a stack, good wherever its name is."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import ANY, Call

from . import errors, stacks
from . import service as cloudformation
from .records import Alias, Stack, by_stack, find

if TYPE_CHECKING:
    from cloche.shapes import cloudformation as t


@cloudformation.op(resource=by_stack)
def set_alias(call: Call, req: t.SetAliasInput) -> None:
    stack, name = find(call, req["StackName"]), req["AliasName"]
    stacks.check_name(name)
    if stack.status == "DELETE_COMPLETE":
        raise errors.no_such_stack(req["StackName"])
    if stack.alias == name:
        return
    if stack.alias:
        raise errors.has_alias(stack.name, stack.alias)
    if call.get(Alias, name) is not None or call.get(Stack, name) is not None:
        raise errors.alias_taken(name)
    call.put(Alias(name, stack.name))
    call.put(stack.but(alias=name))


@cloudformation.op(resource=ANY)
def remove_alias(call: Call, req: t.RemoveAliasInput) -> None:
    alias = call.get(Alias, req["AliasName"])
    if alias is None:
        raise errors.no_alias(req["AliasName"])
    call.delete(alias)
    if (stack := call.get(Stack, alias.stack)) is not None:
        call.put(stack.but(alias=""))
