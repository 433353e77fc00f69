"""Everything SNS refuses, in its words."""
from __future__ import annotations

from cloche.kernel import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameter", f"Invalid parameter: {message}")


def invalid_value(message: str) -> AwsError:
    return AwsError("ParameterValueInvalid", message)


def not_built(what: str) -> AwsError:
    return AwsError("NotImplemented", f"sns: {what} is not built in Cloche yet. /_cloche/ledger lists what is.", 501)


# -- topics and subscriptions -----------------------------------------------------------------------------------------

def bad_arn(parameter: str, arn: str) -> AwsError:
    count = len(arn.split(":"))
    if count < 6:
        return invalid(f"{parameter} Reason: An ARN must have at least 6 elements, not {count}")
    return invalid(f"{parameter}")


def no_such_topic() -> AwsError:
    return AwsError("NotFound", "Topic does not exist", 404)


def no_such_subscription() -> AwsError:
    return AwsError("NotFound", "Subscription does not exist", 404)


def no_such_resource() -> AwsError:
    return AwsError("ResourceNotFound", "Resource does not exist", 404)


def bad_topic_name() -> AwsError:
    return invalid("Topic Name")


def bad_fifo_name() -> AwsError:
    return invalid("Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, numbers, underscores, and hyphens, "
                   "and must be between 1 and 256 characters long.")


def topic_differs(what: str) -> AwsError:
    return invalid(f"{what} Reason: Topic already exists with different {what.lower()}")


def unknown_attribute(name: str, *, in_create: bool) -> AwsError:
    return invalid(f"Attributes Reason: Unknown attribute {name}" if in_create else "AttributeName")


def bad_attribute(name: str, reason: str, *, in_create: bool) -> AwsError:
    return invalid(f"Attributes Reason: {name}: {reason}" if in_create else f"{name}: {reason}")


def not_fifo(name: str) -> AwsError:
    return invalid(f"Attributes Reason: {name} attribute is only valid for FIFO topics")


def subscription_differs() -> AwsError:
    return invalid("Attributes Reason: Subscription already exists with different attributes")


def bad_protocol(protocol: str) -> AwsError:
    return invalid(f"Amazon SNS does not support this protocol string: {protocol}")


def bad_endpoint(what: str) -> AwsError:
    return invalid(what)


def fifo_queue_on_standard_topic() -> AwsError:
    return invalid("Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")


def not_on_fifo_topic(protocol: str) -> AwsError:
    return invalid(f"Protocol Reason: FIFO topics support only endpoints of Amazon SQS queues, not {protocol}")


def bad_token() -> AwsError:
    return invalid("Token")


def pending() -> AwsError:
    return invalid("SubscriptionArn Reason: The subscription is pending confirmation")


def only_signed() -> AwsError:
    return AwsError("AuthorizationError", "This subscription was confirmed with AuthenticateOnUnsubscribe: only its owner or that of the topic may end it.", 403)


def bad_next_token() -> AwsError:
    return invalid("NextToken")


# -- permissions and tags ---------------------------------------------------------------------------------------------

def label_exists() -> AwsError:
    return invalid("Statement already exists")


def no_such_label() -> AwsError:
    return invalid("Label does not exist")


def bad_action() -> AwsError:
    return invalid("Policy statement action out of service scope!")


def bad_account() -> AwsError:
    return invalid("AWSAccountId")


def tag_limit() -> AwsError:
    return AwsError("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")


# -- publishing -------------------------------------------------------------------------------------------------------

def empty_message() -> AwsError:
    return invalid("Empty message")


def too_long() -> AwsError:
    return invalid("Message too long")


def bad_subject() -> AwsError:
    return invalid("Subject")


def no_destination() -> AwsError:
    return invalid("TopicArn or TargetArn Reason: no value for required parameter")


def no_default() -> AwsError:
    return invalid("Message Structure - No default entry in JSON message body")


def no_json() -> AwsError:
    return invalid("Message Structure - JSON message body failed to parse")


def bad_structure() -> AwsError:
    return invalid("MessageStructure")


def no_group() -> AwsError:
    return invalid("The MessageGroupId parameter is required for FIFO topics")


def no_deduplication_id() -> AwsError:
    return invalid("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")


def only_for_fifo(parameter: str) -> AwsError:
    return invalid(f"{parameter} Reason: The request includes {parameter} parameter that is not valid for this topic type")


def bad_fifo_id(parameter: str) -> AwsError:
    return invalid(f"{parameter} Reason: {parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length")


def bad_attribute_name(name: str) -> AwsError:
    return invalid_value(f"Message attribute name '{name}' is invalid. It can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters, "
                         "must not start or end with a period or have successive ones, and is 1 to 256 characters long.")


def no_attribute_type(name: str) -> AwsError:
    return invalid_value(f"The message attribute '{name}' must contain non-empty message attribute type.")


def bad_attribute_type(name: str) -> AwsError:
    return invalid_value(f"The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.")


def no_attribute_value(name: str, kind: str) -> AwsError:
    return invalid_value(f"The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{kind}'.")


def not_a_number(name: str) -> AwsError:
    return invalid_value(f"Could not cast message attribute '{name}' value to number.")


def not_an_array(name: str) -> AwsError:
    return invalid_value(f"Message attribute '{name}' is not a valid JSON array.")


# -- batches ------------------------------------------------------------------------------------------------------------

def empty_batch() -> AwsError:
    return AwsError("EmptyBatchRequest", "The batch request doesn't contain any entries.")


def too_many_entries() -> AwsError:
    return AwsError("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.")


def ids_not_distinct() -> AwsError:
    return AwsError("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")


def bad_entry_id() -> AwsError:
    return AwsError("InvalidBatchEntryId", "The Id of a batch entry in a batch request doesn't abide by the specification.")


def batch_too_long() -> AwsError:
    return AwsError("BatchRequestTooLong", "The length of all the batch messages put together is more than the limit.")


def kms(error: AwsError) -> AwsError:
    """What KMS refused, under SNS's names for it."""
    names = {"NotFoundException": "KMSNotFound", "DisabledException": "KMSDisabled", "KMSInvalidStateException": "KMSInvalidState", "InvalidKeyUsageException": "KMSInvalidState"}
    return AwsError(names.get(error.code, "KMSAccessDenied"), f"{error.message} (Service: AWSKMS; Status Code: {error.status}; Error Code: {error.code})")
