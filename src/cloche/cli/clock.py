"""Virtual time: one clock for every service.

  cloche clock                      what time is it
  cloche clock advance 10m          move on; whatever falls due runs, in order (90, 90s, 10m, 2h, 3d)
  cloche clock set 2030-01-01T00:00:00Z
  cloche clock freeze | unfreeze
"""
from __future__ import annotations

import argparse
import re

from . import talk

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def arguments(parser: argparse.ArgumentParser) -> None:
    talk.target(parser)
    parser.add_argument("verb", nargs="?", choices=["advance", "set", "freeze", "unfreeze"], help="nothing shows the time")
    parser.add_argument("value", nargs="?", help="how far, or until when")


def run(args: argparse.Namespace) -> int:
    body = None
    if args.verb == "advance":
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw]?)", args.value or "")
        if not match:
            raise talk.Failed("advance takes a time such as 90, 90s, 10m, 2h, 3d", 2)
        body = {"advance_seconds": float(match[1]) * UNITS[match[2]]}
    elif args.verb == "set":
        body = {"set": args.value}
    elif args.verb:
        body = {"freeze": args.verb == "freeze"}
    clock = talk.ask(args, "clock", body)
    print(clock["now"] + (" (standing still)" if clock["frozen"] else ""))
    return 0
