"""What DynamoDB says when a value or an expression is wrong. One function a sentence, in AWS's own words."""
from __future__ import annotations

from typing import Any


class Invalid(Exception):
    """A ValidationException in the making."""

    code = "ValidationException"

    @property
    def message(self) -> str:
        return str(self.args[0])


class Unfit(Invalid):
    """An item or key that this table cannot have: in a transaction it is the reason of one action, not the end of the request."""


def parameter(sentence: str, kind: type[Invalid] = Invalid) -> Invalid:
    return kind(f"One or more parameter values were invalid: {sentence}")


# -- values -------------------------------------------------------------------------------------------------------------

def no_datatype() -> Invalid:
    return Invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")


def many_datatypes() -> Invalid:
    return Invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")


def empty_set(kind: str) -> Invalid:
    return parameter({"SS": "An string set  may not be empty", "NS": "An number set  may not be empty", "BS": "Binary sets should not be empty"}[kind])


def duplicates(kind: str, members: list[str]) -> Invalid:
    if kind == "NS":
        return Invalid("Input collection contains duplicates")
    shown = f"Input collection [{', '.join(members)}]"
    return parameter(f"{shown} contains duplicates." if kind == "SS" else f"{shown}of type BS contains duplicates.")


def false_null() -> Invalid:
    return parameter("Null attribute value types must have the value of true")


class Unreadable(Invalid):
    """What is not even a request."""

    code = "SerializationException"


def not_base64() -> Invalid:
    return Unreadable("Invalid base64 encoding in a binary value")


def attribute_name(name: str) -> Invalid:
    if not name:
        return parameter("Empty attribute name")
    return parameter("Attribute name is too large, must be less than 65536 bytes")


def not_a_number(text: str) -> Invalid:
    return Invalid("The parameter cannot be converted to a numeric value" + (f": {text}" if text else ""))


def too_many_digits() -> Invalid:
    return Invalid("Attempting to store more than 38 significant digits in a Number")


def overflow() -> Invalid:
    return Invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")


def underflow() -> Invalid:
    return Invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")


def too_deep() -> Invalid:
    return Unfit("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit")


def item_too_large() -> Invalid:
    return Unfit("Item size has exceeded the maximum allowed size")


def update_too_large() -> Invalid:
    return Invalid("Item size to update has exceeded the maximum allowed size")


# -- keys ---------------------------------------------------------------------------------------------------------------

def key_element() -> Invalid:
    return Unfit("The provided key element does not match the schema")


def missing_key(name: str) -> Invalid:
    return parameter(f"Missing the key {name} in the item", Unfit)


def key_type(name: str, expected: str, actual: str) -> Invalid:
    return parameter(f"Type mismatch for key {name} expected: {expected} actual: {actual}", Unfit)


def index_key_type(name: str, expected: str, actual: str, index: str) -> Invalid:
    return parameter(f"Type mismatch for Index Key {name} Expected: {expected} Actual: {actual} IndexName: {index}")


def empty_key(name: str, kind: str) -> Invalid:
    noun = "string" if kind == "S" else "binary"
    return Unfit(f"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty {noun} value. Key: {name}")


def empty_index_key(name: str, kind: str, index: str) -> Invalid:
    noun = "string" if kind == "S" else "binary"
    return Invalid("One or more parameter values are not valid. A value specified for a secondary index key is not supported. "
                   f"The AttributeValue for a key attribute cannot contain an empty {noun} value. IndexName: {index}, IndexKey: {name}")


def hash_too_long() -> Invalid:
    return parameter("Size of hashkey has exceeded the maximum size limit of2048 bytes", Unfit)


def range_too_long() -> Invalid:
    return parameter("Aggregated size of all range keys has exceeded the size limit of 1024 bytes", Unfit)


def key_update(name: str) -> Invalid:
    return parameter(f"Cannot update attribute {name}. This attribute is part of the key")


# -- expressions --------------------------------------------------------------------------------------------------------

def expression(kind: str, sentence: str) -> Invalid:
    return Invalid(f"Invalid {kind}: {sentence}")


def syntax(kind: str, token: str, near: str) -> Invalid:
    return expression(kind, f'Syntax error; token: "{token}", near: "{near}"')


def empty(kind: str) -> Invalid:
    return expression(kind, "The expression can not be empty;")


def too_long(kind: str, size: int) -> Invalid:
    return expression(kind, f"Expression size has exceeded the maximum allowed size; expression size: {size}")


