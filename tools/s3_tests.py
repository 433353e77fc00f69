"""Runs Ceph's s3-tests (https://github.com/ceph/s3-tests) against a Cloche of its own and counts what passed, failed, and why.

    CLOCHE_S3_TESTS=/path/to/s3-tests make s3tests           # a checkout with its requirements in CLOCHE_S3_TESTS/.venv (or CLOCHE_S3_TESTS_PYTHON)
    python tools/s3_tests.py -k multipart                    # what follows goes to pytest

The tests want buckets as AWS made them before April 2023: with ACLs, without Block Public Access, and with SSE-C. A plugin of ours makes each new bucket so.
Nothing of theirs is kept here. Tests that wait for lifecycle "days" run by themselves, while a thread moves the cloud's clock on a day at a time.
"""
from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

from cloche.iam.principal import canonical_id
from cloche.testing import Cloche

ACCOUNTS = {"s3 main": "111111111111", "s3 alt": "222222222222", "s3 tenant": "333333333333", "iam": "111111111111", "iam root": "444444444444", "iam alt root": "555555555555"}
DAY_SECONDS = 2  # of real time, for tests of lifecycle
CHUNK, CHUNK_SECONDS = 25, 300
CLOCKED = "lifecycle_expiration or lifecycle_transition"
ELSEWHERE = "cloud_transition or cloud_restore or webidentity_test or fails_on_aws or test_of_sts or sns or s3select or appendobject or bucket_logging_cleanup"
# why a test cannot pass on AWS either: (a name or a message, the reason)
REASONS: list[tuple[str, str]] = [
    ("AccessControlListNotSupported|InvalidBucketAclWithObjectOwnership", "needs ACLs, which are off in new buckets since April 2023"),
]
OLDER_BUCKETS = '''
"""Each new bucket gets what a bucket had before April 2023, and names are shown as they were before 2025."""
import boto3

creators = {}


def asked(params, request_signer, **_):
    params["headers"].setdefault("x-amz-object-ownership", "ObjectWriter")
    creators[params["url"].split("?")[0]] = (request_signer._credentials, params["url"])


def made(http_response, parsed, context, **_):
    if http_response.status_code != 200 or not parsed.get("Location"):
        return
    name = parsed["Location"].removeprefix("http://").split(".")[0].strip("/")
    url, (credentials, _) = next(((url, who) for url, who in creators.items() if url.rstrip("/").endswith(name) or f"//{name}." in url), (None, (None, None)))
    if url is None or credentials is None:
        return
    end = "/".join(url.split("/")[:3]).replace(f"//{name}.", "//")
    client = boto3.Session().client("s3", endpoint_url=end, region_name="us-east-1", aws_access_key_id=credentials.access_key, aws_secret_access_key=credentials.secret_key,
                                    aws_session_token=credentials.token)
    client.delete_public_access_block(Bucket=name)
    client.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [{"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]})


def named(value):
    """Owners and grantees have the display name that S3 answered until 2025: here the account, with which our canonical ids end."""
    if isinstance(value, dict):
        if len(str(value.get("ID", ""))) == 64:
            value.setdefault("DisplayName", value["ID"][-12:])
        value = list(value.values())
    for one in value if isinstance(value, list) else ():
        named(one)


def pytest_configure(config):
    boto3.setup_default_session()
    usual = boto3.DEFAULT_SESSION.client
    # clients of IAM are made for the region "", for which nobody can sign on AWS
    boto3.DEFAULT_SESSION.client = lambda *names, **more: usual(*names, **more | ({"region_name": "us-east-1"} if more.get("region_name") == "" else {}))
    session = boto3.DEFAULT_SESSION._session
    session.register("before-call.s3.CreateBucket", asked)
    session.register("after-call.s3.CreateBucket", made)
    session.register("after-call.s3", lambda parsed, **_: named(parsed))
'''


def settings(cloud: Cloche, keys: list[str]) -> str:
    host, port = cloud.url.removeprefix("http://").split(":")
    lines = ["[DEFAULT]", f"host = {host}", f"port = {port}", "is_secure = False", "ssl_verify = False", "[fixtures]", "bucket prefix = s3t-{random}-",
             "iam name prefix = s3-tests-", "iam path prefix = /s3-tests/"]
    for section, account in ACCOUNTS.items():
        lines += [f"[{section}]", f"display_name = {account}", f"user_id = {canonical_id(account) if 'root' not in section else account}", f"email = {account}@example.com",
                  f"access_key = {account}", "secret_key = test"]
        if section == "s3 main":
            lines += ["api_name = ", f"kms_keyid = {keys[0]}", f"kms_keyid2 = {keys[1]}", f"lc_debug_interval = {DAY_SECONDS}", "storage_classes = STANDARD_IA, GLACIER_IR"]
        if section == "s3 tenant":
            lines.append("tenant = ")
    return "\n".join(lines) + "\n"


