"""Container images made by hand: this machine's Python, no more of it than a bootstrap needs, and the bootstrap."""
import functools
import gzip
import io
import json
import os
import subprocess
import sys
import tarfile

from ..ecr.pushing import digest, image

ASKING = """
import json, os, socket, sys
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
def ask(method, path, body="", headers=()):  # without http.client, which would bring TLS into the image
    with socket.create_connection((host.encode(), int(port))) as api:
        lines = [f"{method} {path} HTTP/1.1", "Host: runtime", f"Content-Length: {len(body.encode())}", *headers]
        api.sendall(("\\r\\n".join(lines) + "\\r\\n\\r\\n" + body).encode())
        answer = api.makefile("rb")
        answer.readline()
        got = dict(line.decode().strip().split(": ", 1) for line in iter(answer.readline, b"\\r\\n"))
        return got, answer.read(int(got["Content-Length"]))
"""
BOOTSTRAP = ASKING + """
print("starting", sys.argv[1:], flush=True)
while True:
    headers, event = ask("GET", "/2018-06-01/runtime/invocation/next")
    seen = {name: os.environ.get(name) for name in ("FROM_IMAGE", "FROM_FUNCTION", "_HANDLER", "AWS_LAMBDA_FUNCTION_NAME", "AWS_REGION", "LAMBDA_TASK_ROOT")}
    try:
        open("/app/new", "w")
        wrote = True
    except OSError:
        wrote = False
    open("/tmp/new", "w").close()
    said = {"event": json.loads(event), "argv": sys.argv[1:], "env": seen, "cwd": os.getcwd(), "root": sorted(os.listdir("/")), "wrote": wrote, "uid": os.getuid(), "text": open("/app/text").read()}
    ask("POST", f"/2018-06-01/runtime/invocation/{headers['Lambda-Runtime-Aws-Request-Id']}/response", json.dumps(said))
"""
ASK = "import sys, socket, json, os; print(sys.executable); [print(m.__file__) for m in list(sys.modules.values()) if getattr(m, '__file__', None)]"


@functools.cache
def python():
    """(the interpreter's path, a layer with it and the files that the bootstrap imports)."""
    executable = os.path.realpath("/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys._base_executable)  # the distribution's is stripped
    files = {executable, *subprocess.run([executable, "-I", "-S", "-c", ASK], capture_output=True, text=True, check=True).stdout.split()[1:]}
    for one in [f for f in files if f == executable or ".so" in f]:
        linked = subprocess.run(["ldd", one], capture_output=True, text=True, check=False).stdout
        files |= {word for word in linked.split() if word.startswith("/") and os.path.exists(word)}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", dereference=True) as tar:
        for one in sorted(files):
            tar.add(one, one.lstrip("/"))
    return executable, gzip.compress(out.getvalue(), 1)


def layer(**files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size, info.mode = len(text.encode()), 0o755
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def push(cloud, repository="app", tag="1", text="one", files=None, **config):
    """A function's image in the account's ECR; gives its URI and digest."""
    ecr = cloud.client("ecr")
    try:
        uri = ecr.create_repository(repositoryName=repository)["repository"]["repositoryUri"]
    except ecr.exceptions.RepositoryAlreadyExistsException:
        uri = ecr.describe_repositories(repositoryNames=[repository])["repositories"][0]["repositoryUri"]
    executable, interpreter = python()
    settings = {"Env": ["FROM_IMAGE=yes", "FROM_FUNCTION=no", "LAMBDA_TASK_ROOT=/app"], "Entrypoint": [executable, "-I", "-S", "/app/bootstrap.py"], "Cmd": ["app.handler"], "WorkingDir": "/app"} | config
    top = layer(app__text=text, **{"app__bootstrap.py": BOOTSTRAP}, **(files or {}))
    blob = json.dumps({"architecture": "amd64", "os": "linux", "config": settings}).encode()
    return f"{uri}:{tag}", image(ecr, repository, tag, blob, interpreter, top)


__all__ = ["ASKING", "digest", "layer", "push", "python"]