def too_many_operators(kind: str, count: int) -> Invalid:
    return expression(kind, f"The expression contains too many operators; operator count: {count}")


def too_nested(kind: str, levels: int) -> Invalid:
    return expression(kind, f"The document path has too many nesting levels; nesting levels: {levels}")


def index_range(kind: str, index: int) -> Invalid:
    return expression(kind, f"List index is not within the allowable range; index: [{index}]")


def reserved(kind: str, word: str) -> Invalid:
    return expression(kind, f"Attribute name is a reserved keyword; reserved keyword: {word}")


def undefined_name(kind: str, name: str) -> Invalid:
    return expression(kind, f"An expression attribute name used in the document path is not defined; attribute name: {name}")


def undefined_value(kind: str, name: str) -> Invalid:
    return expression(kind, f"An expression attribute value used in expression is not defined; attribute value: {name}")


def unknown_function(kind: str, name: str) -> Invalid:
    return expression(kind, f"Invalid function name; function: {name}")


def function_misplaced(kind: str, name: str) -> Invalid:
    return expression(kind, f"The function is not allowed to be used this way in an expression; function: {name}")


def function_not_allowed(kind: str, name: str) -> Invalid:
    what = {"UpdateExpression": "an update", "ConditionExpression": "a condition", "FilterExpression": "a filter",
            "KeyConditionExpression": "a key condition"}.get(kind, "this")
    return expression(kind, f"The function is not allowed in {what} expression; function: {name}")


def operand_count(kind: str, name: str, count: int) -> Invalid:
    return expression(kind, f"Incorrect number of operands for operator or function; operator or function: {name}, number of operands: {count}")


def operand_type(kind: str, name: str, type_: str) -> Invalid:
    """Comparators and update clauses are called operators, functions (and + and -) operators or functions."""
    noun = "operator" if name in ("<", "<=", ">", ">=", "BETWEEN", "ADD", "DELETE") else "operator or function"
    return expression(kind, f"Incorrect operand type for operator or function; {noun}: {name}, operand type: {type_}")


def needs_path(kind: str, name: str) -> Invalid:
    return expression(kind, f"Operator or function requires a document path; operator or function: {name}")


def same_operand(kind: str, name: str, path: tuple[Any, ...]) -> Invalid:
    return expression(kind, "The first operand must be distinct from the remaining operands for this operator or function; "
                            f"operator: {name}, first operand: {shown(path)}")


def needs_constant(kind: str, name: str) -> Invalid:
    return expression(kind, f"Incorrect operand type for operator or function; operator or function: {name}, operand type: document path")


def bad_type_name(kind: str, name: str) -> Invalid:
    return expression(kind, f"Invalid attribute type name found; type: {name}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}")


def bounds_reversed(kind: str, low: dict[str, Any], high: dict[str, Any]) -> Invalid:
    return expression(kind, "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
                            f"lower bound operand: AttributeValue: {brace(low)}, upper bound operand: AttributeValue: {brace(high)}")


def bounds_differ(kind: str, low: dict[str, Any], high: dict[str, Any]) -> Invalid:
    return expression(kind, "The BETWEEN operator requires same data type for lower and upper bounds; "
                            f"lower bound operand: AttributeValue: {brace(low)}, upper bound operand: AttributeValue: {brace(high)}")


def redundant_parentheses(kind: str) -> Invalid:
    return expression(kind, "The expression has redundant parentheses;")


def clause_twice(kind: str, clause: str) -> Invalid:
    return expression(kind, f'The "{clause}" section can only be used once in an update expression;')


def overlap(kind: str, one: tuple[Any, ...], two: tuple[Any, ...]) -> Invalid:
    return expression(kind, "Two document paths overlap with each other; must remove or rewrite one of these paths; "
                            f"path one: {shown(one)}, path two: {shown(two)}")


def conflict(kind: str, one: tuple[Any, ...], two: tuple[Any, ...]) -> Invalid:
    return expression(kind, "Two document paths conflict with each other; must remove or rewrite one of these paths; "
                            f"path one: {shown(one)}, path two: {shown(two)}")


def shown(path: tuple[Any, ...]) -> str:
    return "[" + ", ".join(f"[{p}]" if isinstance(p, int) else p for p in path) + "]"


def brace(value: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{k}:{v}" for k, v in value.items()) + "}"


# -- running an update --------------------------------------------------------------------------------------------------

