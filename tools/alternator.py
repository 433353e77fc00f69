"""Runs ScyllaDB's tests of its DynamoDB interface (https://github.com/scylladb/scylladb, test/alternator) against a Cloche of its own, as if it were AWS.

    CLOCHE_ALTERNATOR=/path/to/scylladb make alternator      # a checkout, or only its test/alternator
    python tools/alternator.py -k transact                   # as pytest has it; --report FILE keeps pytest's own words

Nothing of theirs is kept here. Their tests import some rooms of Scylla's own test suite, which need a Scylla: we give empty ones. A test that Scylla marks as failing on Scylla
but passing on AWS is run like any other. docs/alternator.md says what was counted.
"""
from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

from cloche.testing import Cloche

# what their tests import of Scylla's own suite, as far as it is needed without a Scylla
ROOMS = {
    "test/__init__.py": "",
    "test/conftest.py": "def dynamic_scope():\n    return 'session'\n",
    "test/cqlpy/__init__.py": "",
    "test/cqlpy/conftest.py": "import pytest\n\n@pytest.fixture(scope='session')\ndef host():\n    return 'localhost'\n",
    "test/cqlpy/util.py": "config_value_context = None\n",
    "test/pylib/__init__.py": "",
    "test/pylib/driver_utils.py": "def safe_driver_shutdown(cluster):\n    pass\n",
    "test/pylib/skip_types.py": "import pytest\n\ndef skip_env(reason):\n    pytest.skip(reason)\n\ndef skip_bug(*, link, reason):\n    pytest.skip(reason)\n",
    "test/pylib/connect_options.py": "def add_host_option(parser):\n    parser.addoption('--host', default='localhost')\n",
    "cassandra/__init__.py": "ConsistencyLevel = InvalidRequest = None\n",
    "cassandra/auth.py": "def PlainTextAuthProvider(**given):\n    pass\n",
    "cassandra/cluster.py": "class NoHostAvailable(Exception):\n    pass\n\ndef Cluster(*given, **more):\n    raise NoHostAvailable\n\nConsistencyLevel = ExecutionProfile = EXEC_PROFILE_DEFAULT = None\n",
    "cassandra/policies.py": "RoundRobinPolicy = None\n",
    "cassandra/query.py": "SimpleStatement = None\n",
    "pytest.ini": "[pytest]\nmarkers =\n    veryslow: x\n    skip_env: x\n    skip_bug: x\n",
    "as_if_aws.py": """
import json, os, urllib.request
import pytest
import test.alternator.util as util

util.is_aws = lambda anything: True

class Clock:  # of the cloud: whoever sleeps moves it on
    def ask(self, **given):
        wanted = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/_cloche/clock", json.dumps(given).encode() if given else None, {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(wanted))

    def time(self):
        return self.ask()["now_seconds"]

    def sleep(self, seconds):
        self.ask(advance_seconds=seconds)

def pytest_collection_modifyitems(items):
    for item in items:
        if item.module.__name__.endswith("test_ttl"):
            item.module.time = Clock()
        if any(True for _ in item.iter_markers("skip_env")) or any(True for _ in item.iter_markers("skip_bug")):
            item.add_marker(pytest.mark.skip(reason="skipped by Scylla: " + str(item.keywords.get("veryslow", "")) ))
        for node in item.listchain():
            node.own_markers = [m for m in node.own_markers if m.name != "xfail"]
""",
}
SCYLLAS = ("cql_rbac", "cql_schema", "tracing", "metrics", "service_levels", "system_tables", "logs", "tablets", "streams_tablets", "scylla", "audit", "expression_caching",
           "write_isolation", "no_exception", "config", "cors", "https", "health", "authorization")  # of Scylla's own tools and switches
