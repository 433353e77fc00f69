"""Destinations: what is asked for, checked and filled up with what holds by default, as it is described afterwards."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cloche.kernel import AwsError, Call
from cloche.kernel.sealing import Sealed

from . import errors, naming, processing

if TYPE_CHECKING:
    from .streams import DeliveryStream

S3_DEFAULTS: dict[str, Any] = {
    "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300}, "CompressionFormat": "UNCOMPRESSED", "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
    "CloudWatchLoggingOptions": {"Enabled": False},
}
HTTP_DEFAULTS: dict[str, Any] = {
    "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300}, "RetryOptions": {"DurationInSeconds": 300}, "S3BackupMode": "FailedDataOnly",
    "CloudWatchLoggingOptions": {"Enabled": False}, "RequestConfiguration": {"ContentEncoding": "NONE", "CommonAttributes": []},
}
LEAST_PARTITIONED_MB = 64
KINDS = ("S3Destination", "ExtendedS3Destination", "HttpEndpointDestination")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def made(call: Call, req: Any) -> tuple[str, dict[str, Any], Sealed]:
    """("s3" or "http", the destination, an endpoint's access key)."""
    given = [name for name in req if name.endswith("DestinationConfiguration")]
    if len(given) != 1:
        raise errors.one_destination()
    kind = given[0].removesuffix("Configuration")
    if kind not in KINDS:
        raise errors.not_built(f"the destination {kind.removesuffix('Destination')}")
    return http(call, req[given[0]], None, Sealed("")) if kind.startswith("Http") else ("s3", s3(call, req[given[0]], {}), Sealed(""))


def changed(call: Call, stream: DeliveryStream, req: Any) -> tuple[str, dict[str, Any], Sealed]:
    """UpdateDestination: merged with what there is, where the kind stays the same."""
    given = [name for name in req if name.endswith("DestinationUpdate")]
    if len(given) != 1:
        raise errors.one_destination()
    kind = given[0].removesuffix("Update")
    if kind not in KINDS:
        raise errors.not_built(f"the destination {kind.removesuffix('Destination')}")
    if kind.startswith("Http"):
        return http(call, req[given[0]], stream.destination if stream.to == "http" else None, stream.access_key)
    return "s3", s3(call, req[given[0]], stream.destination if stream.to == "s3" else {}), Sealed("")


def s3(call: Call, given: Any, there: dict[str, Any]) -> dict[str, Any]:
    given = {{"S3BackupConfiguration": "S3BackupDescription", "S3BackupUpdate": "S3BackupDescription"}.get(k, k): v for k, v in given.items()}
    out: dict[str, Any] = S3_DEFAULTS | there | given
    if "RoleARN" not in out or "BucketARN" not in out:
        raise errors.invalid("RoleARN and BucketARN must be specified for an S3 destination.")
    out["BufferingHints"] = S3_DEFAULTS["BufferingHints"] | (there.get("BufferingHints") or {}) | (given.get("BufferingHints") or {})
    if (backup := given.get("S3BackupDescription")) is not None:
        out["S3BackupDescription"] = s3(call, backup, there.get("S3BackupDescription") or {})
    if out.get("S3BackupMode") == "Enabled" and "S3BackupDescription" not in out:
        raise errors.invalid("S3BackupConfiguration must be specified when S3BackupMode is Enabled.")
    if out["CompressionFormat"] in ("Snappy", "HADOOP_SNAPPY"):
        raise errors.not_built(f"compression with {out['CompressionFormat']}")
    if (out.get("DataFormatConversionConfiguration") or {}).get("Enabled"):
        raise errors.not_built("conversion of the data format")
    assume(call, out["RoleARN"], given)
    partitioned = bool((out.get("DynamicPartitioningConfiguration") or {}).get("Enabled"))
    if partitioned and "SizeInMBs" not in (given.get("BufferingHints") or there.get("BufferingHints") or {}):
        out["BufferingHints"] = out["BufferingHints"] | {"SizeInMBs": LEAST_PARTITIONED_MB}
    if partitioned and out["BufferingHints"]["SizeInMBs"] < LEAST_PARTITIONED_MB:
        raise errors.partitions_small()
    naming.check(out.get("Prefix", ""), out.get("ErrorOutputPrefix", ""), partitioned)
    processing.check(out.get("ProcessingConfiguration") or {})
    return out


def http(call: Call, given: Any, there: dict[str, Any] | None, access_key: Sealed) -> tuple[str, dict[str, Any], Sealed]:
    given, old = dict(given), there or {}
    behind = given.pop("S3Configuration", None) or given.pop("S3Update", None) or {}
    out: dict[str, Any] = HTTP_DEFAULTS | old | given
    for member in ("BufferingHints", "RetryOptions", "RequestConfiguration"):
        out[member] = HTTP_DEFAULTS[member] | (old.get(member) or {}) | (given.get(member) or {})
    if "EndpointConfiguration" in given:
        endpoint = dict(given["EndpointConfiguration"])
        access_key = Sealed(endpoint.pop("AccessKey", "") or "")
        if endpoint["Url"].startswith("http://") and urlsplit(endpoint["Url"]).hostname not in LOOPBACK:
            raise errors.invalid("The URL of an HTTP endpoint must begin with https://.")  # on one's own machine http will do
        out["EndpointConfiguration"] = endpoint
    if (out.get("SecretsManagerConfiguration") or {}).get("Enabled"):
        raise errors.not_built("an access key in Secrets Manager")
    if out.get("RoleARN"):
        assume(call, out["RoleARN"], given)
    out["S3DestinationDescription"] = s3(call, behind, old.get("S3DestinationDescription") or {})
    processing.check(out.get("ProcessingConfiguration") or {})
    return "http", out, access_key


def assume(call: Call, role: str, given: Any) -> None:
    if "RoleARN" in given:
        call.pass_role(role, "firehose.amazonaws.com")
    acting(call, role)


def acting(call: Call, role: str) -> Call:
    try:
        return call.as_role(role, "firehose", "firehose.amazonaws.com")
    except AwsError:
        raise errors.cannot_assume(role) from None


def shown(to: str, destination: dict[str, Any]) -> dict[str, Any]:
    if to == "http":
        return {"HttpEndpointDestinationDescription": destination}
    plain = {k: v for k, v in destination.items() if k in ("RoleARN", "BucketARN", "Prefix", "ErrorOutputPrefix", *S3_DEFAULTS)}
    return {"S3DestinationDescription": plain, "ExtendedS3DestinationDescription": {"S3BackupMode": "Disabled"} | destination}
