"""What EC2 says when it refuses something about volumes and snapshots."""
from __future__ import annotations

from cloche.kernel import AwsError


def no_volume(ids: str | list[str]) -> AwsError:
    several = [ids] if isinstance(ids, str) else ids
    if len(several) == 1:
        return AwsError("InvalidVolume.NotFound", f"The volume '{several[0]}' does not exist.")
    return AwsError("InvalidVolume.NotFound", f"The volumes '{', '.join(several)}' do not exist.")


def volume_malformed(id_: str) -> AwsError:
    return AwsError("InvalidVolumeID.Malformed", f'Value ({id_}) for parameter volume is invalid. Expected: \'vol-...\'.')


def volume_size(size: int, kind: str, least: int, most: int) -> AwsError:
    return AwsError("InvalidParameterValue", f"Volume of {size}GiB is {'too small' if size < least else 'too large'} for volume type {kind}; {'minimum' if size < least else 'maximum'} is "
                    f"{least if size < least else most}GiB.")


def smaller_than_snapshot(size: int, snapshot: str, least: int) -> AwsError:
    return AwsError("InvalidParameterValue", f"The volume size of {size}GiB is smaller than the size of snapshot '{snapshot}' ({least}GiB).")


def smaller_than_image(size: int, least: int) -> AwsError:
    return AwsError("InvalidBlockDeviceMapping", f"Volume of size {size}GB is smaller than snapshot, expect size >= {least}GB")


def volume_in_use(id_: str, why: str = "") -> AwsError:
    return AwsError("VolumeInUse", why or f"Volume {id_} is currently attached")


def already_attached(id_: str, device: str) -> AwsError:
    return AwsError("VolumeInUse", f"{id_} is already attached to an instance")


def attached_here(id_: str, instance: str) -> AwsError:
    return AwsError("VolumeInUse", f"{id_} is already attached to {instance}")


def zone_mismatch(id_: str, instance: str) -> AwsError:
    return AwsError("InvalidVolume.ZoneMismatch", f"The volume '{id_}' is not in the same availability zone as instance '{instance}'")


def device_taken(device: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use")


def bad_device(device: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Value ({device}) for parameter device is invalid. {device} is not a valid EBS device name.")


def not_attached(id_: str) -> AwsError:
    return AwsError("IncorrectState", f"Volume '{id_}' is in the 'available' state.")


def not_attached_to(id_: str, instance: str) -> AwsError:
    return AwsError("InvalidAttachment.NotFound", f"The volume '{id_}' is not attached to instance '{instance}' as the device specified")


def root_attached(id_: str, instance: str) -> AwsError:
    return AwsError("OperationNotPermitted", f"Unable to detach root volume '{id_}' from instance '{instance}'")


def no_root(id_: str, device: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Invalid value '{id_}' for instanceId. Instance does not have a volume attached at root ({device})")


def volume_not_available(id_: str, state: str) -> AwsError:
    return AwsError("IncorrectState", f"{id_} is not 'available' (it is '{state}').")


def attachments_full(instance: str) -> AwsError:
    return AwsError("AttachmentLimitExceeded", f"Cannot attach more volumes to the instance '{instance}': the limit of its instance type is reached")


def shrinks() -> AwsError:
    return AwsError("InvalidParameterValue", "New size cannot be smaller than existing size")


def modified_lately(id_: str) -> AwsError:
    return AwsError("VolumeModificationRateExceeded", f"You've reached the maximum modification rate per volume limit. A volume ('{id_}') may be modified four times within 24 hours.")


def modification_not_found(id_: str) -> AwsError:
    return AwsError("InvalidVolumeModification.NotFound", f"Modification for volume '{id_}' does not exist.")


def modifying(id_: str) -> AwsError:
    return AwsError("IncorrectModificationState", f"Volume '{id_}' is being modified: the modification must reach the 'completed' state first")


# -- snapshots ------------------------------------------------------------------------------------------------------------------

def no_snapshot(ids: str | list[str]) -> AwsError:
    several = [ids] if isinstance(ids, str) else ids
    if len(several) == 1:
        return AwsError("InvalidSnapshot.NotFound", f"The snapshot '{several[0]}' does not exist.")
    return AwsError("InvalidSnapshot.NotFound", f"The snapshots '{', '.join(several)}' do not exist.")


def snapshot_malformed(id_: str) -> AwsError:
    return AwsError("InvalidSnapshotID.Malformed", f"Value ({id_}) for parameter snapshotId is invalid. Expected: 'snap-...'.")


def snapshot_in_use(id_: str, image: str) -> AwsError:
    return AwsError("InvalidSnapshot.InUse", f"The snapshot {id_} is currently in use by {image}")


def snapshot_pending(id_: str) -> AwsError:
    return AwsError("IncorrectState", f"Snapshot is in invalid state - pending: {id_}")


def concurrent_snapshots(id_: str) -> AwsError:
    return AwsError("ConcurrentSnapshotLimitExceeded", f"Maximum allowed in-progress snapshots for a single volume exceeded: {id_}")


def not_your_snapshot(id_: str) -> AwsError:
    return AwsError("AuthFailure", f"Not authorized for snapshot {id_}")


def shares_default_key(id_: str) -> AwsError:
    return AwsError("InvalidParameter", f"Snapshot {id_} is encrypted with the default key (aws/ebs) and cannot be shared.")


def encrypted_not_public(id_: str) -> AwsError:
    return AwsError("InvalidParameter", f"Encrypted snapshot {id_} cannot be made public.")


def block_public() -> AwsError:
    return AwsError("OperationNotPermitted", "Public sharing of snapshots is blocked in this Region by block public access for EBS snapshots.")


def key_needs_encryption() -> AwsError:
    return AwsError("InvalidParameterDependency", "The parameter [KmsKeyId] requires the parameter Encrypted to be set.")


def bad_key(key: str) -> AwsError:
    return AwsError("InvalidKMSKey.NotFound", f"The specified KMS key '{key}' does not exist.")


def key_disabled(key: str) -> AwsError:
    return AwsError("InvalidKMSKey.InvalidState", f"The KMS key '{key}' is not enabled.")


def stays_encrypted() -> AwsError:
    return AwsError("InvalidParameterValue", "Encrypted snapshots and volumes cannot be copied to unencrypted ones.")