# why a test cannot pass here: (its name or message, the reason)
REASONS: list[tuple[str, str]] = [
    ("test_describe_continuous_backups_without", "ContinuousBackupsStatus is ENABLED a few seconds after a table was made, as the test itself says of AWS"),
    ("compressed_response::", "answers are not compressed here; a client that accepts gzip must accept plain bytes"),
    ("test_deflate_request|test_garbage_content_encoding", "requests may be gzip'ed, not deflated; an unknown Content-Encoding is not looked at"),
    ("test_broken_gzip|test_gzip_request_(empty|with_missing)", "a body that is not gzip is the client's fault here (400), where AWS answers 500"),
    ("test_gsi_limit_partition_key_len", "finds the item that the test before it left in the same table"),
    ("test_gsi_composite_base_pk_ck_as_range", "expects a KeySchema without an attribute that it asked for itself"),
    ("test_gsi_composite_keyconditions_blocked", "wants Scylla's own refusal of KeyConditions; AWS allows them"),
    ("test_describe_endpoints", "signs as a user that only a Scylla has"),
    ("test_server_header", "wants AWS's Server header"),
    ("test_json_parse_error", "wants Scylla's way of saying where the JSON is broken, or nothing; we say where"),
    ("test_too_large_request_(headers|line)", "headers and request lines of 16 KB are read here"),
    ("test_scan_consumed_capacity", "AWS counts each of a new table's partitions (4 units for a tiny table); chapter 23 sums and rounds once"),
    ("test_put_and_get_toplevel_v_manual_request", "vectors are not built"),
]


def run(cloud: Cloche, checkout: Path, room: Path, args: list[str], report: Path) -> None:
    for name, text in ROOMS.items():
        (room / name).parent.mkdir(parents=True, exist_ok=True)
        (room / name).write_text(text)
    if not (room / "test" / "alternator").exists():
        (room / "test" / "alternator").symlink_to(checkout)
    environment = os.environ | {"PYTHONPATH": str(room), "PYTHONDONTWRITEBYTECODE": "1", "AWS_ENDPOINT_URL": cloud.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
                                "AWS_DEFAULT_REGION": "us-east-1"}
    subprocess.run([sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "-p", "as_if_aws", "--aws", "--timeout=120", f"--junitxml={report}", *args], cwd=room,
                   env=environment, check=False, stdout=None if sys.stdout.isatty() else subprocess.DEVNULL)


def count(reports: list[Path]) -> tuple[Counter[str], dict[str, str]]:
    counted: Counter[str] = Counter()
    failed: dict[str, str] = {}
    for case in (case for report in reports if report.exists() for case in ET.parse(report).iter("testcase")):
        wrong = case.find("failure") if case.find("failure") is not None else case.find("error")
        if wrong is not None:
            counted["failed"] += 1
            failed[f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}"] = next((x for x in (wrong.get("message") or "").splitlines() if x), "")[:250]
        else:
            counted["skipped" if case.find("skipped") is not None else "passed"] += 1
    return counted, failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", default="", help="as pytest has it")
    parser.add_argument("--report", default="", help="a file for pytest's report in JUnit's form")
    chosen = parser.parse_args()
    if "CLOCHE_ALTERNATOR" not in os.environ:
        parser.error("CLOCHE_ALTERNATOR names no checkout of https://github.com/scylladb/scylladb")
    checkout = Path(os.environ["CLOCHE_ALTERNATOR"]).resolve()
    checkout = next((c for c in (checkout / "test" / "alternator", checkout) if (c / "util.py").exists()), checkout)
    with tempfile.TemporaryDirectory() as folder, Cloche(compute="none") as cloud:
        report = Path(chosen.report or Path(folder) / "report.xml").resolve()
        ours = [f"test/alternator/{f.name}" for f in sorted(checkout.glob("test_*.py")) if f.stem.removeprefix("test_") not in SCYLLAS]
        more = ["-k", chosen.k] if chosen.k else []
        expiring = "test/alternator/test_ttl.py"  # slow on AWS, where nobody moves the clock
        slow = report.with_suffix(".ttl.xml")
        run(cloud, checkout, Path(folder), [*(f for f in ours if f != expiring), *more], report)
        run(cloud, checkout, Path(folder), [expiring, "--runveryslow", *more], slow)
        counted, failed = count([report, slow])
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
