"""How a verb can be told to end early."""


class TerminationError(BaseException):
    """Somebody asked this process to end: what is half done is cleared away on the way out."""
