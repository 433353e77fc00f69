"""Why was a request answered as it was: the statements that decided, and what the answer said.

  cloche why REQUEST-ID             the id that every answer carries (x-amzn-requestid, x-amz-request-id)
  cloche why --last                 the last request that was refused
"""
from __future__ import annotations

import argparse
import json

from . import talk


def arguments(parser: argparse.ArgumentParser) -> None:
    talk.target(parser)
    parser.add_argument("request_id", nargs="?")
    parser.add_argument("--last", action="store_true", help="the last request that was refused")
    parser.add_argument("--json", action="store_true", help="as data")


def run(args: argparse.Namespace) -> int:
    if args.request_id:
        found = talk.ask(args, f"why/{args.request_id}")
    else:
        refused = [r for r in talk.ask(args, "requests?limit=1000")["requests"] if r["status"] >= 400 or not args.last]
        if not refused:
            raise talk.Failed("no request was refused lately" if args.last else "no request yet")
        found = refused[0]
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    good = found["status"] < 400
    print(f"{talk.bold(found['service'] + ':' + found['operation'])} in {found['account']} {found['region']} by {found['principal']}")
    print((talk.green if good else talk.red)(f"{found['status']}") + (f" {found['error']['code']}: {found['error']['message']}" if found.get("error") else ""))
    why = found.get("why")
    if why is None:
        print("No permission was asked for.")
    else:
        print(why.get("text") or json.dumps(why))
    return 0
