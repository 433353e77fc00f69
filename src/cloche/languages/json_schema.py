"""JSON Schema draft 4, for what API Gateway calls models: is a schema one, and what is wrong with a document.

Imported where a model is first checked: jsonschema is 6 MB and a tenth of a second, and most APIs have no models.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import referencing
import regex
from referencing.jsonschema import DRAFT4


def fault(schema: Any) -> str:
    """Why this is no schema; "" if it is."""
    try:
        jsonschema.Draft4Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        return error.message
    return ""


def _pattern(validator: Any, wanted: str, instance: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    """The keyword `pattern` under a time limit: schema and body both come from outside, and share the loop with everybody."""
    if isinstance(instance, str):
        try:
            found = regex.search(wanted, instance, timeout=0.2)
        except (regex.error, TimeoutError):
            found = None
        if not found:
            yield jsonschema.ValidationError(f'ECMA 262 regex "{wanted}" does not match input string "{instance}"')


_Validator = jsonschema.validators.extend(jsonschema.Draft4Validator, {"pattern": _pattern})


class Unresolved(LookupError):
    """A schema refers to one that is not there."""


def validator(schema: Any, find: Callable[[str], Any]) -> Callable[[Any], list[str]]:
    """What tells the faults of a document. `find` gives the schema at a URL that this one refers to, or None."""
    def retrieve(uri: str) -> Any:
        if (found := find(uri)) is None:
            raise referencing.exceptions.NoSuchResource(uri)
        return DRAFT4.create_resource(found)

    checker = _Validator(schema, registry=referencing.Registry(retrieve=retrieve))

    def faults(document: Any) -> list[str]:
        try:
            return [error.message for error in checker.iter_errors(document)]
        except (referencing.exceptions.Unresolvable, referencing.exceptions.NoSuchResource) as error:
            raise Unresolved(str(error)) from None

    return faults
