"""What Lambda says of event source mappings when it refuses."""
from __future__ import annotations

from cloche.kernel import AwsError

from .errors import conflict, invalid


def no_such_function_for_mapping() -> AwsError:
    return invalid("Function does not exist")


def unknown_source() -> AwsError:
    return invalid("Unrecognized event source.")


def bad_filter() -> AwsError:
    return invalid("Invalid filter pattern definition.")


def no_such_stream(arn: str) -> AwsError:
    return invalid(f"Stream not found: {arn}")


def no_such_queue() -> AwsError:
    return invalid("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.")


def visibility_too_short(visibility: int, timeout: int) -> AwsError:
    return invalid(f"Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds")


def window_needed() -> AwsError:
    return invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")


def fifo_batch_too_large() -> AwsError:
    return invalid("Batch size must not be greater than 10 for FIFO queues")


def fifo_window() -> AwsError:
    return invalid("Batching window is not supported for FIFO queues")


def starting_position_needed() -> AwsError:
    return invalid("1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.")


def unsupported_position(kind: str) -> AwsError:
    return invalid(f"Unsupported starting position for arn type: {kind}")


def cannot_read(arn: str) -> AwsError:
    return invalid(f"Cannot access stream {arn}. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, ListShards, and ListStreams Actions "
                   "on your stream in IAM.")


def function_role_lacks(what: str) -> AwsError:
    return invalid(f"The function execution role does not have permissions to call {what}")


def not_for_source(parameter: str) -> AwsError:
    return invalid(f"{parameter} is not supported for this event source type.")


def bad_failure_destination(arn: str) -> AwsError:
    return invalid(f"The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination={arn})) is invalid.")


def provisioned_and_limited() -> AwsError:
    return invalid("ScalingConfig and ProvisionedPollerConfig can't be used together.")


def bad_pollers(least: int, minimum_most: int, most: int) -> AwsError:
    return invalid(f"MinimumPollers must be between {least} and {minimum_most}, and MaximumPollers between MinimumPollers and {most}.")


def queue_mapping_exists(queue: str, function: str, uuid: str) -> AwsError:
    return conflict(f'An event source mapping with SQS arn (" {queue} ") and function (" {function} ") already exists. Please update or delete the existing mapping with UUID {uuid}')


def stream_mapping_exists(stream: str, function: str, uuid: str) -> AwsError:
    return conflict(f'The event source arn (" {stream} ") and function (" {function} ") provided mapping already exists. Please update or delete the existing mapping with UUID {uuid}')


def mapping_in_use(state: str) -> AwsError:
    return AwsError("ResourceInUseException", f"Cannot update the event source mapping because it is in use: {state}.", 400)
