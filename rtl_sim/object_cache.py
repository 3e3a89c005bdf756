"""Compile through a cache: what Verilator's makefiles call as OBJCACHE, in place of ccache.

Run as a script, with the compiler's command line as arguments. Only Verilator's own runtime is
kept: it is the same for all designs and takes most of the time of a small build.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER_VARIABLE = "OFFRAMP_OBJECT_CACHE"


def compile_cached(command: list[str], folder: Path, runtime: Path) -> int:
    """Run a compiler's command line unless its object is in `folder`; return the exit code.

    Parameters
    ----------
    command : list of str
        As Verilator's makefiles write it: the source last, the object behind ``-o``.
    folder : Path
        The cache.
    runtime : Path
        Only sources in this folder are kept in the cache.
    """
    source = Path(command[-1])
    if runtime not in source.parents or "-o" not in command:
        return subprocess.run(command, check=False).returncode
    target = Path(command[command.index("-o") + 1])
    content = "\0".join([shutil.which(command[0]) or command[0], *command[1:]]).encode()
    key = hashlib.sha256(content + source.read_bytes()).hexdigest()[:20]
    kept = folder / f"{source.stem}-{key}.o"
    if not kept.exists():
        code = subprocess.run(command, check=False).returncode
        if code or not target.exists():
            return code
        with tempfile.TemporaryDirectory(dir=folder, prefix="object-") as name:
            shutil.copyfile(target, Path(name) / "object.o")
            # moved, so that a second process never links half an object
            os.replace(Path(name) / "object.o", kept)
        return code
    shutil.copyfile(kept, target)
    return 0


if __name__ == "__main__":
    sys.exit(
        compile_cached(
            sys.argv[1:],
            Path(os.environ[FOLDER_VARIABLE]),
            Path(os.environ["VERILATOR_ROOT"]) / "include",
        )
    )
