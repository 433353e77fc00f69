"""The CodeDeploy agent of a machine: `start`, `stop`, `restart`, `status`, and `run`, the agent itself. It stands alone: the machine's python3 and boto3, and the yaml that is packed with it.

It polls the command service as the instance (or as it is registered on premises), fetches revisions from S3, copies files and runs the scripts of appspec.yml.
How long a script takes is counted by the date of AWS's answers, not by the machine's clock.
"""
import email.utils
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import urllib.parse
import urllib.request
import zipfile

HOME, CONFIG = "/opt/codedeploy-agent", "/etc/codedeploy-agent/conf/codedeployagent.yml"
SETTINGS = {"root_dir": f"{HOME}/deployment-root", "log_dir": "/var/log/aws/codedeploy-agent", "pid_dir": f"{HOME}/state/.pid", "max_revisions": 5, "deploy_control_endpoint": "",
            "s3_endpoint_override": "", "on_premises_config_file": "/etc/codedeploy-agent/conf/codedeploy.onpremises.yml"}
BEFORE = ("ApplicationStop", "BeforeBlockTraffic", "AfterBlockTraffic")      # run by the scripts of the revision that was good last
SECONDS = 3600
TAIL = 2048


class Failed(Exception):
    """A lifecycle event that fails: the agent's number for it, the script, what is said, and the end of its log."""

    def __init__(self, code, message, script="", log=""):
        super().__init__(message)
        self.code, self.script, self.log = code, script, log


def metadata(path):
    base = "http://169.254.169.254/latest/"
    ask = urllib.request.Request(base + "api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "300"})
    token = urllib.request.urlopen(ask, timeout=5).read().decode()
    return urllib.request.urlopen(urllib.request.Request(base + path, headers={"X-aws-ec2-metadata-token": token}), timeout=5).read().decode()


def settings():
    """The agent's configuration: lines of `:name: value`."""
    path = sys.argv[sys.argv.index("--config-file") + 1] if "--config-file" in sys.argv else CONFIG
    found = (re.fullmatch(r"\s*:?(\w+):\s*(.*?)\s*", line) for line in lines(path))
    return {**SETTINGS, **{one[1]: one[2].strip("'\"") for one in found if one and one[2].strip("'\"")}}


class Service:
    """The command service, and S3, as who this host is."""

    def __init__(self, config):
        import boto3
        self.config = config
        try:
            with open(config["on_premises_config_file"]) as file:
                import yaml
                mine = {str(name).lstrip(":"): value for name, value in (yaml.safe_load(file) or {}).items()}
            self.region, self.host = mine["region"], mine.get("iam_user_arn") or mine["iam_session_arn"]
            keys = {"aws_access_key_id": mine.get("aws_access_key_id"), "aws_secret_access_key": mine.get("aws_secret_access_key"), "aws_session_token": mine.get("aws_session_token")}
            self.session = boto3.Session(region_name=self.region, **{name: value for name, value in keys.items() if value})
        except FileNotFoundError:
            about = json.loads(metadata("dynamic/instance-identity/document"))
            self.region, self.host = about["region"], f"arn:aws:ec2:{about['region']}:{about['accountId']}:instance/{about['instanceId']}"
            self.session = boto3.Session(region_name=self.region)
        self.name = f"codedeploy-commands-secure.{self.region}.amazonaws.com"
        self.offset, self.line, self.bucket = 0.0, None, None

    @property
    def now(self):
        return time.time() + self.offset

    def ask(self, operation, **members):
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        credentials = self.session.get_credentials()
        if credentials is None:
            raise OSError("no credentials: the instance has no instance profile")
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"CodeDeployCommandService_v20141006.{operation}", "Host": self.name}
        asked = AWSRequest("POST", f"https://{self.name}/", data=json.dumps(members).encode(), headers=headers)
        SigV4Auth(credentials.get_frozen_credentials(), "codedeploy-commands-secure", self.region).add_auth(asked)
        status, date, text = self.exchange(asked.data, dict(asked.headers))
        if status != 200:
            raise OSError(f"{operation}: {status} {text.decode(errors='replace')}")
        self.offset = email.utils.parsedate_to_datetime(date).timestamp() - time.time() if date else self.offset
        return json.loads(text or b"{}")

    def exchange(self, body, headers):
        """Over one connection, which is made anew where it has been closed meanwhile."""
        where = urllib.parse.urlsplit(self.config["deploy_control_endpoint"] or os.environ.get("AWS_ENDPOINT_URL") or f"https://{self.name}")
        for kept in (self.line is not None, False):
            if not kept:
                kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
                self.line = kind(where.hostname, where.port, timeout=120)
            try:
                self.line.request("POST", "/", body, headers)
                answer = self.line.getresponse()
                return answer.status, answer.headers.get("date"), answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.line.close()
                if not kept:
                    self.line = None
                    raise OSError(f"{type(error).__name__}: {error}") from None

    def s3(self):
        self.bucket = self.bucket or self.session.client("s3", endpoint_url=self.config["s3_endpoint_override"] or None)
        return self.bucket


