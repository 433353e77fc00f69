"""Runs Ceph's s3-tests (https://github.com/ceph/s3-tests) against a Cloche of its own and counts what passed, failed, and why.

    CLOCHE_S3_TESTS=/path/to/s3-tests make s3-tests          # a checkout with its requirements in CLOCHE_S3_TESTS/.venv (or CLOCHE_S3_TESTS_PYTHON)
    python tools/s3_tests.py -k multipart                    # what follows goes to pytest

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
CLOCKED = "lifecycle_expiration or lifecycle_transition"
ELSEWHERE = "cloud_transition or cloud_restore or webidentity_test or fails_on_aws or test_of_sts or sns or s3select or appendobject or bucket_logging_cleanup"
# why a test cannot pass on AWS either: (a name or a message, the reason)
REASONS: list[tuple[str, str]] = []


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


def run(cloud: Cloche, checkout: Path, python: str, config: Path, args: list[str], report: Path, days: bool = False) -> None:
    over = threading.Event()

    def pass_days() -> None:
        while not over.wait(DAY_SECONDS):
            cloud.advance(days=1)

    ticking = threading.Thread(target=pass_days, daemon=True)
    if days:
        ticking.start()
    environment = os.environ | {"S3TEST_CONF": str(config), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    subprocess.run([python, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", f"--junitxml={report}", *args], cwd=checkout, env=environment, check=False,
                   stdout=subprocess.DEVNULL if not sys.stdout.isatty() else None)
    over.set()


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
        config.write_text(settings(cloud, [kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2)]))
        reports = [Path(folder) / "all.xml", Path(folder) / "nights.xml"]
        more = ["-k", chosen.k] if chosen.k else []
        files = [f"s3tests/functional/{name}.py" for name in ("test_headers", "test_s3", "test_iam")]
        left = CLOCKED if chosen.all else f"{CLOCKED} or {ELSEWHERE}"
        run(cloud, checkout, python, config, [*files, "-m", f"not ({left})", *more], reports[0])
        run(cloud, checkout, python, config, ["s3tests/functional/test_s3.py", "-m", f"({CLOCKED}) and not ({ELSEWHERE})", *more], reports[1], days=True)
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
