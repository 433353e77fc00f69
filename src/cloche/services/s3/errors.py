"""Every sentence S3 says no with."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError


def no_such_bucket(name: str) -> AwsError:
    return AwsError("NoSuchBucket", "The specified bucket does not exist", 404, extra={"BucketName": name})


def no_such_key(key: str) -> AwsError:
    return AwsError("NoSuchKey", "The specified key does not exist.", 404, extra={"Key": key})


def deleted(key: str, version: str) -> AwsError:
    """The current version is a delete marker."""
    return AwsError("NoSuchKey", "The specified key does not exist.", 404, extra={"Key": key}, headers={"x-amz-delete-marker": "true", "x-amz-version-id": version})


def is_marker(method: str, version: str, modified: str) -> AwsError:
    """The version that was asked for is a delete marker."""
    return AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405, extra={"Method": method, "ResourceType": "DeleteMarker"},
                    headers={"x-amz-delete-marker": "true", "x-amz-version-id": version, "last-modified": modified, "allow": "DELETE"})


def method_not_allowed(method: str, resource: str) -> AwsError:
    return AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405, extra={"Method": method, "ResourceType": resource})


def no_such_version(key: str, version: str) -> AwsError:
    return AwsError("NoSuchVersion", "The specified version does not exist.", 404, extra={"Key": key, "VersionId": version})


def bad_version(version: str) -> AwsError:
    return argument("Invalid version id specified", "versionId", version)


def no_such_upload(upload: str) -> AwsError:
    return AwsError("NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
                    404, extra={"UploadId": upload})


def bucket_exists(name: str) -> AwsError:
    return AwsError("BucketAlreadyExists", "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
                    "Please select a different name and try again.", 409, extra={"BucketName": name})


def bucket_is_yours(name: str) -> AwsError:
    return AwsError("BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.", 409, extra={"BucketName": name})


def bad_bucket_name(name: str) -> AwsError:
    return AwsError("InvalidBucketName", "The specified bucket is not valid.", 400, extra={"BucketName": name})


def bad_location(place: str) -> AwsError:
    return AwsError("InvalidLocationConstraint", "The specified location-constraint is not valid", 400, extra={"LocationConstraint": place})


def wrong_location(place: str) -> AwsError:
    what = f"The {place} location constraint is" if place else "The unspecified location constraint is"
    return AwsError("IllegalLocationConstraintException", f"{what} incompatible for the region specific endpoint this request was sent to.")


def bucket_not_empty(name: str) -> AwsError:
    return AwsError("BucketNotEmpty", "The bucket you tried to delete is not empty", 409, extra={"BucketName": name})


def points_left(name: str) -> AwsError:
    return AwsError("BucketHasAccessPointsAttached", "The bucket you tried to delete has access points attached. Delete your access points before deleting your bucket.", 409,
                    extra={"BucketName": name})


def versions_left(name: str) -> AwsError:
    return AwsError("BucketNotEmpty", "The bucket you tried to delete is not empty. You must delete all versions in the bucket.", 409, extra={"BucketName": name})


def elsewhere(name: str, region: str, signed_for: str) -> AwsError:
    """The bucket is in another region than the request was signed for."""
    headers = {"x-amz-bucket-region": region}
    if signed_for == "us-east-1":
        return AwsError("AuthorizationHeaderMalformed", f"The authorization header is malformed; the region '{signed_for}' is wrong; expecting '{region}'",
                        400, extra={"Region": region}, headers=headers)
    return AwsError("PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint. "
                    "Please send all future requests to this endpoint.", 301, extra={"Endpoint": f"{name}.s3.{region}.amazonaws.com", "Bucket": name}, headers=headers)


def access_denied(message: str = "Access Denied", **extra: str) -> AwsError:
    return AwsError("AccessDenied", message, 403, extra=extra)


def argument(message: str, name: str = "", value: Any = "") -> AwsError:
    return AwsError("InvalidArgument", message, 400, extra={"ArgumentName": name, "ArgumentValue": str(value)} if name else {})


def invalid(message: str) -> AwsError:
    return AwsError("InvalidRequest", message)


def malformed_xml() -> AwsError:
    return AwsError("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")


def key_too_long(key: str) -> AwsError:
    return AwsError("KeyTooLongError", "Your key is too long", extra={"Size": str(len(key.encode())), "MaxSizeAllowed": "1024"})


def metadata_too_large(size: int) -> AwsError:
    return AwsError("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", extra={"Size": str(size), "MaxSizeAllowed": "2048"})


def no_length() -> AwsError:
    return AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)


def too_large(size: int, most: int) -> AwsError:
    return AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", extra={"ProposedSize": str(size), "MaxSizeAllowed": str(most)})


def too_small(size: int, least: int, **extra: str) -> AwsError:
    return AwsError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", extra={"ProposedSize": str(size), "MinSizeAllowed": str(least)} | extra)


def incomplete() -> AwsError:
    return AwsError("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")


def no_digest(value: str) -> AwsError:
    return AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.", extra={"Content-MD5": value})


def bad_digest(expected: str, calculated: str) -> AwsError:
    return AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.", extra={"ExpectedDigest": expected, "CalculatedDigest": calculated})


def bad_sum(kind: str) -> AwsError:
    return AwsError("BadDigest", f"The {kind.upper()} you specified did not match the calculated checksum.")


def unreadable_sum(header: str) -> AwsError:
    return invalid(f"Value for {header} header is invalid.")


def precondition(condition: str) -> AwsError:
    return AwsError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412, extra={"Condition": condition})


def conflict(key: str) -> AwsError:
    return AwsError("ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation against this resource.", 409, extra={"Key": key})


def not_modified(headers: dict[str, str]) -> AwsError:
    return AwsError("NotModified", "Not Modified", 304, headers=headers)


def bad_range(asked: str, size: int) -> AwsError:
    return AwsError("InvalidRange", "The requested range is not satisfiable", 416, extra={"RangeRequested": asked, "ActualObjectSize": str(size)},
                    headers={"content-range": f"bytes */{size}"})


def bad_part_number(number: int, most: int) -> AwsError:
    return AwsError("InvalidPartNumber", "The requested partnumber is not satisfiable", 416, extra={"PartNumberRequested": str(number), "ActualPartCount": str(most)})


def not_implemented(header: str, meaning: str = "") -> AwsError:
    return AwsError("NotImplemented", meaning or "A header you provided implies functionality that is not implemented", 501, extra={"Header": header} if header else {})


def no_acls() -> AwsError:
    return AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")


def lacking(code: str, message: str, name: str) -> AwsError:
    """A bucket without the configuration that was asked for."""
    return AwsError(code, message, 404, extra={"BucketName": name})


def malformed_policy(message: str) -> AwsError:
    return AwsError("MalformedPolicy", message)


def bad_state(message: str) -> AwsError:
    return AwsError("InvalidBucketState", message, 409)


def bad_tag(message: str, key: str = "") -> AwsError:
    return AwsError("InvalidTag", message, extra={"TagKey": key} if key else {})


def locked() -> AwsError:
    return access_denied("Access Denied because object protected by object lock.")


def archived(storage_class: str, tier: str = "") -> AwsError:
    said = "The operation is not valid for the object's access tier" if tier else "The operation is not valid for the object's storage class"
    return AwsError("InvalidObjectState", said, 403, extra={"StorageClass": storage_class} | ({"AccessTier": tier} if tier else {}))
