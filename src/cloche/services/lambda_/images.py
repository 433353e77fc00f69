"""Functions from container images: taken from ECR by Lambda itself, pinned to the digest that the name meant at that moment, unpacked once into a root that all environments share.

The root lies beside the unpacked zips; it is made again from ECR where the cache was lost, which fails with ImageDeleted once the image is gone.
"""
from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from cloche.engines.oci import Broken, Rooms, references
from cloche.engines.oci.unpack import Layers
from cloche.engines.run.invocation import Image
from cloche.kernel import AwsError, Call
from cloche.services.ecr import public as ecr

from . import errors_images, names, packages
from . import service as lambda_
from .records import Version

ROOM = 10 << 30  # what an image may be, unpacked
PLACES = ("proc", "tmp", "dev", "mnt", "etc", "var/runtime")
FILES = ("etc/hosts", "etc/resolv.conf", "var/runtime/ca-cert.pem", "var/runtime/cloche-ca.pem")
POLICY_SID = "LambdaECRImageRetrievalPolicy"
PULLING = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


def take(call: Call, function: str, uri: str) -> dict[str, Any]:
    """What a version keeps of its image: name, digest, layers, and how its author runs it. Nothing is unpacked yet."""
    wanted = references.parse(uri)
    if wanted is None or not wanted.account or wanted.region != call.region:
        raise errors_images.bad_image(uri)
    if not ecr.known(call, wanted):
        raise errors_images.no_such_image(uri)
    try:
        pulled = pull(call, function, wanted)
    except AwsError:
        grant(call, wanted)
        pulled = pull(call, function, wanted)
    except Broken:
        raise errors_images.unsupported_image(uri) from None
    if pulled.named != pulled.digest:  # a list of images for several machines
        raise errors_images.unsupported_image(uri)
    config = pulled.config
    return {"uri": uri, "resolved": f"{wanted.registry}/{wanted.repository}@{pulled.digest}", "digest": pulled.digest, "layers": [digest for digest, _ in pulled.layers],
            "env": config.env, "entrypoint": list(config.entrypoint), "command": list(config.command), "directory": config.directory}


def sha(image: dict[str, Any]) -> str:
    return str(image["digest"].partition(":")[2])


def reason(refused: AwsError) -> str:
    """AWS's code for what became of an image that was there when the function was made."""
    return "ImageDeleted" if "does not exist" in refused.message else "ImageAccessDenied" if refused.status == 403 else "InvalidImage"


def pull(call: Call, function: str, wanted: references.Reference) -> ecr.Pulled:
    speaker = call.as_service("lambda.amazonaws.com", names.arn(call, function), call.account)
    try:
        return ecr.pull(speaker, wanted, signs_in=False)
    except AwsError as error:
        if error.code == "AccessDeniedException":
            raise errors_images.image_refused() from None
        raise errors_images.no_such_image(wanted.repository) from None


def grant(call: Call, wanted: references.Reference) -> None:
    """Lambda lets itself in where who calls may change the repository's policy, as AWS does."""
    if wanted.account != call.account:
        raise errors_images.image_refused()
    try:
        try:
            policy = json.loads(call.do("ecr", "GetRepositoryPolicy", repositoryName=wanted.repository)["policyText"])
        except AwsError as error:
            if error.code != "RepositoryPolicyNotFoundException":
                raise
            policy = {"Version": "2008-10-17", "Statement": []}
        statement = {"Sid": POLICY_SID, "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": PULLING,
                     "Condition": {"StringLike": {"aws:sourceArn": call.arn("function:*")}}}
        policy["Statement"] = [one for one in policy["Statement"] if one.get("Sid") != POLICY_SID] + [statement]
        with call.step():
            call.do("ecr", "SetRepositoryPolicy", repositoryName=wanted.repository, policyText=json.dumps(policy))
    except AwsError:
        raise errors_images.image_refused() from None


def rooms(call: Call) -> Rooms:
    found = call.cloud.memory.get("lambda.images")
    if found is None:
        found = call.cloud.memory["lambda.images"] = Rooms(packages.code_root(call.cloud) / packages.IMAGES, room=ROOM)
    return found  # type: ignore[no-any-return]


async def ready(call: Call, version: Version) -> str:
    """See that the root is there; where it lies below the code's directory."""
    image, place = version.image, rooms(call)
    key = place.key(image["layers"])
    if not (place.place / key / "var/runtime/cloche-ca.pem").exists():
        wanted = references.parse(image["resolved"])
        assert wanted
        try:
            root = await place.root(pull(call, version.function, wanted).layers)
            await asyncio.to_thread(furnish, root)
        except Broken as error:
            raise errors_images.unsupported_image(f"{image['uri']} ({error})") from None
    return f"{packages.IMAGES}/{key}"


def furnish(root: Path) -> None:
    """Where an environment mounts something of its own there must be something; never through a link of the image's."""
    layers = Layers(root)
    for name in PLACES:
        if layers.folder(name.split("/")) != str(root / name):
            raise Broken(f"/{name} is a link")
    for name in FILES:
        if (root / name).is_symlink():
            (root / name).unlink()
        (root / name).touch()


def image_of(version: Version, root: str) -> Image:
    """How it is run: what the function's configuration says comes before what the image says."""
    given, image = version.config.get("ImageConfig", {}), version.image
    argv = [*(given.get("EntryPoint") or image["entrypoint"]), *(given.get("Command") or image["command"])]
    handler = (given.get("Command") or image["command"] or [""])[0]
    return Image(root, tuple(argv), given.get("WorkingDirectory") or image["directory"], {"_HANDLER": handler, **image["env"]})


@lambda_.boot
def sweep(call: Call) -> None:
    """Roots that no version has any more."""
    place = rooms(call)
    if place.place.is_dir():
        versions = [version for where in call.cloud.store.scopes("lambda.version") for version in call.at(*where).all(Version)]
        place.keep({place.key(version.image["layers"]) for version in versions if version.image})
