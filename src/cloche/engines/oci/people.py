"""Who a container runs as: `user`, `user:group`, numbers or names of the image's own /etc/passwd and /etc/group. Reads a root directory, never through its links."""
from __future__ import annotations

import os
from pathlib import Path

from .unpack import Broken


def who(root: Path, text: str) -> tuple[int, int, str]:
    """uid, gid, home. Raises Broken with docker's words."""
    user, _, group = text.partition(":")
    uid, gid, home = 0, 0, "/"
    rows = [line.split(":") for line in lines(root, "etc/passwd")]
    wanted = user or "0"
    for row in rows:
        if len(row) >= 6 and (row[0] == wanted or (wanted.isdigit() and row[2] == wanted)):
            uid, gid, home = int(row[2]), int(row[3]), row[5] or "/"
            break
    else:
        if not wanted.isdigit():
            raise Broken(f"unable to find user {wanted}: no matching entries in passwd file")
        uid, home = int(wanted), "/root" if wanted == "0" and (root / "root").is_dir() else "/"
    if group.isdigit():
        gid = int(group)
    elif group:
        found = next((int(row[2]) for row in (line.split(":") for line in lines(root, "etc/group")) if len(row) >= 3 and row[0] == group), None)
        if found is None:
            raise Broken(f"unable to find group {group}: no matching entries in group file")
        gid = found
    return uid, gid, home


def lines(root: Path, name: str) -> list[str]:
    if (root / name).parent.is_symlink():
        return []
    try:
        fd = os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            return file.read(1 << 20).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
