"""Encryption of disks: the account's default in a region, its default key, and asking KMS for real when a disk is made, copied or attached.

A disk keeps the data key that KMS sealed for it; whoever may not use the key, or a key that is disabled, cannot attach the disk.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record
from cloche.services.kms import public as kms

from . import errors_volumes as refusals
from . import names
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

AWS_KEY = "alias/aws/ebs"


class Defaults(Record, frozen=True):
    """What the account has settled for new disks in this region."""
    kind = "ec2.ebs-defaults"

    encrypt: bool = False
    key_id: str = ""
    block_public: str = "unblocked"

    @property
    def key(self) -> str:
        return ""


def defaults(call: Call) -> Defaults:
    return call.get(Defaults, "") or Defaults()


def key_for(call: Call, encrypted: bool | None, key_id: str | None, source_encrypted: bool = False, source_key: str = "") -> str:
    """The ARN of the key under which a new disk is encrypted; "" if it is not. What comes from an encrypted snapshot is encrypted, under its key unless another is named."""
    if key_id and not encrypted and not source_encrypted and (encrypted is False or not defaults(call).encrypt):
        raise refusals.key_needs_encryption()
    if encrypted is False and source_encrypted:
        raise refusals.stays_encrypted()
    if not (encrypted or source_encrypted or defaults(call).encrypt):
        return ""
    wanted = key_id or source_key or defaults(call).key_id or AWS_KEY
    found = kms.key_arn(call, wanted)
    if found is None:
        raise refusals.bad_key(wanted)
    return found


def seal(call: Call, key_arn: str, disk: str) -> bytes:
    """A data key for a disk, sealed by KMS; the caller must be allowed to use the key through EC2."""
    if not key_arn:
        return b""
    try:
        return kms.data_key(call, key_arn, {"aws:ebs:id": disk}, 64)[1]
    except AwsError as error:
        raise _said(error, key_arn) from None


def open_(call: Call, key_arn: str, disk: str, sealed: bytes) -> None:
    """May this caller use the disk? KMS is asked to open its data key."""
    if not key_arn or not sealed:
        return
    try:
        kms.decrypt(call, sealed, {"aws:ebs:id": disk})
    except AwsError as error:
        raise _said(error, key_arn) from None


def _said(error: AwsError, key_arn: str) -> AwsError:
    if error.code in ("DisabledException", "KMSInvalidStateException"):
        return refusals.key_disabled(key_arn)
    if error.code == "NotFoundException":
        return refusals.bad_key(key_arn)
    if error.code == "AccessDeniedException":
        return AwsError("UnauthorizedOperation", error.message, 403)
    return error


def opens(call: Call, key_arn: str, disk: str, sealed: bytes) -> bool:
    """As `open_`, for who only wants to know: a start in the background."""
    try:
        open_(call, key_arn, disk, sealed)
    except AwsError:
        return False
    return True


# -- operations -----------------------------------------------------------------------------------------------------------------

@ec2.op(**names.LOOK)
def enable_ebs_encryption_by_default(call: Call, req: t.EnableEbsEncryptionByDefaultRequest) -> t.EnableEbsEncryptionByDefaultResult:
    call.put(defaults(call).but(encrypt=True))
    return {"EbsEncryptionByDefault": True}


@ec2.op(**names.LOOK)
def disable_ebs_encryption_by_default(call: Call, req: t.DisableEbsEncryptionByDefaultRequest) -> t.DisableEbsEncryptionByDefaultResult:
    call.put(defaults(call).but(encrypt=False))
    return {"EbsEncryptionByDefault": False}


@ec2.op(**names.LOOK)
def get_ebs_encryption_by_default(call: Call, req: t.GetEbsEncryptionByDefaultRequest) -> t.GetEbsEncryptionByDefaultResult:
    return {"EbsEncryptionByDefault": defaults(call).encrypt, "SseType": "sse-kms" if defaults(call).encrypt else "none"}


def _default_key(call: Call) -> Any:
    key = defaults(call).key_id
    return {"KmsKeyId": key or AWS_KEY}


@ec2.op(**names.LOOK)
def get_ebs_default_kms_key_id(call: Call, req: t.GetEbsDefaultKmsKeyIdRequest) -> t.GetEbsDefaultKmsKeyIdResult:
    return _default_key(call)  # type: ignore[no-any-return]


@ec2.op(**names.LOOK)
def modify_ebs_default_kms_key_id(call: Call, req: t.ModifyEbsDefaultKmsKeyIdRequest) -> t.ModifyEbsDefaultKmsKeyIdResult:
    found = kms.key_arn(call, req["KmsKeyId"])
    if found is None:
        raise refusals.bad_key(req["KmsKeyId"])
    call.put(defaults(call).but(key_id=found))
    return _default_key(call)  # type: ignore[no-any-return]


@ec2.op(**names.LOOK)
def reset_ebs_default_kms_key_id(call: Call, req: t.ResetEbsDefaultKmsKeyIdRequest) -> t.ResetEbsDefaultKmsKeyIdResult:
    call.put(defaults(call).but(key_id=""))
    return _default_key(call)  # type: ignore[no-any-return]


@ec2.op(**names.LOOK)
def enable_snapshot_block_public_access(call: Call, req: t.EnableSnapshotBlockPublicAccessRequest) -> t.EnableSnapshotBlockPublicAccessResult:
    call.put(defaults(call).but(block_public=req["State"]))
    return {"State": req["State"]}


@ec2.op(**names.LOOK)
def disable_snapshot_block_public_access(call: Call, req: t.DisableSnapshotBlockPublicAccessRequest) -> t.DisableSnapshotBlockPublicAccessResult:
    call.put(defaults(call).but(block_public="unblocked"))
    return {"State": "unblocked"}


@ec2.op(**names.LOOK)
def get_snapshot_block_public_access_state(call: Call, req: t.GetSnapshotBlockPublicAccessStateRequest) -> t.GetSnapshotBlockPublicAccessStateResult:
    return {"State": defaults(call).block_public, "ManagedBy": "account"}  # type: ignore[typeddict-item]