# -- one deployment on this host ------------------------------------------------------------------------------------------------------------

class Deployment:
    def __init__(self, service, spec):
        self.service, self.spec, self.root = service, spec, service.config["root_dir"]
        self.id, self.group = spec["DeploymentId"], spec["DeploymentGroupId"]
        self.place = f"{self.root}/{self.group}/{self.id}"
        self.notes = f"{self.root}/deployment-instructions"
        os.makedirs(self.notes, exist_ok=True)

    def note(self, name):
        return f"{self.notes}/{self.group}{name}"

    def last_good(self):
        try:
            with open(self.note("_last_successful_install")) as file:
                return file.read().strip()
        except OSError:
            return ""

    def run(self, event):
        if event == "DownloadBundle":
            return self.download()
        if event == "Install":
            return self.install()
        place = self.last_good() if event in BEFORE else self.place
        if place and os.path.isdir(f"{place}/deployment-archive"):
            self.hooks(event, f"{place}/deployment-archive")
        if event == "ValidateService":
            write(self.note("_last_successful_install"), self.place)
            self.prune()
        return None

    def download(self):
        place = self.spec["Revision"]["S3Revision"]
        shutil.rmtree(f"{self.place}/deployment-archive", ignore_errors=True)
        os.makedirs(f"{self.place}/deployment-archive")
        bundle = f"{self.place}/bundle.tar"
        asked = {"Bucket": place["Bucket"], "Key": place["Key"], **({"VersionId": place["Version"]} if place.get("Version") else {})}
        answer = self.service.s3().get_object(**asked)
        if place.get("ETag") and place["ETag"].strip('"') != answer["ETag"].strip('"'):
            raise Failed(5, f"Expected deployment artifact bundle etag {place['ETag']} but was actually {answer['ETag']}")
        with open(bundle, "wb") as file:
            shutil.copyfileobj(answer["Body"], file)
        unpack(bundle, place["BundleType"], f"{self.place}/deployment-archive")
        appspec(f"{self.place}/deployment-archive")

    def install(self):
        archive = f"{self.place}/deployment-archive"
        found = appspec(archive)
        for path in reversed(lines(self.note("-cleanup"))):
            remove(path)
        behaviour = found.get("file_exists_behavior") or self.spec.get("AgentActionOverrides", {}).get("AgentOverrides", {}).get("FileExistsBehavior") or "DISALLOW"
        made, copies = [], []
        for one in found.get("files") or []:
            copies += listed(f"{archive}/{one['source'].strip('/')}".rstrip("/"), one["destination"].rstrip("/") or "/")
        if behaviour == "DISALLOW":
            for source, destination in copies:
                if not os.path.isdir(source) and os.path.lexists(destination):
                    raise Failed(5, f"The deployment failed because a specified file already exists at this location: {destination}")
        for source, destination in copies:
            if os.path.isdir(source) and not os.path.islink(source):
                for path in missing(destination):
                    os.mkdir(path)
                    made.append(path)
            elif not (os.path.lexists(destination) and behaviour == "RETAIN"):
                for path in missing(os.path.dirname(destination)):
                    os.mkdir(path)
                    made.append(path)
                if os.path.lexists(destination):
                    os.unlink(destination)
                shutil.copy2(source, destination, follow_symlinks=False)
                made.append(destination)
        for one in found.get("permissions") or []:
            permit(one)
        write(self.note("-cleanup"), "".join(path + "\n" for path in made))
        write(self.note("_most_recent_install"), self.place)

    def hooks(self, event, archive):
        for one in (appspec(archive).get("hooks") or {}).get(event) or []:
            self.script(event, archive, one)

    def script(self, event, archive, one):
        location = one["location"]
        path = f"{archive}/{location}"
        if not os.path.isfile(path):
            raise Failed(1, f"Script does not exist at specified location: {path}", location)
        if not os.access(path, os.X_OK):
            os.chmod(path, os.stat(path).st_mode | 0o111)
        log = f"{self.place}/logs/scripts.log"
        os.makedirs(os.path.dirname(log), exist_ok=True)
        revision = self.spec["Revision"]["S3Revision"]
        environment = {**os.environ, "LIFECYCLE_EVENT": event, "DEPLOYMENT_ID": self.id, "APPLICATION_NAME": self.spec["ApplicationName"], "DEPLOYMENT_GROUP_NAME": self.spec["DeploymentGroupName"],
                       "DEPLOYMENT_GROUP_ID": self.group, "BUNDLE_BUCKET": revision.get("Bucket") or "", "BUNDLE_KEY": revision.get("Key") or "", "BUNDLE_VERSION": revision.get("Version") or "",
                       "BUNDLE_ETAG": revision.get("ETag") or ""}
        user = one.get("runas")
        text = f"LifecycleEvent - {event}\nScript - {location}\n"
        with open(log + ".part", "w+b") as said:
            try:
                process = subprocess.Popen([path], stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, env=environment, start_new_session=True,
                                           preexec_fn=(lambda: become(user)) if user else None, cwd=HOME if os.path.isdir(HOME) else "/")
            except (OSError, subprocess.SubprocessError) as error:
                raise Failed(2, f"Script at specified location: {location} could not be executed: {error}", location) from None
            code = self.patience(process, float(one.get("timeout") or SECONDS))
            said.seek(0)
            text += "".join(f"[stdout]{line}\n" for line in said.read().decode(errors="replace").splitlines())
        os.unlink(log + ".part")
        with open(log, "a") as file:
            file.write(text)
        if code is None:
            raise Failed(3, f"Script at specified location: {location} failed to complete in {int(float(one.get('timeout') or SECONDS))} seconds", location, text[-TAIL:])
        if code:
            raise Failed(4, f"Script at specified location: {location} failed with exit code {code}", location, text[-TAIL:])

    def patience(self, process, seconds):
        """Its exit code; None if it was not done in time."""
        began, pause = self.service.now, 0.02
        while True:
            try:
                return process.wait(pause)
            except subprocess.TimeoutExpired:
                pause = min(pause * 2, 1.0)
            try:
                self.service.ask("PostHostCommandUpdate", HostCommandIdentifier=self.command)
            except OSError as error:      # nobody waits for it any more, or nobody is there: what has begun is finished all the same
                say(str(error))
            if self.service.now - began >= seconds:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return None

    def prune(self):
        """The revisions that are kept: so many, and the one that was good last."""
        base = f"{self.root}/{self.group}"
        kept = sorted(os.listdir(base), key=lambda name: os.stat(f"{base}/{name}").st_mtime, reverse=True)
        for name in kept[int(self.service.config["max_revisions"]):]:
            if f"{base}/{name}" != self.last_good():
                shutil.rmtree(f"{base}/{name}", ignore_errors=True)


