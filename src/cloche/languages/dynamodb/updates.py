"""Updates: a tree becomes a function of (item, values) that changes the item in place.

Every right-hand side reads the item as it was. SET comes first (an index beyond the end of a list appends), then ADD
and DELETE, then REMOVE from the highest index down, so that no action moves what another one names.
"""
from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from . import errors, numbers, parser
from . import values as v
from .paths import Path, distinct, projector, reader
from .scope import Compiled, Scope, Values, remember
from .values import Item, Value

KIND = "UpdateExpression"
Operand = Callable[[Item, Values], Value]
Change = Callable[[Item, Any], None]


class Update(Compiled):
    """`targets` are the paths that are written, in the order of the expression; `touched` the attributes they are in;
    `show` cuts them out of an item. One that only takes away does not make an item that is not there (`removes`: with REMOVE alone)."""

    __slots__ = ("makes", "removes", "show", "targets", "touched")

    def __init__(self, run: Callable[[Item, Values], None], scope: Scope, targets: list[Path], makes: bool = True, removes: bool = False) -> None:
        super().__init__(run, scope)
        self.targets = tuple(targets)
        self.makes, self.removes = makes, removes
        self.touched = tuple(dict.fromkeys(str(t[0]) for t in targets))
        self.show = projector(targets)


def compile(text: str, names: Mapping[str, str] | None = None) -> Update:
    return _compile(text, names=names)  # type: ignore[no-any-return]


@remember
def _compile(text: str, names: tuple[tuple[str, str], ...]) -> Update:
    return of_actions(parser.update(KIND, text), dict(names))


def of_actions(actions: tuple[parser.Node, ...], names: Mapping[str, str]) -> Update:
    scope = Scope(KIND, names)
    targets = [scope.path(action[1]) for action in actions]
    rights = [None if len(action) < 3 else operand(action[2], scope) for action in actions]
    distinct(KIND, targets)
    for action in actions:
        if action[0] in ("ADD", "DELETE"):
            clause_type(action[0], action[2], scope)
    sets, others, removes = [], [], []
    for (clause, *_), target, right in zip(actions, targets, rights, strict=True):
        if clause == "SET":
            sets.append((target, right, setter(target)))
        elif clause == "REMOVE":
            removes.append((target, remover(target)))
        else:
            others.append((right, adder(target) if clause == "ADD" else deleter(target)))
    sets.sort(key=lambda s: [x for x in s[0] if isinstance(x, int)])
    removes.sort(key=lambda r: [x for x in r[0] if isinstance(x, int)], reverse=True)

    def run(item: Item, values: Values) -> None:
        results = [(change, right(item, values)) for _, right, change in sets]  # type: ignore[misc]
        for change, result in results:
            change(item, result)
        for right, change in others:
            change(item, right(item, values))  # type: ignore[misc]
        for _, change in removes:
            change(item, None)

    makes = any(action[0] in ("SET", "ADD") for action in actions)
    if len(others) == 1 and not sets and not removes:  # the counter
        right, change = others[0]
        assert right
        return Update(lambda item, values: change(item, right(item, values)), scope, targets, makes)
    return Update(run, scope, targets, makes, removes=not sets and not others)


# -- operands -----------------------------------------------------------------------------------------------------------

def operand(node: parser.Node, scope: Scope) -> Operand:
    match node:
        case ("value", name):
            scope.value(name)
            return lambda item, values: values[name]  # type: ignore[no-any-return]
        case ("literal", value):
            return lambda item, values: value
        case ("path" | "literal-path", *_):
            get = reader(scope.path(node))

            def fetch(item: Item, values: Values) -> Value:
                value = get(item)
                if value is None:
                    raise errors.no_such_attribute()
                return copy.deepcopy(value) if "M" in value or "L" in value else value

            return fetch
        case ("+" | "-" as sign, left, right):
            return arithmetic(sign, left, right, scope)
        case ("call", "if_not_exists", arguments):
            count(node, 2, scope)
            if arguments[0][0] not in ("path", "literal-path"):
                raise errors.needs_path(KIND, "if_not_exists")
            get, default = reader(scope.path(arguments[0])), operand(arguments[1], scope)

            def either(item: Item, values: Values) -> Value:
                value = get(item)
                return default(item, values) if value is None else copy.deepcopy(value)

            return either
        case ("call", "list_append", arguments):
            count(node, 2, scope)
            if any(side[:2] == ("call", "list_append") for side in arguments):
                raise errors.list_append_nested()
            one, two = operand(arguments[0], scope), operand(arguments[1], scope)
            for side in arguments:
                require_type(side, "list_append", ("L",), scope)

            def append(item: Item, values: Values) -> Value:
                x, y = one(item, values), two(item, values)
                if "L" not in x or "L" not in y:
                    raise errors.wrong_operand()
                return {"L": x["L"] + y["L"]}

            return append
        case ("call", name, _):
            from .conditions import FUNCTIONS  # the other language's functions have a sentence of their own
            raise (errors.function_not_allowed if name in FUNCTIONS else errors.unknown_function)(KIND, name)
    raise AssertionError(node)


