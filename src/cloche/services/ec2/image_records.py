"""What an image is: the record, and who may see which. Public ones are in `public_images`."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call, Record

from . import errors_instances as errors
from . import links, tags

GONE_SECONDS = 3600.0


class Image(Record, frozen=True):
    kind = "ec2.image"

    id: str
    name: str
    owner: str
    made: float
    architecture: str = "x86_64"
    root_device: str = "/dev/xvda"
    mappings: list[dict[str, Any]] = []      # as DescribeImages shows them
    state: str = "pending"                   # pending, available, deregistered, disabled, failed
    description: str = ""
    public: bool = False
    alias: str = ""                          # ImageOwnerAlias
    permitted: list[dict[str, str]] = []     # LaunchPermission: UserId, OrganizationArn, ...
    imds_support: str = ""
    boot_mode: str = ""
    tpm_support: str = ""
    platform: str = ""
    virtualization: str = "hvm"
    ena: bool = True
    sriov: str = "simple"
    user: str = "ec2-user"                   # whom its cloud-init gives the key pair to
    source_image: str = ""
    source_region: str = ""
    source_instance: str = ""
    location: str = ""
    deprecation: float = 0
    deregistration_protection: str = "disabled"
    protected_until: float = 0               # cooldown after the protection is taken off
    launched: float = 0
    gone: float = 0
    token: str = ""
    reason: str = ""

    @property
    def key(self) -> str:
        return self.id

    @property
    def snapshots(self) -> list[str]:
        return [each["Ebs"]["SnapshotId"] for each in self.mappings if each.get("Ebs", {}).get("SnapshotId")]

    @property
    def root(self) -> dict[str, Any]:
        return next((each["Ebs"] for each in self.mappings if each["DeviceName"] == self.root_device and "Ebs" in each), {})


class Published(Record, frozen=True):
    """Where an image is whose owner lets others use it: found by its id from every account."""
    kind = "ec2.image-published"
    scope = "cloud"

    id: str
    account: str
    region: str

    @property
    def key(self) -> str:
        return self.id


def anywhere(call: Call, id_: str) -> Image | None:
    """The image, if this account may use it: its own, Amazon's, or one that its owner permits."""
    from . import public_images
    if found := call.get(Image, id_):
        return found if found.state != "deregistered" else None
    if found := public_images.get(call, id_):
        return found
    if (there := call.get(Published, id_)) and there.region == call.region and (found := call.at(there.account, there.region).get(Image, id_)):
        return found if found.state == "available" and may_use(call, found) else None
    return None


def may_use(call: Call, image: Image) -> bool:
    return image.owner == call.account or image.public or any(one.get("UserId") == call.account for one in image.permitted)


def find(call: Call, id_: str) -> Image:
    if not malformed(id_) and (found := anywhere(call, id_)):
        return found
    if malformed(id_):
        raise errors.image_malformed(id_)
    if (gone := call.get(Image, id_)) and gone.state == "deregistered":
        raise errors.image_unavailable(id_)
    raise errors.no_image(id_)


def own(call: Call, id_: str) -> Image:
    """One of this account's. Another's is refused in AWS's words."""
    found = find(call, id_)
    if found.owner != call.account:
        raise errors.not_authorized_image(id_)
    return found


def malformed(id_: str) -> bool:
    rest = id_.removeprefix("ami-")
    return rest == id_ or len(rest) not in (8, 17) or any(letter not in "0123456789abcdef" for letter in rest)


def publish(call: Call, image: Image) -> Image:
    """Keep it, and keep where others find it in step."""
    call.put(image)
    links.tie(call, image.id, *(image.snapshots if image.state != "deregistered" else ()))
    there = call.get(Published, image.id)
    if image.public or image.permitted:
        if there is None:
            call.put(Published(image.id, call.account, call.region))
    elif there:
        call.delete(there)
    return image


tags.FINDERS["ami"] = own
