"""The wheel holds one import name and all of it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("fpga", "golden", "host", "hw", "rtl_sim")
SUFFIXES = {".py", ".cpp", ".v", ".c", ".h", ".S", ".ld", ".core"}


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_wheel_has_no_top_level_name_but_offramp(names):
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"offramp"}


def test_wheel_holds_every_source_file(names):
    missing = []
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.suffix in SUFFIXES:
                name = f"offramp/{path.relative_to(ROOT).as_posix()}"
                if name not in names:
                    missing.append(name)
    assert missing == []
