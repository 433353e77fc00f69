"""Options and servers that all tests share."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from cloche.testing.cloche import HOME, Account


def pytest_addoption(parser):
    parser.addoption("--soak", action="store_true", help="run the long ones: fifty crashes, hostile requests by the thousand")


@pytest.fixture
def soak(request):
    return request.config.getoption("--soak")


class Process(Account):
    """`cloche up` as a process of its own, to be killed and started again on the same data."""

    def __init__(self, data: pathlib.Path, *more: str):
        self.data, self.more = data, more
        self.start()

    def start(self) -> None:
        (self.data / "cloche.json").unlink(missing_ok=True)
        command = [sys.executable, "-m", "cloche.cli.main", "up", "--port", "0", "--data", str(self.data), *self.more]
        self.data.mkdir(exist_ok=True)
        self.log = self.data / "out.log"
        self.process = subprocess.Popen(command, stdout=self.log.open("ab"), stderr=subprocess.STDOUT, start_new_session=True)
        end = time.monotonic() + 15
        while True:
            try:
                note = json.loads((self.data / "cloche.json").read_text())
                break
            except (OSError, ValueError):
                assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
                time.sleep(0.01)
        super().__init__(note["url"], HOME)

    def kill(self, number=signal.SIGKILL) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        self.process.wait(20)


@pytest.fixture
def process(tmp_path):
    """Starts processes, and sees that none is left."""
    made = []

    def start(*more, data=None):
        made.append(Process(data or tmp_path / f"data{len(made)}", *more))
        return made[-1]

    yield start
    for one in made:
        one.kill()


NOT_IN_DEBIAN = ("SnapStart begins with Python 3.12",)     # of what a test may want, what no package of Debian's brings


def pytest_sessionfinish(session, exitstatus):
    """In CI, a test of an engine that was skipped is a failure: the machine lacks what the tests are there to try."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None:
        rooms = ("tests/engines", "tests/clients", "tests/services/lambda_", "tests/services/rds", "tests/services/elasticache", "tests/services/ecs")
        skipped = [r.nodeid for r in reporter.stats.get("skipped", []) if r.nodeid.startswith(rooms) and not any(reason in str(r.longrepr) for reason in NOT_IN_DEBIAN)]
        if skipped:
            reporter.write_line("skipped in CI, which must not be: " + ", ".join(skipped), red=True)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
