"""Machines: what runs in one, what it sees, and what it cannot reach."""
import asyncio
import base64
import contextlib
import gzip
import http.server
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest

from cloche.engines.world import WorldError, user_data

from .worlds import descendants

ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def machine(lab):
    return lab.machine(hostname="ip-10-0-0-5", domain="ec2.internal", resolvers=("10.0.0.2",), environment={"AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": "http://10.0.0.9"})


# what is inside

def test_a_command_runs_as_root_and_its_code_and_words_come_back(lab, machine):
    assert lab(lab.world.execute(machine.id, ["sh", "-c", "id -u; cat; echo no >&2; exit 7"], b"in")) == (7, b"0\nin", b"no\n")


def test_a_command_that_is_not_there_says_so(lab, machine):
    assert lab(lab.world.execute(machine.id, ["nothing-like-it"]))[0] == 127


def test_a_command_that_takes_too_long_is_killed(lab, machine):
    assert lab(lab.world.execute(machine.id, ["sh", "-c", "sleep 60 & sleep 60"], timeout=0.1))[0] == -9
    assert "sleep" not in lab.sh(machine, "ps ax")


@pytest.mark.skipif(not ROOT, reason="one id only, where Cloche is not root")
def test_a_command_may_run_as_another_user(lab, machine):
    assert lab.sh(machine, "whoami; pwd; groups", user="ec2-user").split("\n") == ["ec2-user", "/home/ec2-user", "ec2-user adm wheel"]
    code, _, err = lab(lab.world.execute(machine.id, ["id"], user="nobody-knows"))
    assert code and b"does not exist" in err


def test_there_are_python_curl_and_a_shell_and_boto3(lab, machine):
    assert lab.sh(machine, "curl --version >/dev/null && python3 -c 'import boto3; print(boto3.client(\"sqs\").meta.endpoint_url)'") == "http://10.0.0.9"


def test_names_and_settings_are_its_own(lab, machine):
    assert lab.sh(machine, "hostname; cat /etc/hostname; cat /etc/resolv.conf | head -2; . /etc/profile; echo $AWS_DEFAULT_REGION").split("\n") == [
        "ip-10-0-0-5", "ip-10-0-0-5", "search ec2.internal", "nameserver 10.0.0.2", "us-east-1"]


def test_root_may_change_the_system_and_its_own_network(lab, machine):
    lab.sh(machine, "touch /usr/bin/mine && rm /usr/bin/yes && ! test -e /usr/bin/yes")
    assert os.path.exists("/usr/bin/yes") and not os.path.exists("/usr/bin/mine")
    lab.sh(machine, "ip link add d0 type veth peer name d1 && ip addr add 10.77.0.1/24 dev d0 && nft add table inet mine && echo 1 > /proc/sys/net/ipv4/ip_forward && ss -ltn")
    lab.sh(machine, "mount -t tmpfs none /mnt && touch /mnt/x && umount /mnt")


@pytest.mark.skipif(not ROOT, reason="one id only, where Cloche is not root")
def test_ping_and_sudo_are_there(lab, machine):
    assert "1 received" in lab.sh(machine, "ping -c 1 -W 1 127.0.0.1")
    lab.sh(machine, "ip addr add 10.66.0.1/24 dev lo; ip route replace 10.66.1.0/24 dev lo; ping -c 1 -W 0.2 10.66.1.1", code=1)
    assert lab.sh(machine, "sudo -u ec2-user id -un; sudo id -un") == "ec2-user\nroot"


@pytest.mark.skipif(not ROOT, reason="without root there is no filter")
def test_the_kernels_keyrings_are_not_shared(lab, machine):
    assert lab.sh(machine, "python3 -c 'import ctypes; l = ctypes.CDLL(None, use_errno=True); print(l.syscall(248, b\"user\", b\"a\", b\"b\", 1, -4), ctypes.get_errno())'") == "-1 38"


