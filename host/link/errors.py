"""What can go wrong between host and board; each message is one line."""


class LinkError(RuntimeError):
    """Something that the driver could not put right by itself."""


class PortError(LinkError):
    """A port that is missing, busy or was lost."""


class NoAnswerError(LinkError):
    """Nothing answers at the port, or something that is no board of ours."""


class BoardError(LinkError):
    """A board that is not the one that is needed, or that does not do what it is asked."""
