"""Why a backup or a restore was not done; in every case the installation is as it was before."""


class BackupError(Exception):
    """Base of what this package raises; the message says what to do."""


class UnableToBackUp(BackupError):
    """The archive was not written; nothing is left of it."""


class UnableToRestore(BackupError):
    """The archive was not put in place; the data folder was not touched."""
