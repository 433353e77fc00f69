"""What Systems Manager says when it refuses. One function per sentence."""
from __future__ import annotations

from cloche.kernel import AwsError


def exists() -> AwsError:
    return AwsError("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")


def not_found() -> AwsError:
    return AwsError("ParameterNotFound", "")


def no_secret(name: str) -> AwsError:
    return AwsError("ParameterNotFound", f"An error occurred (ParameterNotFound) when referencing Secrets Manager: Secret {name} not found.")


def secret_needs_decryption() -> AwsError:
    return invalid("WithDecryption flag must be True for retrieving a Secret Manager secret.")


def no_version(name: str, version: str) -> AwsError:
    return AwsError("ParameterVersionNotFound", f"Systems Manager could not find version {version} of {name}. Verify the version and try again.")


def no_label(name: str, label: str) -> AwsError:
    return AwsError("ParameterVersionNotFound", f"Systems Manager could not find label {label} of {name}. Verify the label and try again.")


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def reserved(name: str) -> AwsError:
    return AwsError("AccessDeniedException", f"No access to reserved parameter name: {name}.")


def bad_name() -> AwsError:
    return invalid(
        'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed '
        "as a mix of letters, numbers and the following 3 symbols .-_"
    )


def not_qualified() -> AwsError:
    return invalid("Parameter name must be a fully qualified name.")


def too_deep() -> AwsError:
    return AwsError("HierarchyLevelLimitExceededException", "Parameter hierarchies can have a maximum of fifteen levels.")


def type_required() -> AwsError:
    return invalid("A parameter type is required when you create a parameter.")


def type_fixed() -> AwsError:
    return AwsError(
        "HierarchyTypeMismatchException",
        "Parameter Store does not support changing a parameter type in a hierarchy. For example, you can't change a parameter from a String type to a SecureString type. You must create a new, unique parameter.",
    )


def too_long(limit: int) -> AwsError:
    if limit > 4096:
        return invalid("Advanced tier parameters support a maximum parameter value of 8192 characters.")
    return invalid(
        "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter "
        "tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
    )


def no_downgrade() -> AwsError:
    return invalid(
        "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can "
        "delete the advanced parameter and recreate it as a standard parameter. Be sure it uses a valid tier."
    )


def pattern_mismatch(pattern: str) -> AwsError:
    return AwsError("ParameterPatternMismatchException", f"Parameter value, cannot be validated against allowedPattern: {pattern}")


def bad_pattern() -> AwsError:
    return AwsError("InvalidAllowedPatternException", "The request does not meet the regular expression requirement.")


def tags_and_overwrite() -> AwsError:
    return invalid(
        "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, "
        "please use AddTagsToResource or RemoveTagsFromResource."
    )


def key_without_secret() -> AwsError:
    return invalid("KeyId is required for SecureString type parameter only.")


def bad_key(message: str) -> AwsError:
    return AwsError("InvalidKeyId", message)


def too_many_versions(name: str, oldest: int) -> AwsError:
    return AwsError(
        "ParameterMaxVersionLimitExceeded",
        f"You attempted to create a new version of {name} by calling the PutParameter API with the overwrite flag. Version {oldest}, the oldest version, can't be deleted because it "
        "has a label associated with it. Move the label to another version of the parameter, and try again.",
    )


def too_many_labels() -> AwsError:
    return AwsError("ParameterVersionLabelLimitExceeded", "A parameter version can have a maximum of ten labels. Move one or more labels to another version and try again.")


def bad_token() -> AwsError:
    return AwsError("InvalidNextToken", "The specified token is not valid.")


def bad_filter_key(key: str) -> AwsError:
    return AwsError("InvalidFilterKey", f"The following filter key is not valid: {key}. Valid filter keys include: [Path, Name, Type, KeyId, Tier, Label, DataType, tag:].")


def bad_filter_option(option: str) -> AwsError:
    return AwsError("InvalidFilterOption", f"The following filter option is not valid: {option}. Valid options include: [BeginsWith, Equals].")


def bad_path() -> AwsError:
    return invalid('The parameter doesn\'t meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can\'t be prefixed with "aws" or "ssm" '
                   "(case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. "
                   'All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.')


def no_resource() -> AwsError:
    return AwsError("InvalidResourceId", "The resource ID is not valid. Verify that you entered the correct ID and try again.")


def bad_resource_type() -> AwsError:
    return AwsError("InvalidResourceType", "The resource type is not valid. For example, if you are attempting to tag an EC2 instance, the instance must be a registered managed node.")


def too_many_tags() -> AwsError:
    return AwsError("TooManyTagsError", "The Targets parameter includes too many tags. Remove one or more tags and try the command again.")


def bad_policy(code: str, message: str) -> AwsError:
    return AwsError(code, message)
