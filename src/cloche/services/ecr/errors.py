"""What ECR says when it refuses. One function per sentence; the sentences are those of AWS's API reference and of recorded answers."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError


def no_repository(name: str, account: str) -> AwsError:
    return AwsError("RepositoryNotFoundException", f"The repository with name '{name}' does not exist in the registry with id '{account}'")


def repository_exists(name: str, account: str) -> AwsError:
    return AwsError("RepositoryAlreadyExistsException", f"The repository with name '{name}' already exists in the registry with id '{account}'")


def not_empty(name: str, account: str) -> AwsError:
    return AwsError("RepositoryNotEmptyException", f"The repository with name '{name}' in registry with id '{account}' cannot be deleted because it still contains images")


def invalid(where: str, why: str) -> AwsError:
    return AwsError("InvalidParameterException", f"Invalid parameter at '{where}' failed to satisfy constraint: '{why}'")


def bad_token() -> AwsError:
    return invalid("nextToken", "must be a token that a previous answer gave")


def too_many_tags() -> AwsError:
    return AwsError("TooManyTagsException", "The list of tags on the repository is over the limit. The maximum number of tags that can be applied to a repository is 50.")


def system_tag() -> AwsError:
    return AwsError("InvalidTagParameterException", "aws: prefixed tag key names are not allowed for external use.")


def no_image(digest: str | None, tag: str | None, name: str, account: str) -> AwsError:
    where = f"{{imageDigest:'{digest or 'null'}', imageTag:'{tag or 'null'}'}}"
    return AwsError("ImageNotFoundException", f"The image with imageId {where} does not exist within the repository with name '{name}' in the registry with id '{account}'")


def image_exists(digest: str, tag: str | None, name: str, account: str) -> AwsError:
    what = f"Image with digest '{digest}' and tag '{tag}'" if tag else f"Image with digest '{digest}'"
    return AwsError("ImageAlreadyExistsException", f"{what} already exists in the repository with name '{name}' in registry with id '{account}'")


def tag_is_immutable(tag: str, name: str) -> AwsError:
    return AwsError("ImageTagAlreadyExistsException", f"The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because the tag is immutable.")


def wrong_digest(given: str, found: str) -> AwsError:
    return AwsError("ImageDigestDoesNotMatchException", f"The provided digest '{given}' does not match the digest '{found}' calculated from the image manifest.")


def no_layers(digests: list[str], name: str, account: str) -> AwsError:
    return AwsError("LayersNotFoundException", f"Layers with digests '[{', '.join(digests)}]' required for pushing image into repository with name '{name}' in the registry with id '{account}' do not exist")


def no_layer(digest: str, name: str, account: str) -> AwsError:
    return AwsError("LayersNotFoundException", f"Layer with digest '{digest}' does not exist in the repository with name '{name}' in the registry with id '{account}'")


def no_children(digests: list[str], name: str, account: str) -> AwsError:
    return AwsError("ReferencedImagesNotFoundException", f"Images with digests '[{', '.join(digests)}]' required for pushing image into repository with name '{name}' in the registry with id '{account}' do not exist")


def bad_manifest(why: str) -> AwsError:
    return invalid("ImageManifest", why)


def no_upload(upload: str, name: str, account: str) -> AwsError:
    return AwsError("UploadNotFoundException", f"The upload with id '{upload}' does not exist in the repository with name '{name}' in the registry with id '{account}'")


def wrong_part(account: str, name: str, upload: str, size: int, first: int) -> AwsError:
    extra: dict[str, Any] = {"registryId": account, "repositoryName": name, "uploadId": upload, "lastValidByteReceived": max(size - 1, 0)}
    return AwsError("InvalidLayerPartException", f"Layer part with first byte '{first}' is invalid: the first byte must be '{size}'.", extra=extra)


def empty_upload(upload: str) -> AwsError:
    return AwsError("EmptyUploadException", f"The layer upload with id '{upload}' does not contain any layer parts.")


def small_part() -> AwsError:
    return AwsError("LayerPartTooSmallException", "Layer parts must be at least 5 MiB in size.")


def wrong_layer(given: str, found: str) -> AwsError:
    return AwsError("InvalidLayerException", f"The layer digest '{given}' does not match the digest '{found}' of what was uploaded.")


def layer_exists(digest: str, name: str) -> AwsError:
    return AwsError("LayerAlreadyExistsException", f"Layer with digest '{digest}' already exists in the '{name}' repository.")


def no_policy(name: str, account: str) -> AwsError:
    return AwsError("RepositoryPolicyNotFoundException", f"Repository policy does not exist for the repository with name '{name}' in the registry with id '{account}'")


def no_registry_policy(account: str) -> AwsError:
    return AwsError("RegistryPolicyNotFoundException", f"Registry policy does not exist in the registry with id '{account}'")


def bad_policy(why: str) -> AwsError:
    return invalid("PolicyText", f"Invalid repository policy provided: {why}")


def no_lifecycle(name: str, account: str) -> AwsError:
    return AwsError("LifecyclePolicyNotFoundException", f"Lifecycle policy does not exist for the repository with name '{name}' in the registry with id '{account}'")


def bad_lifecycle(why: str) -> AwsError:
    return invalid("LifecyclePolicyText", f"Lifecycle policy validation failure: {why}")


def no_preview(name: str, account: str) -> AwsError:
    return AwsError("LifecyclePolicyPreviewNotFoundException", f"Lifecycle policy preview does not exist for the repository with name '{name}' in the registry with id '{account}'")


def bad_replication(why: str) -> AwsError:
    return AwsError("ValidationException", why)


def token_expired() -> AwsError:
    return AwsError("ExpiredToken", "Your authorization token has expired. Reauthenticate and try again.", 403)


def not_signed_in() -> AwsError:
    return AwsError("Unauthorized", "Not Authorized", 401)