def appspec(archive):
    import yaml
    path = next((f"{archive}/{name}" for name in ("appspec.yml", "appspec.yaml") if os.path.isfile(f"{archive}/{name}")), None)
    if path is None:
        raise Failed(5, f'The CodeDeploy agent did not find an AppSpec file within the unpacked revision directory at revision-relative path "appspec.yml". The revision was unpacked to directory '
                        f'"{archive}", and the AppSpec file was expected but not found at path "{archive}/appspec.yml". Consult the AWS CodeDeploy Appspec documentation for more information.')
    try:
        with open(path) as file:
            found = yaml.safe_load(file)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Failed(5, f"The AppSpec file is not well-formed: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict) or str(found.get("version")) not in ("0.0", "0"):
        raise Failed(5, "unsupported version: the version of the AppSpec file must be 0.0")
    if found.get("os") != "linux":
        raise Failed(5, f"unsupported os: {found.get('os')}: this machine runs linux")
    hooks = found.get("hooks") or {}
    for scripts in hooks.values() if isinstance(hooks, dict) else [None]:
        if not isinstance(scripts, list) or not all(isinstance(one, dict) and one.get("location") for one in scripts):
            raise Failed(5, "The AppSpec file is not valid: each hook has a list of scripts, and each script a location")
    return found


def unpack(bundle, kind, to):
    if kind == "zip":
        with zipfile.ZipFile(bundle) as archive:
            for one in archive.infolist():
                path = archive.extract(one, to)
                if mode := one.external_attr >> 16 & 0o777:
                    os.chmod(path, mode)
    else:
        with tarfile.open(bundle, "r:gz" if kind == "tgz" else "r:") as archive:
            archive.extractall(to, filter="tar") if hasattr(tarfile, "tar_filter") else archive.extractall(to)


def listed(source, destination):
    """(from, to) of a file into a directory, or of all that is in a directory."""
    if not os.path.isdir(source):
        if not os.path.lexists(source):
            raise Failed(5, f"No such file or directory - {source}")
        return [(source, f"{destination.rstrip('/')}/{os.path.basename(source)}")]
    found = [(source, destination)]
    for here, directories, files in os.walk(source):
        inner = os.path.relpath(here, source)
        base = destination if inner == "." else f"{destination.rstrip('/')}/{inner}"
        found += [(f"{here}/{name}", f"{base.rstrip('/')}/{name}") for name in (*sorted(directories), *sorted(files))]
    return found


def missing(path):
    """The directories that must be made for this one to be there, the outermost first."""
    found = []
    while path and not os.path.isdir(path):
        found.insert(0, path)
        path = os.path.dirname(path)
    return found


def permit(one):
    """The permissions section: owner, group and mode of what lies below a path and is called like a pattern."""
    base = one["object"].rstrip("/") or "/"
    kinds = one.get("type") or ["file", "directory"]
    chosen = []
    if "pattern" not in one and "except" not in one and not os.path.isdir(base):
        chosen = [base]
    else:
        for here, directories, files in os.walk(base):
            chosen += [f"{here}/{name}" for name in files if "file" in kinds] + [f"{here}/{name}" for name in directories if "directory" in kinds]
        chosen += [base] if "directory" in kinds and one.get("pattern", "**") == "**" else []
    for path in chosen:
        name = os.path.basename(path)
        if not like(one.get("pattern", "**"), name) or any(like(each, name) for each in one.get("except") or []):
            continue
        if one.get("owner") or one.get("group"):
            shutil.chown(path, one.get("owner"), one.get("group"))
        if one.get("mode") is not None:
            os.chmod(path, int(str(one["mode"]).zfill(3), 8))


def like(pattern, name):
    return pattern == "**" or re.fullmatch(".*".join(re.escape(part) for part in str(pattern).split("*")), name) is not None


def become(user):
    who = pwd.getpwnam(user)
    os.initgroups(user, who.pw_gid)
    os.setgid(who.pw_gid)
    os.setuid(who.pw_uid)


def lines(path):
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def remove(path):
    try:
        os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    except OSError:
        pass  # a directory that others use too stays


# -- the agent --------------------------------------------------------------------------------------------------------------------------------

def work(service, command):
    name, id_ = command["CommandName"], command["HostCommandIdentifier"]
    say(f"{name} of {command['DeploymentExecutionId']}")
    told = service.ask("GetDeploymentSpecification", DeploymentExecutionId=command["DeploymentExecutionId"], HostIdentifier=service.host)
    service.ask("PutHostCommandAcknowledgement", HostCommandIdentifier=id_, Diagnostics=None)
    status, said = "Succeeded", {"error_code": 0, "script_name": "", "message": "Succeeded", "log": ""}
    try:
        one = Deployment(service, json.loads(told["DeploymentSpecification"]["GenericEnvelope"]["Payload"]))
        one.command = id_
        one.run(name)
    except Failed as error:
        status, said = "Failed", {"error_code": error.code, "script_name": error.script, "message": str(error), "log": error.log}
    except Exception as error:      # whatever went wrong is the event's failure, said in the deployment
        status, said = "Failed", {"error_code": 5, "script_name": "", "message": str(error) or type(error).__name__, "log": ""}
    say(f"{name} of {command['DeploymentExecutionId']}: {status} {said['message']}")
    service.ask("PutHostCommandComplete", HostCommandIdentifier=id_, CommandStatus=status, Diagnostics={"Format": "JSON", "Payload": json.dumps(said)})


def say(text):
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {text}", flush=True)


def run():
    config, service, pause = settings(), None, 1.0
    say("the CodeDeploy agent starts")
    while True:
        try:
            service = service or Service(config)
            told = service.ask("PollHostCommand", HostIdentifier=service.host)
            pause = 1.0
            if told.get("HostCommand"):
                work(service, told["HostCommand"])
        except Exception as error:      # no network yet, no profile, no permission: said in its log, and tried again
            say(f"{type(error).__name__}: {error}")
            service = None
            time.sleep(pause)
            pause = min(pause * 2, 15.0)


def alive(config):
    try:
        with open(f"{config['pid_dir']}/codedeploy-agent.pid") as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/cmdline") as file:
            return pid if "codedeploy" in file.read() else 0
    except (OSError, ValueError):
        return 0


def stop(config):
    if pid := alive(config):
        os.kill(pid, signal.SIGTERM)
        for _ in range(50):
            if not alive(config):
                break
            time.sleep(0.05)
        else:
            os.kill(pid, signal.SIGKILL)


def start(config):
    if alive(config):
        return
    os.makedirs(config["log_dir"], exist_ok=True)
    with open(f"{config['log_dir']}/codedeploy-agent.log", "a") as log:
        process = subprocess.Popen([sys.executable, sys.argv[0], "run", *sys.argv[2:]], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/")
    write(f"{config['pid_dir']}/codedeploy-agent.pid", str(process.pid))


def main():
    asked, config = (sys.argv[1] if len(sys.argv) > 1 else ""), settings()
    if asked == "run":
        run()
    elif asked in ("start", "stop", "restart"):
        if asked != "start":
            stop(config)
        if asked != "stop":
            start(config)
    elif asked == "status":
        pid = alive(config)
        print(f"The AWS CodeDeploy agent is running as PID {pid}" if pid else "error: No AWS CodeDeploy agent running")
        sys.exit(0 if pid else 3)
    else:
        sys.exit("Usage: codedeploy-agent start | stop | restart | status")


if __name__ == "__main__":
    main()
