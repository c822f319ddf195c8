"""Files and folders that hold people's names and numbers: for their owner alone, whatever the umask."""

import contextlib
import os
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def make_folder(path: Path) -> None:
    """Make it and the folders above it; one that is there stays as it is. Raises `OSError`."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):
            each.mkdir(FOLDER_MODE)
    if not path.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(path))


def make_private(path: Path) -> None:
    """Make the file if it is not there; take others' rights away if it is ours. Raises `OSError`.

    One that is there is not opened: closing it would give back the locks that this process has on it.
    """
    if path.exists():
        close_to_others(path)
    else:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))


def close_to_others(path: Path) -> None:
    """The same, of a file that may be missing."""
    with contextlib.suppress(FileNotFoundError):
        seen = path.stat()
        if seen.st_mode & 0o077 and seen.st_uid == os.geteuid():
            path.chmod(FILE_MODE)
