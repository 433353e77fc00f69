"""Whom functions believe: the host's authorities and Cloche's own, in files that their environments find at fixed places, and the variables that name them."""
from __future__ import annotations

import asyncio
import hashlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from . import packages

BUNDLE, EXTRA = "/var/runtime/ca-cert.pem", "/var/runtime/cloche-ca.pem"
HOST_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
VARIABLES = {  # programs that bring certificates of their own are told of Cloche's
    "AWS_CA_BUNDLE": BUNDLE, "REQUESTS_CA_BUNDLE": BUNDLE, "SSL_CERT_FILE": BUNDLE, "NODE_EXTRA_CA_CERTS": EXTRA,
}
MAKE = "import sys; from pathlib import Path; sys.path[:0] = sys.argv[2:]; from cloche.engines import authority; authority.load(Path(sys.argv[1]))"


async def made(cloud: Any) -> None:
    """Cloche's authority is there. What makes it is heavy and needed once in the life of a data directory: a process of its own does it."""
    if (Path(cloud.data) / "ca.pem").exists():
        return
    if "lambda.authority" not in cloud.memory:
        cloud.memory["lambda.authority"] = asyncio.ensure_future(_make(cloud))
    await asyncio.shield(cloud.memory["lambda.authority"])


async def _make(cloud: Any) -> None:
    working = await asyncio.create_subprocess_exec(sys.executable, "-c", MAKE, str(cloud.data), str(Path(__file__).parents[3]), stdin=asyncio.subprocess.DEVNULL)
    await working.wait()


def binds(cloud: Any, **files: str) -> tuple[tuple[str, str], ...]:
    """Files below the code's directory, and where environments see them: the bundles, and others by their place in /etc."""
    authority = Path(cloud.data) / "ca.pem"
    own = authority.read_text() if authority.exists() else ""
    text = "".join(files.values())
    name = "net-" + hashlib.sha256((text + own).encode()).hexdigest()
    place = packages.code_root(cloud) / name
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=place.parent))
        for file, content in files.items():
            (room / file).write_text(content)
        (room / "ca-cert.pem").write_text(next((Path(one).read_text() for one in HOST_BUNDLES if Path(one).exists()), "") + own)
        (room / "cloche-ca.pem").write_text(own)
        room.chmod(0o755)
        if place.exists():
            shutil.rmtree(room)
        else:
            room.rename(place)
    return (f"{name}/ca-cert.pem", BUNDLE), (f"{name}/cloche-ca.pem", EXTRA), *((f"{name}/{file}", f"/etc/{file}") for file in files)
