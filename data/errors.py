"""What can go wrong at the edges; each message names what was wrong, where, and what was expected."""


class InputError(Exception):
    """Something that came from outside (a file, an option) is not as it must be."""


class SettingsError(InputError):
    """Something that the settings of a run lead to whenever it is tried."""


class FetchError(Exception):
    """A download could not be completed; what had arrived is kept for the next attempt."""
