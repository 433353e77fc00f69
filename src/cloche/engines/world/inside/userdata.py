"""What cloud-init does in a machine, as steps: the server has read the user data and says what is to be done, once per instance or at every boot.

A marker per instance id and step, in /var/lib/cloud as cloud-init has it, makes "once" outlive reboots, stops and starts; an image made of the machine
carries the markers of another instance id, so its instances do their own.
"""
import base64
import os
import time

CLOUD = "/var/lib/cloud"
PER_BOOT = CLOUD + "/scripts/per-boot"       # what cloud-init runs at every boot: how services come back


def run(order, environment, booted):
    """In a process of its own, whose output is the log."""
    instance = order["name"]
    here = f"{CLOUD}/instances/{instance}"
    for path in (here + "/sem", here + "/scripts", CLOUD + "/data"):
        os.makedirs(path, exist_ok=True)
    write(CLOUD + "/data/instance-id", instance + "\n")
    link(here, CLOUD + "/instance")
    if order.get("user_data"):
        write(here + "/user-data.txt", base64.b64decode(order["user_data"]), 0o600)
    environment = {**environment, "HOME": "/root", "INSTANCE_ID": instance}
    os.chdir("/")
    for number, step in enumerate(order["steps"]):
        done = f"{here}/sem/{number}.{step['do']}"
        if step.get("once", True):
            if os.path.exists(done):
                continue
            write(done, "")
        try:
            globals()["do_" + step["do"]](step, here, environment)
        except (OSError, KeyError, LookupError) as error:
            say(f"Cloud-init: {step['do']} failed: {error}")
    for name in sorted(os.listdir(PER_BOOT)) if os.path.isdir(PER_BOOT) else []:
        if os.access(f"{PER_BOOT}/{name}", os.X_OK):
            wait([f"{PER_BOOT}/{name}"], environment)
    os.makedirs("/run/cloud-init", exist_ok=True)
    write("/run/cloud-init/result.json", '{"v1": {"datasource": "DataSourceEc2", "errors": []}}\n')
    write(here + "/boot-finished", "")
    up = time.monotonic() - booted
    say(f"Cloud-init finished at {time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime())}. Datasource DataSourceEc2.  Up {up:.2f} seconds")


def say(text):
    os.write(1, (text + "\n").encode())


def do_say(step, here, environment):
    say(step["text"])


def do_write(step, here, environment):
    path = step["path"]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write(path, base64.b64decode(step["content"]), step.get("mode", 0o644), append=step.get("append", False))
    if step.get("owner"):
        user, _, group = step["owner"].partition(":")
        uid, gid, _, _ = account(user)
        os.chown(path, uid, groups()[group][0] if group else gid)


def do_script(step, here, environment):
    path = f"{here}/scripts/{step['name']}"
    write(path, base64.b64decode(step["content"]), 0o700)
    wait([path], environment)


def do_run(step, here, environment):
    wait(step["argv"], environment)


def do_hostname(step, here, environment):
    import syscalls
    syscalls.set_hostname(step["hostname"])
    write("/etc/hostname", step["hostname"] + "\n")


def do_user(step, here, environment):
    """useradd and its relatives, without asking that the host has them."""
    name, known = step["name"], passwd()
    for group in step.get("groups", []):
        if group not in groups():
            write("/etc/group", f"{group}:x:{free(g for g, _ in groups().values())}:\n", append=True)
    if name not in known:
        uid = step.get("uid") or free(u for u, _, _, _ in known.values())
        home = step.get("home") or f"/home/{name}"
        if name not in groups():
            write("/etc/group", f"{name}:x:{uid}:\n", append=True)
        write("/etc/passwd", f"{name}:x:{uid}:{groups()[name][0]}:{step.get('gecos', '')}:{home}:{step.get('shell', '/bin/bash')}\n", append=True)
        write("/etc/shadow", f"{name}:*:19000:0:99999:7:::\n", 0o600, append=True)
        if not step.get("system"):
            os.makedirs(home, 0o700, exist_ok=True)
            os.chown(home, uid, groups()[name][0])
    if step.get("groups"):
        with open("/etc/group") as f:
            lines = [line.rstrip("\n").split(":") for line in f]
        for line in lines:
            if line[0] in step["groups"] and name not in line[3].split(","):
                line[3] = ",".join(filter(None, [line[3], name]))
        write("/etc/group", "".join(":".join(line) + "\n" for line in lines))
    for rule in step.get("sudo", []):
        write("/etc/sudoers.d/90-cloud-init-users", f"{name} {rule}\n", 0o440, append=True)
    if step.get("keys"):
        keys(name, step["keys"])


def do_keys(step, here, environment):
    keys(step["user"], step["keys"])


def keys(name, lines):
    uid, gid, home, _ = account(name)
    directory = home + "/.ssh"
    os.makedirs(directory, 0o700, exist_ok=True)
    write(directory + "/authorized_keys", "".join(line.rstrip() + "\n" for line in lines), 0o600, append=True)
    for path in (directory, directory + "/authorized_keys"):
        os.chown(path, uid, gid)


def wait(argv, environment):
    pid = os.fork()
    if pid == 0:
        try:
            os.execvpe(argv[0], argv, environment)
        except OSError as error:
            say(f"Cloud-init: {argv[0]}: {error.strerror}")
        finally:
            os._exit(126)
    _, status = os.waitpid(pid, 0)
    if code := os.waitstatus_to_exitcode(status):
        say(f"Cloud-init: {argv[0]} exited with {code}")


def write(path, content, mode=0o644, append=False):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC), mode)
    with os.fdopen(fd, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
        if not append:
            os.fchmod(fd, mode)


def link(to, path):
    if os.path.islink(path):
        os.unlink(path)
    os.symlink(to, path)


# who is who
def passwd():
    """name -> (uid, gid, home, shell)"""
    with open("/etc/passwd") as f:
        lines = [line.rstrip("\n").split(":") for line in f]
    return {line[0]: (int(line[2]), int(line[3]), line[5], line[6]) for line in lines if len(line) == 7}


def groups():
    """name -> (gid, members)"""
    with open("/etc/group") as f:
        lines = [line.rstrip("\n").split(":") for line in f]
    return {line[0]: (int(line[2]), line[3].split(",")) for line in lines if len(line) == 4}


def account(name):
    known = passwd()
    if name in known:
        return known[name]
    raise LookupError(f"user {name} does not exist")


def free(taken):
    return next(number for number in range(1002, 60000) if number not in set(taken))


def become(name, environment, directory):
    """The rest of this process is that user's."""
    uid, gid, home, shell = account(name)
    environment.update(HOME=home, USER=name, LOGNAME=name, SHELL=shell)
    if name != "root":
        os.setgroups([number for number, members in groups().values() if name in members] + [gid])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    os.chdir(directory or home)
