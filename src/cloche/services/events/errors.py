"""Everything EventBridge refuses, in its words."""
from __future__ import annotations

from cloche.kernel import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def parameter(name: str, reason: str = "") -> AwsError:
    return invalid(f"Parameter {name} is not valid." + (f" Reason: {reason}" if reason else ""))


def bad_pattern(reason: str) -> AwsError:
    return AwsError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}")


def not_built(what: str) -> AwsError:
    return AwsError("NotImplemented", f"events: {what} is not built in Cloche yet. /_cloche/ledger lists what is.", 501)


def not_found(message: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message)


def no_such_bus(name: str) -> AwsError:
    return not_found(f"Event bus {name} does not exist.")


def no_such_rule(name: str, bus: str) -> AwsError:
    return not_found(f"Rule {name} does not exist on EventBus {bus}.")


def no_such_archive(name: str) -> AwsError:
    return not_found(f"Archive {name} does not exist.")


def no_such_replay(name: str) -> AwsError:
    return not_found(f"Replay {name} does not exist.")


def no_such_statement() -> AwsError:
    return not_found("Statement with the provided id does not exist.")


def no_policy() -> AwsError:
    return not_found("EventBus does not have a policy.")


def exists(what: str, name: str) -> AwsError:
    return AwsError("ResourceAlreadyExistsException", f"{what} {name} already exists.")


def limit() -> AwsError:
    return AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")


def bad_token() -> AwsError:
    return parameter("NextToken")


def policy_too_long() -> AwsError:
    return AwsError("PolicyLengthExceededException", "The size of the policy is over the limit.")


def too_big() -> AwsError:
    return invalid("Total size of the entries in the request is over the limit.")


def illegal_status(message: str) -> AwsError:
    return AwsError("IllegalStatusException", message)


def managed(name: str, by: str) -> AwsError:
    return AwsError("ManagedRuleException", f"Rule {name} is managed by {by} and cannot be changed by you.")
