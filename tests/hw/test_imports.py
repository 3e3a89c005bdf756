"""Who may import whom: read from the sources, and what really is loaded."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# The first entry that a module's name starts with says what it may import: of offramp, and of
# others. The standard library is free to all.
RULES: dict[str, tuple[set[str], set[str]]] = {
    "golden.spec": ({"golden.spec"}, set()),
    # the one module that needs the extra [qat]
    "golden.qat": ({"golden"}, {"brevitas", "numpy", "torch"}),
    "golden": ({"golden"}, {"h5py", "numpy", "onnx", "torch", "sklearn", "safetensors"}),
    "hw": ({"hw", "golden.spec"}, {"amaranth"}),
    # the one module that needs the extra [explore]
    "fpga.cluster": ({"fpga"}, {"ray"}),
    "fpga": ({"fpga", "hw", "golden.files", "golden.spec"}, {"amaranth", "amaranth_boards"}),
    "rtl_sim": (
        {
            "rtl_sim",
            "hw",
            "golden.closing",
            "golden.decision",
            "golden.bank",
            "golden.criteria",
            "golden.spec",
            "golden.unit_model",
        },
        {
            "amaranth",
            "cocotb",
            "cocotb_tools",
            "cocotbext",
            "numpy",
            "platformdirs",
            "unicorn",
            "z3",
        },
    ),
    # what hw delivers and the emulator's interface, not what is inside
    "host": (
        {
            "host",
            "golden",
            "fpga.board_build",
            "fpga.boards",
            "fpga.cluster",
            "fpga.components",
            "fpga.devices",
            "fpga.flow",
            "fpga.fit",
            "fpga.gates",
            "fpga.kept",
            "fpga.linked",
            "fpga.matrix",
            "fpga.programming",
            "fpga.subjects",
            "fpga.synth",
            "fpga.targets",
            "hw.decision",
            "hw.engine",
            "hw.link",
            "rtl_sim.axi_decision_bench",
            "rtl_sim.coverage",
            "rtl_sim.decision_bench",
            "rtl_sim.delivery",
            "rtl_sim.ecp5_models",
            "rtl_sim.axi_engine_bench",
            "rtl_sim.emulator.accelerator",
            "rtl_sim.emulator.decision",
            "rtl_sim.emulator.link",
            "rtl_sim.engine_case",
            "rtl_sim.engine_delivery",
            "rtl_sim.engine_speed",
            "rtl_sim.examples.own_accelerator",
            "rtl_sim.formal",
            "rtl_sim.link_bench",
            "rtl_sim.mutation",
            "rtl_sim.runner",
            "rtl_sim.vector_bench",
            "rtl_sim.verilator",
        },
        {"click", "matplotlib", "numpy", "onnxruntime", "rich", "serial", "torch"},
    ),
}

NOT_INSIDE_HW = {"hw.decision": {"delivery"}, "hw.engine": {"delivery"}, "hw.link": {"delivery"}}
"""Of these packages only the package itself and these modules are for the host."""


def sources() -> list[tuple[str, Path]]:
    """Return name below offramp and path of every module."""
    found = []
    for folder in ("golden", "hw", "fpga", "rtl_sim", "host"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append((".".join(part for part in parts if part != "__init__"), path))
    return found


def imported(name: str, path: Path) -> set[str]:
    """Return absolute names of all that a module imports; ours without the leading offramp."""
    package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = ["offramp", *package[: len(package) + 1 - node.level]]
                base += node.module.split(".") if node.module else []
            else:
                base = (node.module or "").split(".")
            names.add(".".join(base))
            if base[0] == "offramp":
                # an imported name may be a module
                names |= {
                    ".".join([*base, alias.name])
                    for alias in node.names
                    if _is_module([*base[1:], alias.name])
                }
    return names


def _is_module(parts: list[str]) -> bool:
    path = ROOT.joinpath(*parts)
    return path.with_suffix(".py").exists() or path.is_dir()


def below(name: str, parents: set[str]) -> bool:
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


@pytest.mark.parametrize(("name", "path"), sources(), ids=[name for name, _ in sources()])
def test_module_imports_only_in_the_direction_of_dependency(name: str, path: Path) -> None:
    ours, others = next(rule for prefix, rule in RULES.items() if below(name, {prefix}))
    packages = {".".join(path.relative_to(ROOT).parent.parts)}
    for target in imported(name, path):
        top, _, rest = target.partition(".")
        if top == "offramp":
            # a bare package name comes with each import of a module in it
            assert below(rest, ours) or rest in packages or _is_parent(rest, ours), target
        else:
            assert top in sys.stdlib_module_names | others, target


def _is_parent(name: str, allowed: set[str]) -> bool:
    return name == "" or any(entry.startswith(f"{name}.") for entry in allowed)


@pytest.mark.parametrize(
    ("name", "path"),
    [source for source in sources() if source[0].startswith("host")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_host_looks_at_nothing_inside_the_hardware(name: str, path: Path) -> None:
    for target in imported(name, path):
        for package, open_modules in NOT_INSIDE_HW.items():
            inside = target.removeprefix(f"offramp.{package}.")
            assert inside == target or inside in open_modules, target


def loaded_after(statement: str) -> set[str]:
    """Return the top-level modules of a fresh process after `statement`."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {statement}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "AMARANTH_USE_YOSYS": "builtin"},
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def imports_of(folder: str) -> str:
    names = [name for name, _ in sources() if below(name, {folder})]
    return "; ".join(f"import offramp.{name}" for name in names)


def test_all_of_hw_is_loaded_without_torch_and_numpy() -> None:
    loaded = loaded_after(imports_of("hw"))
    assert "amaranth" in loaded
    assert not loaded & {"torch", "numpy", "sklearn"}


def test_specification_is_loaded_without_any_package() -> None:
    loaded = loaded_after(imports_of("golden.spec"))
    assert not loaded & {"torch", "numpy", "amaranth", "sklearn", "safetensors", "cocotb"}


def test_emulator_and_runner_are_loaded_without_torch() -> None:
    names = ("emulator.decision", "runner", "decision_bench", "stimuli")
    loaded = loaded_after("; ".join(f"import offramp.rtl_sim.{name}" for name in names))
    assert not loaded & {"torch", "sklearn"}


def test_annotations_are_never_strings_where_amaranth_reads_them() -> None:
    for name, path in sources():
        if below(name, {"hw", "rtl_sim", "fpga"}):
            assert "from __future__ import annotations" not in path.read_text(), name
