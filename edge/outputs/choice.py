"""Which outputs a run has: JSON Lines to programs, words to people; a terminal is read by people."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from edge.outputs import Output
from edge.outputs.events_socket import EventsSocket
from edge.outputs.human import HumanLines
from edge.outputs.journal import Journal, goes_to_journal
from edge.outputs.jsonl import JsonLines
from edge.outputs.service_status import ServiceStatus
from edge.outputs.terminal import TerminalLines


def outputs_for(stdout: TextIO, stderr: TextIO, *, json: bool, quiet: bool, socket: str | None = None) -> list[Output]:
    """json: JSON Lines in a terminal, too, and then nothing between them. quiet: no word on stderr. socket: its path.

    Raises ConfigError for a socket that cannot be.
    """
    return [*([EventsSocket(Path(socket).expanduser())] if socket else []), *_streams(stdout, stderr, json, quiet)]


def _streams(stdout: TextIO, stderr: TextIO, json: bool, quiet: bool) -> list[Output]:
    if stdout.isatty() and not json:
        return [TerminalLines(stdout, quiet), ServiceStatus()]
    lines = Journal() if goes_to_journal(stdout) else JsonLines(stdout)
    same_screen = stdout.isatty() and stderr.isatty()
    return [lines, ServiceStatus(), *([] if quiet or same_screen else [HumanLines(stderr)])]
