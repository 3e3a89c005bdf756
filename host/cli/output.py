"""What all sub-commands share: the terminal, JSON, progress and output folders."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

# figures go to standard output, everything else beside it, so that pipes see figures only;
# in a pipe or a file no table is folded to a terminal's width
messages = Console(stderr=True, highlight=False)
figures = Console(highlight=False, width=None if sys.stdout.isatty() else 1000)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Folder with the data set's files; without it the digits bundled with scikit-learn.",
)


def output_folder(path: str | Path) -> Path:
    """Return `path` as a folder that exists and can be written.

    Raises
    ------
    ValueError
        It cannot be made or written.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".offramp-write-check"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(
            f"Output folder must be writable, not {str(path)!r} ({error.strerror})"
        ) from None
    return folder


def output_file(path: str | Path) -> Path:
    """Return `path` as a file in a folder that exists and can be written."""
    file = Path(path)
    if file.is_dir():
        raise ValueError(f"Output file must be a file, not the folder {str(path)!r}")
    output_folder(file.parent)
    return file


def report(
    values: Mapping[str, Any], *, as_json: bool, title: str = "", result: Path | None = None
) -> None:
    """Print `values` as a table of two columns or as JSON, and last where the result lies."""
    if as_json:
        complete = dict(values) if result is None else {**values, "result": str(result)}
        print(json.dumps(complete, indent=2, default=str))
        return
    if values:
        table = Table(title=title or None, show_header=False, title_justify="left")
        for key, value in values.items():
            table.add_row(key.replace("_", " "), show(value))
        figures.print(table)
    if result is not None:
        figures.print(f"Result: {result}", soft_wrap=True)


def report_rows(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table with a head."""
    table = Table(*head, title=title, title_justify="left")
    for row in rows:
        table.add_row(*map(show, row))
    figures.print(table)


def show(value: object) -> str:
    """Return a value as text for people: floats with four significant digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(show, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {show(item)}" for key, item in value.items())
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10000:
        return f"{value:,}"
    return str(value)


@contextmanager
def progress_bar(description: str, total: int, *, quiet: bool = False) -> Iterator["Bar"]:
    """Show a bar on standard error until the block ends; none if `quiet`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=messages, disable=quiet or not sys.stderr.isatty()) as progress:
        yield Bar(progress, progress.add_task(description, total=total, note=""))


class Bar:
    """One progress bar."""

    def __init__(self, progress: Progress, task: Any):
        self._progress = progress
        self._task = task

    def show(self, done: int, note: str = "", *, total: int | None = None) -> None:
        """Set how much is done, of a new total if there is one, with a note behind the bar."""
        self._progress.update(self._task, completed=done, note=note, total=total)
