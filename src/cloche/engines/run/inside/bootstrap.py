"""The Python runtime: loads the handler, answers invocations, speaks in the shapes of AWS's own runtime.

Invocations come over a private socket (fd 3) as frames: 4 bytes length of a JSON header, 4 bytes length of the body, header, body. What is written
to stdout is one log event a line; a line that ends in NUL goes on in the next (how multi-line records of `logging` stay one event).
"""
import importlib
import importlib.util
import io
import json
import logging
import os
import resource
import struct
import sys
import time
import traceback

PRELOADED = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six", "certifi", "charset_normalizer", "idna")


def preload(pyc):
    sys.path.append("/var/runtime")
    if not os.path.exists(importlib.util.cache_from_source("/var/runtime/boto3/__init__.py")):
        sys.pycache_prefix = pyc  # another Python than the server's: compile once, keep it
    import base64  # noqa: F401
    import datetime  # noqa: F401
    import decimal  # noqa: F401
    import uuid  # noqa: F401
    try:
        import boto3
        import boto3.dynamodb.conditions  # noqa: F401
        import botocore.client
        import botocore.httpsession  # noqa: F401
    except (ImportError, TypeError, SyntaxError):
        pass  # this interpreter is too old for the boto3 at hand; the engine reports it
    sys.pycache_prefix = None


class Fault(Exception):
    def __init__(self, kind, text, trace=None):
        super().__init__(text)
        self.kind, self.text, self.trace = kind, text, trace or []


class CognitoIdentity:
    def __init__(self, identity):
        self.cognito_identity_id = identity.get("cognitoIdentityId")
        self.cognito_identity_pool_id = identity.get("cognitoIdentityPoolId")


class Client:
    def __init__(self, client):
        for name in ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"):
            setattr(self, name, client.get(name))


class ClientContext:
    def __init__(self, context):
        self.custom, self.env = context.get("custom"), context.get("env")
        self.client = Client(context.get("client") or {})


