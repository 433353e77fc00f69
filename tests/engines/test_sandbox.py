"""A function sees its own code, its own /tmp and its own processes, and nothing else of the machine."""
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloche.engines.run.cgroups import places

LOOK = """
import os, json, socket, signal, urllib.request
def attempt(f):
    try: return f()
    except Exception as e: return type(e).__name__ + ": " + str(e)
def handler(event, context):
    return {name: attempt(lambda: eval(code)) for name, code in event.items()}
"""


def look(bench, environment, **questions):
    outcome = bench.call(environment, json.dumps(questions).encode())
    assert not outcome.failed, outcome
    return json.loads(outcome.payload)


@pytest.fixture(scope="module")
def inside(bench):
    return bench.start(bench.deploy({"index.py": LOOK}))


def test_a_function_runs_without_root_and_without_any_capability(bench, inside):
    seen = look(bench, inside, uid="os.getuid()", gid="os.getgid()", status="open('/proc/self/status').read()", groups="os.getgroups()")
    fields = dict(line.split(":\t", 1) for line in seen["status"].splitlines() if ":\t" in line)
    assert seen["uid"] == 993 and seen["gid"] == 990 and seen["groups"] == []
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[name], 16) == 0, name
    assert fields["NoNewPrivs"] == "1"


def test_a_function_sees_only_its_own_processes(bench, inside):
    seen = look(bench, inside, pids="[p for p in os.listdir('/proc') if p.isdigit()]", parent="os.getppid()")
    assert sorted(seen["pids"]) == ["1", "2"] and seen["parent"] == 1


def test_a_function_cannot_signal_processes_of_the_host_or_its_own_init(bench, inside):
    victim = subprocess.Popen(["sleep", "30"])
    try:
        seen = look(bench, inside, host=f"os.kill({victim.pid}, 9)", init="os.kill(1, 9)", server=f"os.kill({os.getpid()}, 9)")
        assert seen["host"].startswith("ProcessLookupError") and seen["server"].startswith("ProcessLookupError")
        assert seen["init"] is None or seen["init"].startswith("PermissionError")
        assert victim.poll() is None
        assert look(bench, inside, alive="1") == {"alive": 1}
    finally:
        victim.kill()
        victim.wait()


def test_a_function_does_not_see_the_hosts_home_or_cloches_data(bench, inside, place):
    secret = place / "secret"
    secret.write_text("the store")
    seen = look(bench, inside, root="sorted(os.listdir('/'))", home=f"os.listdir({str(Path.home())!r})", secret=f"open({str(secret)!r}).read()",
                code=f"os.listdir({str(place / 'code')!r})", hidden="[os.listdir('/.cloche/' + d) for d in os.listdir('/.cloche')]", shadow="open('/etc/shadow').read()")
    assert set(seen["root"]) <= {".cloche", "bin", "dev", "etc", "lib", "lib64", "mnt", "opt", "proc", "root", "sbin", "tmp", "usr", "var"}
    assert seen["home"] == [] or "Error" in seen["home"]
    assert seen["secret"].startswith("FileNotFoundError") and seen["code"].startswith("FileNotFoundError")
    assert all(below == [] for below in seen["hidden"]) and seen["shadow"].startswith("FileNotFoundError")


def test_a_function_cannot_read_another_functions_code_environment_or_tmp(bench, inside):
    other = bench.start(bench.deploy({"index.py": LOOK, "password.txt": "hunter2"}, variables={"PASSWORD": "hunter2"}))
    look(bench, other, write="open('/tmp/mine', 'w').write('hunter2')")
    seen = look(bench, inside, task="sorted(os.listdir('/var/task'))", tmp="os.listdir('/tmp')", environ="dict(os.environ)",
                others="[open(f'/proc/{p}/environ').read() for p in os.listdir('/proc') if p.isdigit() and p != '1']")
    assert "password.txt" not in seen["task"] and seen["tmp"] == [] and "hunter2" not in json.dumps(seen)
    assert look(bench, other, mine="open('/tmp/mine').read()", password="os.environ['PASSWORD']") == {"mine": "hunter2", "password": "hunter2"}


def test_code_and_layers_are_read_only(bench):
    environment = bench.start(bench.deploy({"index.py": LOOK}, opt={"python/extra.py": "x = 1", "tool": "#!/bin/sh\necho layer\n"}))
    seen = look(bench, environment, task="open('/var/task/new', 'w')", opt="open('/opt/new', 'w')", usr="open('/usr/new', 'w')", runtime="open('/var/runtime/x', 'w')",
                layer="__import__('extra').x", tool="__import__('subprocess').run('/opt/tool', capture_output=True, text=True).stdout", remount="os.system('mount -o remount,rw /var/task 2>/dev/null')")
    assert all("Read-only file system" in seen[k] or "Permission" in seen[k] for k in ("task", "opt", "usr", "runtime")), seen
    assert seen["layer"] == 1 and seen["tool"] == "layer\n" and seen["remount"] != 0


