"""The rules of the house that no linter knows, read off the syntax trees of the whole package."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "taostack"
FILES = {str(path.relative_to(SOURCE)): path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py"))}
TREES = {name: ast.parse(text) for name, text in FILES.items()}
MOST_LINES = 500

TIME_CALLS = {
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.monotonic_ns",
    "time.sleep",
    "asyncio.sleep",
    "datetime.now",
    "datetime.utcnow",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
}

# Where a rule may be broken, and why.
TIME_ALLOWED = {
    "process/clock.py": "the clock itself",
}
TASK_ALLOWED = {
    "process/clock.py": "the manual clock's own jumper, which ends with its last sleeper",
    "process/shutdown.py": "the main task, awaited in the same function",
    "wire/server.py": "one task per request, in the server's own set, which it awaits and cancels when it stops",
}
CATCH_ALL_ALLOWED = {
    "process/tasks.py": "the supervisor: logs, counts and decides on a restart",
    "cli/failures.py": "the outermost boundary: tells the failure in one line",
    "wire/app.py": "answers outside input: a handler's fault is logged, counted and answered with 500",
    "wire/v10/server.py": "answers outside input, as wire/app.py does",
    "storage/journal.py": "hands the error to whoever waits for the write, whatever it is",
    "devnet/rpc/protocol.py": "answers outside input: a fault is logged and answered as an internal JSON-RPC error",
    "neuron/epoch_loop.py": "a supervisor: a failed attempt at an epoch is logged, counted and decided on",
    "devnet/execute.py": "the end of an extrinsic: a fault in a pallet fails that call, not the chain",
}
EXIT_ALLOWED = {
    "cli/program.py": "the program itself",
    "cli/failures.py": "the program itself",
    "reasonforge/cli.py": "the program itself",
}

Finding = Callable[[ast.Module], Iterator[ast.AST]]


def dotted(node: ast.AST) -> str:
    """``a.b.c`` for a name or an attribute chain, else what it ends with."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield dotted(node.func), node


def direct_time(tree: ast.Module) -> Iterator[ast.AST]:
    for name, call in calls(tree):
        yields_only = name == "asyncio.sleep" and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
        if name in TIME_CALLS and not yields_only:
            yield call


def bare_tasks(tree: ast.Module) -> Iterator[ast.AST]:
    for name, call in calls(tree):
        owner, _, method = name.rpartition(".")
        if method == "ensure_future" or (method == "create_task" and not owner.endswith(("group", "tasks"))):
            yield call


def gathers(tree: ast.Module) -> Iterator[ast.AST]:
    yield from (call for name, call in calls(tree) if name == "asyncio.gather")


def catch_alls(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if any(kind is None or dotted(kind) in ("Exception", "BaseException") for kind in kinds):
            # A handler that only cleans up and raises on is none, nor one that hands the error to whoever waits.
            if isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None:
                continue
            if node.name and any(name.endswith(".set_exception") for each in node.body for name, _ in calls(each)):
                continue
            yield node


def exits(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in ("exit", "quit", "sys.exit", "os._exit"):
            yield node
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if dotted(raised) == "SystemExit":
                yield node


def reads_at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Environment and arguments read while a module is imported, outside any function."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Attribute) and dotted(node) in ("os.environ", "os.getenv", "sys.argv"):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def asks_whether_it_is_tested(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        name = node.id if isinstance(node, ast.Name) else ""
        if "PYTEST_CURRENT_TEST" in text or "unit_test" in name or "under_test" in name:
            yield node


RULES: dict[str, tuple[Finding, dict[str, str]]] = {
    "time comes from the clock that was passed in": (direct_time, TIME_ALLOWED),
    "a task belongs to a group": (bare_tasks, TASK_ALLOWED),
    "work that can fail is not gathered": (gathers, {}),
    "only a supervisor or the edge catches everything": (catch_alls, CATCH_ALL_ALLOWED),
    "a library does not end the process": (exits, EXIT_ALLOWED),
    "nothing is read at import": (reads_at_import, {}),
    "production code never asks whether it is tested": (asks_whether_it_is_tested, {}),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_whole_package_keeps_the_rule(rule: str) -> None:
    find, allowed = RULES[rule]
    broken = [
        f"src/taostack/{name}:{getattr(node, 'lineno', 0)}"
        for name, tree in TREES.items()
        if name not in allowed
        for node in find(tree)
    ]
    assert broken == [], f"{rule}: {', '.join(broken)}"


@pytest.mark.parametrize("rule", [rule for rule, (_, allowed) in RULES.items() if allowed])
def test_every_exception_to_a_rule_is_still_needed(rule: str) -> None:
    find, allowed = RULES[rule]
    idle = [name for name in allowed if name not in FILES or not any(find(TREES[name]))]
    assert idle == [], f"{rule}: no longer broken in {', '.join(idle)}"


def test_no_file_outgrows_the_house() -> None:
    lengths = {name: len(text.splitlines()) for name, text in FILES.items()}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_every_module_says_what_it_is() -> None:
    assert [name for name, tree in TREES.items() if not ast.get_docstring(tree)] == []


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ("time comes from the clock that was passed in", "import time\nnow = time.time()"),
        ("a task belongs to a group", "import asyncio\nasyncio.create_task(x())"),
        ("a task belongs to a group", "loop.create_task(x())"),
        ("work that can fail is not gathered", "await_(asyncio.gather(a, b))"),
        ("only a supervisor or the edge catches everything", "try:\n    x()\nexcept Exception:\n    pass"),
        ("only a supervisor or the edge catches everything", "try:\n    x()\nexcept (ValueError, Exception):\n    y()"),
        ("only a supervisor or the edge catches everything", "try:\n    x()\nexcept:\n    y()"),
        ("a library does not end the process", "raise SystemExit(1)"),
        ("a library does not end the process", "import sys\nsys.exit()"),
        ("nothing is read at import", "import os\nHOME = os.environ['HOME']"),
        ("nothing is read at import", "class A:\n    home = os.getenv('HOME')"),
        ("production code never asks whether it is tested", "if running_unit_tests:\n    pass"),
    ],
)
def test_a_broken_rule_is_found(rule: str, source: str) -> None:
    assert list(RULES[rule][0](ast.parse(source)))


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ("time comes from the clock that was passed in", "await_(asyncio.sleep(0)); clock.now_ms()"),
        ("a task belongs to a group", "group.create_task(x())\nself._group.create_task(x())"),
        (
            "only a supervisor or the edge catches everything",
            "try:\n    x()\nexcept BaseException:\n    y()\n    raise",
        ),
        (
            "only a supervisor or the edge catches everything",
            "try:\n    x()\nexcept BaseException as e:\n    f.set_exception(e)",
        ),
        ("nothing is read at import", "def f():\n    return os.environ['HOME']"),
    ],
)
def test_what_only_looks_like_it_is_left_alone(rule: str, source: str) -> None:
    assert not list(RULES[rule][0](ast.parse(source)))
