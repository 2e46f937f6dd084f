"""Settings that every test shares, and stores, of which each is started once in a process.

Other fixtures live beside the tests that ask for them.
"""

from hypothesis import settings

from tests.behaviour.stores import bucket, ceph_gateway, gateway, lake, moto

__all__ = ["bucket", "ceph_gateway", "gateway", "lake", "moto"]

settings.register_profile("mesh", deadline=None, print_blob=True)
# A longer search, by hand: pytest --hypothesis-profile=thorough
settings.register_profile("thorough", settings.get_profile("mesh"), max_examples=3_000)
settings.load_profile("mesh")