def test_tmp_holds_as_much_as_its_ephemeral_storage(bench):
    environment = bench.start(bench.deploy({"index.py": LOOK}, tmp_mb=64))
    seen = look(bench, environment, fits="open('/tmp/a', 'wb').write(bytes(60 << 20))", more="open('/tmp/b', 'wb').write(bytes(10 << 20))", left="os.remove('/tmp/a')")
    assert seen["fits"] == 60 << 20 and "No space left on device" in seen["more"]


def test_the_endpoint_is_reachable_inside_and_the_hosts_loopback_is_not(bench, inside):
    if not bench.engine.host.net:
        pytest.skip("this kernel gives no network namespaces")
    with socket.create_server(("127.0.0.1", 0)) as host:
        port = host.getsockname()[1]
        seen = look(bench, inside, host=f"socket.create_connection(('127.0.0.1', {port}), 1)", out="socket.create_connection(('192.0.2.1', 80), 1)",
                    endpoint="urllib.request.urlopen(os.environ['AWS_ENDPOINT_URL'], timeout=2).read().decode()")
    assert seen["host"].startswith("ConnectionRefusedError") and "unreachable" in seen["out"] and seen["endpoint"] == "cloche"


def test_memory_over_the_limit_ends_the_environment(bench):
    environment = bench.start(bench.deploy({"index.py": "def handler(e, c):\n    b = bytearray(400 << 20)\n    b[::4096] = b'x' * len(b[::4096])\n    import time; time.sleep(5)"}, memory_mb=128))
    began = time.monotonic()
    outcome = bench.call(environment)
    assert time.monotonic() - began < 4.5
    assert json.loads(outcome.payload)["errorType"] == "Runtime.OutOfMemory" and "signal: killed" in json.loads(outcome.payload)["errorMessage"]
    assert outcome.memory_mb == 128 and environment.dead


def test_memory_over_the_limit_for_an_instant_is_found_as_well(bench):
    outcome = bench.call(bench.deploy({"index.py": "def handler(e, c):\n    b = b'x' * (180 << 20)\n    return len(b)"}, memory_mb=128))
    assert json.loads(outcome.payload)["errorType"] == "Runtime.OutOfMemory"


def test_processes_are_limited(bench):
    code = """
import threading
threading.stack_size(65536)
def handler(e, c):
    stop, made = threading.Event(), 0
    try:
        for made in range(3000):
            threading.Thread(target=stop.wait, daemon=True).start()
    except RuntimeError:
        return made
    finally:
        stop.set()
"""
    assert 900 <= json.loads(bench.call(bench.deploy({"index.py": code}, memory_mb=1024), timeout=20).payload) <= 1024


def test_the_time_limit_is_kept_and_the_environment_discarded(bench):
    environment = bench.start(bench.deploy({"index.py": "import time\ndef handler(e, c):\n    print('begin')\n    time.sleep(30)"}))
    began = time.monotonic()
    outcome = bench.call(environment, timeout=0.3)
    assert 0.3 <= time.monotonic() - began < 5
    assert json.loads(outcome.payload)["errorMessage"].endswith("Error: Task timed out after 0.30 seconds")
    assert json.loads(outcome.payload)["errorType"] == "Sandbox.Timedout"
    assert next(text for _, text in outcome.lines) == "begin\n" and outcome.lines[-1][1].endswith("Task timed out after 0.30 seconds\n")
    bench.run(wait(environment.sandbox.ended))


async def wait(future):
    await future


def test_processes_a_function_leaves_behind_die_with_its_environment(bench):
    environment = bench.start(bench.deploy({"index.py": "import subprocess\ndef handler(e, c):\n    subprocess.Popen(['sleep', '987654'], start_new_session=True)"}))
    bench.call(environment)
    until = time.monotonic() + 2
    while not running("987654") and time.monotonic() < until:
        time.sleep(0.01)
    assert running("987654")
    environment.kill()
    bench.run(wait(environment.sandbox.ended))
    until = time.monotonic() + 2
    while running("987654") and time.monotonic() < until:
        time.sleep(0.01)
    assert not running("987654")


def running(word):
    return [p for p in os.listdir("/proc") if p.isdigit() and word in cmdline(p)]


