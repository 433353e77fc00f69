"""Stop the cloud that runs on a data directory. Its data stays; `cloche up` takes it up again."""
from __future__ import annotations

import argparse
import os
import signal
import time

from . import talk


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", default=os.environ.get("CLOCHE_DATA", ".cloche"), help="data directory of the cloud (default ./.cloche)")


def run(args: argparse.Namespace) -> int:
    found = talk.note(args.data)
    if not found:
        print(f"no Cloche is running on {args.data}")
        return 0
    os.kill(found["pid"], signal.SIGTERM)
    for _ in range(400):
        if talk.note(args.data) is None:
            print("Cloche is down")
            return 0
        time.sleep(0.025)
    raise talk.Failed(f"pid {found['pid']} does not stop; kill -9 is safe")
