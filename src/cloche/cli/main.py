"""`cloche COMMAND`: one module a command; each teaches with --help. Only the command that runs is imported."""
from __future__ import annotations

import argparse
import importlib
import sys

COMMANDS = {
    "up": "start a cloud and keep it running",
    "down": "stop the cloud that runs on a data directory",
    "status": "is it up, where, what time is it in there",
    "clock": "look at virtual time, move it on, freeze it",
    "snapshot": "keep the whole cloud as it is now, or list what is kept",
    "restore": "go back to a snapshot",
    "fork": "copy the whole cloud into a data directory of its own",
    "reset": "empty the cloud",
    "why": "why was a request answered as it was",
    "doctor": "what can this machine do, and how to get the rest",
    "run": "run a command with its AWS settings pointing at Cloche",
    "demo": "a real serverless application, deployed and exercised before your eyes",
}


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if argv[0] in ("-V", "--version"):
        from .. import __version__
        print(f"cloche {__version__}")
        return 0
    name, rest = argv[0], argv[1:]
    if name not in COMMANDS:
        print(f"cloche: '{name}' is not a command.\n\n{_help()}", file=sys.stderr)
        return 2
    command = importlib.import_module(f".{name}", __package__)
    parser = argparse.ArgumentParser(prog=f"cloche {name}", description=command.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.arguments(parser)
    try:
        return int(command.run(parser.parse_args(rest)) or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0


def _help() -> str:
    lines = "\n".join(f"  {name:<9} {what}" for name, what in COMMANDS.items())
    return f"""Cloche: a whole AWS region under a glass bell, on your own machine.

usage: cloche COMMAND [--help]

{lines}

A first minute:
  cloche up &                                     # listens on http://127.0.0.1:4566
  export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1
  aws s3 mb s3://hello && aws s3 ls"""


if __name__ == "__main__":
    sys.exit(main())
