"""Errors that users meet: each is an EdgeError and the builtin that fits, and names its exit code.

A message says what was expected, what was found, where, and what to do.
"""

from __future__ import annotations

EXIT_STOPPED = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h: systemd is told not to restart it


class EdgeError(Exception):
    """Base of every error that this project raises on purpose."""

    exit_code = EXIT_FAILURE


class UsageError(EdgeError, ValueError):
    """The command line asks for something that does not exist."""

    exit_code = EXIT_USAGE


class ConfigError(EdgeError, ValueError):
    """A configuration file or profile is wrong; restarting will not mend it."""

    exit_code = EXIT_CONFIG


class BundleError(EdgeError, ValueError):
    """A model bundle is missing, damaged or of another format."""

    exit_code = EXIT_CONFIG


class EngineError(EdgeError, RuntimeError):
    """An inference engine does not work on this machine, or failed."""


class CameraError(EdgeError, OSError):
    """A camera or a video file cannot be opened or read."""


class PictureError(EdgeError, ValueError):
    """A picture of a camera is damaged; the next one may be good."""


class DataError(EdgeError, ValueError):
    """A data set is missing or damaged."""

    exit_code = EXIT_USAGE
