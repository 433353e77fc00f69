"""Empty the cloud: every account, every resource, and the clock back to the wall's. Snapshots stay."""
from __future__ import annotations

import argparse
import sys

from . import talk


def arguments(parser: argparse.ArgumentParser) -> None:
    talk.target(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> int:
    if not args.yes and sys.stdin.isatty() and input("Everything in this cloud goes. Sure? [y/N] ").lower() not in ("y", "yes"):
        return 1
    talk.ask(args, "reset", {})
    print("empty")
    return 0
