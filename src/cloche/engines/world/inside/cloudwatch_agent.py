"""The CloudWatch agent of a machine: `ctl ...` is amazon-cloudwatch-agent-ctl, `run` the agent itself. It stands alone: the machine's python3 and boto3.

Memory, swap, disks, processors and networks of this machine become metrics, lines of files become log events, as the JSON configuration says. Moments are
those of AWS's answers, not of the machine's clock.
"""
import argparse
import email.utils
import glob
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

HOME = "/opt/aws/amazon-cloudwatch-agent"
CONFIGS, PID, STATE, LOG = f"{HOME}/etc/amazon-cloudwatch-agent.d", f"{HOME}/var/amazon-cloudwatch-agent.pid", f"{HOME}/var/offsets.json", f"{HOME}/logs/amazon-cloudwatch-agent.log"
VERSION = "1.300000.0"
DEFAULT = {"metrics": {"append_dimensions": {"InstanceId": "${aws:InstanceId}"}, "metrics_collected": {"mem": {"measurement": ["mem_used_percent"]}, "disk": {"measurement": ["used_percent"], "resources": ["*"]}}}}
UNITS = {"percent": "Percent", "total": "Bytes", "used": "Bytes", "free": "Bytes", "available": "Bytes", "cached": "Bytes", "buffered": "Bytes", "active": "Bytes", "inactive": "Bytes", "recv": "Bytes", "sent": "Bytes"}


