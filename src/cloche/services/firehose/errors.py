"""What Firehose says when it refuses. One function per sentence, in AWS's own words."""
from cloche.kernel import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("InvalidArgumentException", message)


def no_stream(name: str, account: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Firehose {name} under account {account} not found.")


def stream_exists(name: str, account: str) -> AwsError:
    return AwsError("ResourceInUseException", f"Firehose {name} under accountId {account} already exists")


def busy(name: str, account: str, status: str) -> AwsError:
    return AwsError("ResourceInUseException", f"Firehose {name} under accountId {account} is not ACTIVE, instead in state {status}")


def not_built(what: str) -> AwsError:
    return AwsError("NotImplemented", f"firehose: {what} is not built in Cloche yet. /_cloche/ledger lists what is.", 501)


def one_destination() -> AwsError:
    return invalid("Exactly one destination configuration is supported for a Firehose")


def no_source() -> AwsError:
    return invalid("KinesisStreamSourceConfiguration is required for a delivery stream of type KinesisStreamAsSource, and for no other.")


def no_such_source(arn: str) -> AwsError:
    return invalid(f"Kinesis stream {arn} not found.")


def cannot_assume(role: str) -> AwsError:
    return invalid(f"Firehose is unable to assume role {role}. Please check the role provided.")


def not_direct() -> AwsError:
    return invalid("This operation is not permitted on KinesisStreamAsSource delivery stream type.")


def record_too_large(most: int) -> AwsError:
    return invalid(f"Record size can not exceed {most // 1024} KB")


def batch_too_large() -> AwsError:
    return invalid("Records size exceeds 4 MB limit")


def slow_down() -> AwsError:
    return AwsError("ServiceUnavailableException", "Slow down.", 500)


def changed_meanwhile(wanted: str, there: str) -> AwsError:
    return AwsError("ConcurrentModificationException", f"Cannot update firehose: the version {wanted} is not the current one, {there}.")


def no_destination(id_: str) -> AwsError:
    return invalid(f"Destination Id {id_} not found")


def prefix_without_error_prefix() -> AwsError:
    return invalid("ErrorOutputPrefix cannot be null or empty when Prefix contains expressions.")


def bad_expression(text: str) -> AwsError:
    return invalid(f"The prefix contains an expression that is not valid: {text}")


def error_prefix_without_type() -> AwsError:
    return invalid("ErrorOutputPrefix must contain at least one instance of the expression !{firehose:error-output-type} when it contains expressions.")


def partitions_off() -> AwsError:
    return invalid("Prefix contains partitionKey expressions, which need DynamicPartitioningConfiguration to be enabled.")


def partitions_small() -> AwsError:
    return invalid("BufferingHints.SizeInMBs must be at least 64 when Dynamic Partitioning is enabled.")


def bad_query(text: str) -> AwsError:
    return invalid(f"MetadataExtractionQuery {text} is not valid, or more than Cloche understands of jq: {{name: .path.to.member, ...}}.")


def processor_needs(kind: str, parameter: str) -> AwsError:
    return invalid(f"Processor {kind} needs the parameter {parameter}.")


def reserved_tag() -> AwsError:
    return invalid("Tag keys that begin with aws: are reserved for AWS.")


def too_many_tags() -> AwsError:
    return AwsError("LimitExceededException", "A delivery stream can have 50 tags at most.")


def kms(error: AwsError) -> AwsError:
    return AwsError("InvalidKMSResourceException", error.message, extra={"code": error.code})
