"""Closing a device whose driver may hang: waited for, but not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable

CLOSE_S = 1.0  # a stop shall be over within two seconds, the interpreter's own end included


def close_in_time(name: str, close: Callable[[], None]) -> bool:
    """Run `close` and wait for it a moment; one that hangs goes on in a thread of its own. False: it still runs."""
    thread = threading.Thread(target=close, name=f"closing {name}", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # no thread is to be had: a close that may hang is better than none
        close()
        return True
    thread.join(CLOSE_S)
    return not thread.is_alive()
