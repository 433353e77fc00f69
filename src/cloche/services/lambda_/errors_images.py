"""What Lambda says of container images when it refuses."""
from __future__ import annotations

from cloche.kernel import AwsError

from .errors import invalid


def bad_image(uri: str) -> AwsError:
    return invalid(f"Source image {uri} is not valid. Provide a valid source image.")


def no_such_image(uri: str) -> AwsError:
    return invalid(f"Source image {uri} does not exist. Provide a valid source image.")


def unsupported_image(uri: str) -> AwsError:
    return invalid(f"The image manifest, config or layer media type for the source image {uri} is not supported.")


def image_refused() -> AwsError:
    return AwsError("AccessDeniedException", "Lambda does not have permission to access the ECR image. Check the ECR permissions.", 403)


def image_needed(doing: str) -> AwsError:
    return invalid(f"Please provide ImageUri when {doing} a function with packageType Image.")


def not_for_image() -> AwsError:
    return invalid("Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.")


def zip_for_image(doing: str) -> AwsError:
    return invalid(f"Please don't provide ZipFile or S3Bucket or S3Key or S3ObjectVersion when {doing} a function with packageType Image.")


def image_config_for_zip() -> AwsError:
    return invalid("Please don't provide ImageConfig when the intended function PackageType is Zip.")


def image_signed() -> AwsError:
    return invalid("Code signing is not supported for functions created with container images.")
