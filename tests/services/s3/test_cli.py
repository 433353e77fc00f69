"""The real `aws s3` commands, where the aws CLI is installed (AWS_CLI names it)."""
from __future__ import annotations

import os
import shutil
import subprocess
import urllib.request

import pytest

AWS = os.environ.get("AWS_CLI") or shutil.which("aws") or "/work/venv-clients/bin/aws"
pytestmark = pytest.mark.skipif(not os.access(AWS, os.X_OK), reason="no aws CLI")


@pytest.fixture
def aws(cloud, tmp_path):
    """`aws("s3", "ls")` -> what it prints."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ACCESS_KEY_ID": cloud.account, "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
                   "AWS_ENDPOINT_URL": cloud.url, "AWS_EC2_METADATA_DISABLED": "true"}

    def run(*arguments: str, fails: bool = False, stdin: bytes = b"") -> str:
        done = subprocess.run([AWS, *arguments], env=environment, cwd=tmp_path, input=stdin, capture_output=True, timeout=60)
        assert (done.returncode != 0) == fails, done.stderr.decode() + done.stdout.decode()
        return (done.stderr if fails else done.stdout).decode()
    return run


def test_the_commands_of_a_day(aws, bucket, tmp_path):
    where = f"s3://{bucket}"
    assert bucket in aws("s3", "ls")
    (tmp_path / "d" / "sub").mkdir(parents=True)
    for name, size in (("a.txt", 10), ("b.bin", 9 << 20), ("sub/c d+é.txt", 3)):
        (tmp_path / "d" / name).write_bytes(os.urandom(size))
    aws("s3", "cp", "d/a.txt", f"{where}/one.txt", "--metadata", "k=v")
    aws("s3", "cp", "-", f"{where}/piped", stdin=b"from a pipe")
    assert aws("s3", "cp", f"{where}/piped", "-") == "from a pipe"
    aws("s3", "sync", "d", f"{where}/tree")
    assert aws("s3", "sync", "d", f"{where}/tree") == ""
    listed = aws("s3", "ls", f"{where}/tree/", "--recursive", "--summarize")
    assert "Total Objects: 3" in listed and "tree/sub/c d+é.txt" in listed
    assert "PRE tree/" in aws("s3", "ls", where)
    aws("s3", "sync", f"{where}/tree", "back")
    for name in ("a.txt", "b.bin", "sub/c d+é.txt"):
        assert (tmp_path / "back" / name).read_bytes() == (tmp_path / "d" / name).read_bytes()
    (tmp_path / "d" / "a.txt").unlink()
    assert "delete:" in aws("s3", "sync", "d", f"{where}/tree", "--delete")
    aws("s3", "mv", f"{where}/tree/b.bin", f"{where}/moved.bin")
    assert "moved.bin" in aws("s3", "ls", where) and "b.bin" not in aws("s3", "ls", f"{where}/tree/")
    url = aws("s3", "presign", f"{where}/piped").strip()
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.read() == b"from a pipe"
    assert "404" in aws("s3", "cp", f"{where}/none", "x", fails=True)
    aws("s3", "rm", where, "--recursive")
    assert aws("s3", "ls", where) == ""
    aws("s3", "rb", where)
    assert bucket not in aws("s3", "ls")
    aws("s3", "mb", where)
