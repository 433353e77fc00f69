"""What a zygote's root holds: a plain description (data in, data out) that the warden mounts."""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .interpreters import Interpreter, libraries

INSIDE = Path(__file__).with_name("inside")
LIBRARY_PATH = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
PATH = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
DEVICES = ("null", "zero", "full", "random", "urandom")
ETC = ("ssl", "pki", "ca-certificates", "ca-certificates.conf", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "mime.types", "protocols", "services")
FILES = {
    "/etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\nnobody:x:65534:65534::/:/sbin/nologin\n",
    "/etc/group": "root:x:0:\nsbx_user1051:x:990:\nnobody:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost sandbox.localdomain sandbox\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n",
    "/var/runtime/bootstrap.py": "import os, sys\nsys.path.insert(0, '/var/runtime/cloche')\nimport bootstrap\nos._exit(bootstrap.main(dict(os.environ)))\n",  # what a wrapper script starts
    "/var/runtime/ca-cert.pem": "", "/var/runtime/cloche-ca.pem": "",  # where a function finds Cloche's authority
    "/etc/os-release": 'NAME="Cloche"\nID=cloche\nPRETTY_NAME="Cloche function environment"\n',
}


def describe(interpreter: Interpreter, code: Path, pyc: Path, others: dict[str, str], *, rootless: bool, net: bool, preload: bool, counted: bool,
             shared: Path | None = None) -> dict[str, Any]:
    """The order for the warden. `others`: name -> host directory, kept below /.cloche for environments to mount at /var/lang; `shared`: where directories lie that environments may share."""
    binds: list[tuple[str, str, bool]] = [("/usr", "/usr", False), (interpreter.prefix, "/var/lang", False)]
    links = {"/var/node_modules": "/var/runtime/node_modules",  # where `import` looks from /var/task
             "/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1", "/dev/stderr": "/proc/self/fd/2"}
    for name in ("/bin", "/sbin", "/lib", "/lib64"):
        if os.path.islink(name):
            links[name] = os.readlink(name)
        elif os.path.isdir(name):
            binds.append((name, name, False))
    binds += [(f"/etc/{name}", f"/etc/{name}", False) for name in ETC if os.path.exists(f"/etc/{name}")]
    binds += [(f"/dev/{name}", f"/dev/{name}", False) for name in DEVICES]
    binds += [(path, f"/var/runtime/{name}", False) for name, path in libraries().items()]
    binds.append((str(INSIDE / "snapshot_restore_py.py"), "/var/runtime/snapshot_restore_py.py", False))
    binds += [(str(INSIDE), "/var/runtime/cloche", False), (str(code), "/.cloche/code", False), (str(pyc), "/.cloche/pyc", True)]
    binds += [(path, f"/.cloche/{name}", False) for name, path in others.items()]
    if shared:
        binds.append((str(shared), "/.cloche/shared", True))
    options = {"rootless": rootless, "net": net, "preload": preload, "counted": counted, "pyc": "/.cloche/pyc"}
    return {
        "rootless": rootless, "binds": binds, "links": links, "files": FILES,
        "directories": ["/var/task", "/var/runtime/node_modules", "/opt", "/mnt", "/tmp", "/proc", "/dev", "/etc", "/root"],
        "argv": [f"/var/lang/{interpreter.executable}", "-I", "-S", "/var/runtime/cloche/zygote.py", json.dumps(options)],
        "env": {"LD_LIBRARY_PATH": LIBRARY_PATH, "PATH": PATH, "LANG": "en_US.UTF-8", "LC_ALL": "C.UTF-8", "TZ": ":UTC"},
    }
