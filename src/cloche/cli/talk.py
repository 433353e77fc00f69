"""How commands find and ask the cloud that runs, and how they speak to a person."""
from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


class Failed(SystemExit):
    def __init__(self, text: str, code: int = 1) -> None:
        print(f"cloche: {text}", file=sys.stderr)
        super().__init__(code)


def target(parser: argparse.ArgumentParser) -> None:
    """The two ways to say which cloud is meant."""
    parser.add_argument("--data", default=os.environ.get("CLOCHE_DATA", ".cloche"), help="data directory of the cloud (default ./.cloche)")
    parser.add_argument("--url", help="or its address, such as http://127.0.0.1:4566")


def note(data: str) -> dict[str, Any] | None:
    """What the cloud that runs on a data directory wrote about itself; None if none does."""
    try:
        found: dict[str, Any] = json.loads((Path(data) / "cloche.json").read_text())
        os.kill(found["pid"], 0)
    except (OSError, ValueError, KeyError):
        return None
    return found


def url(args: argparse.Namespace) -> str:
    if args.url:
        return str(args.url).rstrip("/")
    found = note(args.data)
    if found:
        return str(found["url"])
    if os.environ.get("AWS_ENDPOINT_URL"):
        return os.environ["AWS_ENDPOINT_URL"].rstrip("/")
    return "http://127.0.0.1:4566"


def ask(args: argparse.Namespace, path: str, value: Any = None, method: str | None = None) -> Any:
    """A call of the control API. Ends the program with a sentence if nobody answers or the answer is a refusal."""
    address = url(args)
    data = None if value is None else json.dumps(value).encode()
    headers = {"content-type": "application/json"}
    if token := os.environ.get("CLOCHE_TOKEN"):
        headers["authorization"] = f"Bearer {token}"
    request = urllib.request.Request(f"{address}/_cloche/{path}", data, headers, method=method or ("GET" if data is None else "POST"))
    try:
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        try:
            text = json.loads(error.read())["error"]
        except (ValueError, KeyError):
            text = f"{error.code} from {address}"
        raise Failed(text) from None
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        raise Failed(f"no Cloche answers at {address}. Start one with: cloche up", 3) from None


def colour(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text


def bold(text: str) -> str:
    return colour(text, "1")


def green(text: str) -> str:
    return colour(text, "32")


def red(text: str) -> str:
    return colour(text, "31")
