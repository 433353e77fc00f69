"""What may be wrong with a query or with the data it runs over, in S3 Select's codes."""
from __future__ import annotations


class Invalid(ValueError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def unexpected(text: str, at: int) -> Invalid:
    return Invalid("ParseUnexpectedToken", f"Encountered unexpected token '{text}' at position {at} in the SQL expression." if text else "The SQL expression ended unexpectedly.")


def expected_keyword(word: str) -> Invalid:
    return Invalid("ParseExpectedKeyword", f"Did not find the expected keyword {word} in the SQL expression.")


def unsupported(what: str) -> Invalid:
    return Invalid("ParseUnsupportedSyntax", f"The SQL expression contains unsupported syntax: {what}.")


def cast_failed(value: object, kind: str) -> Invalid:
    return Invalid("CastFailed", f"Attempt to convert from one data type to another using CAST failed in the SQL expression: {value!r} to {kind}.")


def bad_argument(what: str) -> Invalid:
    return Invalid("EvaluatorInvalidArguments", f"Incorrect type of arguments in function call in the SQL expression: {what}.")
