"""Fetch botocore's protocol test cases: they are in its source distribution, not in the wheel.

    python -m tools.protocols            # prints the folder, for BOTOCORE_PROTOCOLS

pip downloads the source of the botocore that is installed, once, to .cache/; nothing of it is run or committed.
"""
from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".cache" / "protocols"


def folder() -> Path:
    """Where the cases are, or would be, for the installed botocore."""
    return CACHE / importlib.metadata.version("botocore")


def fetch() -> Path:
    target = folder()
    if target.is_dir():
        return target
    version = importlib.metadata.version("botocore")
    with tempfile.TemporaryDirectory() as where:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "botocore", "-d", where, f"botocore=={version}"], check=True)
        (archive,) = Path(where).glob("botocore-*.tar.gz")
        fresh = Path(where) / "cases"
        with tarfile.open(archive) as tar:
            for member in tar:
                parts = Path(member.name).parts
                if parts[1:4] == ("tests", "unit", "protocols") and len(parts) == 6 and parts[4] in ("input", "output") and member.isfile():
                    out = fresh / parts[4] / parts[5]
                    out.parent.mkdir(parents=True, exist_ok=True)
                    out.write_bytes(tar.extractfile(member).read())  # type: ignore[union-attr]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(fresh, target)  # whole or not at all
    return target


if __name__ == "__main__":
    print(fetch())
