"""The error that all of Petlens' own derive from, and the system's errors in plain words."""

from __future__ import annotations

import errno


class PetlensError(ValueError):
    """Something that cannot be done as asked; the message is a sentence: why, and what to do."""


_REASONS = {
    errno.EACCES: "it may not be read or written",
    errno.EPERM: "it may not be read or written",
    errno.EROFS: "it may not be written",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full",
    errno.EFBIG: "it is too large for this disk",
    errno.ENOENT: "it is not there",
    errno.ENOTDIR: "a file is in its way",
    errno.EEXIST: "a file is in its way",
    errno.EISDIR: "a folder is in its way",
    errno.ENAMETOOLONG: "its name is too long",
    errno.EBUSY: "another program holds it",
    errno.ETXTBSY: "another program holds it",
    errno.EIO: "the disk fails to read or write it",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.ENODEV: "it cannot be reached",
    errno.ENXIO: "it cannot be reached",
    errno.ETIMEDOUT: "it cannot be reached",
    errno.ECONNREFUSED: "it cannot be reached",
    errno.EHOSTUNREACH: "it cannot be reached",
    errno.ESTALE: "it cannot be reached",
}


def reason_of(error: OSError) -> str:
    """Why the system refused a file or folder, as the end of a sentence about it."""
    return _REASONS.get(error.errno or 0, "the system refuses it")
