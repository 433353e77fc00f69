"""What SWF says when it refuses. One function per sentence."""
from __future__ import annotations

from cloche.kernel import AwsError


def domain_exists(name: str) -> AwsError:
    return AwsError("DomainAlreadyExistsFault", name)


def domain_deprecated(name: str) -> AwsError:
    return AwsError("DomainDeprecatedFault", name)


def no_domain(name: str) -> AwsError:
    return AwsError("UnknownResourceFault", f"Unknown domain: {name}")


def no_resource(arn: str) -> AwsError:
    return AwsError("UnknownResourceFault", f"Unknown resource: {arn}")


def type_exists(named: str) -> AwsError:
    return AwsError("TypeAlreadyExistsFault", named)


def type_deprecated(named: str) -> AwsError:
    return AwsError("TypeDeprecatedFault", named)


def type_not_deprecated(named: str) -> AwsError:
    return AwsError("TypeNotDeprecatedFault", named)


def no_type(named: str) -> AwsError:
    return AwsError("UnknownResourceFault", f"Unknown type: {named}")


def default_undefined(name: str) -> AwsError:
    return AwsError("DefaultUndefinedFault", name)


def already_started() -> AwsError:
    return AwsError("WorkflowExecutionAlreadyStartedFault", "Already Started")


def no_execution(workflow: str, run: str | None = None) -> AwsError:
    return AwsError("UnknownResourceFault", f"Unknown execution: WorkflowExecution=[workflowId={workflow}, runId={run}]" if run else f"Unknown execution, workflowId = {workflow}")


def no_task(kind: str, event: int | None = None) -> AwsError:
    return AwsError("UnknownResourceFault", f"Unknown {kind}" + (f", scheduledEventId = {event}" if event else ""))


def too_many_tags() -> AwsError:
    return AwsError("TooManyTagsFault", "A domain may have at most 50 tags")


def invalid(why: str) -> AwsError:
    return AwsError("ValidationException", why)


def invalid_token() -> AwsError:
    return AwsError("ValidationException", "Invalid token")


def invalid_name(what: str, value: str) -> AwsError:
    return AwsError("ValidationException", f"{what} must not start or end with whitespace, be 'arn', or contain ':', '/', '|' or control characters: {value}")


def invalid_duration(what: str, value: str) -> AwsError:
    return AwsError("ValidationException", f"Invalid value for {what}: {value}")


def no_attributes(decision: str) -> AwsError:
    return AwsError("ValidationException", f"Missing attributes for decision of type {decision}")


def not_last(decision: str) -> AwsError:
    return AwsError("ValidationException", f"Close must be last decision in list: {decision}")
