"""What DynamoDB says about a PartiQL statement. One function a sentence, in AWS's own words."""
from __future__ import annotations

from cloche.languages.dynamodb.errors import Invalid


def malformed(why: str) -> Invalid:
    return Invalid(f"Statement wasn't well formed, can't be processed: {why}")


def unexpected(token: str) -> Invalid:
    return malformed(f"Unexpected term: {token}" if token else "Unexpected end of statement")


def parameters() -> Invalid:
    return Invalid("Number of parameters in request and statement don't match.")


def key_equality() -> Invalid:
    return Invalid("Where clause does not contain a mandatory equality on all key attributes")


def order_without_where() -> Invalid:
    return Invalid("Must have WHERE clause in the statement when using ORDER BY clause.")


def order_without_hash() -> Invalid:
    return Invalid("Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.")


def order_not_key(name: str) -> Invalid:
    return Invalid(f"Variable reference {name} in ORDER BY clause must be part of the primary key")
