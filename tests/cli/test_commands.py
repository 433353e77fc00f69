"""The commands as a stranger types them."""
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from cloche.cli.main import COMMANDS


def cloche(*words, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CLOCHE_"))} | more.pop("env", {})
    return subprocess.run([sys.executable, "-m", "cloche.cli.main", *words], capture_output=True, text=True, timeout=60, env=env, **more)


def test_help_teaches_and_every_command_has_its_own():
    out = cloche().stdout
    assert "cloche up" in out and all(name in out for name in COMMANDS)
    for name in COMMANDS:
        one = cloche(name, "--help")
        assert one.returncode == 0 and "usage: cloche " + name in one.stdout, name


@pytest.mark.parametrize(("words", "code", "says"), [
    (["fly"], 2, "'fly' is not a command"), (["up", "--port", "abc"], 2, "invalid int"), (["up", "--port", "99999"], 2, "is not a port"),
    (["up", "--host", "0.0.0.0"], 2, "--token"), (["clock", "advance"], 2, "such as 90"), (["clock", "advance", "soon"], 2, "such as 90"),
    (["status", "--url", "http://127.0.0.1:1"], 3, "no Cloche answers"), (["run"], 2, "what should run"), (["run", "--url", "http://127.0.0.1:1", "--", "true"], 3, "no Cloche answers"),
    (["why", "x", "--url", "http://127.0.0.1:1"], 3, "no Cloche answers"),
])
def test_a_wrong_word_gets_a_sentence_and_an_exit_code(words, code, says):
    got = cloche(*words)
    assert got.returncode == code and says in got.stderr, got.stderr
    assert "Traceback" not in got.stderr


def test_a_life_up_status_clock_snapshot_restore_fork_reset_down(tmp_path):
    def here(*words):
        got = cloche(*words, cwd=tmp_path)
        assert got.returncode == 0, got.stderr
        return got.stdout

    assert "is up" in here("up", "--detach", "--port", "0")
    try:
        note = json.loads((tmp_path / ".cloche/cloche.json").read_text())
        assert oct((tmp_path / ".cloche").stat().st_mode)[-3:] == "700"
        assert "up at" in here("status") and "services in use: none" in here("status")
        before = here("clock")
        here("clock", "advance", "2d")
        assert before[:10] != here("clock")[:10]
        here("run", "--", sys.executable, "-c", "import boto3; boto3.client('sqs').create_queue(QueueName='kept')")
        here("snapshot", "one")
        assert "one" in here("snapshot")
        here("run", "--", sys.executable, "-c", "import boto3; boto3.client('sqs').create_queue(QueueName='undone')")
        here("restore", "one")
        names = here("run", "--", sys.executable, "-c", "import boto3; print(boto3.client('sqs').list_queues()['QueueUrls'])")
        assert "kept" in names and "undone" not in names
        assert "forked" in here("fork", str(tmp_path / "second"))
        here("reset", "--yes")
        assert "QueueUrls" not in here("run", "--", sys.executable, "-c", "import boto3; print(list(boto3.client('sqs').list_queues()))")
        again = cloche("up", "--port", "0", cwd=tmp_path)
        assert again.returncode == 1 and "another Cloche is using" in again.stderr
        here("up", "--detach", "--port", "0", "--data", str(tmp_path / "second"))
        try:
            names = here("run", "--data", str(tmp_path / "second"), "--", sys.executable, "-c", "import boto3; print(boto3.client('sqs').list_queues()['QueueUrls'])")
            assert "kept" in names
        finally:
            here("down", "--data", str(tmp_path / "second"))
        assert "no Cloche is running" in here("down", "--data", str(tmp_path / "nothing"))
    finally:
        assert "down" in here("down")
    with pytest.raises(OSError):
        os.kill(note["pid"], 0)


def test_a_port_in_use_is_said_so(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        got = cloche("up", "--port", str(s.getsockname()[1]), "--data", str(tmp_path / "d"))
    assert got.returncode == 1 and "port" in got.stderr and "Traceback" not in got.stderr


def test_ctrl_c_ends_it_cleanly_and_a_second_start_finds_everything(process):
    cloud = process()
    cloud.client("sqs").create_queue(QueueName="q")
    cloud.kill(signal.SIGINT)
    assert cloud.process.returncode == 0 and "Traceback" not in cloud.log.read_text()
    cloud.start()
    assert cloud.client("sqs").get_queue_url(QueueName="q")["QueueUrl"]


def test_why_tells_which_statement_was_missing(process):
    cloud = process()
    iam = cloud.client("iam")
    iam.create_user(UserName="ana")
    key = iam.create_access_key(UserName="ana")["AccessKey"]
    ana = cloud.client("sqs", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    with pytest.raises(ana.exceptions.ClientError) as refused:
        ana.list_queues()
    out = cloche("why", refused.value.response["ResponseMetadata"]["RequestId"], "--url", cloud.url).stdout
    assert "sqs:ListQueues" in out and "user/ana" in out and "no identity-based policy allows" in out
    assert cloche("why", "--last", "--url", cloud.url).stdout == out


def test_a_cloud_that_the_network_can_reach_needs_its_token(process):
    cloud = process("--host", "0.0.0.0", "--token", "s3cret")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        cloud.control("health")
    assert cloche("status", "--url", cloud.url, env={"CLOCHE_TOKEN": "s3cret"}).returncode == 0
    assert cloud.client("sts", secret="s3cret").get_caller_identity()["Account"] == "000000000000"
    with pytest.raises(cloud.client("sts").exceptions.ClientError, match="SignatureDoesNotMatch"):
        cloud.client("sts").get_caller_identity()


def test_https_with_a_certificate_of_the_clouds_own_ca(process):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    cloud = process("--tls-port", str(port))
    import boto3
    sts = boto3.client("sts", endpoint_url=f"https://localhost:{port}", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test", verify=str(cloud.data / "ca.pem"))
    assert sts.get_caller_identity()["Account"] == "000000000000"


def test_run_starts_a_cloud_of_its_own_when_none_is_up(tmp_path):
    got = cloche("run", "--", sys.executable, "-c", "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])", cwd=tmp_path,
                 env={"CLOCHE_DATA": str(tmp_path / "none"), "AWS_ENDPOINT_URL": ""})
    assert (got.returncode, got.stdout.strip()) == (0, "000000000000"), got.stderr
    assert cloche("run", "--", "no-such-command-anywhere", cwd=tmp_path).returncode == 127


def test_doctor_says_what_is_there_and_how_to_get_the_rest():
    found = {line["name"]: line for line in json.loads(cloche("doctor", "--json").stdout)}
    assert found["python"]["ok"] and all("get" in line for line in found.values() if not line["ok"])
