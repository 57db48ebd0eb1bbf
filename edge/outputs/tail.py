"""`edge-tail`: prints what a running edge-run says on its socket, a JSON object a line, until it ends."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge import __version__
from edge.command import run_command
from edge.errors import EXIT_STOPPED, EdgeError
from edge.outputs.events_socket import connect
from edge.paths import shown, user_path
from edge.printable import one_line
from edge.streams import end_with_reader, holding_streams

SERVICE = Path("/run/ellar-edge/events.sock")
LONGEST_LINE = 1 << 20


@holding_streams("edge-tail")
def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser("edge-tail", description=__doc__)
    add = parser.add_argument
    add(
        "--socket",
        metavar="PATH",
        type=user_path,
        default=SERVICE,
        help="of edge-run --socket (default: the service's)",
    )
    add("--labels", action="store_true", help="a line for people whenever the answer changes, instead of JSON")
    add("--version", action="version", version=f"edge-tail {__version__}")
    options = parser.parse_args(argv)
    return run_command("edge-tail", lambda: _tail(options.socket, options.labels))


def _tail(path: Path, labels: bool) -> int:
    end_with_reader()
    last: tuple[object, object] | None = None
    for line in lines_of(path):
        if not labels:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
            continue
        said = json.loads(line)
        answer = (said.get("label"), said.get("reason"))
        if said["type"] == "prediction" and answer != last:
            last = answer
            what = said["label"] or f"- ({str(said['reason']).replace('_', ' ')})"
            print(one_line(f"{said['time']}  {what:<20} {said['confidence']:4.0%}"), flush=True)
    return EXIT_STOPPED


def lines_of(path: Path) -> Iterator[str]:
    """What is said from now on, line by line, until the program ends or lets this reader go.

    Raises EdgeError where nobody listens, or what comes is not ours.
    """
    try:
        reader = connect(path)
    except OSError as error:
        raise EdgeError(
            f"{shown(path)}: cannot connect ({error.strerror}); expected the socket of a running edge-run "
            f"(--socket, or `socket:` in its configuration), and a user of its group"
        ) from error
    kept = b""
    with reader:
        while data := reader.recv(1 << 16):
            *whole, kept = (kept + data).split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "backslashreplace")
            if len(kept) > LONGEST_LINE:
                raise EdgeError(f"{shown(path)}: expected lines of JSON, found {len(kept)} bytes without an end of one")
