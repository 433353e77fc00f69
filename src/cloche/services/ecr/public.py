"""ECR's door for those who run images: what a pull brings, for whoever the call's principal is.

    found = public.pull(call, references.parse(uri), "amd64"); root = await Rooms(place).root(found.layers)
"""
from __future__ import annotations

from pathlib import Path

import msgspec

from cloche.engines.oci import Broken, Config, configs, manifests
from cloche.engines.oci.references import Reference
from cloche.kernel import AwsError, Call

from . import errors, images, layers
from .repositories import find, policy_of


class Pulled(msgspec.Struct, frozen=True):
    digest: str                      # of the image's manifest: of the one chosen where the name is a list's
    named: str                       # of what the name means
    config: Config
    layers: list[tuple[str, Path]]   # digest and file, the lowest first


ACTIONS = ("BatchGetImage", "GetDownloadUrlForLayer")


def known(call: Call, wanted: Reference) -> bool:
    """Whether there is such an image, whoever asks."""
    there = call.of("ecr", wanted.account, wanted.region)
    try:
        find(there, {"repositoryName": wanted.repository})
    except AwsError:
        return False
    return images.by_reference(there, wanted.repository, wanted.digest or wanted.tag) is not None


def pull(call: Call, wanted: Reference, architecture: str = "", signs_in: bool = True) -> Pulled:
    """Raises AccessDeniedException, RepositoryNotFoundException, ImageNotFoundException, and Broken for what cannot be run here. `architecture` "": this machine's.
    `signs_in`: as a client of the registry, who needs a token first; a service does not."""
    there = call.of("ecr", wanted.account, wanted.region)
    arn = there.arn(f"repository/{wanted.repository}")
    if signs_in:
        there.require("ecr:GetAuthorizationToken")
    for action in ACTIONS:
        there.require(f"ecr:{action}", arn, policy=policy_of(there, arn))
    find(there, {"repositoryName": wanted.repository})
    named = images.by_reference(there, wanted.repository, wanted.digest or wanted.tag)
    if named is None:
        raise errors.no_image(wanted.digest or None, None if wanted.digest else wanted.tag, wanted.repository, wanted.account)
    image, architecture = named, architecture or manifests.here()
    digest = manifests.chosen(manifests.read(image.manifest), architecture)
    if digest is None:
        raise Broken(f"image Manifest does not contain descriptor matching platform 'linux/{architecture}'")
    if digest:
        image = images.by_digest(there, wanted.repository, digest) or image
    config, its = manifests.blobs(manifests.read(image.manifest))
    with there.step():
        images.pulled(there, wanted.repository, image.digest)
    found = [(one.digest, _file(there, wanted.repository, one.digest)) for one in its]
    return Pulled(image.digest, named.digest, configs.read(_file(there, wanted.repository, config.digest).read_bytes()), found)


def _file(call: Call, repository: str, digest: str) -> Path:
    body = layers.body_of(call, repository, digest)
    if body is None:
        raise Broken(f"the blob {digest} is not in the registry")
    return Path(body.path)
