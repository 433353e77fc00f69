"""What the README shows of networks is what happens: the demo is run, and breaks off at the first thing that is not as it says."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloche.engines.world import lacking

pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking() or "no networks here")


def test_three_tiers_answer_until_a_packet_dies_and_the_reason_is_told(tmp_path):
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin" / "cloche"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cloche.cli.main "$@"\n')
    shim.chmod(0o755)
    clients = os.environ.get("CLOCHE_CLIENTS", str(Path(sys.executable).parent))
    env = os.environ | {"PATH": f"{clients}:{tmp_path / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-m", "cloche.cli.main", "demo", "network", "--keep", str(tmp_path / "work")], env=env, capture_output=True, text=True, timeout=240)
    said = done.stdout
    assert done.returncode == 0, said[-3000:] + done.stderr[-2000:]
    assert said.count("200 web: the application counts 42 orders") == 3
    assert "SG_HAS_NO_RULES" in said and "SUBNET_ACL_RESTRICTION" in said and said.count("REJECT OK") == 2
