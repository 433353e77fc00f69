"""What aws:configurePackage installs in a machine: programs of Amazon's that are written anew here, as a script that lays them down."""
from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from cloche.engines import world
from cloche.services.codedeploy import public as codedeploy

CLOUDWATCH = """set -e
home=/opt/aws/amazon-cloudwatch-agent
mkdir -p $home/bin $home/etc/amazon-cloudwatch-agent.d $home/var $home/logs
base64 -d > $home/bin/amazon-cloudwatch-agent <<'END'
{program}
END
printf '#!/bin/sh\\nexec /usr/bin/python3 %s/bin/amazon-cloudwatch-agent ctl "$@"\\n' $home > $home/bin/amazon-cloudwatch-agent-ctl
chmod 755 $home/bin/*
ln -sf $home/bin/amazon-cloudwatch-agent-ctl /usr/bin/amazon-cloudwatch-agent-ctl
"""
NO_CLOUDWATCH = """home=/opt/aws/amazon-cloudwatch-agent
[ -x $home/bin/amazon-cloudwatch-agent-ctl ] && $home/bin/amazon-cloudwatch-agent-ctl -a stop
rm -rf $home /usr/bin/amazon-cloudwatch-agent-ctl
"""


def cloudwatch() -> tuple[str, str]:
    program = base64.encodebytes((Path(world.__file__).parent / "inside" / "cloudwatch_agent.py").read_bytes()).decode()
    return CLOUDWATCH.format(program=program.strip()), NO_CLOUDWATCH


PACKAGES = {"AmazonCloudWatchAgent": cloudwatch, "AWSCodeDeployAgent": codedeploy.package}   # -> (what installs, what takes away)


def script(inputs: dict[str, Any]) -> str | None:
    """None: there is no such package here."""
    name, action = inputs.get("name", ""), inputs.get("action", "Install")
    if name not in PACKAGES:
        return None
    install, uninstall = PACKAGES[name]()
    verb = "install" if action == "Install" else "uninstall"
    said = f"echo 'Initiating arn:aws:ssm:::package/{name} {verb}'\n"
    return said + (install if action == "Install" else uninstall) + f"echo 'Successfully {verb}ed arn:aws:ssm:::package/{name}'\n"
