"""What Firewall Manager says when it refuses."""
from __future__ import annotations

from cloche.kernel import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("InvalidInputException", message)


def operation(message: str) -> AwsError:
    return AwsError("InvalidOperationException", message)


def not_management(account: str, management: str) -> AwsError:
    return operation(f"{account} is not the management account of the Organization but trying to AssociateAdmin, Organization management account is {management}")


def no_organization(account: str) -> AwsError:
    return operation(f"Account {account} is not in an organization of AWS Organizations with all features.")


def not_admin(name: str) -> AwsError:
    return AwsError("AccessDeniedException", f"Operation: {name} is only available to Administration account in AWS Firewall Manager.")


def not_delegated(account: str) -> AwsError:
    return AwsError("AccessDeniedException", f"Account: {account} is not currently delegated by AWS FM.")


def no_default_admin(account: str) -> AwsError:
    return AwsError("AccessDeniedException", f"No default admin could be found for account {account}")


def missing(what: str) -> AwsError:
    return AwsError("ResourceNotFoundException", what)


def no_policy(id_: str) -> AwsError:
    return missing(f"Policy with id {id_} does not exist.")


def limit(what: str) -> AwsError:
    return AwsError("LimitExceededException", f"The number of {what} is over the limit.")


def stale() -> AwsError:
    return invalid("The update token is not that of the present version: somebody has changed it meanwhile.")


def bad_token() -> AwsError:
    return invalid("The NextToken is not valid.")


def unbuilt(what: str) -> AwsError:
    return AwsError("NotImplemented", f"fms: {what} is not built in Cloche yet. /_cloche/ledger lists what is.", 501)
