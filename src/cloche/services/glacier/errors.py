"""What Glacier says when it refuses. Each answer says its code and whose fault it is in the body too."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError


def _error(code: str, message: str, status: int = 400) -> AwsError:
    return AwsError(code, message, status, extra={"code": code, "type": "Client"})


def bad(message: str) -> AwsError:
    return _error("InvalidParameterValueException", message)


def lacking(what: str) -> AwsError:
    return _error("MissingParameterValueException", f"Required parameter missing: {what}")


def no_vault(arn: str) -> AwsError:
    return _error("ResourceNotFoundException", f"Vault not found for ARN: {arn}", 404)


def no_archive(id_: str) -> AwsError:
    return _error("ResourceNotFoundException", f"The archive ID was not found: {id_}", 404)


def no_upload(id_: str) -> AwsError:
    return _error("ResourceNotFoundException", f"The upload ID was not found: {id_}", 404)


def no_job(id_: str) -> AwsError:
    return _error("ResourceNotFoundException", f"The job ID was not found: {id_}", 404)


def no_inventory(arn: str) -> AwsError:
    return _error("ResourceNotFoundException", f"The initial inventory of the vault is not available yet: {arn}", 404)


def none_set(what: str, arn: str) -> AwsError:
    return _error("ResourceNotFoundException", f"No {what} is set for: {arn}", 404)


def not_empty(arn: str) -> AwsError:
    return bad(f"Vault not empty or recently written to: {arn}")


def too_many(message: str) -> AwsError:
    return _error("LimitExceededException", message)


def policy_enforced() -> AwsError:
    return _error("PolicyEnforcedException", "InitiateJob request denied by current data retrieval policy.")


def denied(message: str) -> AwsError:
    return _error("AccessDeniedException", message, 403)


def no_longer(message: str) -> AwsError:
    return _error("NoLongerSupportedException", message)


def differs(said: str, computed: str) -> AwsError:
    return bad(f"Checksum mismatch: expected {said} but the SHA-256 tree hash of what came is {computed}")


def number(name: str, value: Any) -> AwsError:
    return bad(f"Invalid {name}: {value}")