class Context:
    """What AWS documents of the context object; seconds are counted on the real clock."""

    def __init__(self, header, environ):
        self.aws_request_id = header["id"]
        self.invoked_function_arn = header["arn"]
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.tenant_id = header.get("tenant")
        self.client_context = ClientContext(header["client_context"]) if header.get("client_context") else None
        self.identity = CognitoIdentity(header.get("cognito") or {})
        self._deadline = header["deadline_ms"]

    def get_remaining_time_in_millis(self):
        return max(int(self._deadline - time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        return f"LambdaContext([aws_request_id={self.aws_request_id},log_group_name={self.log_group_name},log_stream_name={self.log_stream_name},function_name={self.function_name},memory_limit_in_mb={self.memory_limit_in_mb},function_version={self.function_version},invoked_function_arn={self.invoked_function_arn},client_context={self.client_context},identity={self.identity}])"


class RequestId(logging.Filter):
    current = ""

    def filter(self, record):
        record.aws_request_id = RequestId.current
        return True


class Lines(logging.Handler):
    def emit(self, record):
        write_event(self.format(record))


class JsonLines(logging.Formatter):
    def format(self, record):
        line = {"timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"), "level": record.levelname, "message": record.getMessage(), "logger": record.name}
        if record.exc_info:
            kind, value, trace = record.exc_info
            line["stackTrace"] = traceback.format_list(traceback.extract_tb(trace))
            line["errorType"], line["errorMessage"] = kind.__name__, str(value)
            line["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        if RequestId.current:
            line["requestId"] = RequestId.current
        return json.dumps(line, ensure_ascii=False, default=str)


def write_event(text):
    sys.stdout.write(text.rstrip("\n").replace("\n", "\x00\n") + "\n")


def main(environ, keep=None):
    """`keep`: take a snapshot once the function is initialised, and give it that."""
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    standard = [p for p in sys.path if p.startswith("/var/lang") and not p.endswith("-packages")]
    sys.path[:] = ["/var/task", f"/opt/python/lib/{python}/site-packages", "/opt/python", "/var/runtime", *standard]
    sys.path_importer_cache.clear()
    forget_shadowed()
    builtins()
    for stream in ("stdout", "stderr"):
        text = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8", errors="backslashreplace", line_buffering=True)
        setattr(sys, stream, text)
        setattr(sys, f"__{stream}__", text)
    logs(environ)
    channel = io.FileIO(3, "r+", closefd=False)
    try:
        return serve(channel, environ, keep)
    except SystemExit as leaving:
        if isinstance(leaving.code, str):
            print(leaving.code)
        return 0 if leaving.code is None else leaving.code & 255 if isinstance(leaving.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def forget_shadowed():
    """A function that brings its own boto3 (or a part of it) gets its own, whole."""
    brought = set()
    for place in sys.path[:3]:
        try:
            brought |= {name.split(".")[0] for name in os.listdir(place)}
        except OSError:
            continue
    if brought & set(PRELOADED):
        for name in [n for n in sys.modules if n.split(".")[0] in PRELOADED]:
            del sys.modules[name]
    for name in ("bootstrap", "syscalls"):
        if name in brought:
            sys.modules.pop(name, None)


def builtins():
    import _sitebuiltins
    import builtins as b
    b.exit, b.quit = _sitebuiltins.Quitter("exit", "Ctrl-D"), _sitebuiltins.Quitter("quit", "Ctrl-D")
    b.help = _sitebuiltins._Helper()


def logs(environ):
    handler = Lines()
    if environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S"))
    logging.Formatter.converter = time.gmtime
    handler.addFilter(RequestId())
    root = logging.getLogger()
    root.addHandler(handler)
    level = {"TRACE": 5, "FATAL": logging.CRITICAL}.get(environ.get("AWS_LAMBDA_LOG_LEVEL", ""), environ.get("AWS_LAMBDA_LOG_LEVEL"))
    if level:
        root.setLevel(level)


def serve(channel, environ, keep=None):
    try:
        handler = load(environ.get("_HANDLER", ""))
        if keep:
            before_snapshot()
    except Fault as fault:
        report = shape(fault.kind, fault.text, fault.trace)
    except Exception:
        report = from_exception(skip_until="importlib")
    else:
        report = None
    if report is not None:
        tell_error(report)
        send(channel, {"kind": "init_error", "type": report["errorType"]}, json.dumps(report).encode())
        return 1
    send(channel, {"kind": "ready"})
    if keep:
        sys.stdout.flush()
        keep(handler)
    return answers(channel, handler, environ)


def answers(channel, handler, environ):
    while True:
        header, body = receive(channel)
        if header is None:
            return 0
        answer(channel, handler, header, body, environ)


def before_snapshot():
    hooks = sys.modules.get("snapshot_restore_py")
    for func, args, kwargs in reversed(hooks.get_before_snapshot() if hooks else []):
        try:
            func(*args, **kwargs)
        except Exception as error:
            raise Fault("Runtime.BeforeSnapshotError", f"{type(error).__name__}: {error}") from None
    if len(os.listdir("/proc/self/task")) > 1:
        raise Fault("Runtime.BeforeSnapshotError", "Cloche's snapshots hold one thread; the function's initialisation left more of them running.")


def resume(handler, environ):
    """In a copy of a snapshot: on from where it was taken."""
    channel = io.FileIO(3, "r+", closefd=False)
    hooks = sys.modules.get("snapshot_restore_py")
    try:
        for func, args, kwargs in hooks.get_after_restore() if hooks else []:
            func(*args, **kwargs)
    except Exception as error:
        report = shape("Runtime.AfterRestoreError", f"{type(error).__name__}: {error}", traceback.format_list(traceback.extract_tb(error.__traceback__)[1:]))
        tell_error(report)
        sys.stdout.flush()
        send(channel, {"kind": "init_error", "type": report["errorType"]}, json.dumps(report).encode())
        return 1
    sys.stdout.flush()
    send(channel, {"kind": "ready"})
    try:
        return answers(channel, handler, environ)
    except SystemExit as leaving:
        return leaving.code & 255 if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def answer(channel, handler, header, body, environ):
    RequestId.current = header["id"]
    os.environ["_X_AMZN_TRACE_ID"] = header.get("trace") or ""
    try:
        try:
            event = json.loads(body)
        except ValueError as error:
            raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None
        result = handler(event, Context(header, environ))
        try:
            text = json.dumps(result, ensure_ascii=sys.version_info < (3, 12)).encode("utf-8", "surrogatepass")
        except (TypeError, ValueError) as error:
            raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None
        kind = {"kind": "response"}
    except Fault as fault:
        report = shape(fault.kind, fault.text, fault.trace, header["id"])
        tell_error(report)
        kind, text = {"kind": "error", "type": report["errorType"]}, json.dumps(report, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except Exception:
        report = from_exception(request_id=header["id"])
        tell_error(report)
        kind, text = {"kind": "error", "type": report["errorType"]}, json.dumps(report, ensure_ascii=False).encode("utf-8", "surrogatepass")
    sys.stdout.flush()
    sys.stderr.flush()
    send(channel, kind, text)


def load(name):
    module, dot, function = name.rpartition(".")
    if not dot:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)")
    if module.split(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {module} as a handler module")
    try:
        found = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module}': {error}") from None
    except SyntaxError as error:
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {error}",
                    [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']) from None
    try:
        return getattr(found, function)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{module}'") from None


def shape(kind, text, trace, request_id=""):
    return {"errorMessage": text, "errorType": kind, "requestId": request_id, "stackTrace": trace}


def from_exception(request_id="", skip_until=None):
    kind, value, trace = sys.exc_info()
    frames = traceback.extract_tb(trace)[1:]  # the first is ours
    if skip_until:
        frames = [f for f in frames if "importlib" not in f.filename and f.filename != __file__]
    return shape(kind.__name__, str(value), traceback.format_list(frames), request_id)


def tell_error(report):
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        line = {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "log_level": "ERROR", **report}
        return write_event(json.dumps(line, ensure_ascii=False))
    lines = ["[ERROR] {}: {}".format(report["errorType"], report["errorMessage"]) if report["errorMessage"] else "[ERROR] {}".format(report["errorType"])]
    lines.append("Traceback (most recent call last):")
    for entry in report["stackTrace"]:
        lines += [("\u00a0\u00a0" + line[2:] if line.startswith("  ") else line) for line in entry.splitlines()]
    return write_event("\n".join(lines))


def send(channel, header, body=b""):
    header["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    head = json.dumps(header).encode()
    data = memoryview(struct.pack(">II", len(head), len(body)) + head + body)
    while data:
        data = data[channel.write(data):]


def receive(channel):
    prefix = exactly(channel, 8)
    if not prefix:
        return None, b""
    head, body = struct.unpack(">II", prefix)
    return json.loads(exactly(channel, head)), exactly(channel, body)


def exactly(channel, size):
    data = channel.read(size) if size else b""
    if len(data or b"") == size or not data:
        return data or b""
    parts, left = [data], size - len(data)
    while left:
        part = channel.read(left)
        if not part:
            return b""
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
