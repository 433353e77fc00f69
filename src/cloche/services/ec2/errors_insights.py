"""What EC2 says when it refuses about paths, analyses and flow logs."""
from __future__ import annotations

from cloche.kernel import AwsError


def analysis_exists(path: str) -> AwsError:
    return AwsError("AnalysisExistsForNetworkInsightsPath", f"A network insights analysis exists for the network insights path '{path}'. Delete it first.")


def bad_endpoint(id_: str, which: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Value ({id_}) for parameter {which} is invalid. The resource does not exist, or is of a kind that cannot be the {which} of a path.")


def destination_missing() -> AwsError:
    return AwsError("MissingParameter", "The request must contain the parameter Destination, or a destination address")


def flow_log_exists(resource: str) -> AwsError:
    return AwsError("FlowLogAlreadyExists", f"Error. There is an existing Flow Log with the same configuration and log destination for {resource}.")


def flow_log_not_found(id_: str) -> AwsError:
    return AwsError("InvalidFlowLogId.NotFound", f"The specified flow log '{id_}' does not exist")


def bad_log_format(text: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Invalid LogFormat: {text}")


def no_log_group() -> AwsError:
    return AwsError("InvalidParameter", "LogGroupName or LogDestination must be provided if LogDestinationType is cloud-watch-logs")


def no_log_role() -> AwsError:
    return AwsError("InvalidParameter", "DeliverLogsPermissionArn must be provided if LogDestinationType is cloud-watch-logs")


def bad_log_role() -> AwsError:
    return AwsError("InvalidParameter", "DeliverLogsPermissionArn is applicable only for CloudWatch Logs delivery")


def no_log_destination() -> AwsError:
    return AwsError("InvalidParameter", "LogDestination can't be empty if LogDestinationType is s3 or kinesis-data-firehose")


def bad_log_destination(arn: str) -> AwsError:
    return AwsError("InvalidParameter", f"LogDestination: {arn} does not exist.")


def bad_interval(value: int) -> AwsError:
    return AwsError("InvalidParameter", f"Invalid Max Aggregation Interval: {value}. Valid values are 60 and 600.")


def traffic_type_missing() -> AwsError:
    return AwsError("InvalidParameter", "TrafficType is required for this resource type")
