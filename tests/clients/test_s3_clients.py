"""S3 through clients that others wrote: s3cmd, rclone, restic."""
import os
import pathlib
import shutil
import subprocess

import pytest

CLIENTS = os.environ.get("CLOCHE_CLIENTS", "")


@pytest.fixture
def files(tmp_path):
    tree = tmp_path / "tree"
    (tree / "a").mkdir(parents=True)
    (tree / "a/x").write_text("1")
    (tree / "a b+c ü").write_text("2")
    (tree / "big").write_bytes(os.urandom(12_000_000))
    return tree


def find(name):
    path = shutil.which(name, path=f"{CLIENTS}:{os.environ['PATH']}")
    if not path:
        pytest.skip(f"{name} is not installed (.ci/run installs it)")
    return path


def run(tmp_path, *command, **env):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, env=clean | env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def same(a: pathlib.Path, b: pathlib.Path):
    names = sorted(str(p.relative_to(a)) for p in a.rglob("*") if p.is_file())
    assert names == sorted(str(p.relative_to(b)) for p in b.rglob("*") if p.is_file())
    assert all((a / n).read_bytes() == (b / n).read_bytes() for n in names)


def test_s3cmd_makes_puts_gets_syncs_lists_and_deletes(cloud, files, tmp_path):
    config = tmp_path / "s3cfg"
    place = cloud.url.removeprefix("http://")
    config.write_text(f"[default]\naccess_key = {cloud.account}\nsecret_key = test\nhost_base = {place}\nhost_bucket = {place}\nuse_https = False\n")
    s3cmd, bucket = [find("s3cmd"), "-c", str(config), "--no-progress"], f"s3://s3cmd-{cloud.account}"
    run(tmp_path, *s3cmd, "mb", bucket)
    run(tmp_path, *s3cmd, "put", "tree/big", f"{bucket}/big", "--multipart-chunk-size-mb=5")
    run(tmp_path, *s3cmd, "get", f"{bucket}/big", "back")
    assert (tmp_path / "back").read_bytes() == (files / "big").read_bytes()
    run(tmp_path, *s3cmd, "sync", "tree/", f"{bucket}/tree/")
    assert "a b+c ü" in run(tmp_path, *s3cmd, "ls", "-r", bucket)
    run(tmp_path, *s3cmd, "sync", f"{bucket}/tree/", "tree2/")
    same(files, tmp_path / "tree2")
    assert "SSE:       AES256" in run(tmp_path, *s3cmd, "info", f"{bucket}/big")
    run(tmp_path, *s3cmd, "del", "-r", "-f", bucket)
    run(tmp_path, *s3cmd, "rb", bucket)
    assert not cloud.client("s3").list_buckets()["Buckets"]


def test_rclone_copies_checks_syncs_and_purges(cloud, files, tmp_path):
    config = tmp_path / "rclone.conf"
    config.write_text(f"[c]\ntype = s3\nprovider = Other\naccess_key_id = {cloud.account}\nsecret_access_key = test\nendpoint = {cloud.url}\nregion = us-east-1\nacl = bucket-owner-full-control\nbucket_acl = private\n")
    rclone, bucket = [find("rclone"), "--config", str(config), "--retries", "1", "--low-level-retries", "1"], f"c:rclone-{cloud.account}"
    run(tmp_path, *rclone, "mkdir", bucket)
    run(tmp_path, *rclone, "copy", "tree", f"{bucket}/t", "--s3-chunk-size", "5M", "--s3-upload-cutoff", "5M")
    assert "0 differences found" in run(tmp_path, *rclone, "check", "tree", f"{bucket}/t")
    run(tmp_path, *rclone, "sync", f"{bucket}/t", "tree2")
    same(files, tmp_path / "tree2")
    run(tmp_path, *rclone, "purge", bucket)
    assert not cloud.client("s3").list_buckets()["Buckets"]


def test_restic_backs_up_checks_and_restores(cloud, files, tmp_path):
    restic = find("restic")
    env = {"AWS_ACCESS_KEY_ID": cloud.account, "AWS_SECRET_ACCESS_KEY": "test", "RESTIC_PASSWORD": "x", "RESTIC_REPOSITORY": f"s3:{cloud.url}/restic-{cloud.account}", "HOME": str(tmp_path)}
    run(tmp_path, restic, "init", **env)
    run(tmp_path, restic, "backup", "tree", **env)
    assert "no errors were found" in run(tmp_path, restic, "check", "--read-data", **env)
    run(tmp_path, restic, "restore", "latest", "--target", "out", **env)
    same(files, next(p for p in (tmp_path / "out").rglob("tree")))