def metadata(path):
    base = "http://169.254.169.254/latest/"
    ask = urllib.request.Request(base + "api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "300"})
    token = urllib.request.urlopen(ask, timeout=5).read().decode()
    return urllib.request.urlopen(urllib.request.Request(f"{base}meta-data/{path}", headers={"X-aws-ec2-metadata-token": token}), timeout=5).read().decode()


class Place:
    """Where the agent runs, asked for once."""

    def __init__(self):
        self.known, self.offset = {}, 0.0

    def about(self, path):
        if path not in self.known:
            try:
                self.known[path] = metadata(path)
            except OSError:
                self.known[path] = ""
        return self.known[path]

    def client(self, service, region=""):
        import boto3
        return boto3.client(service, region_name=region or self.about("placement/region") or os.environ.get("AWS_DEFAULT_REGION"))

    def tell(self, answer):
        """What AWS's clock says; the agent's moments follow it."""
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        if date:
            self.offset = email.utils.parsedate_to_datetime(date).timestamp() - time.time()

    def filled(self, text):
        found = {"{instance_id}": "instance-id", "{ip_address}": "local-ipv4", "{local_hostname}": "local-hostname", "${aws:InstanceId}": "instance-id", "${aws:InstanceType}": "instance-type", "${aws:ImageId}": "ami-id"}
        for name, path in found.items():
            if name in text:
                text = text.replace(name, self.about(path))
        if "${aws:AutoScalingGroupName}" in text:
            text = text.replace("${aws:AutoScalingGroupName}", self.about("tags/instance/aws:autoscaling:groupName"))
        return text.replace("{hostname}", socket.gethostname())


# -- what there is to measure: each gives (dimensions, {measurement: value}) ------------------------------------------------------------

def meminfo():
    with open("/proc/meminfo") as file:
        return {line.split(":")[0]: float(line.split()[1]) * 1024 for line in file}


def mem(_):
    m = meminfo()
    used = m["MemTotal"] - m["MemAvailable"]
    return [({}, {"total": m["MemTotal"], "available": m["MemAvailable"], "available_percent": 100 * m["MemAvailable"] / m["MemTotal"], "used": used, "used_percent": 100 * used / m["MemTotal"], "free": m["MemFree"],
                  "cached": m["Cached"], "buffered": m["Buffers"], "active": m["Active"], "inactive": m["Inactive"]})]


def swap(_):
    m = meminfo()
    used = m["SwapTotal"] - m["SwapFree"]
    return [({}, {"total": m["SwapTotal"], "free": m["SwapFree"], "used": used, "used_percent": 100 * used / m["SwapTotal"] if m["SwapTotal"] else 0.0})]


def disk(about):
    wanted, ignored, seen, found = about.get("resources", ["*"]), about.get("ignore_file_system_types", []), set(), []
    with open("/proc/mounts") as file:
        mounts = [line.split()[:3] for line in file]
    for device, path, kind in mounts:
        if path in seen or kind in ("proc", "sysfs", "devpts", "cgroup", "cgroup2", "mqueue", *ignored) or (path not in wanted if "*" not in wanted else path != "/" and os.path.isfile(path)):
            continue
        seen.add(path)
        try:
            s = os.statvfs(path)
        except OSError:
            continue
        total, free = s.f_blocks * s.f_frsize, s.f_bavail * s.f_frsize
        if total:
            used = total - s.f_bfree * s.f_frsize
            dims = {"path": path, "fstype": kind} | ({} if about.get("drop_device") else {"device": device.rpartition("/")[2]})
            found.append((dims, {"total": float(total), "free": float(free), "used": float(used), "used_percent": 100 * used / (used + free) if used + free else 0.0, "inodes_total": float(s.f_files),
                                 "inodes_free": float(s.f_ffree), "inodes_used": float(s.f_files - s.f_ffree)}))
    return found


BEFORE = {}      # the counters of each processor when they were last read


def cpu(about):
    found = []
    with open("/proc/stat") as file:
        for line in file:
            name, *numbers = line.split()
            if not name.startswith("cpu") or (name != "cpu" and "*" not in about.get("resources", [])) or (name == "cpu" and not about.get("totalcpu", True)):
                continue
            now = [float(n) for n in numbers[:8]]
            before = BEFORE.get(name, [0.0] * 8)
            BEFORE[name] = now
            spent = [a - b for a, b in zip(now, before)]
            whole = sum(spent) or 1.0
            shares = {key: 100 * value / whole for key, value in zip(("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"), spent)}
            found.append(({"cpu": "cpu-total" if name == "cpu" else name}, {f"usage_{key}": value for key, value in shares.items()} | {"usage_active": 100 - shares["idle"]}))
    return found


def net(about):
    found = []
    with open("/proc/net/dev") as file:
        for line in file.readlines()[2:]:
            name, _, rest = line.partition(":")
            n = [float(one) for one in rest.split()]
            if name.strip() != "lo" and ("*" in about.get("resources", ["*"]) or name.strip() in about["resources"]):
                found.append(({"interface": name.strip()}, {"bytes_recv": n[0], "packets_recv": n[1], "err_in": n[2], "drop_in": n[3], "bytes_sent": n[8], "packets_sent": n[9], "err_out": n[10], "drop_out": n[11]}))
    return found


def netstat(_):
    states = {"01": "established", "06": "time_wait", "0A": "listen", "08": "close_wait"}
    found = dict.fromkeys((f"tcp_{one}" for one in states.values()), 0.0)
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(path):
            with open(path) as file:
                for line in file.readlines()[1:]:
                    if name := states.get(line.split()[3]):
                        found[f"tcp_{name}"] += 1
    return [({}, found)]


def processes(_):
    found = {"total": 0.0, "running": 0.0, "sleeping": 0.0, "zombies": 0.0}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                state = file.read().rpartition(")")[2].split()[0]
        except OSError:
            continue
        found["total"] += 1
        found[{"R": "running", "Z": "zombies"}.get(state, "sleeping")] += 1
    return [({}, found)]


SOURCES = {"mem": mem, "swap": swap, "disk": disk, "cpu": cpu, "net": net, "netstat": netstat, "processes": processes}


class Metrics:
    def __init__(self, place, config, interval):
        self.place, self.config = place, config
        self.client = place.client("cloudwatch", config.get("region", ""))
        self.due = {name: (0.0, float(about.get("metrics_collection_interval", interval))) for name, about in config.get("metrics_collected", {}).items() if name in SOURCES}
        self.more = {key: value for key, text in config.get("append_dimensions", {}).items() if (value := place.filled(text))}

    def tick(self, now):
        data = []
        for name, (at, every) in self.due.items():
            if now >= at:
                self.due[name] = (now + every, every)
                data += self.measured(name, self.config["metrics_collected"][name], 1 if every < 60 else 60)
        for begin in range(0, len(data), 500):
            self.place.tell(self.client.put_metric_data(Namespace=self.config.get("namespace", "CWAgent"), MetricData=data[begin:begin + 500]))

    def measured(self, name, about, resolution):
        found = []
        for dims, values in SOURCES[name](about):
            whole = dims | about.get("append_dimensions", {}) | (self.more or {"host": socket.gethostname()})
            for wanted in about.get("measurement", []):
                wanted = wanted if isinstance(wanted, dict) else {"name": wanted}
                key = wanted["name"].removeprefix(f"{name}_")
                if key in values:
                    unit = "Percent" if name == "cpu" else UNITS.get(key.rpartition("_")[2], "Count")
                    one = {"MetricName": wanted.get("rename") or f"{name}_{key}", "Value": values[key], "Unit": wanted.get("unit") or unit}
                    for chosen in [whole, *({k: whole[k] for k in names} for names in self.config.get("aggregation_dimensions", []) if set(names) <= set(whole))]:
                        found.append(one | {"StorageResolution": resolution, "Dimensions": [{"Name": k, "Value": str(v)} for k, v in chosen.items() if v]})
        return found


class File:
    """One entry of collect_list."""

    def __init__(self, place, client, about, stream):
        self.client, self.about, self.place = client, about, place
        self.group = place.filled(about.get("log_group_name") or about["file_path"].lstrip("/").replace("/", "."))
        self.stream = place.filled(about.get("log_stream_name") or stream or "{instance_id}")
        self.start = re.compile(about["multi_line_start_pattern"]) if about.get("multi_line_start_pattern", "{").strip("{}") else None
        self.made = False

    def make(self):
        for operation, more in ((self.client.create_log_group, {}), (self.client.create_log_stream, {"logStreamName": self.stream})):
            try:
                self.place.tell(operation(logGroupName=self.group, **more))
            except self.client.exceptions.ResourceAlreadyExistsException as error:
                self.place.tell(error.response)
        if int(self.about.get("retention_in_days", -1)) > 0:
            self.client.put_retention_policy(logGroupName=self.group, retentionInDays=int(self.about["retention_in_days"]))
        self.made = True

    def ship(self, offsets):
        lines = []
        for path in sorted(glob.glob(self.about["file_path"])):
            try:
                key = f"{path}:{os.stat(path).st_ino}"
                with open(path, "rb") as file:
                    file.seek(0 if offsets.get(key, 0) > os.path.getsize(path) else offsets.get(key, 0))
                    data = file.read(1 << 19)
                    end = data.rfind(b"\n") + 1
                    offsets[key] = file.tell() - len(data) + end
            except OSError:
                continue
            lines += data[:end].decode("utf-8", "replace").splitlines()
        events = [text for text in self.joined(lines) if text.strip() and self.let(text)]
        if not events:
            return
        if not self.made:
            self.make()
        now = int((time.time() + self.place.offset) * 1000)
        for begin in range(0, len(events), 5000):
            self.place.tell(self.client.put_log_events(logGroupName=self.group, logStreamName=self.stream, logEvents=[{"timestamp": now, "message": text} for text in events[begin:begin + 5000]]))

    def joined(self, lines):
        if self.start is None:
            return lines
        found = []
        for line in lines:
            if self.start.search(line) or not found:
                found.append(line)
            else:
                found[-1] += "\n" + line
        return found

    def let(self, text):
        return all((re.search(one["expression"], text) is not None) == (one["type"] == "include") for one in self.about.get("filters", []))


def run():
    config = {}
    for path in sorted(glob.glob(f"{CONFIGS}/*")):
        with open(path) as file:
            config = merged(config, json.load(file))
    place, agent, logs = Place(), config.get("agent", {}), config.get("logs", {})
    metrics = Metrics(place, config["metrics"] | ({"region": agent["region"]} if "region" in agent else {}), float(agent.get("metrics_collection_interval", 60))) if "metrics" in config else None
    files, every = [], float(logs.get("force_flush_interval", 5))
    if entries := logs.get("logs_collected", {}).get("files", {}).get("collect_list", []):
        client = place.client("logs", agent.get("region", ""))
        files = [File(place, client, one, logs.get("log_stream_name", "")) for one in entries]
    try:
        with open(STATE) as file:
            offsets = json.load(file)
    except (OSError, ValueError):
        offsets = {}
    flush = 0.0
    while True:
        now = time.monotonic()
        for work, asked in ([(metrics.tick, now)] if metrics else []) + ([(one.ship, offsets) for one in files] if now >= flush else []):
            try:
                work(asked)
            except Exception as error:      # no network yet, or no permission: said in its log, and tried again
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        if now >= flush:
            flush = now + every
            with open(STATE, "w") as file:
                json.dump(offsets, file)
        time.sleep(min(1.0, every))


def merged(a, b):
    """Sections of several configurations together; lists follow one another."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a | {key: merged(a[key], value) if key in a else value for key, value in b.items()}
    return a + b if isinstance(a, list) and isinstance(b, list) else b


# -- amazon-cloudwatch-agent-ctl ----------------------------------------------------------------------------------------------------------

def alive():
    try:
        with open(PID) as file:
            pid = int(file.read())
        os.kill(pid, 0)
        with open(f"/proc/{pid}/cmdline") as file:
            return pid if "amazon-cloudwatch-agent" in file.read() else 0
    except (OSError, ValueError):
        return 0


def stop():
    if pid := alive():
        os.kill(pid, signal.SIGTERM)
        for _ in range(50):
            if not alive():
                break
            time.sleep(0.1)


def start():
    if not os.listdir(CONFIGS):
        sys.exit("amazon-cloudwatch-agent is not configured. Applying default configuration is not possible without fetch-config -c default.")
    if not alive():
        with open(LOG, "ab") as log, open(os.devnull) as nothing:
            started = subprocess.Popen([sys.executable, f"{HOME}/bin/amazon-cloudwatch-agent", "run"], stdin=nothing, stdout=log, stderr=log, start_new_session=True, cwd="/")
        with open(PID, "w") as file:
            file.write(str(started.pid))


def fetch(source, mode, append):
    kind, _, name = source.partition(":")
    if kind == "ssm":
        text = Place().client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    elif kind == "file":
        with open(name) as file:
            text = file.read()
    elif source == "default":
        text = json.dumps(DEFAULT)
    else:
        sys.exit(f"Unknown configuration source {source}")
    try:
        found = json.loads(text)
        assert isinstance(found, dict) and {"metrics", "logs", "traces", "agent"} & set(found)
    except (ValueError, AssertionError):
        sys.exit("Configuration validation first phase failed. Agent version: " + VERSION + ". Verify the JSON input is only using features supported by this version.")
    if not append:
        for path in glob.glob(f"{CONFIGS}/*"):
            os.unlink(path)
    with open(f"{CONFIGS}/{kind}_{re.sub('[^A-Za-z0-9_.-]', '_', name)}", "w") as file:
        file.write(text)
    print("Configuration validation first phase succeeded\nConfiguration validation succeeded")


def ctl(argv):
    parser = argparse.ArgumentParser(prog="amazon-cloudwatch-agent-ctl")
    parser.add_argument("-a", "--action", default="status")
    parser.add_argument("-m", "--mode", default="ec2")
    parser.add_argument("-c", "--config", default="default")
    parser.add_argument("-s", "--start", action="store_true")
    asked = parser.parse_args(argv)
    if asked.action in ("fetch-config", "append-config"):
        fetch(asked.config, asked.mode, asked.action == "append-config")
    elif asked.action == "remove-config":
        for path in glob.glob(f"{CONFIGS}/*"):
            if asked.config == "all" or path.endswith("/" + re.sub("[^A-Za-z0-9_.-]", "_", asked.config.replace(":", "_", 1))):
                os.unlink(path)
    elif asked.action == "start":
        start()
    elif asked.action == "stop":
        stop()
    elif asked.action == "status":
        print(json.dumps({"status": "running" if alive() else "stopped", "starttime": "", "configstatus": "configured" if os.listdir(CONFIGS) else "not configured", "version": VERSION}, indent=2))
    else:
        sys.exit(f"Invalid action: {asked.action}")
    if asked.start:
        stop()
        start()


if __name__ == "__main__":
    run() if sys.argv[1:2] == ["run"] else ctl(sys.argv[2:])
