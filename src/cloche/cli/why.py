"""Why was a request answered as it was: the statements that decided, and what the answer said. Or why a packet does not arrive.

  cloche why REQUEST-ID             the id that every answer carries (x-amzn-requestid, x-amz-request-id)
  cloche why --last                 the last request that was refused
  cloche why --from i-1 --to 10.0.2.5 --port 443      the packet's way through the VPCs, and what stops it
"""
from __future__ import annotations

import argparse
import json
from urllib.parse import urlencode

from . import talk


def arguments(parser: argparse.ArgumentParser) -> None:
    talk.target(parser)
    parser.add_argument("request_id", nargs="?")
    parser.add_argument("--last", action="store_true", help="the last request that was refused")
    parser.add_argument("--json", action="store_true", help="as data")
    packet = parser.add_argument_group("a packet")
    packet.add_argument("--from", dest="origin", metavar="ID", help="the instance or network interface that sends it")
    packet.add_argument("--to", metavar="ADDRESS", help="an address, an instance, or an interface")
    packet.add_argument("--port", type=int, default=0)
    packet.add_argument("--protocol", choices=("tcp", "udp", "icmp"), default="tcp")
    packet.add_argument("--source-port", type=int, default=0, help="the client's port; any ephemeral one of Linux's unless given")


def run(args: argparse.Namespace) -> int:
    if args.origin or args.to:
        return packet(args)
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


def packet(args: argparse.Namespace) -> int:
    """0 if it would arrive and be answered, 1 if not."""
    if not args.origin or not args.to:
        raise talk.Failed("a packet has a --from and a --to", 2)
    query = urlencode({"from": args.origin, "to": args.to, "port": args.port, "protocol": args.protocol, "source_port": args.source_port})
    found = talk.ask(args, f"packet?{query}")
    if args.json:
        print(json.dumps(found, indent=2))
        return 0 if found["open"] else 1
    print(talk.bold(found["packet"]))
    for title, way in (("there", found["there"]), ("back", found["back"])):
        for number, line in enumerate(way):
            print(f"{title if number == 0 else '':6}{line}")
    if found["open"]:
        print(talk.green("it arrives, and so does the answer (if somebody listens)"))
        return 0
    print(talk.red("it is dropped in silence; the client waits until it gives up"))
    for one in found["obstacles"]:
        print(f"  {one['code']}: {one['text']}")
    return 1
