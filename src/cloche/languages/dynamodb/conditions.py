"""Conditions and filters: a tree becomes a function of (item, values). A comparison with what is missing is false, but <> is true."""
from __future__ import annotations

from collections.abc import Callable, Mapping

from . import errors, parser
from . import values as v
from .paths import reader
from .scope import Compiled, Scope, Values, remember
from .values import Item, Value

Test = Callable[[Item, Values], bool]
Operand = Callable[[Item, Values], "Value | None"]

FUNCTIONS = {"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2, "contains": 2, "size": 1}
UPDATE_FUNCTIONS = {"if_not_exists": 2, "list_append": 2}
MAX_IN = 100


def compile(kind: str, text: str, names: Mapping[str, str] | None = None) -> Compiled:
    """The condition this text is, with these names. Compiled once."""
    return _compile(kind, text, names=names)  # type: ignore[no-any-return]


@remember
def _compile(kind: str, text: str, names: tuple[tuple[str, str], ...]) -> Compiled:
    return of_tree(kind, parser.condition(kind, text), dict(names))


def of_tree(kind: str, tree: parser.Node, names: Mapping[str, str]) -> Compiled:
    scope = Scope(kind, names)
    return Compiled(test(tree, scope), scope)


def test(node: parser.Node, scope: Scope) -> Test:
    match node:
        case ("and", left, right):
            one, two = test(left, scope), test(right, scope)
            return lambda item, values: one(item, values) and two(item, values)
        case ("or", left, right):
            one, two = test(left, scope), test(right, scope)
            return lambda item, values: one(item, values) or two(item, values)
        case ("not", inner):
            one = test(inner, scope)
            return lambda item, values: not one(item, values)
        case ("cmp", op, left, right):
            return comparison(op, left, right, scope)
        case ("between", x, low, high):
            return between(x, low, high, scope)
        case ("in", x, members):
            if len(members) > MAX_IN:
                raise errors.operand_count(scope.kind, "IN", len(members) + 1)
            subject, candidates = operand(x, scope), [operand(m, scope) for m in members]
            distinct("IN", x, members, scope)
            return lambda item, values: (a := subject(item, values)) is not None and any(v.same(a, c(item, values)) for c in candidates)
        case ("call", name, arguments):
            return function(name, arguments, scope)
    raise AssertionError(node)


def comparison(op: str, left: parser.Node, right: parser.Node, scope: Scope) -> Test:
    a, b = operand(left, scope), operand(right, scope)
    distinct(op, left, (right,), scope)
    if op == "=":
        return lambda item, values: v.same(a(item, values), b(item, values))
    if op == "<>":
        return lambda item, values: not v.same(a(item, values), b(item, values))
    for side in (left, right):
        require_type(side, op, ("S", "N", "B"), scope)
    strict = op in ("<", ">")
    low, high = (a, b) if op in ("<", "<=") else (b, a)

    def ordered(item: Item, values: Values) -> bool:
        x, y = low(item, values), high(item, values)
        if x is None or y is None:
            return False
        return v.less(x, y) or (not strict and v.kind_of(x) in ("S", "N", "B") and v.same(x, y))

    return ordered


def between(x: parser.Node, low: parser.Node, high: parser.Node, scope: Scope) -> Test:
    subject, least, most = operand(x, scope), operand(low, scope), operand(high, scope)
    kind = scope.kind
    for side in (x, low, high):
        require_type(side, "BETWEEN", ("S", "N", "B"), scope)
    first, second = literal(low), literal(high)
    if first and second:
        def bounds(values: Values) -> None:
            one, two = first(values), second(values)
            if v.kind_of(one) != v.kind_of(two):
                raise errors.bounds_differ(kind, one, two)
            if v.less(two, one):
                raise errors.bounds_reversed(kind, one, two)
        scope.checks.append(bounds)

    def run(item: Item, values: Values) -> bool:
        y, one, two = subject(item, values), least(item, values), most(item, values)
        if y is None or one is None or two is None:
            return False
        kind = v.kind_of(y)
        if kind not in ("S", "N", "B") or kind not in one or kind not in two:
            return False
        return bool(v.rank(kind, one[kind]) <= v.rank(kind, y[kind]) <= v.rank(kind, two[kind]))

    return run


def function(name: str, arguments: tuple[parser.Node, ...], scope: Scope) -> Test:
    known(name, arguments, scope)
    if name == "size":
        raise errors.function_misplaced(scope.kind, name)
    first = arguments[0]
    if name in ("attribute_exists", "attribute_not_exists"):
        if first[0] not in ("path", "literal-path"):
            raise errors.needs_path(scope.kind, name)
        get, wanted = reader(scope.path(first)), name == "attribute_exists"
        return lambda item, values: (get(item) is not None) is wanted
    a, b = operand(first, scope), operand(arguments[1], scope)
    distinct(name, first, arguments[1:], scope)
    if name == "contains":
        return lambda item, values: (x := a(item, values)) is not None and (y := b(item, values)) is not None and v.contains(x, y)
    if name == "begins_with":
        for side in arguments:
            require_type(side, name, ("S", "B"), scope)
        return lambda item, values: (x := a(item, values)) is not None and (y := b(item, values)) is not None and v.begins_with(x, y)
    if literal(arguments[1]) is None:
        raise errors.needs_constant(scope.kind, name)
    require_type(arguments[1], name, ("S",), scope)
    if find := literal(arguments[1]):
        kind = scope.kind

        def valid(values: Values) -> None:
            type_ = find(values)["S"]
            if type_ not in v.TYPES:
                raise errors.bad_type_name(kind, type_)

        scope.checks.append(valid)
    return lambda item, values: (x := a(item, values)) is not None and (y := b(item, values)) is not None and y.get("S") in x


def known(name: str, arguments: tuple[parser.Node, ...], scope: Scope) -> None:
    if name in UPDATE_FUNCTIONS:
        raise errors.function_not_allowed(scope.kind, name)
    if name not in FUNCTIONS:
        raise errors.unknown_function(scope.kind, name)
    if len(arguments) != FUNCTIONS[name]:
        raise errors.operand_count(scope.kind, name, len(arguments))


def operand(node: parser.Node, scope: Scope) -> Operand:
    match node:
        case ("path" | "literal-path", *_):
            get = reader(scope.path(node))
            return lambda item, values: get(item)
        case ("value", name):
            scope.value(name)
            return lambda item, values: values[name]
        case ("literal", value):
            return lambda item, values: value
        case ("call", "size", arguments):
            known("size", arguments, scope)
            inner = operand(arguments[0], scope)
            require_type(arguments[0], "size", ("S", "B", "SS", "NS", "BS", "L", "M"), scope)

            def size(item: Item, values: Values) -> Value | None:
                x = inner(item, values)
                n = None if x is None else v.length(x)
                return None if n is None else {"N": str(n)}

            return size
        case ("call", name, arguments):
            known(name, arguments, scope)
            raise errors.function_misplaced(scope.kind, name)
    raise AssertionError(node)


def literal(node: parser.Node) -> Callable[[Values], Value] | None:
    """How to find the value of an operand without an item, when that can be done."""
    if node[0] == "value":
        name = node[1]
        return lambda values: values[name]  # type: ignore[no-any-return]
    return (lambda values: node[1]) if node[0] == "literal" else None


def require_type(node: parser.Node, operator: str, types: tuple[str, ...], scope: Scope) -> None:
    """A placeholder of a type the operator has no use for is refused, whatever the item holds."""
    if node[0] == "call" and "N" not in types:
        raise errors.operand_type(scope.kind, operator, "N")  # size() is a number
    if node[0] == "value":
        kind, name = scope.kind, node[1]

        def typed(values: Values) -> None:
            type_ = v.kind_of(values[name])
            if type_ not in types:
                raise errors.operand_type(kind, operator, type_)

        scope.checks.append(typed)


def distinct(operator: str, first: parser.Node, others: tuple[parser.Node, ...], scope: Scope) -> None:
    """`a = a` is a mistake, says DynamoDB."""
    if first[0] == "path" and first in others:
        raise errors.same_operand(scope.kind, operator, Scope(scope.kind, scope.names).path(first))
