"""Run a command with its AWS settings pointing at Cloche. If none is up, one is started for the command and leaves nothing behind.

  cloche run -- aws s3 ls
  cloche run -- pytest
  cloche run --account 111122223333 -- terraform apply
"""
from __future__ import annotations

import argparse
import os
import subprocess
import urllib.error
import urllib.request

from . import talk


def arguments(parser: argparse.ArgumentParser) -> None:
    talk.target(parser)
    parser.add_argument("--account", default="test", help="12 digits: act as that account's root (default 000000000000)")
    parser.add_argument("--region", default=os.environ.get("AWS_DEFAULT_REGION", "us-east-1"))
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- COMMAND ARGUMENTS")


def settings(url: str, account: str, region: str) -> dict[str, str]:
    """The environment in which every AWS client meets the cloud at `url`."""
    return {
        "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": os.environ.get("CLOCHE_TOKEN") or "test", "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region, "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true",
    }


def run(args: argparse.Namespace) -> int:
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise talk.Failed("what should run? cloche run -- COMMAND", 2)
    url, own = talk.url(args), None
    if not _answers(url):
        if args.url:
            raise talk.Failed(f"no Cloche answers at {url}", 3)
        from ..testing import Cloche
        own = Cloche()
        url = own.url
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | settings(url, args.account, args.region)
    try:
        return subprocess.run(command, env=env, check=False).returncode
    except FileNotFoundError:
        raise talk.Failed(f"{command[0]}: no such command", 127) from None
    finally:
        if own is not None:
            own.close()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/_cloche/health", timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError):
        return False
    return True
