"""The house's own rules, as tests: cheaper to read than a style guide and impossible to forget."""
import ast
import functools
import inspect
import pathlib
import re

import pytest

from cloche import _index
from cloche.kernel import Record
from cloche.kernel.ledger import one

HOME = pathlib.Path(__file__).parents[2]
SRC = HOME / "src/cloche"
ALL = [p for p in sorted(SRC.rglob("*.py")) if p.name != "_index.py"]
SERVICES = [p for p in ALL if "services" in p.parts]
PURE = [p for p in ALL if {"wire", "iam", "languages"} & set(p.relative_to(SRC).parts[:1])]


def name(path: pathlib.Path) -> str:
    return str(path.relative_to(SRC))


@functools.cache
def tree(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text())


@functools.cache
def imports(path: pathlib.Path) -> set[str]:
    """Absolute names of everything a module imports."""
    package = ("cloche", *path.relative_to(SRC).parts[:-1])
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module or ""]))
            found |= {f"{module}.{a.name}" for a in node.names}
    return found


def offenders(paths: list[pathlib.Path], *rules) -> list[str]:
    """What the rules say of the files, a line each. One test a rule: six thousand small ones took a minute."""
    return [f"{name(path)}: {said}" for path in paths for rule in rules for said in rule(path)]


def test_every_module_says_what_it_is_for():
    assert offenders(ALL, lambda path: ["opens without a docstring"] if tree(path).body and not ast.get_docstring(tree(path)) else []) == []


CLOCKS = {"time.time", "datetime.now", "datetime.utcnow", "datetime.datetime.now", "time.sleep", "asyncio.sleep", "uuid.uuid4", "os.urandom"}
DICE = {"random", "secrets", "uuid", "threading"}


def test_time_and_chance_come_from_the_call():
    """`time.time()` and `datetime.now()` would slip past the virtual clock; `uuid4` past the cloud's dice."""
    used = lambda path: {ast.unparse(n) for n in ast.walk(tree(path)) if isinstance(n, ast.Attribute)} & CLOCKS
    assert offenders(SERVICES, used, lambda path: {module.split(".")[0] for module in imports(path)} & DICE) == []


def neighbours(path: pathlib.Path) -> list[str]:
    own, found = path.relative_to(SRC).parts[1], []
    for module in imports(path):
        parts = module.split(".")
        if parts[:2] == ["cloche", "services"] and len(parts) > 2 and parts[2] not in (own, "*") and parts[3:4] not in (["public"], ["cfn"]):
            found.append(f"{module}: only services/<x>/public.py is open to others")
        if parts[0] == "cloche" and len(parts) > 1 and parts[1] in ("server", "cli", "console", "testing", "bell"):
            found.append(module)
    return found


def test_a_service_leans_on_the_kernel_and_on_neighbours_through_their_public_door():
    assert offenders(SERVICES, neighbours) == []


def impure(path: pathlib.Path) -> list[str]:
    parts = [module.split(".") for module in imports(path)]
    return [".".join(each) for each in parts if (each[0] == "cloche" and each[1:2] not in (["wire"], ["iam"], ["languages"], ["_index"])) or each[0] in ("asyncio", "socket", "sqlite3", "subprocess")]


def test_pure_rooms_know_no_service_and_do_no_io():
    assert offenders(PURE, impure) == []


def test_the_kernel_knows_no_service():
    """What it asks of them it asks through `doors`, what it runs of them it finds in the index."""
    assert offenders([p for p in ALL if p.relative_to(SRC).parts[0] in ("kernel", "server")], lambda path: [module for module in imports(path) if module.startswith("cloche.services")]) == []


def test_two_functions_of_one_name_are_refused_where_they_are_registered():
    from cloche.kernel import ANY, Service
    service = Service("cloche.services.twice", name="sqs")

    def expire(call, name): ...

    for register in (service.timer, service.worker, service.op(resource=ANY)):
        register(expire)
        with pytest.raises(TypeError, match="two functions are called expire"):
            register(expire)


def test_a_module_is_read_in_one_sitting():
    """Over 500 lines: has a second noun moved in?"""
    assert offenders(ALL, lambda path: [lines] if (lines := len(path.read_text().splitlines())) > 500 else []) == []


def silent(path: pathlib.Path) -> list[str]:
    return [f"line {node.lineno}" for node in ast.walk(tree(path)) if isinstance(node, ast.ExceptHandler)
            and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")) and all(isinstance(s, ast.Pass) for s in node.body)]


def test_no_error_is_swallowed_in_silence():
    assert offenders(ALL, silent) == []


@pytest.mark.parametrize("service", sorted(_index.PACKAGES))
def test_operations_are_functions_of_call_and_request(service):
    import importlib
    for entry in importlib.import_module(f"cloche.services.{_index.PACKAGES[service]}").service.load().entries.values():
        assert len(inspect.signature(entry.run).parameters) == 2, entry.op.name


WORDS = {word for p in (HOME / "tests").rglob("*.py") for word in re.findall(r"\w+", p.read_text())}


@pytest.mark.parametrize("service", sorted(_index.PACKAGES))
def test_every_operation_that_the_ledger_claims_is_named_in_a_test(service):
    from cloche.wire.model import snake
    claimed = [op for op, line in one(service).items() if line["status"] != "not yet"]
    missing = [op for op in claimed if not {snake(op), op} & WORDS]
    assert not missing, f"claimed, never tried: {', '.join(missing)}"


def records(cls=Record):
    for sub in cls.__subclasses__():
        yield sub
        yield from records(sub)


def test_records_have_a_kind_of_their_own():
    for service in _index.PACKAGES:
        one(service)
    kinds = [r.kind for r in records() if r.__module__.startswith("cloche.")]
    assert len(kinds) == len(set(kinds))
    assert all(r.scope in ("region", "account", "cloud") for r in records())
