"""Why an installation was not moved, backed up or restored."""


class UnableToTransfer(Exception):
    """It was refused, or it ended; the message says how things stand and what to do."""
