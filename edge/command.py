"""How every command ends: an error is one line and its exit code, so is an interrupt; a reader that left, none."""

from __future__ import annotations

import sys
from collections.abc import Callable

from edge.errors import EXIT_FAILURE, EdgeError
from edge.printable import one_line
from edge.streams import ReaderGoneError, called


def run_command(name: str, work: Callable[[], int], stopped: str = "stopped") -> int:
    """Runs `work` and returns its exit code, or that of what ended it, which stderr is told as `NAME: what`.

    An EdgeError has its own exit code; Ctrl-C (told as `stopped`) and whatever the system refused (a full disk) have
    EXIT_FAILURE; a reader of stdout who left (`| head`) is told by nothing (edge/streams.py, which every command's
    main stands on). Any other exception is a fault of the program: raised.
    """
    name = called(name)
    try:
        code = work()
        if sys.stdout is not None:
            sys.stdout.flush()  # while its errors can still be told
        return code
    except ReaderGoneError as error:
        return error.exit_code
    except EdgeError as error:
        return _ended(name, str(error), error.exit_code)
    except KeyboardInterrupt:
        return _ended(name, stopped, EXIT_FAILURE)
    except OSError as error:
        if error.strerror is None:
            raise
        return _ended(name, f"{error.filename or 'the system'}: {error.strerror}", EXIT_FAILURE)


def _ended(name: str, what: str, code: int) -> int:
    print(one_line(f"{name}: {what}"), file=sys.stderr)
    return code
