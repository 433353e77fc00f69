"""The one way a template is wrong: a sentence, in CloudFormation's words."""
from __future__ import annotations


class TemplateError(Exception):
    """Becomes HTTP 400 ValidationError before a stack exists, or the reason of a failed resource afterwards."""


class TransformError(Exception):
    """A transform refused the template. Becomes ValidationError on CreateStack, the FAILED reason of a change set."""


def malformed(kind: str, line: int, column: int) -> TemplateError:
    return TemplateError(f"Template format error: {kind} not well-formed. (line {line}, column {column})")


def format_error(what: str) -> TemplateError:
    return TemplateError(f"Template format error: {what}")


def template_error(what: str) -> TemplateError:
    return TemplateError(f"Template error: {what}")
