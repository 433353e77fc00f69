"""Measure Cloche beside its peers and write bench/figures.json, from which README and docs/benchmarks.md take their figures.

    make bench                                   # needs gcc, and the peers: see docs/benchmarks.md
    python bench/run.py --harness ../shared/bench --quick

The harness (generator, operations, peers) is the one in `shared/bench`: server pinned to one core, generator on another, every operation
on every target within the same minute, medians. CPU is that of the server's process tree per request.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEERS = {"moto": "moto", "ministack": "MiniStack", "dynalite": "dynalite", "fauxqs": "fauxqs"}
ROWS = [  # operation of the harness, what a reader calls it, level (connections)
    ("ddb_put_item_1k", "DynamoDB PutItem 1 KiB", "16"), ("ddb_get_item_1k", "DynamoDB GetItem 1 KiB", "16"), ("ddb_update_counter", "DynamoDB UpdateItem ADD", "16"),
    ("ddb_query25_1k", "DynamoDB Query of 25", "16"), ("ddb_get_item_100k", "DynamoDB GetItem among 100,000", "16"), ("ddb_query25_100k", "DynamoDB Query of 25 among 100,000", "16"),
    ("sqs_send", "SQS SendMessage", "16"), ("sqs_receive_b10", "SQS ReceiveMessage of 10, backlog 10", "1"), ("sqs_receive_b50k", "SQS ReceiveMessage of 10, backlog 50,000", "1"),
    ("s3_put_1k", "S3 PutObject 1 KiB", "16"), ("s3_get_1k", "S3 GetObject 1 KiB", "16"), ("s3_list_10k", "S3 ListObjectsV2, 1,000 keys", "16"),
    ("s3_list_10k_prefix", "S3 ListObjectsV2, prefix of 10 in 10,000", "16"), ("sts_get_caller_identity", "STS GetCallerIdentity", "16"), ("iam_create_role", "IAM CreateRole", "16"),
    ("kms_encrypt", "KMS Encrypt 256 B", "16"), ("ssm_get_parameter", "SSM GetParameter", "16"), ("lambda_warm", "Lambda warm invoke", "1"),
]
SCRIPTS = [("s3_put_64m", "S3 PutObject 64 MiB"), ("s3_get_64m", "S3 GetObject 64 MiB"), ("cfn_deploy_20", "CloudFormation stack of 20"), ("lambda_cold", "Lambda first invoke")]



def harness(path: str) -> Path:
    source = Path(path).resolve()
    if not (source / "bench.py").exists():
        sys.exit(f"no harness at {source}: --harness says where bench.py, ops.py, lg.c are")
    place = Path(tempfile.mkdtemp(prefix="cloche-bench-"))
    shutil.copytree(source, place, dirs_exist_ok=True)
    for file in place.rglob("*"):
        file.chmod(file.stat().st_mode | 0o200)
    subprocess.run(["gcc", "-O2", "-o", "lg", "lg.c"], cwd=place, check=True)
    targets = place / "targets.py"  # Cloche verifies signatures: the harness must sign with keys that exist
    targets.write_text(targets.read_text() + '\nTARGETS["cloche"].update(key="test", secret="test")\n')
    return place


def level(runs: list[dict[str, Any]], name: str, field: str) -> float | None:
    values = [run[name][field] for run in runs if name in run and not run[name].get("bad")]
    return statistics.median(values) if values else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--harness", default=os.environ.get("CLOCHE_HARNESS", str(ROOT.parent / "shared/bench")))
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="Cloche alone, one repetition")
    parser.add_argument("--ops", default="all")
    args = parser.parse_args()
    place = harness(args.harness)
    home = Path(os.environ.get("BENCH_PEERS", Path.home() / "bench-peers"))
    peers = [] if args.quick else [p for p in PEERS if (home / p).exists()]
    command = [sys.executable, "bench.py", "--target", "cloche", *[w for p in peers for w in ("--target", p)], "--reps", "1" if args.quick else str(args.reps), "--ops", args.ops, "--no-free"]
    env = os.environ | {"CLOCHE": f"{sys.executable} -m cloche.cli.main"}
    subprocess.run(command, cwd=place, env=env, check=True)
    results = {name: json.loads((place / f"results/{name}.json").read_text()) for name in ["cloche", *peers]}
    figures = digest(results, peers)
    (ROOT / "bench/figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    shutil.rmtree(place)
    print(f"{len(figures['rows'])} rows in bench/figures.json; python tools/docs.py puts them into README and docs/benchmarks.md")
    return 0


def digest(results: dict[str, Any], peers: list[str]) -> dict[str, Any]:
    def cell(target: str, op: str, conns: str | None) -> str:
        found = results[target].get("ops", {}).get(op)
        if not found or "error" in found or not found.get("runs"):
            return ""
        if conns is None:
            value = statistics.median(run["value"] for run in found["runs"] if "value" in run) if any("value" in r for r in found["runs"]) else None
            return "" if value is None else f"{value:g} {found['runs'][0].get('unit', '')}"
        value = level(found["runs"], f"c{conns}", "cpu_us") or level(found["runs"], conns, "cpu_us")
        return "" if value is None else f"{value:.0f} µs"

    def speed(target: str, op: str) -> str:
        """Streams are told in MB/s."""
        found = results[target].get("ops", {}).get(op) or {}
        value = level(found.get("runs", []), "c1", "rps")
        return "" if value is None else f"{value * 64 * 1.048576:,.0f} MB/s"

    rows = []
    for op, what, conns in [*ROWS, *[(o, w, None) for o, w in SCRIPTS]]:
        say = (lambda t, o=op: speed(t, o)) if op.endswith("_64m") else (lambda t, o=op, c=conns: cell(t, o, c))
        if mine := say("cloche"):
            rows.append({"op": op, "what": what, "cloche": mine, "peers": {PEERS[p]: say(p) for p in peers}})
    extra = {
        "Exec to first answer": ("cold_start_ms_median", "ms"), "Idle, resident": (("idle", "rss_mb"), "MB"), "Every service touched, resident": (("idle_all_services", "rss_mb"), "MB"),
    }
    for what, (path, unit) in extra.items():
        def pick(target: str, path: Any = path, unit: str = unit) -> str:
            value = results[target].get(path) if isinstance(path, str) else results[target].get(path[0], {}).get(path[1])
            return "" if value is None else f"{value:g} {unit}"
        rows.append({"op": "", "what": what, "cloche": pick("cloche"), "peers": {PEERS[p]: pick(p) for p in peers}})
    return {"when": time.strftime("%Y-%m-%d"), "machine": f"{results['cloche'].get('cpu', platform.processor())}, {os.cpu_count()} cores, Python {platform.python_version()}",
            "peers": [PEERS[p] for p in peers], "rows": rows}


if __name__ == "__main__":
    sys.exit(main())
