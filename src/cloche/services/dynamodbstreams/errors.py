"""What the streams say when they refuse. One function a sentence, in AWS's own words."""
from cloche.kernel import AwsError


def no_stream(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Requested resource not found: Stream: {arn} not found")


def no_shard(shard: str, arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Requested resource not found: Shard: {shard} in Stream: {arn} not found")


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def invalid_arn() -> AwsError:
    return invalid("Invalid StreamArn")


def no_sequence_number() -> AwsError:
    return invalid("Invalid Sequence Number specified")


def sequence_number_not_wanted(kind: str) -> AwsError:
    return invalid(f"SequenceNumber must not be specified with ShardIteratorType {kind}")


def limit(value: int, most: int) -> AwsError:
    return invalid(f"1 validation error detected: Value '{value}' at 'limit' failed to satisfy constraint: Member must have value less than or equal to {most}")


def shard_filter() -> AwsError:
    return invalid("ShardFilter must have both Type and ShardId")


def bad_iterator() -> AwsError:
    return invalid("Invalid ShardIterator")


def expired() -> AwsError:
    return AwsError("ExpiredIteratorException", "The provided iterator exceeds the maximum age allowed.")


def trimmed() -> AwsError:
    return AwsError("TrimmedDataAccessException", "The operation attempted to read past the oldest stream record in a shard.")
