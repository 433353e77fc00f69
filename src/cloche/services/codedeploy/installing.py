"""Where the agent comes from: `latest/install` of AWS's own bucket in each region, and the same as a script for Systems Manager's package."""
from __future__ import annotations

import base64
import functools
import io
import zipfile
from pathlib import Path

import yaml

from cloche.engines import world
from cloche.kernel import Call, Request, Response

LAY_DOWN = """set -e
home=/opt/codedeploy-agent
mkdir -p $home/bin $home/deployment-root /etc/codedeploy-agent/conf /var/log/aws/codedeploy-agent /etc/init.d
base64 -d > $home/bin/codedeploy-agent.pyz <<'END'
{program}
END
[ -e /etc/codedeploy-agent/conf/codedeployagent.yml ] || printf -- '---\\n:root_dir: "/opt/codedeploy-agent/deployment-root"\\n:max_revisions: 5\\n' > /etc/codedeploy-agent/conf/codedeployagent.yml
printf '#!/bin/sh\\nexec /usr/bin/python3 %s/bin/codedeploy-agent.pyz "$@"\\n' $home > $home/bin/codedeploy-agent
cp $home/bin/codedeploy-agent /etc/init.d/codedeploy-agent
mkdir -p /var/lib/cloud/scripts/per-boot
printf '#!/bin/sh\\nexec /etc/init.d/codedeploy-agent start\\n' > /var/lib/cloud/scripts/per-boot/codedeploy-agent
chmod 755 $home/bin/codedeploy-agent /etc/init.d/codedeploy-agent /var/lib/cloud/scripts/per-boot/codedeploy-agent
/etc/init.d/codedeploy-agent restart
"""
TAKE_AWAY = """home=/opt/codedeploy-agent
[ -x /etc/init.d/codedeploy-agent ] && /etc/init.d/codedeploy-agent stop
rm -rf $home/bin /etc/init.d/codedeploy-agent /var/lib/cloud/scripts/per-boot/codedeploy-agent
"""


@functools.cache
def program() -> str:
    """The agent and the yaml that it reads, as one file that python3 runs; in base64."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py"), (Path(world.__file__).parent / "inside" / "codedeploy_agent.py").read_bytes(), zipfile.ZIP_DEFLATED)
        for path in sorted(Path(yaml.__file__).parent.glob("*.py")):
            if path.name != "cyaml.py":                # it needs a library of C's
                archive.writestr(zipfile.ZipInfo(f"yaml/{path.name}"), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return base64.encodebytes(data.getvalue()).decode().strip()


def lay_down() -> str:
    return LAY_DOWN.format(program=program())


def answer(call: Call, request: Request, region: str) -> Response:
    """The one object of that bucket that is here: the installer. `./install auto` lays the agent down and starts it."""
    if request.method not in ("GET", "HEAD") or request.path != "/latest/install":
        return Response(404, [("content-type", "application/xml")], b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>")
    text = ("#!/bin/sh\n# ./install auto: the CodeDeploy agent of Cloche's machines\ncase \"$1\" in auto|deb|rpm|zypper) ;; *) echo 'Usage: install auto' >&2; exit 1;; esac\n" + lay_down()).encode()
    return Response(200, [("content-type", "binary/octet-stream"), ("content-length", str(len(text)))], text if request.method == "GET" else b"")
