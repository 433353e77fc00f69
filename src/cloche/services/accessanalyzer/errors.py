"""What Access Analyzer says when it refuses. One function per sentence."""
from cloche.kernel import AwsError


def not_found(what: str, id: str) -> AwsError:
    """what: analyzer, finding, archive rule, resource"""
    return AwsError("ResourceNotFoundException", f"The specified {what} could not be found.", 404, extra={"resourceId": id, "resourceType": what})


def exists(what: str, id: str) -> AwsError:
    return AwsError("ConflictException", f"The {what} {id} already exists.", 409, extra={"resourceId": id, "resourceType": what})


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message, 400, extra={"reason": "other"})


def quota(what: str) -> AwsError:
    return AwsError("ServiceQuotaExceededException", f"The quota of {what} is reached.", 402)


def not_built(what: str) -> AwsError:
    return AwsError("NotImplemented", f"Analyzers of type {what} are not built in Cloche yet: there are those of external and of unused access.", 501)


def no_organization() -> AwsError:
    return invalid("The account is not the management account or a delegated administrator of an organization.")


def bad_token() -> AwsError:
    return invalid("The pagination token is invalid.")