def arithmetic(sign: str, left: parser.Node, right: parser.Node, scope: Scope) -> Operand:
    one, two = operand(left, scope), operand(right, scope)
    for side in (left, right):
        require_type(side, sign, ("N",), scope)
    factor = 1 if sign == "+" else -1

    def total(item: Item, values: Values) -> Value:
        x, y = one(item, values), two(item, values)
        if "N" not in x or "N" not in y:
            raise errors.wrong_operand()
        return {"N": numbers.add(x["N"], y["N"], factor)}

    return total


def count(node: parser.Node, wanted: int, scope: Scope) -> None:
    if len(node[2]) != wanted:
        raise errors.operand_count(scope.kind, node[1], len(node[2]))


def require_type(node: parser.Node, operator: str, types: tuple[str, ...], scope: Scope) -> None:
    if node[0] == "value":
        name = node[1]

        def typed(values: Values) -> None:
            type_ = v.kind_of(values[name])
            if type_ not in types:
                raise errors.operand_type(KIND, operator, type_)

        scope.checks.append(typed)


def clause_type(clause: str, node: parser.Node, scope: Scope) -> None:
    if node[0] != "value":
        return
    name, types = node[1], ("N", "SS", "NS", "BS") if clause == "ADD" else ("SS", "NS", "BS")

    def typed(values: Values) -> None:
        type_ = v.kind_of(values[name])
        if type_ not in types:
            raise errors.operand_type(KIND, clause, v.LONG_NAMES[type_])

    scope.checks.append(typed)


# -- changes ------------------------------------------------------------------------------------------------------------

def parent(item: Item, path: Path) -> Any:
    """The dict or list that holds the last step; an update may not invent what leads there."""
    value: Any = {"M": item}
    for step in path[:-1]:
        if isinstance(step, int):
            members = value.get("L")
            value = members[step] if members is not None and step < len(members) else None
        else:
            value = value["M"].get(step) if "M" in value else None
        if value is None:
            raise errors.bad_update_path()
    holder = value.get("L" if isinstance(path[-1], int) else "M")
    if holder is None:
        raise errors.bad_update_path()
    return holder


def setter(path: Path) -> Change:
    last = path[-1]
    if len(path) == 1:
        return lambda item, value: item.__setitem__(last, value)  # type: ignore[index]

    def change(item: Item, value: Value) -> None:
        holder = parent(item, path)
        if isinstance(last, int) and last >= len(holder):
            holder.append(value)
        else:
            holder[last] = value

    return change


def remover(path: Path) -> Change:
    last = path[-1]

    def change(item: Item, value: None) -> None:
        holder = item if len(path) == 1 else parent(item, path)
        if isinstance(last, str):
            holder.pop(last, None)  # type: ignore[union-attr]
        elif last < len(holder):
            del holder[last]  # type: ignore[arg-type]

    return change


def current(holder: Any, last: str | int) -> Value | None:
    if isinstance(last, int):
        return holder[last] if last < len(holder) else None
    return holder.get(last)  # type: ignore[no-any-return]


def adder(path: Path) -> Change:
    last = path[-1]

    def change(item: Item, value: Value) -> None:
        holder: Any = item if len(path) == 1 else parent(item, path)
        old = current(holder, last)
        if old is None:
            if isinstance(last, int):
                holder.append(value)
            else:
                holder[last] = value
        elif "N" in value and "N" in old:
            holder[last] = {"N": numbers.add(old["N"], value["N"])}
        else:
            kind = v.kind_of(value)
            if kind not in v.SETS or kind not in old:
                raise errors.wrong_operand()
            have = set(old[kind])
            holder[last] = {kind: old[kind] + [m for m in value[kind] if m not in have]}

    return change


def deleter(path: Path) -> Change:
    last = path[-1]

    def change(item: Item, value: Value) -> None:
        holder: Any = item if len(path) == 1 else parent(item, path)
        old = current(holder, last)
        if old is None:
            return
        kind = v.kind_of(value)
        if kind not in v.SETS or kind not in old:
            raise errors.wrong_operand()
        gone = set(value[kind])
        if left := [m for m in old[kind] if m not in gone]:
            holder[last] = {kind: left}
        else:
            del holder[last]

    return change
