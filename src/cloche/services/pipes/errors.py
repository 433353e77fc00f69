"""What Pipes says when it refuses. One function a sentence."""
from __future__ import annotations

from cloche.kernel import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def no_such(name: str) -> AwsError:
    return AwsError("NotFoundException", f"Pipe {name} does not exist.", 404)


def no_resource(arn: str) -> AwsError:
    return AwsError("NotFoundException", f"Resource {arn} does not exist.", 404)


def exists(name: str) -> AwsError:
    return AwsError("ConflictException", f"Pipe {name} already exists.", 409, extra={"resourceId": name, "resourceType": "Pipe"})


def busy(name: str, state: str) -> AwsError:
    return AwsError("ConflictException", f"Pipe {name} cannot be changed while it is in the state {state}.", 409, extra={"resourceId": name, "resourceType": "Pipe"})


def not_built(what: str) -> AwsError:
    return AwsError("NotImplemented", f"pipes: {what} is not built in Cloche yet. /_cloche/ledger lists what is.", 501)


def parameters_of_another(member: str) -> AwsError:
    return invalid(f"{member} cannot be specified for this kind of source.")


def starting_position() -> AwsError:
    return invalid("StartingPosition is required for a stream.")


def window_needed() -> AwsError:
    return invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")


def fifo_batch() -> AwsError:
    return invalid("Batch size must be at most 10, without a batching window, for a FIFO queue.")


def bad_filter(pattern: str) -> AwsError:
    return invalid(f"Filter pattern is not valid: {pattern}")


def bad_template(what: str) -> AwsError:
    return invalid(f"InputTemplate is not valid: {what}")


def bad_parameter(what: str) -> AwsError:
    return invalid(f"The parameter {what} names nothing in the event.")


def group_needed() -> AwsError:
    return invalid("MessageGroupId is required for a FIFO queue.")


def too_many_tags() -> AwsError:
    return invalid("A pipe can have 50 tags at most.")


def next_token() -> AwsError:
    return invalid("The NextToken is not valid.")


def failed(what: str) -> AwsError:
    """What came of an enrichment or a target that answered, and answered an error."""
    return AwsError("TargetFailed", what)
