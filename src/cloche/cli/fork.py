"""Copy the whole cloud, as it is now, into a data directory of its own; the two go separate ways from there.

  cloche fork ../experiment && cloche up --data ../experiment --port 4600
"""
from __future__ import annotations

import argparse
from pathlib import Path

from . import talk


def arguments(parser: argparse.ArgumentParser) -> None:
    talk.target(parser)
    parser.add_argument("directory")


def run(args: argparse.Namespace) -> int:
    made = talk.ask(args, "snapshots", {"fork": str(Path(args.directory).absolute())})
    print(f"forked into {made['fork']}; start it with: cloche up --data {made['fork']} --port 0")
    return 0