def collected(checkout: Path, python: str, config: Path, args: list[str]) -> list[str]:
    done = subprocess.run([python, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *args], cwd=checkout, env=environment(config), check=False, capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if "::" in line]


def environment(config: Path) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "S3TEST_CONF": str(config), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(config.parent)}


def run(cloud: Cloche, checkout: Path, python: str, config: Path, args: list[str], days: bool = False) -> list[Path]:
    """The tests, some at a time: what hangs costs its chunk. The reports."""
    names = collected(checkout, python, config, args)
    over = threading.Event()

    def pass_days() -> None:
        while not over.wait(DAY_SECONDS):
            cloud.advance(days=1)

    ticking = threading.Thread(target=pass_days, daemon=True)
    if days:
        ticking.start()
    reports = []
    for at in range(0, len(names), CHUNK):
        report = config.parent / f"{'nights' if days else 'all'}-{at:04d}.xml"
        reports.append(report)
        try:
            subprocess.run([python, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "-p", "cloche_older_buckets", f"--junitxml={report}", *names[at:at + CHUNK]], cwd=checkout,
                           env=environment(config), check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=CHUNK_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"nothing came of {names[at:at + CHUNK]} in {CHUNK_SECONDS} seconds", flush=True)
        print(f"{min(at + CHUNK, len(names))} of {len(names)}: {dict(count(reports)[0])}", flush=True)
    over.set()
    return reports


def count(reports: list[Path]) -> tuple[Counter[str], dict[str, str]]:
    counted: Counter[str] = Counter()
    failed: dict[str, str] = {}
    for report in reports:
        for case in ET.parse(report).iter("testcase") if report.exists() else ():
            wrong = case.find("failure") if case.find("failure") is not None else case.find("error")
            if wrong is not None:
                counted["failed"] += 1
                failed[case.get("name", "")] = next((line for line in (wrong.get("message") or "").splitlines() if line), "")[:200]
            else:
                counted["skipped" if case.find("skipped") is not None else "passed"] += 1
    return counted, failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", default="", help="as pytest has it")
    parser.add_argument("--all", action="store_true", help=f"also those marked: {ELSEWHERE}")
    chosen = parser.parse_args()
    if "CLOCHE_S3_TESTS" not in os.environ:
        parser.error("CLOCHE_S3_TESTS names no checkout of https://github.com/ceph/s3-tests")
    checkout = Path(os.environ["CLOCHE_S3_TESTS"])
    python = os.environ.get("CLOCHE_S3_TESTS_PYTHON", str(checkout / ".venv" / "bin" / "python"))
    with tempfile.TemporaryDirectory() as folder, Cloche(compute="none") as cloud:
        kms = cloud.client("kms", key=ACCOUNTS["s3 main"], secret="test")
        config = Path(folder) / "s3tests.conf"
        config.write_text(settings(cloud, [kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]))
        (Path(folder) / "cloche_older_buckets.py").write_text(OLDER_BUCKETS)
        more = ["-k", chosen.k] if chosen.k else []
        files = [f"s3tests/functional/{name}.py" for name in ("test_headers", "test_s3", "test_iam")]
        left = CLOCKED if chosen.all else f"{CLOCKED} or {ELSEWHERE}"
        reports = run(cloud, checkout, python, config, [*files, "-m", f"not ({left})", *more])
        reports += run(cloud, checkout, python, config, ["s3tests/functional/test_s3.py", "-m", f"({CLOCKED}) and not ({ELSEWHERE})", *more], days=True)
        counted, failed = count(reports)
    why: dict[str, list[str]] = {}
    for name, message in sorted(failed.items()):
        reason = next((reason for pattern, reason in REASONS if re.search(pattern, name) or re.search(pattern, message)), "unexplained")
        why.setdefault(reason, []).append(f"{name}: {message}" if reason == "unexplained" else name)
    print(f"passed {counted['passed']}, failed {counted['failed']}, skipped {counted['skipped']}")
    for reason, names in sorted(why.items()):
        print(f"\n{reason} ({len(names)})")
        print("\n".join("  " + name for name in names))
    return 1 if why.get("unexplained") else 0


if __name__ == "__main__":
    sys.exit(main())