def test_low_ports_are_free_and_terminals_work(lab, machine):
    lab.sh(machine, "python3 -c 'import socket; s = socket.socket(); s.bind((\"\", 80))'")
    assert lab.sh(machine, "python3 -c 'import pty; pty.spawn([\"tty\"])'").startswith("/dev/pts/")


# what is not

def test_a_machine_sees_no_process_of_the_host_nor_of_another_machine(lab, machine):
    other = lab.machine(user_data=b"#!/bin/sh\nexec sleep 1234\n")
    seen = lab.sh(machine, "ps ax -o pid,args")
    assert "1234" not in seen and "pytest" not in seen and "holder.py" not in seen
    lab.sh(machine, f"kill -0 {os.getpid()}", code=1)
    lab(lab.world.halt(other.id, "kill"))


def test_its_first_process_cannot_be_read_or_killed(lab, machine):
    for path in ("mem", "environ", "root", "fd", "exe", "ns/net"):
        lab.sh(machine, f"ls -L /proc/1/{path}/ 2>/dev/null || head -c1 /proc/1/{path}", code=1)
    lab.sh(machine, "kill -9 1; kill -HUP 1; sleep 0.05; true")
    assert lab.sh(machine, "echo alive") == "alive"


def test_a_machine_sees_nothing_of_the_hosts_files_but_its_programs(lab, machine, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for path in (secret, lab.directory, Path(__file__), Path.home() / ".ssh", "/home/somebody", Path(sys.executable).parent):
        lab.sh(machine, f"test ! -e {path}")
    assert lab.sh(machine, "ls -A /root /srv /opt /mnt /media /var/log /home | tr '\\n' ' '") == "/home: ec2-user ssm-user  /media:  /mnt:  /opt: aws  /root:  /srv:  /var/log: cloud-init-output.log"


def test_a_machine_cannot_reach_the_hosts_disks_and_kernel(lab, machine):
    lab.sh(machine, "! mknod /tmp/disk b 254 0 && ! mount -t devtmpfs d /mnt && ! mount -t sysfs s /mnt && ! mount -t proc p /mnt && ! umount /proc")
    lab.sh(machine, "! echo x > /proc/sys/kernel/core_pattern; ! echo h > /proc/sysrq-trigger; ! dmesg -C")
    assert lab.sh(machine, "ls -l /dev | grep -c '^b'; true") == "0"


def test_a_machine_does_not_reach_the_hosts_network(lab, machine):
    class Hello(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    addresses = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    for address in (*addresses, "127.0.0.1"):
        host = f"[{address}]" if ":" in address else address
        assert lab.sh(machine, f"curl -s -m 1 http://{host}:{server.server_port}/; echo $?") in ("7", "28")
    server.shutdown()


def test_a_data_directory_among_the_hosts_programs_is_hidden(tmp_path):
    from cloche.engines.world import skeleton
    data = Path("/usr/lib/cloche-data")
    skeleton.hide(tmp_path, ("/usr",), data)
    assert (tmp_path / "usr/lib/cloche-data").is_char_device()


def test_what_others_may_not_read_in_etc_is_not_copied(lab, machine):
    assert "root:*:" in lab.sh(machine, "cat /etc/shadow")
    lab.sh(machine, "test ! -e /etc/ssh/ssh_host_rsa_key && test ! -e /etc/ssl/private && test ! -e /etc/gshadow")


# user data

def test_a_script_runs_once_as_root_and_its_words_are_logged(lab):
    machine = lab.machine(user_data=b"#!/bin/bash\necho \"$(id -un) $BASH_VERSION\" | tee -a /root/count\n")
    assert lab.log(machine).startswith("root 5.")
    lab(lab.world.halt(machine.id, "reboot"))
    lab(lab.world.boot(machine))
    lab.log(machine)
    assert lab.sh(machine, "wc -l < /root/count") == "1"
    assert "root 5." in lab.world.console(machine.id).decode() and "Cloud-init finished" in lab.world.console(machine.id).decode()


CONFIG = b"""#cloud-config
hostname: webby
bootcmd:
  - echo boot >> /root/boots
write_files:
  - path: /etc/app/one.conf
    content: |
      hello
    permissions: '0600'
  - path: /etc/app/two.bin
    encoding: b64
    content: aGVsbG8=
    owner: ec2-user:ec2-user
users:
  - default
  - name: alice
    groups: wheel
    shell: /bin/sh
    ssh_authorized_keys: [ssh-ed25519 AAAA alice]
ssh_authorized_keys:
  - ssh-ed25519 BBBB you
packages: [nginx]
runcmd:
  - [sh, -c, 'echo list "$0"', 'a b']
  - echo text > /root/ran
"""


@pytest.mark.skipif(not ROOT, reason="one id only, where Cloche is not root")
def test_cloud_config_is_understood(lab):
    machine = lab.machine(user_data=CONFIG)
    said = lab.log(machine)
    assert "list a b" in said and "nginx" in said
    assert lab.sh(machine, "hostname; cat /root/ran /etc/app/one.conf; stat -c '%a' /etc/app/one.conf; cat /etc/app/two.bin; stat -c ' %U' /etc/app/two.bin").split() == [
        "webby", "text", "hello", "600", "hello", "ec2-user"]
    assert lab.sh(machine, "id alice; cat ~alice/.ssh/authorized_keys ~ec2-user/.ssh/authorized_keys; stat -c %U ~alice/.ssh/authorized_keys").split("\n")[1:] == [
        "ssh-ed25519 AAAA alice", "ssh-ed25519 BBBB you", "alice"]
    lab(lab.world.halt(machine.id))
    lab(lab.world.boot(machine))
    lab.log(machine)
    assert lab.sh(machine, "cat /root/boots | wc -l; hostname; grep -c alice /etc/passwd").split() == ["2", "webby", "1"]


def test_user_data_of_many_parts_and_compressed(lab):
    message = MIMEMultipart()
    message.attach(MIMEText("#cloud-config\nruncmd: [echo first]\n", "cloud-config"))
    message.attach(MIMEText("#!/bin/sh\necho second\n", "x-shellscript"))
    machine = lab.machine(user_data=gzip.compress(message.as_bytes()))
    assert [line for line in lab.log(machine).split("\n") if line in ("first", "second")] == ["first", "second"]


def test_other_text_is_data_only(lab):
    machine = lab.machine(user_data=b"just=data\n")
    assert lab.log(machine).startswith("Cloud-init finished")


def test_a_failing_step_is_said_and_the_next_is_done(lab):
    machine = lab.machine(user_data=b"#cloud-config\nwrite_files: [{path: /proc/nothing/x, content: a}]\nruncmd: [exit 4]\nfinal_message: over\n")
    said = lab.log(machine)
    assert "write failed" in said and "exited with 4" in said and "over" in said


@pytest.mark.parametrize("data, does", [
    (b"", []), (b"text", []), (b"#!/bin/sh\n", ["script"]), (b"#cloud-config\n: : :", ["say"]), (b"#cloud-config\n- a", []), (b"\x1f\x8bnot", []),
    (b"#cloud-boothook\necho", ["script"]), (b"#cloud-config\nusers: [bob]\nhostname: h", ["hostname", "user"]),
])
def test_user_data_as_steps(data, does):
    assert [step["do"] for step in user_data.steps(data)] == does


def test_a_gzip_bomb_is_cut(lab):
    assert len(base64.b64decode(user_data.steps(gzip.compress(b"#!/bin/sh\n" + b"#" * (64 << 20)))[0]["content"])) <= user_data.LIMIT


def test_user_data_that_unfolds_to_much_more_runs(lab):
    machine = lab.machine(user_data=gzip.compress(b"#!/bin/sh\n" + b"#" * (1 << 20) + b"\necho unfolded\n"))
    assert "unfolded" in lab.log(machine)


# its life

def test_the_disk_stays_over_stop_and_start_and_tmp_does_not(lab):
    machine = lab.machine()
    lab.sh(machine, "echo kept > /root/file; echo gone > /tmp/file; rm -rf /usr/share/menu /usr/share/zoneinfo/Africa")
    lab(lab.world.halt(machine.id))
    with pytest.raises(WorldError, match="does not run"):
        lab.sh(machine, "true")
    lab(lab.world.boot(machine))
    assert lab.sh(machine, "cat /root/file; test -e /tmp/file || test -d /usr/share/zoneinfo/Africa || echo none") == "kept\nnone"


@pytest.mark.parametrize("command, how", [("poweroff", "poweroff"), ("reboot", "reboot"), ("shutdown -h now", "poweroff"), ("shutdown -r now", "reboot"), ("halt", "halt")])
def test_a_machine_ends_itself(lab, command, how):
    machine, told = lab.machine(), []
    lab.world.machines.on_end.append(lambda name, way: told.append((name, way)))
    with contextlib.suppress(WorldError):  # it may be gone before it can say that it has begun
        lab(lab.world.execute(machine.id, ["sh", "-c", f"{command}"]))
    lab.until(lambda: told)
    assert told == [(machine.id, how)] and machine.id not in lab.world.machines.running
    lab.world.machines.on_end.clear()


def test_processes_are_asked_to_end_before_the_machine_does(lab):
    machine = lab.machine(user_data=b"#!/bin/sh\ntrap 'echo asked > /root/asked; exit' TERM\nsleep 60 & wait\n")
    lab(asyncio.sleep(0.1))
    began = time.monotonic()
    lab(lab.world.halt(machine.id))
    assert time.monotonic() - began < 2
    lab(lab.world.boot(machine))
    assert lab.sh(machine, "cat /root/asked") == "asked"


def test_memory_beyond_the_machines_is_not_given(lab):
    if not lab.world.cgroups.bases:
        pytest.skip("no control groups here")
    machine = lab.machine(memory_mb=64)
    assert lab.sh(machine, "python3 -c 'x = b\"x\" * (200 << 20)'", code=137) == "Killed"
    assert lab.sh(machine, "echo alive") == "alive"


def test_an_image_of_a_machine_boots_another_that_does_its_own_user_data(lab):
    from cloche.engines.world import disks
    first = lab.machine(user_data=b"#!/bin/sh\necho one >> /root/runs; rm /usr/bin/yes; touch /usr/bin/extra\n")
    lab.log(first)
    image = lab.directory / "images" / "ami-1"
    disks.image(first.disk, image)
    second = lab.machine(image=(image,), user_data=b"#!/bin/sh\necho two >> /root/runs\n")
    lab.log(second)
    assert lab.sh(second, "cat /root/runs; ls /usr/bin/extra; test -e /usr/bin/yes || echo no yes").split("\n") == ["one", "two", "/usr/bin/extra", "no yes"]
    assert lab.sh(first, "cat /root/runs") == "one"


def test_sshd_lets_in_who_has_the_key(lab, tmp_path):
    if not os.path.exists("/usr/sbin/sshd") or not ROOT:
        pytest.skip("no sshd here")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    machine = lab.machine(keys=((tmp_path / "key.pub").read_text(),))
    lab.sh(machine, "cat > /tmp/key; chmod 600 /tmp/key", (tmp_path / "key").read_bytes())
    login = "ssh -o StrictHostKeyChecking=no -o BatchMode=yes -i /tmp/key %s@127.0.0.1 whoami"
    lab.until(lambda: lab.sh(machine, "ss -ltn | grep -c :22; true") != "0")
    assert lab.sh(machine, login % "ec2-user") == "ec2-user"
    lab.sh(machine, login % "root", code=255)


def test_boot_is_fast_and_many_machines_are_small(lab):
    took = []
    for _ in range(10):
        began = time.monotonic()
        machine = lab.machine(user_data=b"#!/bin/sh\necho first line\n")
        lab.until(lambda name=machine.id: b"first line" in lab.world.console(name))
        took.append(time.monotonic() - began)
    assert sorted(took)[5] < 0.15
    private = [int(line.split()[1]) for line in Path(f"/proc/{lab.world.machines.running[machine.id].pid}/smaps_rollup").read_text().splitlines() if line.startswith("Private")]
    assert sum(private) < 5 << 10


PROGRAM = """
import asyncio, sys
from pathlib import Path
from cloche.engines.world import Machine, World

async def main():
    world = World(Path(sys.argv[1]))
    await world.start()
    for name in ("i-1", "i-2"):
        await world.namespace(name)
        await world.boot(Machine(id=name, disk=Path(sys.argv[1]) / name, user_data=b"#!/bin/sh\\necho kept > /root/kept\\nexec sleep 1000\\n"))
    code = 1
    while code:
        code, _, _ = await world.execute("i-2", ["grep", "-q", "kept", "/root/kept"])
    print("up", flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""


def test_nothing_is_left_of_machines_when_the_server_is_killed_and_their_disks_stay(lab, tmp_path):
    from cloche.engines.run.cgroups import places
    server = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"up\n"
    all_of_it = descendants(server.pid)
    assert len(all_of_it) >= 7  # the server, the holder twice, two machines with a sleep each
    server.send_signal(signal.SIGKILL)
    server.wait()
    lab.until(lambda: not [pid for pid in all_of_it if os.path.exists(f"/proc/{pid}")])
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    lab.until(lambda: not [group for place in places().values() for group in place.glob(f"cloche-{server.pid}-*")])
    assert (tmp_path / "i-2/root/root/kept").read_text() == "kept\n"


ROOTLESS = """
import asyncio, json, sys
from pathlib import Path
from cloche.engines.world import Machine, Unavailable, World

async def main():
    here = Path(sys.argv[1])
    world = World(here)
    try:
        await world.start()
    except Unavailable as error:
        print("no", error)
        return
    await world.namespace("i-1")
    await world.boot(Machine(id="i-1", disk=here / "disk", user_data=b"#!/bin/sh\\ntouch /usr/bin/mine\\n"))
    said = await world.execute("i-1", ["sh", "-c", "cloud-init status --wait; id -u; ls /usr/bin/mine; test -e /work || echo none; python3 -c 'import boto3'; ip link add a0 type veth peer name a1 && echo linked"])
    await world.close()
    print(json.dumps([said[0], said[1].decode().split(chr(10)), world.lacks]))
asyncio.run(main())
"""


@pytest.mark.skipif(not ROOT, reason="shows, as root, that another user can do it")
def test_an_ordinary_user_has_machines_too():
    if not os.path.exists("/usr/bin/python3.11"):
        pytest.skip("needs an interpreter outside root's home")
    with tempfile.TemporaryDirectory() as here:
        os.chmod(here, 0o755)
        os.chown(here, 12345, 12345)
        path = ":".join([str(Path(__file__).parents[2] / "src"), *[p for p in sys.path if p.endswith("site-packages")]])
        done = subprocess.run(["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "/usr/bin/python3.11", "-c", ROOTLESS, here], capture_output=True, text=True,
                              env={"PYTHONPATH": path, "HOME": "/nonexistent", "PATH": "/usr/bin:/bin"}, timeout=30, check=False)
    if done.stdout.startswith("no"):
        pytest.skip(done.stdout)
    code, said, lacks = json.loads(done.stdout)
    assert code == 0 and said[:5] == ["status: done", "0", "/usr/bin/mine", "none", "linked"] and "one user" in lacks
