"""A real serverless application, deployed with the unmodified SAM CLI and exercised before your eyes.

  cloche demo                       in a directory of its own that is removed afterwards
  cloche demo network               three tiers in a VPC instead: a load balancer, packets that die, and why (cli/demo_network.py)
  cloche demo --keep DIR            leaves application and data there

Every line that begins with `$` is a command that is really run; you can type it too.
"""
from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from . import talk
from .run import settings

STACK = "orders"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("which", nargs="?", choices=["orders", "network"], default="orders", help="orders: serverless (default); network: a VPC")
    parser.add_argument("--keep", metavar="DIR", help="work in this directory and leave it")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")


def example(name: str) -> Path:
    for place in (Path(__file__).parents[1] / "examples", Path(__file__).parents[3] / "examples"):
        if (place / name / "template.yaml").exists():
            return place / name
    raise talk.Failed("the example application is not where it should be")


class Demo:
    tools: tuple[str, ...] = ("sam", "aws")

    def __init__(self, work: Path, port: int) -> None:
        self.work, self.data, self.app, self.port = work, work / "cloud", work / "orders", port
        self.outputs: dict[str, str] = {}

    # -- showing and running ------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        print("\n" + talk.bold(f"── {text}"), flush=True)

    def sh(self, *command: str, quiet: bool = False, may_fail: bool = False, lines: int = 12) -> str:
        """Run a real client, show what was typed and what it said."""
        print(f"$ {shlex.join(command)}", flush=True)
        done = subprocess.run(command, cwd=self.app if self.app.exists() else self.work, env=self.env, capture_output=True, text=True)
        out = (done.stdout + done.stderr).strip()
        if not quiet or (done.returncode and not may_fail):
            shown = out.splitlines()
            print("\n".join("  " + line for line in (shown if len(shown) <= lines or done.returncode else [f"... {len(shown) - lines} lines", *shown[-lines:]])), flush=True)
        if done.returncode and not may_fail:
            raise talk.Failed(f"{command[0]} ended with {done.returncode}")
        return out

    def aws(self, *words: str, **how: Any) -> Any:
        # said each time, since version 1 of the CLI sends SQS to its old address whatever AWS_ENDPOINT_URL says
        out = self.sh("aws", "--endpoint-url", f"http://127.0.0.1:{self.port}", *words, **how)
        try:
            return json.loads(out)
        except ValueError:
            return out

    def http(self, method: str, path: str, value: Any = None) -> Any:
        url = f"http://{self.outputs['ApiId']}.execute-api.localhost:{self.port}/Prod{path}"
        body = None if value is None else json.dumps(value).encode()
        print(f"$ curl -s -X{method} {url}" + (f" -d {shlex.quote(json.dumps(value))}" if value is not None else ""), flush=True)
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/Prod{path}", body, {"host": f"{self.outputs['ApiId']}.execute-api.localhost:{self.port}"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        print(f"  {status} {text}", flush=True)
        return json.loads(text) if text else None

    def until(self, what: str, check: Any, seconds: float = 20) -> Any:
        end = time.monotonic() + seconds
        while not (found := check()):
            if time.monotonic() > end:
                raise talk.Failed(f"waited {seconds:.0f} s in vain until {what}")
            time.sleep(0.1)
        return found

    # -- the acts -----------------------------------------------------------------------------------------------------

    def up(self) -> None:
        command = [sys.executable, "-m", "cloche.cli.main", "up", "--data", str(self.data), "--port", str(self.port)]
        print(f"$ cloche up --data {self.data} --port {self.port} &", flush=True)
        self.log = open(self.work / "cloche.log", "ab")  # noqa: SIM115 - the server writes to it
        start = time.perf_counter()
        (self.data / "cloche.json").unlink(missing_ok=True)
        self.server = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        note = self.until("Cloche is up", lambda: self.server.poll() is None and talk.note(str(self.data)))
        self.port = note["port"]
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | settings(note["url"], "test", "us-east-1") | {"SAM_CLI_TELEMETRY": "0"}
        print(f"  up at {note['url']} after {(time.perf_counter() - start) * 1000:.0f} ms", flush=True)

    def cpu(self) -> float:
        """Seconds of processor time that the server has used."""
        fields = Path(f"/proc/{self.server.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def deploy(self) -> None:
        shutil.copytree(example("orders"), self.app, ignore=shutil.ignore_patterns(".aws-sam"))
        self.sh("sam", "build", lines=3)
        start, before = time.perf_counter(), self.cpu()
        self.sh(
            "sam", "deploy", "--stack-name", STACK, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar",
            "--region", "us-east-1", lines=6,
        )
        print(f"  deployed in {time.perf_counter() - start:.1f} s, of which Cloche worked {self.cpu() - before:.2f} s")
        found = self.aws("cloudformation", "describe-stacks", "--stack-name", STACK, quiet=True)
        self.outputs = {o["OutputKey"]: o["OutputValue"] for o in found["Stacks"][0]["Outputs"]}

    def use(self) -> str:
        self.http("POST", "/orders", {"item": "nothing"})
        order = self.http("POST", "/orders", {"item": "bell jar", "count": 2})
        self.until("the queue's consumer fulfilled the order", lambda: self._state(order["id"]) == "fulfilled")
        self.http("GET", f"/orders/{order['id']}")
        csv = self.work / "today.csv"
        csv.write_text("glass dome,3\ncork base,1\n")
        self.aws("s3", "cp", str(csv), f"s3://{self.outputs['Bucket']}/incoming/today.csv")
        self.until("the file's orders are there", lambda: self._state("today.csv-1") == "fulfilled")
        self.http("GET", "/orders?state=fulfilled")
        self.aws("s3", "ls", f"s3://{self.outputs['Bucket']}/journal/")
        return str(order["id"])

    def _state(self, id_: str) -> str:
        command = ["aws", "dynamodb", "get-item", "--table-name", self.outputs["Table"], "--key", json.dumps({"id": {"S": id_}}), "--query", "Item.state.S", "--output", "text"]
        return subprocess.run(command, env=self.env, capture_output=True, text=True).stdout.strip()

    def poison(self) -> None:
        self.aws("sqs", "send-message", "--queue-url", self.outputs["Queue"], "--message-body", "this is not an order", quiet=True)
        self.sh("cloche", "clock", "advance", "61m", "--data", str(self.data))
        self.aws("s3", "ls", f"s3://{self.outputs['Bucket']}/reports/")
        found = self.aws("sqs", "receive-message", "--queue-url", self.outputs["Poisoned"], "--attribute-names", "ApproximateReceiveCount", "--wait-time-seconds", "5")
        if not found or found["Messages"][0]["Body"] != "this is not an order":
            raise talk.Failed("the poisoned message is not among the dead letters")
        self.sh("sam", "logs", "--stack-name", STACK, "--name", "Fulfil", "--region", "us-east-1", lines=6)

    def deny(self) -> None:
        """The fulfilment function's role may update the table, and nothing else."""
        role = self.outputs["FulfilRole"]
        trust = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"},
        ]})
        self.aws("iam", "update-assume-role-policy", "--role-name", role.rsplit("/", 1)[1], "--policy-document", trust, quiet=True)
        self.aws("iam", "create-user", "--user-name", "visitor", quiet=True)
        may = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}]})
        self.aws("iam", "put-user-policy", "--user-name", "visitor", "--policy-name", "may-play-fulfilment", "--policy-document", may, quiet=True)
        key = self.aws("iam", "create-access-key", "--user-name", "visitor", quiet=True)["AccessKey"]
        before = self.env
        self.env = before | {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        session = self.aws("sts", "assume-role", "--role-arn", role, "--role-session-name", "demo", quiet=True)["Credentials"]
        self.env = before | {"AWS_ACCESS_KEY_ID": session["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"], "AWS_SESSION_TOKEN": session["SessionToken"]}
        self.sh("aws", "dynamodb", "scan", "--table-name", self.outputs["Table"], may_fail=True)
        self.env = before
        self.sh("cloche", "why", "--last", "--data", str(self.data))

    def crash(self, order: str) -> None:
        print(f"$ kill -9 {self.server.pid}", flush=True)
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()
        self.up()
        found = self.http("GET", f"/orders/{order}")
        if found.get("state") != "fulfilled":
            raise talk.Failed("the order did not survive")
        self.http("POST", "/orders", {"item": "after the crash", "count": 1})

    def down(self) -> None:
        if hasattr(self, "server") and self.server.poll() is None:
            self.server.send_signal(signal.SIGTERM)
            try:
                self.server.wait(20)
            except subprocess.TimeoutExpired:
                self.server.kill()


    def play(self) -> None:
        self.say("Start")
        self.up()
        self.say("Deploy with the real SAM CLI: five functions, an API, a table with a stream, a queue with dead letters, a bucket, a schedule")
        self.deploy()
        self.say("Use it: over HTTP, through the queue, by a file in the bucket")
        order = self.use()
        self.say("A poisoned message, and an hour passes: three tries, dead letters, and the scheduled report")
        self.poison()
        self.say("Least privilege is real: the fulfilment role may update the table, not scan it")
        self.deny()
        self.say("kill -9, and everything is still there")
        self.crash(order)


def run(args: argparse.Namespace) -> int:
    from .demo_network import Network
    kind = {"orders": Demo, "network": Network}[args.which]
    for tool in kind.tools:
        if not shutil.which(tool):
            raise talk.Failed(f"the demo drives the real {tool} CLI, which is not on the PATH: pip install awscli aws-sam-cli (or: make demo)")
    work = Path(args.keep).absolute() if args.keep else Path(tempfile.mkdtemp(prefix="cloche-demo-"))
    work.mkdir(parents=True, exist_ok=True)
    demo, start = kind(work, args.port), time.perf_counter()
    try:
        demo.play()
        demo.say(f"Done in {time.perf_counter() - start:.0f} s")
    finally:
        demo.down()
        if not args.keep:
            shutil.rmtree(work, ignore_errors=True)
    return 0
