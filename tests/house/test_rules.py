"""The house's own rules, as tests: cheaper to read than a style guide and impossible to forget."""
import ast
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


def tree(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text())


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


@pytest.mark.parametrize("path", ALL, ids=name)
def test_every_module_says_what_it_is_for(path):
    parsed = tree(path)
    assert not parsed.body or ast.get_docstring(parsed), "a module opens with a docstring"


@pytest.mark.parametrize("path", SERVICES, ids=name)
def test_time_and_chance_come_from_the_call(path):
    """`time.time()` and `datetime.now()` would slip past the virtual clock; `uuid4` past the cloud's dice."""
    used = {ast.unparse(n) for n in ast.walk(tree(path)) if isinstance(n, ast.Attribute)}
    assert not used & {"time.time", "datetime.now", "datetime.utcnow", "datetime.datetime.now", "time.sleep", "asyncio.sleep", "uuid.uuid4", "os.urandom"}
    assert not {i.split(".")[0] for i in imports(path)} & {"random", "secrets", "uuid", "threading"}


@pytest.mark.parametrize("path", SERVICES, ids=name)
def test_a_service_leans_on_the_kernel_and_on_neighbours_through_their_public_door(path):
    own = path.relative_to(SRC).parts[1]
    for module in imports(path):
        parts = module.split(".")
        if parts[:2] == ["cloche", "services"] and len(parts) > 2 and parts[2] not in (own, "*"):
            assert parts[3:4] in (["public"], ["cfn"]), f"{module}: only services/<x>/public.py is open to others"
        if parts[0] == "cloche" and len(parts) > 1:
            assert parts[1] not in ("server", "cli", "console", "testing", "bell"), module


@pytest.mark.parametrize("path", PURE, ids=name)
def test_pure_rooms_know_no_service_and_do_no_io(path):
    for module in imports(path):
        parts = module.split(".")
        if parts[0] == "cloche":
            assert parts[1] in ("wire", "iam", "languages", "_index"), f"{module} from a pure room"
        assert parts[0] not in ("asyncio", "socket", "sqlite3", "subprocess"), module


@pytest.mark.parametrize("path", [p for p in ALL if p.relative_to(SRC).parts[0] in ("kernel", "server")], ids=name)
def test_the_kernel_knows_no_service(path):
    """What it asks of them it asks through `doors`, what it runs of them it finds in the index."""
    assert not [module for module in imports(path) if module.startswith("cloche.services")]


def test_two_functions_of_one_name_are_refused_where_they_are_registered():
    from cloche.kernel import ANY, Service
    service = Service("cloche.services.twice", name="sqs")

    def expire(call, name): ...

    for register in (service.timer, service.worker, service.op(resource=ANY)):
        register(expire)
        with pytest.raises(TypeError, match="two functions are called expire"):
            register(expire)


@pytest.mark.parametrize("path", ALL, ids=name)
def test_a_module_is_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= 500, "has a second noun moved in?"


@pytest.mark.parametrize("path", ALL, ids=name)
def test_no_error_is_swallowed_in_silence(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")):
            assert not all(isinstance(s, ast.Pass) for s in node.body), f"line {node.lineno}"


@pytest.mark.parametrize("service", sorted(_index.PACKAGES))
def test_operations_are_functions_of_call_and_request(service):
    import importlib
    for entry in importlib.import_module(f"cloche.services.{_index.PACKAGES[service]}").service.load().entries.values():
        assert len(inspect.signature(entry.run).parameters) == 2, entry.op.name


NAMED = {word for p in (HOME / "tests").rglob("*.py") for word in re.findall(r"\w+", p.read_text())}


@pytest.mark.parametrize("service", sorted(_index.PACKAGES))
def test_every_operation_that_the_ledger_claims_is_named_in_a_test(service):
    from cloche.wire.model import snake
    claimed = [op for op, line in one(service).items() if line["status"] != "not yet"]
    missing = [op for op in claimed if not NAMED & {snake(op), op}]
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
