"""Keep the whole cloud as it is now.

  cloche snapshot                   list what is kept
  cloche snapshot NAME              keep it under a name
  cloche snapshot NAME --delete     forget it
"""
from __future__ import annotations

import argparse

from . import talk


def arguments(parser: argparse.ArgumentParser) -> None:
    talk.target(parser)
    parser.add_argument("name", nargs="?")
    parser.add_argument("--delete", action="store_true")


def run(args: argparse.Namespace) -> int:
    if not args.name:
        for shot in talk.ask(args, "snapshots")["snapshots"]:
            print(f"{shot['snapshot']:<30} {shot['bytes'] / 1024:>10,.0f} KiB")
    elif args.delete:
        talk.ask(args, f"snapshots/{args.name}", method="DELETE")
        print(f"forgot {args.name}")
    else:
        shot = talk.ask(args, f"snapshots/{args.name}", {})
        print(f"kept as {args.name} ({shot['bytes'] / 1024:,.0f} KiB of state)")
    return 0
