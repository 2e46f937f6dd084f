"""What tests of imported domains put back."""

import sys

import pytest


@pytest.fixture
def imports():
    """Modules and the path to them, as they were, once a test has imported other domains."""
    path, loaded = list(sys.path), dict(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - set(loaded):
        if name.partition(".")[0] == "domains":
            del sys.modules[name]
    sys.modules.update({n: m for n, m in loaded.items() if n.partition(".")[0] == "domains"})
