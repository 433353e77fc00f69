"""What DynamoDB says of exports to S3 and imports from it, when it refuses. One function per sentence."""
from __future__ import annotations

from cloche.kernel import AwsError

from . import errors


def export_time() -> AwsError:
    return AwsError("InvalidExportTimeException", "The specified ExportTime is outside of the point in time recovery window.")


def increment_window() -> AwsError:
    return errors.invalid("The difference between ExportFromTime and ExportToTime must be at least 15 minutes and at most 24 hours")


def increment_specification(wanted: bool) -> AwsError:
    return errors.invalid("IncrementalExportSpecification must be specified with an ExportType of INCREMENTAL_EXPORT" if wanted
                          else "IncrementalExportSpecification can only be specified with an ExportType of INCREMENTAL_EXPORT")


def export_time_with_increment() -> AwsError:
    return errors.invalid("ExportTime cannot be specified with an ExportType of INCREMENTAL_EXPORT")


def export_conflict() -> AwsError:
    return AwsError("ExportConflictException", "There was a conflict when writing to the specified S3 bucket: the ClientToken was used with other parameters.")


def no_export(arn: str) -> AwsError:
    return AwsError("ExportNotFoundException", f"Export not found: {arn}")


def import_conflict() -> AwsError:
    return AwsError("ImportConflictException", "There was a conflict when importing from the specified S3 source: the ClientToken was used with other parameters.")


def no_import(arn: str) -> AwsError:
    return AwsError("ImportNotFoundException", f"Import not found: {arn}")


def csv_options() -> AwsError:
    return errors.invalid("InputFormatOptions.Csv can only be specified with an InputFormat of CSV")


def bad_token() -> AwsError:
    return errors.invalid("The NextToken is not valid")


def not_built(what: str) -> AwsError:
    return AwsError("NotImplemented", f"{what} is not built in Cloche yet.", 501)
