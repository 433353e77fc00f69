"""What Kinesis says when it refuses. One function per sentence, in AWS's own words."""
from __future__ import annotations

import time

from cloche.kernel import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("InvalidArgumentException", message)


def validation(message: str) -> AwsError:
    return AwsError("ValidationException", message)


# -- streams ----------------------------------------------------------------------------------------------------------------

def no_stream(name: str, account: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Stream {name} under account {account} not found.")


def no_stream_named() -> AwsError:
    return invalid("Either StreamName or StreamARN must be specified.")


def two_streams() -> AwsError:
    return invalid("StreamName and StreamARN do not refer to the same stream.")


def stream_exists(name: str, account: str) -> AwsError:
    return AwsError("ResourceInUseException", f"Stream {name} under account {account} already exists.")


def not_active(name: str, account: str, status: str) -> AwsError:
    return AwsError("ResourceInUseException", f"Stream {name} under account {account} not ACTIVE, instead in state {status}")


def has_consumers(name: str, account: str) -> AwsError:
    return AwsError("ResourceInUseException", f"Stream {name} under account {account} has enhanced fan-out consumers registered. Deregister them, or set EnforceConsumerDeletion.")


def shard_count_missing() -> AwsError:
    return validation("1 validation error detected: Value null at 'shardCount' failed to satisfy constraint: Member must not be null")


def shard_count_not_wanted() -> AwsError:
    return validation("Parameter shardCount must not be specified for a stream in On-Demand mode.")


def too_many_shards(account: str, region: str, current: int, limit: int, more: int) -> AwsError:
    return AwsError("LimitExceededException", f"This request would exceed the shard limit for the account {account} in {region}. Current shard count for the account: {current}. "
                    f"Limit: {limit}. Number of additional shards that would have resulted from this request: {more}. Refer to the AWS Service Limits page "
                    "(https://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits.")


def too_many_on_demand(account: str, limit: int) -> AwsError:
    return AwsError("LimitExceededException", f"This request would exceed the on-demand stream limit of {limit} for the account {account}.")


def on_demand(name: str, account: str) -> AwsError:
    return validation(f"Request is invalid. Stream {name} under account {account} is in On-Demand mode.")


def provisioned(name: str, account: str) -> AwsError:
    return validation(f"Request is invalid. Stream {name} under account {account} is in Provisioned mode.")


def strategy_of_provisioned(name: str, account: str) -> AwsError:
    return invalid(f"Stream {name} under account {account} is in Provisioned mode, which does not support the AUTO record distribution strategy.")


def mode_changed_too_often() -> AwsError:
    return AwsError("LimitExceededException", "A stream's capacity mode can be changed twice in 24 hours.")


def no_commitment() -> AwsError:
    return validation("Warm throughput needs MinimumThroughputBillingCommitment to be enabled for the account.")


def commitment_lasts(until: float) -> AwsError:
    return invalid(f"The minimum throughput billing commitment cannot end before {stamp(until)}.")


def too_warm() -> AwsError:
    return AwsError("LimitExceededException", "The warm throughput of a stream cannot exceed 10240 MiBps.")


# -- shards -----------------------------------------------------------------------------------------------------------------

def no_shard(shard: str, stream: str, account: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Shard {shard} in stream {stream} under account {account} does not exist")


def no_shard_to_change(shard: str, stream: str, account: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Could not find shard {shard} in stream {stream} under account {account}.")


def shard_closed(shard: str, stream: str, account: str) -> AwsError:
    return invalid(f"Shard {shard} in stream {stream} under account {account} has already been merged or split, and thus is not eligible for merging or splitting.")


def split_out_of_range(key: str, shard: str, stream: str, account: str, start: int, end: int) -> AwsError:
    return invalid(f"NewStartingHashKey {key} used in SplitShard() on shard {shard} in stream {stream} under account {account} is not both greater than one plus the shard's "
                   f"StartingHashKey {start} and less than the shard's EndingHashKey {end - 1}.")


def not_adjacent(one: str, other: str, stream: str, account: str) -> AwsError:
    return invalid(f"Shards {one} and {other} in stream {stream} under account {account} are not an adjacent pair of shards eligible for merging")


def more_than_double(now: int, wanted: int) -> AwsError:
    return AwsError("LimitExceededException", "UpdateShardCount cannot scale up over double your current open shard count. "
                    f"Current open shard count: {now} Target shard count: {wanted}")


def less_than_half(now: int, wanted: int) -> AwsError:
    return AwsError("LimitExceededException", "UpdateShardCount cannot scale down below half your current open shard count. "
                    f"Current open shard count: {now} Target shard count: {wanted}")


def scaled_too_often(name: str, account: str) -> AwsError:
    return AwsError("LimitExceededException", f"UpdateShardCount was called more than 10 times in 24 hours for stream {name} under account {account}.")


def hash_key_out_of_range(key: str) -> AwsError:
    return invalid(f"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {key}")


def filter_needs(kind: str, member: str) -> AwsError:
    return invalid(f"{member} must be specified when ShardFilter Type is {kind}.")


def token_and(member: str) -> AwsError:
    return invalid(f"NextToken and {member} cannot be provided together.")


def bad_token() -> AwsError:
    return invalid("The pagination token is invalid.")


def expired_token() -> AwsError:
    return AwsError("ExpiredNextTokenException", "The pagination token passed to the operation is expired.")


# -- records ----------------------------------------------------------------------------------------------------------------

def rate_exceeded(shard: str, stream: str, account: str) -> AwsError:
    return AwsError("ProvisionedThroughputExceededException", f"Rate exceeded for shard {shard} in stream {stream} under account {account}.")


def partition_key_missing(where: str = "partitionKey") -> AwsError:
    return validation(f"1 validation error detected: Value null at '{where}' failed to satisfy constraint: Member must not be null")


def record_too_large(most: int, where: str = "data") -> AwsError:
    return validation(f"1 validation error detected: Value at '{where}' failed to satisfy constraint: Member must have length less than or equal to {most}")


def batch_too_large(most: int) -> AwsError:
    return invalid(f"Records size exceeds {most // 2**20} MB limit")


def would_succeed() -> AwsError:
    return AwsError("DryRunOperationException", "Request would have succeeded, but DryRun flag is set.")


def bad_iterator() -> AwsError:
    return invalid("Invalid ShardIterator.")


def expired_iterator(made: float, now: float, most: float) -> AwsError:
    return AwsError("ExpiredIteratorException", f"Iterator expired. The iterator was created at time {java(made)} while right now it is {java(now)} which is further in the future than "
                    f"the tolerated delay of {int(most * 1000)} milliseconds.")


def foreign_sequence(number: str, shard: str, stream: str, account: str) -> AwsError:
    return invalid(f"StartingSequenceNumber {number} used in GetShardIterator on shard {shard} in stream {stream} under account {account} is invalid "
                   "because it did not come from this stream.")


def sequence_missing(kind: str) -> AwsError:
    return invalid(f"Must specify startingSequenceNumber parameter in request when using {kind} type iterator.")


def sequence_not_wanted(kind: str) -> AwsError:
    return invalid(f"Must not specify startingSequenceNumber parameter in request when using {kind} type iterator.")


def timestamp_missing() -> AwsError:
    return invalid("Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.")


def timestamp_in_future(given: float, now: float) -> AwsError:
    return invalid("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
                   f"timestampInMillis: {int(given * 1000)}, currentTimestampInMillis: {int(now * 1000)}")


# -- retention, tags, policies, monitoring --------------------------------------------------------------------------------------

def retention_too_short(hours: int) -> AwsError:
    return invalid(f"Minimum allowed retention period is 24 hours. Requested retention period ({hours} hours) is too short.")


def retention_too_long(hours: int) -> AwsError:
    return invalid(f"Maximum allowed retention period is 8760 hours. Requested retention period ({hours} hours) is too long.")


def retention_not_longer(hours: int, now: int) -> AwsError:
    return invalid(f"Requested retention period ({hours} hours) for the stream can not be shorter than existing retention period ({now} hours). "
                   "Use DecreaseRetentionPeriod API.")


def retention_not_shorter(hours: int, now: int) -> AwsError:
    return invalid(f"Requested retention period ({hours} hours) for the stream can not be longer than existing retention period ({now} hours). "
                   "Use IncreaseRetentionPeriod API.")


def too_many_tags(name: str, account: str) -> AwsError:
    return invalid(f"Failed to add tags to stream {name} under account {account} because a given stream cannot have more than 50 tags associated with it.")


def reserved_tag() -> AwsError:
    return invalid("Tag keys that begin with aws: are reserved for AWS.")


def no_resource(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Resource {arn} not found.")


def malformed_policy(why: str) -> AwsError:
    return invalid(f"The policy is invalid: {why}")


def no_policy(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"No resource policy is attached to {arn}.")


# -- consumers -----------------------------------------------------------------------------------------------------------------

def no_consumer(name: str, account: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Consumer {name}, account {account} not found.")


def consumer_exists(name: str, account: str) -> AwsError:
    return AwsError("ResourceInUseException", f"Consumer under stream {name} for account {account} already exists.")


def too_many_consumers(name: str, account: str) -> AwsError:
    return AwsError("LimitExceededException", f"Too many consumers are registered with stream {name} under account {account}.")


def consumer_unnamed() -> AwsError:
    return invalid("Either ConsumerARN, or StreamARN and ConsumerName must be specified.")


def consumer_not_active(arn: str, status: str) -> AwsError:
    return AwsError("ResourceInUseException", f"Consumer {arn} is not ACTIVE, instead in state {status}.")


def subscribed(account: str, stream: str, shard: str, consumer: str) -> AwsError:
    return AwsError("ResourceInUseException", f"Another active subscription exists for this consumer: {account}:{stream}:{shard}:{consumer}")


# -- encryption ----------------------------------------------------------------------------------------------------------------

KMS = {"NotFoundException": "KMSNotFoundException", "DisabledException": "KMSDisabledException", "KMSInvalidStateException": "KMSInvalidStateException",
       "AccessDeniedException": "KMSAccessDeniedException"}


def kms(error: AwsError) -> AwsError:
    return AwsError(KMS.get(error.code, "KMSInvalidStateException"), error.message)


def encryption_type() -> AwsError:
    return invalid("Encryption type cannot be NONE.")


def java(moment: float) -> str:
    """As Java's Date prints itself."""
    return time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime(moment))


def stamp(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
