"""What Secrets Manager says when it refuses. One function per sentence, as its users quote them."""
from __future__ import annotations

from cloche.kernel import AwsError


def parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def request(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message)


def missing(message: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message)


def no_secret() -> AwsError:
    return missing("Secrets Manager can't find the specified secret.")


def no_version(id_: str) -> AwsError:
    return missing(f"Secrets Manager can't find the specified secret value for VersionId: {id_}")


def no_stage(stage: str) -> AwsError:
    return missing(f"Secrets Manager can't find the specified secret value for staging label: {stage}")


def exists(name: str) -> AwsError:
    return AwsError("ResourceExistsException", f"The operation failed because the secret {name} already exists.")


def token_used(token: str, arn: str) -> AwsError:
    return AwsError("ResourceExistsException", f"You can't use ClientRequestToken {token} because that value is already in use for a version of secret {arn}.")


def name_is_scheduled() -> AwsError:
    return request("You can't create this secret because a secret with this name is already scheduled for deletion.")


def is_scheduled() -> AwsError:
    return request("You can't perform this operation on the secret because it was marked for deletion.")


def bad_name() -> AwsError:
    return AwsError("ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")


def two_values() -> AwsError:
    return parameter("You can't specify both a binary secret value and a string secret value in the same secret.")


def no_value() -> AwsError:
    return request("You must provide either SecretString or SecretBinary.")


def stage_elsewhere() -> AwsError:
    return request("You provided a VersionStage that is not associated to the provided VersionId.")


def bad_window() -> AwsError:
    return parameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")


def window_and_force() -> AwsError:
    return parameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")


def must_remove_from(stage: str, version: str) -> AwsError:
    return parameter(f"The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to version {version}, so you must explicitly reference that version in RemoveFromVersionId.")


def not_attached(stage: str, version: str) -> AwsError:
    return parameter(f"The staging label {stage} isn't attached to version {version}, so you can't remove it from that version.")


def current_stays() -> AwsError:
    return parameter("You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.")


def too_many_stages() -> AwsError:
    return AwsError("LimitExceededException", "You can't attach more than 20 staging labels to a secret version.")


def too_many_tags() -> AwsError:
    return parameter("You can't have more than 50 tags on a secret.")


def system_tag() -> AwsError:
    return parameter("Tag keys that begin with aws: are reserved for AWS use.")


def duplicate_tag() -> AwsError:
    return parameter("Duplicate tag keys are not allowed.")


def kms_denied() -> AwsError:
    return AwsError("AccessDeniedException", "Access to KMS is not allowed")


def cannot_encrypt() -> AwsError:
    return AwsError("EncryptionFailure", "Secrets Manager can't encrypt the protected secret text using the provided KMS key. Check that the KMS key is available, enabled, and not in an invalid state.")


def cannot_decrypt() -> AwsError:
    return AwsError("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key.")


def default_key_is_ours() -> AwsError:
    return request("You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key.")


def no_function() -> AwsError:
    return request("No Lambda rotation function ARN is associated with this secret.")


def cannot_invoke() -> AwsError:
    return AwsError("AccessDeniedException", "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.")


def not_finished() -> AwsError:
    return request("A previous rotation isn't complete. That rotation will be reattempted.")


def bad_schedule() -> AwsError:
    return parameter("The ScheduleExpression is not valid.")


def two_rules() -> AwsError:
    return parameter("You can't specify both AutomaticallyAfterDays and ScheduleExpression in RotationRules.")


def bad_policy(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocumentException", message)


def public_policy() -> AwsError:
    return AwsError("PublicPolicyException", "You can't attach a resource-based policy that grants broad access to the secret.")


def bad_token() -> AwsError:
    return AwsError("InvalidNextTokenException", "The NextToken value is invalid.")


def is_replica() -> AwsError:
    return request("Operation not permitted on a replica secret. Call must be made in primary secret's region.")


def not_a_replica() -> AwsError:
    return request("Operation not permitted. The secret is not a replica.")


def has_replicas() -> AwsError:
    return request("You can't delete secret that still has replica secrets. Remove the replica regions first.")


def no_region() -> AwsError:
    return parameter("You must specify a Region to replicate the secret to.")


def own_region() -> AwsError:
    return parameter("Invalid replica region. The primary region can't be a replica region.")


def replicated_already(region: str) -> AwsError:
    return parameter(f"The secret is already replicated to {region}.")


def not_replicated(region: str) -> AwsError:
    return parameter(f"The secret has no replica in {region}.")


def nothing_left() -> AwsError:
    return parameter("No characters are left from which a password could be made.")


def password_too_short() -> AwsError:
    return parameter("Password length is too short based on the required types.")
