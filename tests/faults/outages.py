"""Faults of a store, for the proxy of `tests.behaviour.proxy`: gone, throttled, slow, cut, skewed."""

import random
import time
from dataclasses import dataclass, field

from tests.behaviour.proxy import Answer, Ask, Request, error


@dataclass
class Gone:
    """From the n-th request on it answers nobody for some seconds."""

    seconds: float
    after: int
    seen: int = 0
    since: float = 0.0
    refused: int = 0

    def __call__(self, request: Request, ask: Ask) -> Answer:
        self.seen += 1
        if self.seen == self.after:
            self.since = time.monotonic()
        if self.since and time.monotonic() - self.since < self.seconds:
            self.refused += 1
            return Answer(503, is_lost=True)
        return ask(request)


@dataclass
class Moody:
    """A share of the requests is answered with one of these errors; the same for a seed."""

    share: float
    seed: int
    statuses: tuple[int, ...] = (500, 502, 503, 429)
    struck: int = 0
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def __call__(self, request: Request, ask: Ask) -> Answer:
        if self.chance.random() < self.share:
            self.struck += 1
            status = self.chance.choice(self.statuses)
            code = "SlowDown" if status in {429, 503} else "InternalError"
            return error(status, code, "Please reduce your request rate.")
        return ask(request)


@dataclass
class Forgetful:
    """A share of the requests is done, and never answered; the same for a seed."""

    share: float
    seed: int
    struck: int = 0
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def __call__(self, request: Request, ask: Ask) -> Answer:
        answer = ask(request)
        if self.chance.random() < self.share:
            self.struck += 1
            return Answer(500, is_lost=True)
        return answer


@dataclass
class Slow:
    """Every answer comes late."""

    seconds: float
    struck: int = 0

    def __call__(self, request: Request, ask: Ask) -> Answer:
        self.struck += 1
        time.sleep(self.seconds)
        return ask(request)


@dataclass
class CutOff:
    """The first uploads of data are cut off before the store has them."""

    times: int = 2
    struck: int = 0

    def __call__(self, request: Request, ask: Ask) -> Answer:
        if request.method == "PUT" and ".parquet" in request.path and self.struck < self.times:
            self.struck += 1
            return Answer(500, is_lost=True)
        return ask(request)


def skewed(request: Request, ask: Ask) -> Answer:
    """The store finds the client's clock too far from its own, and says so as S3 does."""
    del request, ask
    said = "The difference between the request time and the current time is too large."
    return error(403, "RequestTimeTooSkewed", said)
