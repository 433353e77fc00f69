"""What Lambda says of durable executions when it refuses."""
from __future__ import annotations

from cloche.kernel import AwsError

from .errors import invalid, not_found


def already_started(name: str) -> AwsError:
    return AwsError("DurableExecutionAlreadyStartedException", f"Execution with name {name} has already been started with another payload.", 409, extra={"Type": "User"})


def too_long_to_wait() -> AwsError:
    return invalid("You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes.")


def qualifier_needed() -> AwsError:
    return invalid("You cannot invoke a durable function using an unqualified ARN.")


def not_durable() -> AwsError:
    return invalid("DurableExecutionName is only supported for durable functions.")


def only_at_creation() -> AwsError:
    return invalid("DurableConfig can only be set when a function is created.")


def no_execution(arn: str) -> AwsError:
    return not_found(f"Durable execution not found: {arn}")


def bad_token() -> AwsError:
    return invalid("Invalid checkpoint token")


def bad_action(action: str, kind: str) -> AwsError:
    return invalid(f"Invalid action {action} for the operation type {kind}.")


def bad_operation(id_: str, status: str) -> AwsError:
    return invalid(f"Operation {id_} cannot be updated: it is {status}.")


def options_missing(kind: str) -> AwsError:
    return invalid(f"An update that starts a {kind} operation needs its options.")


def bad_callback() -> AwsError:
    return invalid("Invalid callback id")


def callback_closed() -> AwsError:
    return AwsError("CallbackTimeoutException", "The callback is no longer waiting for an answer.", 400, extra={"Type": "User"})


def wrong_status(status: str) -> AwsError:
    return AwsError("ResourceConflictException", f"The operation cannot be performed on an execution with the status {status}.", 409, extra={"Type": "User"})
