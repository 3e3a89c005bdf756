"""The group of all sub-commands, and how each of them fails: in one line, and not with 0."""

import importlib
import sys
import traceback
from importlib.metadata import version

import click

from .output import messages

FAILED = 1
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

_COMMANDS = {
    "demo": "demo",
    "train": "network",
    "import": "importing",
    "quantize": "network",
    "calibrate": "network",
    "run": "running",
    "report": "report",
    "export": "export",
    "compile": "compile",
    "zoo": "zoo",
    "verilog": "hardware",
    "sim": "hardware",
    "synth": "hardware",
    "explore": "explore",
    "program": "boards",
    "bench": "bench",
}
"""Module of each sub-command, in the order of the help."""

_FUNCTIONS = {"import": "import_network"}
"""Where the function is called otherwise."""


class _LazyGroup(click.Group):
    """Import a sub-command's module when it is called: torch takes a second to import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f".{_COMMANDS[cmd_name]}", __package__)
        command: click.Command = getattr(module, _FUNCTIONS.get(cmd_name, cmd_name))
        _keep_lines(command)
        return command


def _keep_lines(command: click.Command) -> None:
    r"""Turn ``\b`` of raw docstrings into the character before paragraphs that stay as they are."""
    command.help = (command.help or "").replace("\\b\n", "\b\n")
    if isinstance(command, click.Group):
        for child in command.commands.values():
            _keep_lines(child)


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(version("offramp"), prog_name="offramp")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def offramp(debug: bool) -> None:
    r"""Stop a CNN as soon as it is sure, down to gates.

    \b
    Example: offramp demo -o out/demo
    """


_keep_lines(offramp)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code; errors are one line on standard error."""
    try:
        offramp.main(arguments, prog_name="offramp", standalone_mode=False)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        messages.print("Interrupted.")
        return INTERRUPTED
    except Exception as error:
        if "--debug" in arguments:
            traceback.print_exc()
        messages.print(f"Error: {_one_line(error)}", markup=False, soft_wrap=True)
        return FAILED
    return 0


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    expected = isinstance(error, (ValueError, TypeError, OSError))
    if expected or type(error).__module__.startswith("offramp."):
        return text
    # of an error that nobody foresaw, the type says more than the text
    return f"{type(error).__name__}: {text} (run offramp --debug to see where)"
