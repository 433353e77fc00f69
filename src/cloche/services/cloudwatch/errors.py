"""Everything CloudWatch refuses, in its words. `query_code` is what old clients, and boto3's `Error.Code`, see."""
from __future__ import annotations

from cloche.kernel import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message, query_code="InvalidParameterValue")


def invalid_value(value: object, parameter: str) -> AwsError:
    return invalid(f"The value {value} for parameter {parameter} is invalid.")


def combination(message: str) -> AwsError:
    return AwsError("InvalidParameterCombinationException", message, query_code="InvalidParameterCombination")


def exclusive(one: str, other: str) -> AwsError:
    return combination(f"The parameters {one} and {other} are mutually exclusive and you have specified both.")


def missing(message: str) -> AwsError:
    return AwsError("MissingRequiredParameterException", message, query_code="MissingParameter")


def validation(message: str) -> AwsError:
    return AwsError("ValidationException", message, query_code="ValidationError")


def bad_token(operation: str = "") -> AwsError:
    return AwsError("InvalidNextToken", "The next token specified is invalid.", query_code="InvalidNextToken")


# -- metrics ----------------------------------------------------------------------------------------------------------

def too_many(collection: str, most: int) -> AwsError:
    return invalid(f"The collection {collection} must not have a size greater than {most}.")


def reserved_namespace(name: str) -> AwsError:
    return invalid(f"The value {name} for parameter Namespace is invalid. Namespaces starting with \"AWS/\" are reserved for AWS services.")


def too_old(parameter: str) -> AwsError:
    return invalid(f"The parameter {parameter} must specify a time no more than two weeks in the past.")


def too_new(parameter: str) -> AwsError:
    return invalid(f"The parameter {parameter} must specify a time no more than two hours in the future.")


def bad_period() -> AwsError:
    return invalid("The parameter Period must be a multiple of 60, or one of 1, 5, 10, 20, 30.")


def not_before() -> AwsError:
    return invalid("The parameter StartTime must be less than the parameter EndTime.")


def too_many_datapoints(asked: int, most: int) -> AwsError:
    return combination(
        f"You have requested up to {asked:,} datapoints, which exceeds the limit of {most:,}. You may reduce the datapoints requested by increasing Period, or decreasing the time range.")


def no_statistic() -> AwsError:
    return missing("Must specify either Statistics or ExtendedStatistics.")


# -- alarms -----------------------------------------------------------------------------------------------------------

def no_such_alarm(name: str = "") -> AwsError:
    return AwsError("ResourceNotFound", f"Unknown alarm{': ' + name if name else ''}", 404, query_code="ResourceNotFound")


def no_such_resource(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"{arn} does not exist", 404, query_code="ResourceNotFoundException")


def alarms_at_last_name() -> AwsError:
    return validation("The alarms to delete must not be the only children of composite alarms.")


def in_use(name: str, parent: str) -> AwsError:
    return validation(f"Cannot delete alarm {name}: it is part of a cycle with composite alarm {parent}; change its AlarmRule first.")


def bad_rule(message: str) -> AwsError:
    return validation(f"AlarmRule is invalid: {message}")


def too_long() -> AwsError:
    return validation("Metrics cannot be checked across more than seven days (EvaluationPeriods * Period must be <= 604800).")


def too_long_short() -> AwsError:
    return validation("Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).")


def bad_action(arn: str) -> AwsError:
    return validation(f"Invalid arn syntax: {arn}")


def not_yours(operation: str) -> AwsError:
    return AwsError("UnauthorizedOperation", f"Who put the alarm is not authorized to perform ec2:{operation}.", 403)


def bad_json(message: str) -> AwsError:
    return AwsError("InvalidFormatFault", message, query_code="InvalidFormat")


def not_built(what: str) -> AwsError:
    return AwsError("NotImplemented", f"cloudwatch: {what} is not built in Cloche yet. /_cloche/ledger lists what is.", 501)


# -- dashboards -------------------------------------------------------------------------------------------------------

def bad_dashboard(messages: list[dict[str, str]]) -> AwsError:
    return AwsError("DashboardInvalidInputError", "The field DashboardBody must be a valid JSON object", query_code="InvalidParameterInput", extra={"dashboardValidationMessages": messages})


def bad_dashboard_name() -> AwsError:
    return AwsError("DashboardInvalidInputError", "The field DashboardName is invalid. Only alphanumeric characters, - and _ are permitted.", query_code="InvalidParameterInput")


def no_such_dashboard(name: str) -> AwsError:
    return AwsError("DashboardNotFoundError", f"Dashboard {name} does not exist", 404, query_code="ResourceNotFound")


def no_metric_stream(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Metric stream {name} does not exist", 404)
