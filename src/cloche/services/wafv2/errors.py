"""What WAF says when it refuses."""
from __future__ import annotations

from cloche.kernel import AwsError


def invalid(reason: str, field: str, parameter: str) -> AwsError:
    return AwsError("WAFInvalidParameterException", f"Error reason: {reason}, field: {field}, parameter: {parameter}", extra={"Field": field, "Parameter": parameter, "Reason": reason})


def bad_scope(scope: str) -> AwsError:
    return invalid("The scope is not valid.", "SCOPE_VALUE", scope)


def bad_arn(arn: str) -> AwsError:
    return invalid("The ARN isn't valid. A valid ARN begins with arn: and includes other information separated by colons or slashes.", "RESOURCE_ARN", arn)


def bad_format(field: str, parameter: str) -> AwsError:
    return invalid("The parameter contains formatting that is not valid.", field, parameter)


def not_one(field: str, parameter: str) -> AwsError:
    return invalid("You have used none or multiple values for a field that requires exactly one value.", field, parameter)


def bad_token() -> AwsError:
    return AwsError("WAFInvalidParameterException", "Error reason: The marker is not valid.")


def stale() -> AwsError:
    return AwsError("WAFOptimisticLockException", "AWS WAF couldn\u2019t save your changes because someone changed the resource after you started to edit it. Reapply your changes.")


def duplicate() -> AwsError:
    return AwsError("WAFDuplicateItemException", "AWS WAF couldn\u2019t perform the operation because some resource in your request is a duplicate of an existing one.")


def missing() -> AwsError:
    return AwsError("WAFNonexistentItemException", "AWS WAF couldn\u2019t perform the operation because your resource doesn\u2019t exist.")


def associated() -> AwsError:
    return AwsError("WAFAssociatedItemException", "AWS WAF couldn\u2019t perform the operation because your resource is being used by another resource or it\u2019s associated with another resource.")


def too_much() -> AwsError:
    return AwsError("WAFLimitsExceededException", "AWS WAF couldn\u2019t perform the operation because you exceeded your resource limit.")


def managed() -> AwsError:
    return AwsError("WAFInvalidOperationException", "The operation isn\u2019t valid: the web ACL is managed by AWS Firewall Manager.")


def not_for_user_pools(parameter: str) -> AwsError:
    return invalid("A web ACL that uses account takeover prevention or account creation fraud prevention can't be associated with a user pool.", "RESOURCE_ARN", parameter)


def no_destination() -> AwsError:
    return AwsError("WAFLogDestinationPermissionIssueException", "The log destination does not exist, or you have no permission for it.")


def unbuilt(what: str) -> AwsError:
    return AwsError("NotImplemented", f"wafv2: {what} is not built in Cloche yet. /_cloche/ledger lists what is.", 501)


def reserved(key: str) -> AwsError:
    return AwsError("WAFTagOperationException", f"Tag keys that begin with aws: are reserved: {key}")
