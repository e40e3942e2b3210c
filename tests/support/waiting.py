"""Waiting for what becomes true, and watching that something stays true."""

import time

# How often a condition is looked at. Small beside what anything takes, large beside what a look costs.
INTERVAL = 0.02


def eventually(look, timeout=60, what=None):
    """Calls `look` until it returns something true, and returns that.

    `look` may also assert, or look into what is not there yet (a KeyError, IndexError, TypeError or ValueError): as long
    as it does, it is called again. After `timeout` seconds the last such error is raised, or one that says `what` never
    became true.
    """
    deadline = time.monotonic() + timeout
    while True:
        failure = None
        try:
            found = look()
            if found:
                return found
        except (AssertionError, LookupError, TypeError, ValueError) as error:
            failure = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout} s: {what or failure or 'the condition'}") from failure
        time.sleep(INTERVAL)


def throughout(seconds, look):
    """Calls `look`, which asserts, again and again for so long: for what must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        look()
        time.sleep(INTERVAL)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self):
        self.start = time.monotonic()

    def __float__(self):
        return time.monotonic() - self.start
