"""Go back to a snapshot: everything after it is undone, the clock included."""
from __future__ import annotations

import argparse

from . import talk


def arguments(parser: argparse.ArgumentParser) -> None:
    talk.target(parser)
    parser.add_argument("name")


def run(args: argparse.Namespace) -> int:
    talk.ask(args, f"snapshots/{args.name}/restore", {})
    print(f"back at {args.name}")
    return 0
