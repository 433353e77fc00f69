"""kill -9 and a start: functions, events and mappings go on; of the sandboxes nothing is left. And snapshots bring functions back."""
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from cloche.testing.cloche import Account, Cloche

from .conftest import Bench, zipped
from .test_asynchronous import SEND, queue, received, soon
from .test_durable import SDK, make, start, status, waits


def up(data, port):
    process = subprocess.Popen([sys.executable, "-m", "cloche.cli.main", "up", "--port", str(port), "--data", str(data), "--tls-port", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(400):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_cloche/health")
            return process
        except OSError:
            time.sleep(0.02)
    raise AssertionError("it does not listen")


def processes(word):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if word in Path("/proc", pid, "cmdline").read_bytes().decode("utf-8", "replace"):
                found.append(pid)
        except OSError:
            continue
    return found


def test_an_event_that_was_running_when_the_server_was_killed_runs_after_the_restart(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    server = up(tmp_path / "data", port)
    try:
        bench = Bench(Account(f"http://127.0.0.1:{port}", "000000000000"))
        url, arn = queue(bench, "ok")
        bench.deploy("f", "import subprocess, time\ndef handler(e, c):\n    subprocess.Popen(['sleep', '55555.5'])\n    time.sleep(e['s'])\n    return e", SEND, Timeout=20)
        bench.client.put_function_event_invoke_config(FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": arn}})
        make(bench, SDK + "\nimport time\n@durable\ndef handler(d):\n    return d.step('slow', lambda attempt: time.sleep(0.8) or d.input)\n", "d")
        execution = start(bench, 5, "d:$LATEST")
        assert waits(bench, execution, "StepStarted")
        bench.client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"s": 0.8}')
        assert soon(lambda: processes("55555.5"))
        server.send_signal(signal.SIGKILL)
        server.wait()
        assert soon(lambda: not processes("55555.5"))
        server = up(tmp_path / "data", port)
        [message] = soon(lambda: received(bench, url))
        assert json.loads(message["Body"])["responsePayload"] == {"s": 0.8}
        assert bench.call("f", {"s": 0}) == {"s": 0}
        ended = soon(lambda: (s := status(bench, execution))["Status"] != "RUNNING" and s)
        assert (ended["Status"], ended["Result"]) == ("SUCCEEDED", "5")
    finally:
        server.terminate()
        server.wait()
    assert soon(lambda: not processes("55555.5"))


def test_a_restored_snapshot_has_its_functions(tmp_path):
    with Cloche(tmp_path / "data") as cloud:
        bench = Bench(cloud)
        layer = bench.client.publish_layer_version(LayerName="l", Content={"ZipFile": zipped({"python/lib.py": "x = 5"})})
        bench.deploy(code="import lib\ndef handler(e, c): return lib.x", Layers=[layer["LayerVersionArn"]])
        assert bench.call() == 5
        cloud.control("snapshots/one", {})
        bench.client.delete_function(FunctionName="f")
        bench.client.delete_layer_version(LayerName="l", VersionNumber=1)
        cloud.control("snapshots/one/restore", {})
        assert bench.call() == 5
