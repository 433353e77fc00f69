"""What Certificate Manager says when it refuses. One function per sentence."""
from __future__ import annotations

from cloche.kernel import AwsError


def validation(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Could not find certificate {arn}.")


def in_progress() -> AwsError:
    return AwsError("RequestInProgressException", "The certificate request is in process and the certificate in your account has not yet been issued.")


def invalid_state(message: str) -> AwsError:
    return AwsError("InvalidStateException", message)


def in_use(arn: str) -> AwsError:
    return AwsError("ResourceInUseException", f"Certificate {arn} is in use.")


def more_than_one() -> AwsError:
    return validation("The certificate field contains more than one certificate. You can specify only one certificate in this field.")


def not_pem(what: str) -> AwsError:
    return validation(f"The {what} is not in a valid PEM format.")


def key_unsupported() -> AwsError:
    return validation("The private key is not supported.")


def key_mismatch() -> AwsError:
    return validation("The private key does not match the public key of the certificate.")


def chain_broken() -> AwsError:
    return validation("Could not validate the certificate with the certificate chain.")


def not_valid_now() -> AwsError:
    return validation("The certificate that you are trying to import has expired or is not yet valid.")


def not_imported() -> AwsError:
    return validation("You can only reimport a certificate that was imported.")


def tags_on_reimport() -> AwsError:
    return parameter("You can't apply tags when you reimport a certificate.")


def not_exportable() -> AwsError:
    return validation("The certificate is not exportable: it is not a private certificate, nor one requested with the export option.")


def too_many_names() -> AwsError:
    return AwsError("LimitExceededException", "The number of domain names in the certificate exceeds the quota.")


def bad_validation_domain(domain: str) -> AwsError:
    return AwsError("InvalidDomainValidationOptionsException", f"The validation domain of {domain} must be the same as the domain or a parent of it, and the domain must be in the request.")


def no_http_validation() -> AwsError:
    return AwsError("NotImplemented", "Validation by HTTP is not built in Cloche.", 501)


def too_many_tags() -> AwsError:
    return AwsError("TooManyTagsException", "A certificate can have no more than 50 tags.")


def bad_tag(key: str) -> AwsError:
    return AwsError("InvalidTagException", f"The tag key {key} is reserved: it can't begin with aws:.")


def bad_token() -> AwsError:
    return validation("The NextToken is not valid.")


def config_conflict() -> AwsError:
    return AwsError("ConflictException", "You are trying to update a resource or configuration that is already being created or updated with another idempotency token.")