def cmdline(pid):
    try:
        return Path("/proc", pid, "cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


SERVER = """
import asyncio, sys, pathlib, os
from cloche.engines.run.lambda_runtime import Engine
from cloche.engines.run.invocation import Invocation, Spec
async def main():
    here = pathlib.Path(sys.argv[1])
    engine = Engine(here / 'code', here / 'cache')
    spec = Spec('python3.11', 'index.handler', 'f', None, 256, 64, {})
    for _ in range(3):
        environment = await engine.start(spec)
        await environment.invoke(Invocation('1', b'{}', 'arn', 5))
    print('up', os.getpid(), engine.host.warden.pid, engine.capabilities()['network'].split(':')[0], engine.host.rootless, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def lay_server(place, name):
    here = place / name
    (here / "code" / "f").mkdir(parents=True)
    (here / "code" / "f" / "index.py").write_text("import subprocess\ndef handler(e, c):\n    subprocess.Popen(['sleep', '9876543'])\n")
    return here


def test_nothing_is_left_when_the_server_is_killed(place):
    mounts = Path("/proc/self/mounts").read_text()
    here = lay_server(place, "killed")
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(here)], stdout=subprocess.PIPE, text=True)
    _, pid, warden, *_ = server.stdout.readline().split()
    assert len(running("9876543")) == 3
    def groups():
        return [group for place in places().values() for group in place.glob(f"cloche-{pid}-*")]

    assert groups() or not os.access("/sys/fs/cgroup/pids", os.W_OK)
    server.send_signal(signal.SIGKILL)
    server.wait()
    until = time.monotonic() + 5
    while (running("9876543") or os.path.exists(f"/proc/{warden}") or groups()) and time.monotonic() < until:
        time.sleep(0.02)
    assert not running("9876543") and not os.path.exists(f"/proc/{warden}")
    assert not running(str(here)) and not groups()
    assert Path("/proc/self/mounts").read_text() == mounts
    spaces = {os.readlink(f"/proc/{p}/ns/net") for p in os.listdir("/proc") if p.isdigit() and os.path.exists(f"/proc/{p}/exe")}
    assert os.readlink("/proc/self/ns/net") in spaces


@pytest.mark.skipif(os.geteuid() != 0, reason="shows, as root, that another user can do it")
def test_an_ordinary_user_gets_the_same_sandboxes(place):
    if not os.path.exists("/usr/bin/python3.11"):
        pytest.skip("needs an interpreter outside root's home")
    here = lay_server(place, "rootless")
    (here / "code" / "f" / "index.py").write_text(LOOK)
    asks = {"uid": "os.getuid()", "pids": "[p for p in os.listdir('/proc') if p.isdigit()]", "write": "open('/var/task/x', 'w')", "tmp": "open('/tmp/x', 'w').write('x')", "root": "sorted(os.listdir('/'))",
            "caps": "[l for l in open('/proc/self/status') if l.startswith('Cap')]"}
    script = SERVER.replace("b'{}'", repr(json.dumps(asks).encode())).replace("await environment.invoke", "out = await environment.invoke").replace("asyncio.sleep(60)", "engine.close()").replace("print('up'", "print(out.payload.decode()); print('up'")
    for path in (place, here, here / "code"):
        path.chmod(0o755)
    subprocess.run(["chown", "-R", "12345:12345", str(here)], check=True)
    path = ":".join([str(Path(__file__).parents[2] / "src"), *[p for p in sys.path if p.endswith("site-packages")]])
    done = subprocess.run(["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "/usr/bin/python3.11", "-c", script, str(here)], capture_output=True, text=True,
                          env={"PYTHONPATH": path, "HOME": "/nonexistent", "PATH": "/usr/bin:/bin"}, timeout=30, check=False)
    if "clone: Operation not permitted" in done.stderr:
        pytest.skip("this kernel gives no user namespaces")
    seen, up = done.stdout.splitlines()
    seen = json.loads(seen)
    assert up.endswith("own True"), done
    assert seen["uid"] == 993 and sorted(seen["pids"]) == ["1", "2"] and "Read-only" in seen["write"] and seen["tmp"] == 1 and "home" not in seen["root"]
    assert all(int(line.split()[1], 16) == 0 for line in seen["caps"])


def test_a_zygote_that_somebody_kills_is_replaced(bench):
    spec = bench.deploy({"index.py": "def handler(e, c): return 1"})
    environment = bench.start(spec)
    [zygote] = [p for p in running("zygote.py") if Path("/proc", p, "status").read_text().split("PPid:\t")[1].split()[0] == str(bench.engine.host.warden.pid) and "preload\": true" in cmdline(p) and "python3.11" in cmdline(p)]
    os.kill(int(zygote), signal.SIGKILL)
    bench.run(wait(environment.sandbox.ended))
    assert bench.call(environment).status == "vanished"
    assert json.loads(bench.call(spec).payload) == 1
