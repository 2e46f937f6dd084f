"""Eight processes at one table, some of them killed at any time: what `make soak` does for long."""

import random

import pytest

from tests.faults.publisher import MODES
from tests.faults.soak import keep, trial


@pytest.mark.parametrize("write", MODES)
def test_what_eight_processes_are_told_is_true_whoever_of_them_dies(nursery, disk, write, figures):
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    counted = trial(nursery, disk, write, seed=seed, kills=3)
    for what, count in counted.items():
        figures.add(what, count)


def test_the_same_holds_in_a_bucket(nursery, bucket, figures):
    for what, count in trial(nursery, bucket.lake(), "append", seed=1, kills=2).items():
        figures.add(what, count)


def test_figures_take_the_place_of_those_before(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("above\n<!-- soak: begin -->\nold\n<!-- soak: end -->\nbelow\n")
    keep("new", page)
    assert page.read_text() == ("above\n<!-- soak: begin -->\nnew\n<!-- soak: end -->\nbelow\n")
