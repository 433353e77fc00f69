"""User data as cloud-init understands it, read into plain steps that a machine's first process can follow. Pure.

Scripts, #cloud-config (runcmd, bootcmd, write_files, users, groups, hostname, ssh_authorized_keys, packages with a message), boot hooks, MIME parts,
gzip. The order is cloud-init's: boot commands at every boot; the rest once per instance: files, host name, users, keys, then scripts, part after part.
Text of no known kind is data for whoever reads it from the metadata service, and nothing is done.
"""
from __future__ import annotations

import base64
import email
import email.policy
import gzip
import shlex
import zlib
from typing import Any

import yaml

LIMIT = 4 << 20  # what a gzip of 16 KB may unfold to
Step = dict[str, Any]


def steps(data: bytes, keys: tuple[str, ...] = (), login: str = "ec2-user") -> list[Step]:
    found = Found(login)
    for content in parts(data):
        read(content, found)
    if keys:
        found.users.append({"do": "keys", "user": login, "keys": list(keys)})
    return found.always + found.early + found.users + found.final


class Found:
    def __init__(self, login: str) -> None:
        self.login = login
        self.always: list[Step] = []
        self.early: list[Step] = []
        self.users: list[Step] = []
        self.final: list[Step] = []


def parts(data: bytes) -> list[bytes]:
    """The pieces of (perhaps compressed, perhaps multipart) user data."""
    if data[:2] == b"\x1f\x8b":
        try:
            data = zlib.decompressobj(31).decompress(data, LIMIT)
        except zlib.error:
            return []
    head = data.lstrip()[:64].lower()
    if not head.startswith((b"content-type:", b"mime-version:", b"from ")):
        return [data]
    message = email.message_from_bytes(data.lstrip(), policy=email.policy.compat32)
    if not message.is_multipart():
        return [body(message)]
    found = []
    for part in message.walk():
        if not part.is_multipart():
            inner = body(part)
            if inner[:2] == b"\x1f\x8b":
                inner = gzip.decompress(inner)
            kind = part.get_content_type()
            mark = {"text/cloud-config": b"#cloud-config\n", "text/cloud-boothook": b"#cloud-boothook\n", "text/x-shellscript": b"#!/bin/sh\n"}.get(kind, b"")
            found.append(inner if inner.startswith(b"#") or not mark else mark + inner)
    return found


def body(message: Any) -> bytes:
    text = message.get_payload(decode=True)
    return bytes(text or b"")


def read(content: bytes, found: Found) -> None:
    if content.startswith(b"#!"):
        found.final.append({"do": "script", "name": f"part-{len(found.final) + 1:03}", "content": coded(content)})
    elif content.startswith(b"#cloud-boothook"):
        script = content.split(b"\n", 1)[1] if b"\n" in content else b""
        found.always.append({"do": "script", "once": False, "name": f"boothook-{len(found.always) + 1:03}", "content": coded(script if script.startswith(b"#!") else b"#!/bin/sh\n" + script)})
    elif content.startswith((b"#cloud-config", b"#cloud-config-archive")):
        try:
            config = yaml.safe_load(content.decode("utf-8", "replace"))
        except yaml.YAMLError as error:
            found.early.append({"do": "say", "text": f"Cloud-init: failed loading yaml blob. Invalid format: {' '.join(str(error).split())}"})
            return
        if isinstance(config, list):
            for item in config:
                read((item["content"] if isinstance(item, dict) else str(item)).encode(), found)
        elif isinstance(config, dict):
            cloud_config(config, found)


def cloud_config(config: dict[str, Any], found: Found) -> None:
    for command in config.get("bootcmd") or []:
        found.always.append({"do": "run", "once": False, "argv": argv(command)})
    if name := config.get("fqdn") or config.get("hostname"):
        found.early.append({"do": "hostname", "once": False, "hostname": str(config.get("hostname") or name)})
    for file in config.get("write_files") or []:
        step = {"do": "write", "path": file["path"], "content": coded(decoded(file)), "mode": int(str(file.get("permissions", "0644")), 8), "owner": file.get("owner", "root:root"),
                "append": bool(file.get("append"))}
        (found.final if file.get("defer") else found.early).append(step)
    for group in config.get("groups") or []:
        for group_name, members in (group.items() if isinstance(group, dict) else [(group, [])]):
            for member in listed(members) or []:
                found.users.append({"do": "user", "name": member, "groups": [group_name]})
    for user in config.get("users") or []:
        if isinstance(user, dict) and user.get("name") not in (None, "default"):
            found.users.append(person(user))
        elif isinstance(user, str) and user != "default":
            found.users.append({"do": "user", "name": user})
    if keys := listed(config.get("ssh_authorized_keys")):
        found.users.append({"do": "keys", "user": found.login, "keys": keys})
    if packages := listed(config.get("packages")):
        names = " ".join(str(p[0] if isinstance(p, list) else p) for p in packages)
        found.final.append({"do": "say", "text": f"Cloud-init: packages are not installed here, machines have the host's programs; asked for: {names}"})
    if commands := config.get("runcmd"):
        script = "#!/bin/sh\n" + "".join((shlex.join(map(str, c)) if isinstance(c, list) else str(c)) + "\n" for c in commands)
        found.final.append({"do": "script", "name": "runcmd", "content": coded(script.encode())})
    if said := config.get("final_message"):
        found.final.append({"do": "say", "text": str(said)})


def person(user: dict[str, Any]) -> Step:
    sudo = user.get("sudo")
    step = {"do": "user", "name": user["name"], "gecos": user.get("gecos", ""), "shell": user.get("shell", "/bin/bash"), "groups": listed(user.get("groups")),
            "keys": listed(user.get("ssh_authorized_keys")), "sudo": [sudo] if isinstance(sudo, str) else list(sudo or []), "system": bool(user.get("system")),
            "home": user.get("homedir"), "uid": int(user["uid"]) if user.get("uid") else None}
    return {key: value for key, value in step.items() if value not in (None, [], "")}


def decoded(file: dict[str, Any]) -> bytes:
    content, coding = file.get("content", ""), str(file.get("encoding", "")).lower()
    text = content if isinstance(content, bytes) else str(content).encode()
    if coding in ("b64", "base64", "gz+b64", "gz+base64", "gzip+b64", "gzip+base64"):
        text = base64.b64decode(text)
    return gzip.decompress(text) if coding.startswith("gz") else text


def argv(command: Any) -> list[str]:
    return [str(word) for word in command] if isinstance(command, list) else ["/bin/sh", "-c", str(command)]


def listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return [v.strip() for v in value.split(",")] if isinstance(value, str) else list(value)


def coded(content: bytes) -> str:
    return base64.b64encode(content).decode()
