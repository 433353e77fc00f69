"""What Private CA says when it refuses. One function per sentence."""
from cloche.kernel import AwsError


def not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Could not find resource {arn}.", 400)


def invalid_arn(arn: str) -> AwsError:
    return AwsError("InvalidArnException", f"{arn} is not an ARN of a certificate authority.", 400)


def state(status: str) -> AwsError:
    return AwsError("InvalidStateException", f"The certificate authority is not in the correct state for the operation: {status}", 400)


def args(message: str) -> AwsError:
    return AwsError("InvalidArgsException", message, 400)


def validation(message: str) -> AwsError:
    return AwsError("ValidationException", message, 400)


def malformed_csr() -> AwsError:
    return AwsError("MalformedCSRException", "The certificate signing request is not valid.", 400)


def malformed_certificate(message: str) -> AwsError:
    return AwsError("MalformedCertificateException", message, 400)


def mismatch() -> AwsError:
    return AwsError("CertificateMismatchException", "The certificate authority certificate you are importing does not comply with conditions specified in the certificate that signed it.", 400)


def request(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message, 400)


def revoked_already() -> AwsError:
    return AwsError("RequestAlreadyProcessedException", "The certificate has already been revoked.", 400)


def permitted_already() -> AwsError:
    return AwsError("PermissionAlreadyExistsException", "The permission already exists for the certificate authority.", 400)


def bad_policy(message: str) -> AwsError:
    return AwsError("InvalidPolicyException", message, 400)


def bad_token() -> AwsError:
    return AwsError("InvalidNextTokenException", "The token is not valid.", 400)
