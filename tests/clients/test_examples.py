"""The examples, as a reader would run them."""
from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from .test_deployments import CLIENTS, SAM

HOME = pathlib.Path(__file__).parents[2]


@pytest.mark.skipif(not os.access(SAM, os.X_OK), reason="no SAM CLI")
def test_least_privilege_deploys_with_sam_and_shows_every_denial_with_its_reason(process):
    cloud = process()
    env = {"PATH": CLIENTS, "HOME": str(cloud.data), "AWS_ENDPOINT_URL": cloud.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run([sys.executable, HOME / "examples/least-privilege/show.py"], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = done.stdout
    assert "Successfully created/updated stack - notes" in shown and "the note is kept" in shown
    for reason in ("no identity-based policy allows it", "the key is missing", "it names other principals", "Deny: statement OnlyOurRegions", "no permissions boundary allows it"):
        assert reason in shown
