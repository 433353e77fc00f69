"""What KMS says when it refuses. One function per sentence."""
from __future__ import annotations

from cloche.kernel import AwsError


def no_key(arn: str) -> AwsError:
    return AwsError("NotFoundException", f"Key '{arn}' does not exist")


def no_alias(arn: str) -> AwsError:
    return AwsError("NotFoundException", f"Alias {arn} is not found.")


def bad_key_id(text: str) -> AwsError:
    return AwsError("NotFoundException", f"Invalid keyId '{text}'")


def bad_arn(text: str) -> AwsError:
    return AwsError("NotFoundException", f"Invalid arn {text}")


def no_grant(id_: str) -> AwsError:
    return AwsError("NotFoundException", f"Grant ID {id_} not found")


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def disabled(arn: str) -> AwsError:
    return AwsError("DisabledException", f"{arn} is disabled.")


def bad_state(arn: str, state: str) -> AwsError:
    words = {"PendingDeletion": "pending deletion", "PendingImport": "pending import", "PendingReplicaDeletion": "pending replica deletion", "Unavailable": "unavailable", "Enabled": "enabled", "Disabled": "disabled"}
    return AwsError("KMSInvalidStateException", f"{arn} is {words.get(state, state)}.")


def not_pending(arn: str) -> AwsError:
    return AwsError("KMSInvalidStateException", f"{arn} is not pending deletion.")


def bad_ciphertext() -> AwsError:
    return AwsError("InvalidCiphertextException", "")


def unreachable_ciphertext() -> AwsError:
    return AwsError("AccessDeniedException", "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")


def wrong_key() -> AwsError:
    return AwsError("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")


def wrong_usage(arn: str, usage: str, operation: str) -> AwsError:
    return AwsError("InvalidKeyUsageException", f"{arn} key usage is {usage} which is not valid for {operation}.")


def wrong_algorithm(algorithm: str, spec: str) -> AwsError:
    return AwsError("InvalidKeyUsageException", f"Algorithm {algorithm} is incompatible with key spec {spec}.")


def wrong_origin(arn: str, origin: str) -> AwsError:
    return unsupported(f"{arn} origin is {origin} which is not valid for this operation.")


def bad_import_token() -> AwsError:
    return AwsError("InvalidImportTokenException", "")


def expired_import_token() -> AwsError:
    return AwsError("ExpiredImportTokenException", "")


def wrong_material() -> AwsError:
    return AwsError("IncorrectKeyMaterialException", "The key material in the request is, expired, invalid, or does not meet expectations.")


def no_material(id_: str) -> AwsError:
    return AwsError("NotFoundException", f"Key material {id_} is not associated with the key.")


def several_materials(arn: str) -> AwsError:
    return AwsError("KMSInvalidStateException", f"{arn} already has key material that is pending rotation.")


def nothing_to_rotate(arn: str) -> AwsError:
    return AwsError("KMSInvalidStateException", f"{arn} has no key material that is pending rotation. Import new key material first.")


def no_key_store(name: str) -> AwsError:
    return AwsError("CustomKeyStoreNotFoundException", f"Custom key store {name} does not exist.")


def key_store_needed(origin: str) -> AwsError:
    return invalid(f"You must specify a CustomKeyStoreId for keys of origin {origin}.")


def no_cluster(id_: str) -> AwsError:
    return AwsError("CloudHsmClusterNotFoundException", f"Cluster {id_} does not exist.")


def not_multi_region(arn: str) -> AwsError:
    return unsupported(f"{arn} is not a multi-region primary key.")


def dry_run() -> AwsError:
    return AwsError("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")


def unsupported(message: str = "") -> AwsError:
    return AwsError("UnsupportedOperationException", message)


def lockout() -> AwsError:
    return AwsError("MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future.")


def bad_policy(why: str = "Policy contains a syntax error.") -> AwsError:
    return AwsError("MalformedPolicyDocumentException", why)


def bad_alias_name() -> AwsError:
    return invalid('Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html')


def reserved_alias() -> AwsError:
    return AwsError("NotAuthorizedException", "")


def alias_exists(arn: str) -> AwsError:
    return AwsError("AlreadyExistsException", f"An alias with the name {arn} already exists")


def one_of_size_and_spec() -> AwsError:
    return invalid("Please specify either number of bytes or key spec.")


def bad_signature() -> AwsError:
    return AwsError("KMSInvalidSignatureException", "")


def bad_mac() -> AwsError:
    return AwsError("KMSInvalidMacException", "")


def too_many(what: str) -> AwsError:
    return AwsError("LimitExceededException", f"{what} limit exceeded.")


def bad_tag(message: str) -> AwsError:
    return AwsError("TagException", message)


def bad_marker() -> AwsError:
    return AwsError("InvalidMarkerException", "Invalid marker.")


def key_store_name_used(name: str) -> AwsError:
    return AwsError("CustomKeyStoreNameInUseException", f"Custom key store name {name} is already in use.")


def proxy_used() -> AwsError:
    return AwsError("XksProxyUriInUseException", "The XksProxyUriEndpoint and XksProxyUriPath are already associated with another external key store in this Region.")


def bad_store_state(id_: str, state: str) -> AwsError:
    return AwsError("CustomKeyStoreInvalidStateException", f"Custom key store {id_} is {state}.")


def store_has_keys(id_: str) -> AwsError:
    return AwsError("CustomKeyStoreHasCMKsException", f"Custom key store {id_} contains KMS keys.")


def external_key_used(id_: str) -> AwsError:
    return AwsError("XksKeyAlreadyInUseException", f"The external key {id_} is already associated with another KMS key in this external key store.")


def unbuilt(what: str) -> AwsError:
    return AwsError("NotImplemented", f"{what} are not built in Cloche.", 501)
