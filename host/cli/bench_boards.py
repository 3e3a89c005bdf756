"""Bitstreams for all boards: offramp bench boards."""

import click

from ...golden.spec.checks import require_choice
from .output import figures, json_option, output_folder, progress_bar, report, report_rows


@click.command("boards")
@click.option("--only", "names", multiple=True, help="Board-network, say ulx3s-25f-blenet-mnist.")
@click.option(
    "--seeds",
    "n_seeds",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="Placements tried at each clock.",
)
@click.option(
    "-o",
    "--output",
    default="out/boards",
    show_default=True,
    help="Folder for bitstreams and reports; what is built there is not built again.",
)
@click.option("--markdown", is_flag=True, help="Print the table as docs/boards.md has it.")
@json_option
def bench_boards(
    names: tuple[str, ...], n_seeds: int, output: str, markdown: bool, as_json: bool
) -> None:
    r"""Build bitstreams for all boards and print what they take and how fast they are.

    About two hours on one core, placement nearly all of it; interrupted, it goes on where it was.

    \b
    Example: offramp bench boards
             offramp bench boards --only orangecrab-blenet-mnist
    """
    from ..board_bench import CASES, boards_table, build_cases

    known = {case.name: case for case in CASES}
    for name in names:
        require_choice("Build", name, known)
    cases = [known[name] for name in names or known]
    folder = output_folder(output)
    with progress_bar("Building", len(cases), quiet=as_json) as bar:
        table = boards_table(build_cases(cases, folder, n_seeds=n_seeds, progress=bar.show))
    if as_json:
        report(table.as_dict(), as_json=True, result=folder)
        return
    if markdown:
        figures.print(table.markdown(), markup=False, soft_wrap=True)
        return
    figures.print(table.tools)
    report_rows(table.title, list(table.columns), table.text_rows())
    figures.print(table.note)
    report({}, as_json=False, result=folder)
