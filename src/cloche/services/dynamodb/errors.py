"""What DynamoDB says when it refuses. One function a sentence, in AWS's own words."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def parameter(sentence: str) -> AwsError:
    return invalid(f"One or more parameter values were invalid: {sentence}")


def required(member: str) -> AwsError:
    return parameter(f"{member} must be specified")


# -- tables -------------------------------------------------------------------------------------------------------------

def no_table() -> AwsError:
    return AwsError("ResourceNotFoundException", "Requested resource not found")


def no_table_named(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")


def no_resource(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Requested resource not found: ResourcArn: {arn} not found")


def table_exists(name: str) -> AwsError:
    return AwsError("ResourceInUseException", f"Table already exists: {name}")


def table_busy(name: str, status: str) -> AwsError:
    return AwsError("ResourceInUseException", f"Attempt to change a resource which is still in use: Table is being {status.lower()}: {name}")


def name_length(member: str = "TableName") -> AwsError:
    return invalid(f"{member} must be at least 3 characters long and at most 255 characters long")


def name_pattern(value: str, member: str) -> AwsError:
    return invalid(f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
                   "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")


def protected() -> AwsError:
    return invalid("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")


def no_index(name: str) -> AwsError:
    return invalid(f"The table does not have the specified index: {name}")


def no_index_to_change(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Requested resource not found: Index: {name} not found")


def index_backfilling(name: str) -> AwsError:
    return invalid(f"Cannot read from backfilling global secondary index: {name}")


def index_busy(table: str, index: str) -> AwsError:
    return AwsError("ResourceInUseException", f"Attempt to change a resource which is still in use: Index is being updated. Table: {table} IndexName: {index}")


def index_exists() -> AwsError:
    return invalid("Attempting to create an index which already exists")


def attribute_redefined(name: str, old: str, new: str) -> AwsError:
    return parameter("Attributes cannot be redefined. Please check that your attribute has the same type as previously defined. "
                     f"Existing schema: Schema:[SchemaElement: key{{{name}:{old}:HASH}}] New schema: Schema:[SchemaElement: key{{{name}:{new}:HASH}}]")


def index_is_no_resource(arn: str) -> AwsError:
    return parameter(f"Invalid resource arn provided, only table or stream is accepted. Provided resource arn: {arn}")


def tag_characters() -> AwsError:
    return parameter("Tag keys and values may hold letters, whitespace, numbers, and the characters + - = . _ : / @")


def no_tags() -> AwsError:
    return parameter("At least one tag must be provided")


def one_index_at_a_time() -> AwsError:
    return AwsError("LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table")


def too_many_decreases() -> AwsError:
    return AwsError("LimitExceededException", "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. "
                    "After the first 4 decreases, each subsequent decrease in the same UTC day can be performed at most once every 3600 seconds.")


def nothing_to_update() -> AwsError:
    return invalid("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required")


def throughput_unchanged(read: int, write: int, what: str = "table") -> AwsError:
    return invalid(f"The provisioned throughput for the {what} will not change. The requested value equals the current value. "
                   f"Current ReadCapacityUnits provisioned for the {what}: {read}. Requested ReadCapacityUnits: {read}. "
                   f"Current WriteCapacityUnits provisioned for the {what}: {write}. Requested WriteCapacityUnits: {write}. "
                   "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.")


# -- items --------------------------------------------------------------------------------------------------------------

def condition_failed(item: Any = None) -> AwsError:
    return AwsError("ConditionalCheckFailedException", "The conditional request failed", extra={"Item": item} if item is not None else None)


def return_values(allowed: str) -> AwsError:
    return invalid(f"ReturnValues can only be {allowed}")


def collection_too_large() -> AwsError:
    return AwsError("ItemCollectionSizeLimitExceededException", "Collection size exceeded.")


def throttled(resource: str, index: bool, direction: str, on_demand: bool = False, hot: bool = False) -> AwsError:
    what = "Index" if index else "Table"
    if on_demand and hot:
        return AwsError("ThrottlingException", "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or index so please try again "
                        "shortly. If exceptions persist, check if you have a hot key: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html",
                        extra={"throttlingReasons": [{"reason": f"{what}{direction}KeyRangeThroughputExceeded", "resource": resource}]})
    if on_demand:
        return AwsError("ThrottlingException", f"Throughput exceeds the maximum OnDemandThroughput configured on {'index' if index else 'table'}.",
                        extra={"throttlingReasons": [{"reason": f"{what}{direction}MaxOnDemandThroughputExceeded", "resource": resource}]})
    if index:
        message = ("The level of configured provisioned throughput for one or more global secondary indexes of the table was exceeded. "
                   "Consider increasing your provisioning level for the under-provisioned global secondary indexes with the UpdateTable API.")
    else:
        message = ("The level of configured provisioned throughput for the table was exceeded. "
                   "Consider increasing your provisioning level with the UpdateTable API.")
    return AwsError("ProvisionedThroughputExceededException", message,
                    extra={"ThrottlingReasons": [{"reason": f"{what}{direction}{'KeyRange' if hot else 'Provisioned'}ThroughputExceeded", "resource": resource}]})


# -- reading many -------------------------------------------------------------------------------------------------------

def no_key_condition() -> AwsError:
    return invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")


def global_index_is_eventual() -> AwsError:
    return invalid("Consistent reads are not supported on global secondary indexes")


def key_in_filter(kind: str, name: str) -> AwsError:
    noun = "Filter Expression" if kind == "FilterExpression" else kind
    return invalid(f"{noun} can only contain non-primary key attributes: Primary key attribute: {name}")


def bad_start_key(detail: str = "") -> AwsError:
    return invalid("The provided starting key is invalid" + (f": {detail}" if detail else ""))


def start_of_one(name: str, start: Any) -> AwsError:
    """A partition of one item has nothing after it."""
    from cloche.languages.dynamodb.errors import brace
    shown = ", ".join(f"{key}=AttributeValue: {brace(value)}" for key, value in start.items())
    return invalid(f"The provided exclusive start key is invalid: ExclusiveStartKey: {{{shown}}}")


def start_key_outside() -> AwsError:
    return invalid("The provided starting key is outside query boundaries based on provided conditions")


def start_key_in_other_segment(total: int, segment: int) -> AwsError:
    return invalid("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. "
                   f"TotalSegments: {total} Segment: {segment}")


def segment_alone() -> AwsError:
    return invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")


def total_segments_alone() -> AwsError:
    return invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")


def segment_range(segment: int, total: int) -> AwsError:
    return invalid(f"The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: {segment} is not less than TotalSegments: {total}")


# -- many at once -------------------------------------------------------------------------------------------------------

def too_many_in_batch(operation: str) -> AwsError:
    return invalid(f"Too many items requested for the {operation} call")


def duplicate_keys() -> AwsError:
    return invalid("Provided list of item keys contains duplicates")


def one_request_each() -> AwsError:
    return invalid("Supplied WriteRequest must contain exactly one of PutRequest or DeleteRequest")


def one_action_each() -> AwsError:
    return invalid("TransactItems can only contain one of Check, Put, Update or Delete")


def one_operation_an_item() -> AwsError:
    return invalid("Transaction request cannot include multiple operations on one item")


def transaction_too_large() -> AwsError:
    return invalid("Transaction payload size cannot exceed 4 MB")


def canceled(reasons: list[dict[str, Any]]) -> AwsError:
    codes = ", ".join(r["Code"] for r in reasons)
    return AwsError("TransactionCanceledException", f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
                    extra={"CancellationReasons": reasons})


def token_mismatch() -> AwsError:
    return AwsError("IdempotentParameterMismatchException", "Request was submitted with a request token that has been used with a different payload.")


def duplicate_item() -> AwsError:
    return AwsError("DuplicateItemException", "Duplicate primary key exists in table")


def reads_or_writes() -> AwsError:
    return invalid("Transaction statements must be either all reads or all writes")


def one_item_each() -> AwsError:
    return invalid("Select statements within BatchExecuteStatement and ExecuteTransaction must specify the primary key in the where clause.")


def only_in_transactions() -> AwsError:
    return invalid("EXISTS can only be used in ExecuteTransaction")


def next_token() -> AwsError:
    return invalid("Invalid NextToken")


# -- time, streams, policies --------------------------------------------------------------------------------------------

def ttl_already(state: str) -> AwsError:
    return invalid(f"TimeToLive is already {state}")


def ttl_elsewhere(name: str) -> AwsError:
    return invalid(f"TimeToLive is active on a different AttributeName: current AttributeName is {name}")


def stream_already(name: str) -> AwsError:
    return invalid(f"Table already has an enabled stream: TableName: {name}")


def no_stream(name: str) -> AwsError:
    return invalid(f"Table does not have a stream to disable: TableName: {name}")


def no_policy(arn: str) -> AwsError:
    return AwsError("PolicyNotFoundException", f"Resource-based policy not found for the provided ResourceArn: {arn}")


def malformed_policy(why: str) -> AwsError:
    return invalid(f"Invalid policy document: {why}")


def policy_changed() -> AwsError:
    return AwsError("PolicyNotFoundException", "The resource-based policy has another revision than ExpectedRevisionId")


def too_many_tags() -> AwsError:
    return invalid("One or more parameter values were invalid: Too many Tags: A maximum of 50 tags are allowed")


# -- replicas -----------------------------------------------------------------------------------------------------------

def local_replica() -> AwsError:
    return invalid("Cannot add, delete, or update the local region through ReplicaUpdates. Use CreateTable, DeleteTable, or UpdateTable as required.")


def no_replica(region: str) -> AwsError:
    return invalid(f"Update global table operation failed because one or more replicas were not part of the global table: {region}")


def replica_exists(name: str) -> AwsError:
    return invalid(f"Failed to create a the new replica of table with name: '{name}' because one or more replicas already existed as tables.")


# -- backups ------------------------------------------------------------------------------------------------------------

def table_not_found(name: str) -> AwsError:
    return AwsError("TableNotFoundException", f"Table not found: {name}")


def target_exists(name: str) -> AwsError:
    return AwsError("TableAlreadyExistsException", f"Table already exists: {name}")


def no_backup(arn: str) -> AwsError:
    return AwsError("BackupNotFoundException", f"Backup not found: {arn}")


def no_recovery(name: str) -> AwsError:
    return AwsError("PointInTimeRecoveryUnavailableException", f"Point in time recovery is not enabled for table '{name}'")


def restore_time() -> AwsError:
    return AwsError("InvalidRestoreTimeException", "The specified RestoreDateTime is not between EarliestRestorableDateTime and LatestRestorableDateTime.")


def one_restore_time() -> AwsError:
    return invalid("One of RestoreDateTime or UseLatestRestorableTime must be specified, and not both")


# -- encryption ---------------------------------------------------------------------------------------------------------

def kms(error: AwsError) -> AwsError:
    """What KMS refused: the table cannot be opened for this caller."""
    return AwsError("AccessDeniedException", f"KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: {error.message}"
                    f" (Service: AWSKMS; Status Code: {error.status}; Error Code: {error.code}; Proxy: null)")


def bad_kms_key(why: str) -> AwsError:
    return invalid(f"KMS validation error: {why}")


def destination_not(verb: str, operation: str, wanted: str) -> AwsError:
    return invalid(f"Table is not in a valid state to {verb} Kinesis Streaming Destination: KinesisStreamingDestination must be {wanted} to perform {operation} operation.")


def no_destination_stream(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Requested resource not found: Kinesis stream {arn} not found")
