"""What the compiler says of a network that an engine cannot run."""


class CompileError(ValueError):
    """A network that does not fit an engine; the message is one line with place and amount."""
