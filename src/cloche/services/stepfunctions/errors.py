"""What Step Functions says when it refuses. One function per sentence."""
from __future__ import annotations

from cloche.kernel import AwsError


def invalid_arn(arn: str, why: str = "") -> AwsError:
    return AwsError("InvalidArn", f"Invalid Arn: '{arn}'" if not why else f"Invalid Arn: '{why}'")


def invalid_name(name: str) -> AwsError:
    return AwsError("InvalidName", f"Invalid Name: '{name}'")


def no_machine(arn: str) -> AwsError:
    return AwsError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")


def machine_exists(arn: str) -> AwsError:
    return AwsError("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'")


def invalid_definition(problems: list[str]) -> AwsError:
    return AwsError("InvalidDefinition", f"Invalid State Machine Definition: '{', '.join(problems[:10])}'")


def invalid_logging(why: str = "Log Destination") -> AwsError:
    return AwsError("InvalidLoggingConfiguration", f"Invalid Logging Configuration: {why}")


def nothing_to_update() -> AwsError:
    return AwsError("MissingRequiredParameter", "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")


def role_is_not_trusted(role: str) -> AwsError:
    return AwsError("AccessDeniedException", f"Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role: {role}")


def conflict(why: str) -> AwsError:
    return AwsError("ConflictException", why)


def not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFound", f"Resource not found: '{arn}'", extra={"resourceName": arn})


def invalid(why: str) -> AwsError:
    return AwsError("ValidationException", why)


def mock_misfits(why: str) -> AwsError:
    return AwsError("ValidationException", f"Mock result schema validation error: {why}")


def no_execution(arn: str) -> AwsError:
    return AwsError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")


def execution_exists(arn: str) -> AwsError:
    return AwsError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")


def invalid_input(why: str = "") -> AwsError:
    return AwsError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{why}'" if why else "Invalid State Machine Execution Input")


def not_for_this_type() -> AwsError:
    return AwsError("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")


def not_redrivable(why: str) -> AwsError:
    return AwsError("ExecutionNotRedrivable", why)


def bad_token() -> AwsError:
    return AwsError("InvalidToken", "Invalid Token: 'Invalid token'")


def no_task(why: str = "Task does not exist") -> AwsError:
    return AwsError("TaskDoesNotExist", f"Task Does Not Exist: '{why}'")


def task_over() -> AwsError:
    return AwsError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")


def invalid_output() -> AwsError:
    return AwsError("InvalidOutput", "Invalid Output: 'The output must be valid JSON'")


def no_activity(arn: str) -> AwsError:
    return AwsError("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")


def too_many_tags() -> AwsError:
    return AwsError("TooManyTags", "The number of tags exceeds 50")
