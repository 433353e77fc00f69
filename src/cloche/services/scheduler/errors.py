"""Everything the Scheduler refuses, in its words."""
from __future__ import annotations

from cloche.kernel import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def not_built(what: str) -> AwsError:
    return AwsError("NotImplemented", f"scheduler: {what} is not built in Cloche yet. /_cloche/ledger lists what is.", 501)


def no_such(what: str, name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"{what} {name} does not exist.", 404)


def exists(what: str, name: str) -> AwsError:
    return AwsError("ConflictException", f"{what} {name} already exists.", 409)


def bad_expression(text: str) -> AwsError:
    return invalid(f"Invalid Schedule Expression {text}.")


def bad_zone(name: str) -> AwsError:
    return invalid(f"Invalid Schedule Expression Timezone {name}.")


def no_trust() -> AwsError:
    return invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")


def bad_arn() -> AwsError:
    return invalid("Provided Arn is not in correct format.")
