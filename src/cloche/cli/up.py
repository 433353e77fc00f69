"""Start a cloud. Ctrl-C and kill -9 are both fine: every acknowledged write is on disk.

  cloche up                        data in ./.cloche, http://127.0.0.1:4566
  cloche up --ephemeral            leaves nothing behind
  cloche up --detach               in the background; `cloche down` stops it
"""
from __future__ import annotations

import argparse
import json
import os
import sys

from . import talk


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=4566, help="the one port for every service (default 4566; 0 takes a free one)")
    parser.add_argument("--tls-port", type=int, default=None, help="HTTPS with a certificate of Cloche's own CA (default 4567 when --port is 4566; 0 for none)")
    parser.add_argument("--xray-port", type=int, default=2000, help="the X-Ray daemon's port, UDP and TCP (default 2000; -1 for none)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--data", default=os.environ.get("CLOCHE_DATA", ".cloche"), help="data directory (default ./.cloche)")
    where.add_argument("--ephemeral", action="store_true", help="keep nothing when it stops")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind; any but loopback needs --token")
    parser.add_argument("--token", default=os.environ.get("CLOCHE_TOKEN", ""), help="secret of the root keys and of /_cloche, instead of the well-known one")
    parser.add_argument("--detach", action="store_true", help="go to the background once it listens")
    parser.add_argument("--compute", choices=("auto", "none"), default="auto", help="none: instances and networks are records, nothing runs (default: they are real)")
    parser.add_argument("--services", help="import these services at the start (comma list); all are there anyway, at the first word addressed to them")


def run(args: argparse.Namespace) -> int:
    if args.host not in ("127.0.0.1", "localhost", "::1") and not args.token:
        raise talk.Failed(f"--host {args.host} would let your network in: it needs --token SECRET", 2)
    if not 0 <= args.port <= 65535:
        raise talk.Failed(f"--port {args.port} is not a port", 2)
    if args.detach:
        return _detach(args)
    from ..bell import Bell, InUse
    from ..bell import run as run_bell

    tls = args.tls_port if args.tls_port is not None else 4567 if args.port == 4566 else 0
    bell = Bell(None if args.ephemeral else args.data, args.host, args.port, tls or None, args.token, "none" if args.compute == "none" else "",
                args.xray_port if args.xray_port >= 0 else None)
    try:
        run_bell(bell, lambda b: _ready(b, args))
    except InUse as error:
        raise talk.Failed(str(error)) from None
    return 0


def _ready(bell: object, args: argparse.Namespace) -> None:
    b: object = bell
    url = f"http://{b.host if b.host != '0.0.0.0' else '127.0.0.1'}:{b.port}"  # type: ignore[attr-defined]
    (b.data / "cloche.json").write_text(json.dumps({"pid": os.getpid(), "url": url, "port": b.port, "tls_port": b.tls_port, "xray_port": b.xray_port}))  # type: ignore[attr-defined]
    for name in filter(None, (args.services or "").split(",")):
        try:
            b.cloud.service(name.strip())  # type: ignore[attr-defined]
        except LookupError:
            print(f"cloche: no service {name.strip()}", file=sys.stderr)
    tls = f"  https://localhost:{b.tls_port}" if b.tls_port else ""  # type: ignore[attr-defined]
    print(f"Cloche is up: {url}{tls}  data: {'nowhere' if b.ephemeral else b.data}", flush=True)  # type: ignore[attr-defined]
    for line in b.notes:  # type: ignore[attr-defined]
        print(f"  {line}", flush=True)
    if sys.stdout.isatty():
        print(f"""
  export AWS_ENDPOINT_URL={url} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1
  console: {url}/_cloche/console/        Ctrl-C stops; nothing is lost
""", flush=True)


def _detach(args: argparse.Namespace) -> int:
    """A second process that outlives the terminal; its log is cloche.log in the data directory."""
    import subprocess
    import time
    from pathlib import Path

    if args.ephemeral:
        raise talk.Failed("--detach needs a data directory, so that `cloche down` finds it", 2)
    if found := talk.note(args.data):
        raise talk.Failed(f"already up: {found['url']} (pid {found['pid']})")
    data = Path(args.data)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    (data / "cloche.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", "cloche.cli.main", "up", "--port", str(args.port), "--data", args.data, "--host", args.host]
    if args.tls_port is not None:
        command += ["--tls-port", str(args.tls_port)]
    if args.compute != "auto":
        command += ["--compute", args.compute]
    if args.services:
        command += ["--services", args.services]
    env = os.environ | ({"CLOCHE_TOKEN": args.token} if args.token else {})
    with open(data / "cloche.log", "ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=env)
    for _ in range(400):
        if process.poll() is not None:
            tail = (data / "cloche.log").read_text(errors="replace").strip().splitlines()[-3:]
            raise talk.Failed("it did not start:\n  " + "\n  ".join(tail))
        if found := talk.note(args.data):
            print(f"Cloche is up: {found['url']} (pid {found['pid']}, log {data / 'cloche.log'})")
            return 0
        time.sleep(0.025)
    raise talk.Failed("it did not come up within 10 s; see " + str(data / "cloche.log"))
