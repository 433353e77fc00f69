"""Which runtimes this machine can run: AWS's identifiers, and the interpreter of the host that stands for each.

Nothing is downloaded. A runtime whose interpreter is missing is refused with a sentence that says what to install.
"""
from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
NODES = ("18", "20", "22", "24")
PROVIDED = ("provided", "provided.al2", "provided.al2023")


class Interpreter(NamedTuple):
    """An executable below a prefix that can be mounted at /var/lang."""

    version: str
    prefix: str
    executable: str  # relative to the prefix


@functools.cache
def python(version: str) -> Interpreter | None:
    places = [Path(sys.base_prefix), *sorted(Path.home().glob(f".pyenv/versions/{version}.*"), reverse=True)]
    places += [Path(d).parent for d in os.get_exec_path() if not d.endswith("shims")] + [Path("/usr/local"), Path("/usr")]
    for prefix in places:
        executable = prefix / "bin" / f"python{version}"
        if executable.exists() and (prefix / "lib" / f"python{version}" / "os.py").exists():
            return Interpreter(version, str(prefix.resolve()), f"bin/python{version}")
    return None


@functools.cache
def node(major: str) -> Interpreter | None:
    places = [Path(d) for d in os.get_exec_path()]
    places += [p / "bin" for root in (".nvm/versions/node", ".local/share/fnm/node-versions") for p in Path.home().glob(f"{root}/v{major}.*")]
    for directory in places:
        if not (executable := directory / "node").exists():
            continue
        said = subprocess.run([executable, "--version"], capture_output=True, text=True, check=False).stdout
        if re.match(rf"v{major}\.", said):
            real = executable.resolve()
            return Interpreter(said.strip().lstrip("v"), str(real.parent.parent), f"bin/{real.name}")
    return None


def find(runtime: str) -> Interpreter | None:
    """The interpreter for an AWS runtime identifier; None if this machine has none."""
    if runtime in PROVIDED:
        return Interpreter("", "", "")
    if runtime.startswith("python"):
        return python(runtime.removeprefix("python"))
    if found := re.fullmatch(r"nodejs(\d+)\.x", runtime):
        return node(found[1])
    return None


def missing(runtime: str) -> str:
    """What to install so that `runtime` works here."""
    if runtime.startswith("python"):
        version = runtime.removeprefix("python")
        return f"This machine has no Python {version}. Install it (apt install python{version}, or pyenv install {version}) and try again."
    if runtime.startswith("nodejs"):
        major = re.sub(r"\D.*", "", runtime.removeprefix("nodejs"))
        return f"This machine has no Node.js {major}. Install it (nvm install {major}, or from nodejs.org, so that `node` is on the PATH) and try again."
    return f"Cloche cannot run {runtime} yet: it runs python3.x, nodejs and provided.* functions. Use provided.al2023 with your own bootstrap."


def available() -> dict[str, str]:
    """AWS identifier -> version found."""
    names = [f"python{v}" for v in PYTHONS] + [f"nodejs{v}.x" for v in NODES] + list(PROVIDED)
    return {name: found.version for name in names if (found := find(name))}


def libraries() -> dict[str, str]:
    """boto3 and what it needs, as the server has it: package -> where it lies."""
    found = {}
    for name in ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py"):
        for place in sys.path:
            if os.path.exists(path := os.path.join(place, name)):
                found[name] = os.path.realpath(path)
                break
    return found


@functools.cache
def node_sdk() -> str | None:
    """A node_modules with @aws-sdk, if somebody installed one globally (npm install -g @aws-sdk/client-...)."""
    candidates = ["/usr/lib/node_modules", "/usr/local/lib/node_modules"]
    if executable := shutil.which("node"):
        candidates.insert(0, str(Path(executable).resolve().parent.parent / "lib" / "node_modules"))
    return next((c for c in candidates if os.path.isdir(os.path.join(c, "@aws-sdk"))), None)