def wrong_operand() -> Invalid:
    return Invalid("An operand in the update expression has an incorrect data type")


def list_append_nested() -> Invalid:
    return function_misplaced("UpdateExpression", "list_append")


def no_such_attribute() -> Invalid:
    return Invalid("The provided expression refers to an attribute that does not exist in the item")


def bad_update_path() -> Invalid:
    return Invalid("The document path provided in the update expression is invalid for update")


def legacy_type_mismatch() -> Invalid:
    return Invalid("Type mismatch for attribute to update")


# -- key conditions -----------------------------------------------------------------------------------------------------

def key_condition_operator(name: str) -> Invalid:
    return expression("KeyConditionExpression", f"Invalid operator used in KeyConditionExpression: {name}")


def key_condition_twice() -> Invalid:
    return expression("KeyConditionExpression", "KeyConditionExpressions must only contain one condition per key")


def key_condition_nested() -> Invalid:
    return expression("KeyConditionExpression", "KeyConditionExpressions cannot have conditions on nested attributes")


def key_condition_nested_operations() -> Invalid:
    return expression("KeyConditionExpression", "KeyConditionExpressions cannot contain nested operations")


def key_condition_no_attribute() -> Invalid:
    return Invalid("Invalid condition in KeyConditionExpression: No key attribute specified")


def key_condition_many_attributes() -> Invalid:
    return Invalid("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")


def key_condition_missing(name: str) -> Invalid:
    return Invalid(f"Query condition missed key schema element: {name}")


def composite_hash(name: str) -> Invalid:
    return Invalid(f"Query condition missed key schema element: {name}. All HASH attributes of the index's key must have an equality condition")


def composite_range(name: str) -> Invalid:
    return Invalid(f"Query key condition not supported: RANGE attributes of the index's key are asked from left to right, all but the last with an equality condition: {name}")


def key_condition_extra(name: str) -> Invalid:
    return Invalid(f"Query condition names an attribute that is not part of the key: {name}")


def key_condition_unsupported() -> Invalid:
    return Invalid("Query key condition not supported")


def key_condition_type() -> Invalid:
    return parameter("Condition parameter type does not match schema type")


def empty_key_condition(name: str, kind: str) -> Invalid:
    return empty_key(name, kind)


# -- the parameters of a request ----------------------------------------------------------------------------------------

def mixed_parameters(legacy: list[str], modern: list[str]) -> Invalid:
    return Invalid("Can not use both expression and non-expression parameters in the same request: "
                   f"Non-expression parameters: {{{', '.join(legacy)}}} Expression parameters: {{{', '.join(modern)}}}")


def names_without_expression() -> Invalid:
    return Invalid("ExpressionAttributeNames can only be specified when using expressions")


def values_without_expression(kinds: tuple[str, ...]) -> Invalid:
    verb = "is" if len(kinds) == 1 else "are"
    return Invalid(f"ExpressionAttributeValues can only be specified when using expressions: {' and '.join(kinds)} {verb} null")


def placeholders_empty(member: str) -> Invalid:
    return Invalid(f"{member} must not be empty")


def placeholder_key(member: str, key: str) -> Invalid:
    return Invalid(f'{member} contains invalid key: Syntax error; key: "{key}"')


def placeholder_name(key: str, cause: Invalid) -> Invalid:
    return Invalid(f"ExpressionAttributeNames contains invalid value: {cause.message} for key {key}")


def placeholder_value(key: str, cause: Invalid) -> Invalid:
    if cause.code != Invalid.code:
        return cause
    return Invalid(f"ExpressionAttributeValues contains invalid value: {cause.message} for key {key}")


def unused(member: str, keys: list[str]) -> Invalid:
    return Invalid(f"Value provided in {member} unused in expressions: keys: {{{', '.join(keys)}}}")


# -- legacy conditions --------------------------------------------------------------------------------------------------

def argument_count(operator: str) -> Invalid:
    return parameter(f"Invalid number of argument(s) for the {operator} ComparisonOperator")


def operator_type(operator: str, kind: str) -> Invalid:
    return parameter(f"ComparisonOperator {operator} is not valid for {kind} AttributeValue type")


def not_indexable() -> Invalid:
    return Invalid("Attempted conditional constraint is not an indexable operation")


def range_reversed() -> Invalid:
    return Invalid("The BETWEEN condition was provided a range where the lower bound is greater than the upper bound")
