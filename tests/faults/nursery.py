"""A process that has loaded everything once, and forks a child for each order that it is given.

A child publishes as any process does, and may be told to die: `kill -9`, by its own hand, at the
step where it is told to. It costs a few hundredths of a second, so that hundreds may die.

Orders come on standard input, one a line: `{"child": 1, "task": "publish", "told": {...}}`, with
`die_at: [step, occurrence]`, `report: url` or `is_traced` where that is wanted; `{"kill": 1}` kills
a child wherever it is. What children say
goes to standard output, with their number; at last `{"child": 1, "says": "ended", "code": -9}`.
"""

import json
import os
import select
import signal
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from tests.faults import publisher, replayer, retirer, runner
from tests.faults.steps import watch

TASKS = {
    "publish": publisher.publish_told,
    "run": runner.run_told,
    "replay": replayer.replay_told,
    "discard": replayer.discard_told,
    "retire": retirer.retire_told,
}
_PAUSE_SECONDS = 0.005


def say(**facts: Any) -> None:
    """One line, whole, however many processes write: it is shorter than what a pipe takes at once."""
    os.write(sys.stdout.fileno(), f"{json.dumps(facts)}\n".encode())


def live(order: dict[str, Any]) -> NoReturn:
    """What a child does, to its end."""
    try:
        _watch(order)
        for facts in TASKS[order["task"]](order["told"]):
            say(child=order["child"], **facts)
    except BaseException as error:  # noqa: BLE001 -- the edge of this process
        say(child=order["child"], says="broken", text=f"{type(error).__name__}: {error}"[:2000])
        os._exit(1)
    os._exit(0)


def _watch(order: dict[str, Any]) -> None:
    passed: Counter[str] = Counter()
    die_at = order.get("die_at")

    def tell(step: str) -> None:
        passed[step] += 1
        if order.get("is_traced"):
            say(child=order["child"], says="step", step=step)
        if order.get("report"):
            _report(order["report"], step)
        if die_at and [step, passed[step]] == list(die_at):
            os.kill(os.getpid(), signal.SIGKILL)

    if die_at or order.get("is_traced") or order.get("report"):
        watch(tell)


def _report(endpoint: str, step: str) -> None:
    """Tell the proxy, which also hears what is asked of the store: one order for both."""
    name = step.replace(" ", "%20")
    urllib.request.urlopen(f"{endpoint}/__step__/{name}", timeout=10).close()


def _kill(alive: dict[int, int], child: int) -> None:
    for pid, number in alive.items():
        if number == child:
            os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Fork for every order, until there are no more."""
    say(says="ready")
    alive: dict[int, int] = {}
    waiting = b""
    while True:
        if select.select([0], [], [], _PAUSE_SECONDS)[0]:
            heard = os.read(0, 1 << 20)
            if not heard:
                break
            *lines, waiting = (waiting + heard).split(b"\n")
            for line in lines:
                order = json.loads(line)
                if "kill" in order:
                    _kill(alive, order["kill"])
                    continue
                pid = os.fork()
                if pid == 0:
                    live(order)
                alive[pid] = order["child"]
                say(child=order["child"], says="begun", pid=pid)
        while alive and (ended := os.waitpid(-1, os.WNOHANG))[0]:
            code = os.waitstatus_to_exitcode(ended[1])
            say(child=alive.pop(ended[0]), says="ended", code=code)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main()
