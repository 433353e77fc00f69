"""Everything SQS refuses, in its words. `query_code` is what old clients, and boto3's `Error.Code`, see."""
from __future__ import annotations

from cloche.kernel import AwsError

PREFIX = "AWS.SimpleQueueService."


# -- requests -------------------------------------------------------------------------------------------------------

def invalid_parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message, query_code="InvalidParameterValue")


def invalid_value(value: object, parameter: str, reason: str) -> AwsError:
    return invalid_parameter(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def out_of_range(value: int, parameter: str, low: int, high: int) -> AwsError:
    return invalid_value(value, parameter, f"Must be >= {low} and <= {high}, if provided.")


def count_out_of_range(value: int) -> AwsError:
    return invalid_value(value, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")


def max_results_out_of_range(value: int, most: int) -> AwsError:
    return invalid_value(value, "MaxResults", f"MaxResults must be an integer between 1 and {most}.")


def missing(parameter: str) -> AwsError:
    return AwsError("MissingRequiredParameterException", f"The request must contain the parameter {parameter}.", query_code="MissingParameter")


def bad_token() -> AwsError:
    return invalid_parameter("Invalid or expired next token.")


def throttled() -> AwsError:
    return AwsError("RequestThrottled", "The request was denied due to request throttling.", query_code="RequestThrottled")


def unsupported(message: str) -> AwsError:
    return AwsError("UnsupportedOperation", message, query_code=PREFIX + "UnsupportedOperation")


# -- queues ---------------------------------------------------------------------------------------------------------

def no_such_queue(query_protocol: bool = False) -> AwsError:
    return AwsError("QueueDoesNotExist", "The specified queue does not exist" + (" for this wsdl version." if query_protocol else "."), query_code=PREFIX + "NonExistentQueue")


def bad_address(url: str) -> AwsError:
    return AwsError("InvalidAddress", f"The address {url} is not valid for this endpoint.", 404, query_code="InvalidAddress")


def queue_exists(attribute: str) -> AwsError:
    return AwsError("QueueNameExists", f"A queue already exists with the same name and a different value for attribute {attribute}", query_code="QueueAlreadyExists")


def deleted_recently() -> AwsError:
    return AwsError("QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.", query_code=PREFIX + "QueueDeletedRecently")


def bad_name() -> AwsError:
    return invalid_parameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")


def bad_fifo_name() -> AwsError:
    return invalid_parameter(
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")


def unknown_attribute(name: str) -> AwsError:
    return AwsError("InvalidAttributeName", f"Unknown Attribute {name}.", query_code="InvalidAttributeName")


def bad_attribute(name: str, reason: str = "") -> AwsError:
    return AwsError("InvalidAttributeValue", f"Invalid value for the parameter {name}." + (f" Reason: {reason}" if reason else ""), query_code="InvalidAttributeValue")


def purge_in_progress(name: str) -> AwsError:
    return AwsError("PurgeQueueInProgress", f"Only one PurgeQueue operation on {name} is allowed every 60 seconds.", 403, query_code=PREFIX + "PurgeQueueInProgress")


def too_many_tags(name: str) -> AwsError:
    return invalid_parameter(f"Too many tags added for queue {name}.")


def bad_tag(key: str) -> AwsError:
    return invalid_parameter(f"The tag key or value of {key} is not valid: keys have 1 to 128 characters and no prefix aws:, values 0 to 256.")


def missing_tags() -> AwsError:
    return missing("Tags")


# -- permissions ------------------------------------------------------------------------------------------------------

def label_exists(label: str) -> AwsError:
    return invalid_value(label, "Label", "Already exists.")


def no_such_label(label: str) -> AwsError:
    return invalid_value(label, "Label", "can't find label on existing policy.")


def owners_action(action: str) -> AwsError:
    return invalid_value(f"SQS:{action}", "ActionName", "Only the queue owner is allowed to invoke this action.")


def unknown_action(action: str) -> AwsError:
    return invalid_value(f"SQS:{action}", "ActionName", "Please refer to the appropriate WSDL for a list of valid actions.")


def too_many_actions(count: int) -> AwsError:
    return AwsError("OverLimit", f"{count} Actions were found, maximum allowed is 7.", 403, query_code="OverLimit")


def bad_principal(account: str) -> AwsError:
    return invalid_value(account, "PrincipalId", "Unable to verify.")


# -- messages ---------------------------------------------------------------------------------------------------------

def invalid_characters() -> AwsError:
    return AwsError(
        "InvalidMessageContents", "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        query_code="InvalidMessageContents")


def too_long(limit: int) -> AwsError:
    return invalid_parameter(f"One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes.")


def too_many_attributes(count: int) -> AwsError:
    return invalid_parameter(f"Number of message attributes [{count}] exceeds the allowed maximum [10].")


def bad_attribute_name(name: str, reason: str) -> AwsError:
    return invalid_parameter(f"The message attribute name '{name}' is invalid. {reason}")


def no_attribute_type(name: str) -> AwsError:
    return invalid_parameter(f"The message attribute '{name}' must contain non-empty message attribute type.")


def bad_attribute_type(name: str, kind: str) -> AwsError:
    if len(kind) > 256:
        return invalid_parameter(f"The message attribute '{name}' has an invalid message attribute type, must be no longer than 256 characters.")
    return invalid_parameter(f"The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.")


def no_attribute_value(name: str, kind: str) -> AwsError:
    return invalid_parameter(f"The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{kind}'.")


def not_a_number(name: str) -> AwsError:
    return invalid_parameter(f"Can't cast the value of message (user) attribute '{name}' to a number.")


def list_values(name: str) -> AwsError:
    return unsupported(f"Message attribute list values in SendMessage operation are not supported: '{name}'.")


def bad_system_attribute(name: str) -> AwsError:
    return invalid_parameter(f"Message system attribute name '{name}' is invalid.")


def no_deduplication_id() -> AwsError:
    return invalid_parameter("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")


def bad_fifo_id(value: str, parameter: str) -> AwsError:
    return invalid_value(value, parameter, f"{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length.")


def not_for_this_type(value: object, parameter: str) -> AwsError:
    return invalid_value(value, parameter, "The request include parameter that is not valid for this queue type.")


def over_limit(most: int) -> AwsError:
    return AwsError("OverLimit", f"The number of in flight messages has reached the limit of {most:,}.", 403, query_code="OverLimit")


def bad_receipt(handle: str) -> AwsError:
    return AwsError("ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not a valid receipt handle.', 404, query_code="ReceiptHandleIsInvalid")


def expired_receipt(handle: str) -> AwsError:
    return invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")


def not_available(handle: str) -> AwsError:
    return invalid_value(handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change.")


def not_in_flight(handle: str) -> AwsError:
    return AwsError("MessageNotInflight", f"Value {handle} for parameter ReceiptHandle is invalid. Reason: Message is not in flight.", query_code=PREFIX + "MessageNotInflight")


def hidden_too_long(handle: str, seconds: int) -> AwsError:
    return invalid_value(seconds, "VisibilityTimeout", "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")


def kms(error: AwsError) -> AwsError:
    """What KMS refused, under SQS's names for it."""
    name = {"NotFoundException": "NotFound", "DisabledException": "Disabled", "KMSInvalidStateException": "InvalidState", "InvalidKeyUsageException": "InvalidKeyUsage"}.get(error.code, "AccessDenied")
    legacy = "KMS.KMSInvalidStateException" if name == "InvalidState" else f"KMS.{name}Exception"
    return AwsError(f"Kms{name}", error.message, query_code=legacy)


# -- batches ----------------------------------------------------------------------------------------------------------

def empty_batch(entry: str) -> AwsError:
    return AwsError("EmptyBatchRequest", f"There should be at least one {entry} in the request.", query_code=PREFIX + "EmptyBatchRequest")


def too_many_entries(count: int) -> AwsError:
    return AwsError(
        "TooManyEntriesInBatchRequest", f"Maximum number of entries per request are 10. You have sent {count}.", query_code=PREFIX + "TooManyEntriesInBatchRequest")


def ids_not_distinct(id_: str) -> AwsError:
    return AwsError("BatchEntryIdsNotDistinct", f"Id {id_} repeated.", query_code=PREFIX + "BatchEntryIdsNotDistinct")


def bad_entry_id() -> AwsError:
    return AwsError(
        "InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
        query_code=PREFIX + "InvalidBatchEntryId")


def batch_too_long(limit: int, size: int) -> AwsError:
    return AwsError(
        "BatchRequestTooLong", f"Batch requests cannot be longer than {limit} bytes. You have sent {size} bytes.", query_code=PREFIX + "BatchRequestTooLong")


# -- dead letters -------------------------------------------------------------------------------------------------------

def bad_redrive(value: str, reason: str) -> AwsError:
    return invalid_value(value, "RedrivePolicy", reason)


def bad_redrive_allow(value: str, reason: str) -> AwsError:
    return invalid_value(value, "RedriveAllowPolicy", reason)


def not_found(message: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message, 404, query_code="ResourceNotFoundException")


def no_such_arn(parameter: str) -> AwsError:
    return not_found(f"The resource that you specified for the {parameter} parameter doesn't exist.")


def no_such_task() -> AwsError:
    return not_found("Task does not exist.")


def not_a_dead_letter_queue() -> AwsError:
    return invalid_parameter("Source queue must be configured as a Dead Letter Queue.")


def task_running() -> AwsError:
    return unsupported("There is already a task running. Only one active task is allowed for a source queue arn at a given time.")


def task_over() -> AwsError:
    return unsupported("Only active tasks can be cancelled.")


def same_queue() -> AwsError:
    return invalid_parameter("Source queue arn and destination queue arn cannot be the same.")


def destination_type() -> AwsError:
    return unsupported("The destination queue must be of the same type as the source queue.")
