"""Scaffold a service: the package, its errors, a first noun, and a test that fails until the noun is real.

    python -m tools.new service kinesis --noun streams
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))
from cloche.wire import model  # noqa: E402

INIT = '''"""{title}: TODO one sentence on what it is."""
from cloche.kernel import Service

service = Service(__name__{more})
'''
ERRORS = '''"""What {title} says when it refuses. One function per sentence, in AWS's own words."""
from cloche.kernel import AwsError


def not_found(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"{{name}} does not exist.")  # check code and words in AWS's API reference
'''
NOUN = '''"""{Noun}: TODO the one idea that is not obvious."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import ANY, Call, Record

from . import service as {package}

if TYPE_CHECKING:
    from cloche.shapes import {package} as t

# Operations of {name}, from its model. Write each as `def {example}(call: Call, req: t.{Example}Request) -> ...`
# under `@{package}.op(resource=...)`; what is not written answers 501.
{operations}
'''
TEST = '''"""{title}: {noun}."""


def test_a_{one}_is_TODO(cloud):
    client = cloud.client("{name}")
    raise AssertionError("say one true sentence about AWS, and try it through the client")
'''


def service(name: str, noun: str) -> int:
    if name not in model.services():
        print(f"botocore has no service {name}", file=sys.stderr)
        return 1
    package = name.replace("-", "_") + ("_" if name in ("lambda",) else "")
    folder = ROOT / "src/cloche/services" / package
    if folder.exists():
        print(f"{folder} is there already", file=sys.stderr)
        return 1
    found = model.load(name)
    title = found.meta.get("serviceAbbreviation") or found.meta["serviceFullName"]
    first = next(iter(found.operations.values()))
    values = {
        "name": name, "package": package, "noun": noun, "Noun": noun.capitalize(), "one": noun.rstrip("s"), "title": title, "example": first.snake, "Example": first.name,
        "more": f', name="{name}"' if package.rstrip("_").replace("_", "-") != name else "", "operations": "\n".join(f"# {op.name}" for op in found.operations.values()),
    }
    tests = ROOT / "tests/services" / package
    tests.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True)
    for path, text in ((folder / "__init__.py", INIT), (folder / "errors.py", ERRORS), (folder / f"{noun}.py", NOUN), (tests / f"test_{noun}.py", TEST)):
        path.write_text(text.format(**values))
        print(path.relative_to(ROOT))
    print("then: python tools/index.py, and docs/adding-a-service.md")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["service"])
    parser.add_argument("name")
    parser.add_argument("--noun", default="things")
    args = parser.parse_args()
    return service(args.name, args.noun)


if __name__ == "__main__":
    sys.exit(main())
