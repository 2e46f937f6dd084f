"""Settings that every test shares. Fixtures live beside the tests that ask for them."""

from hypothesis import settings

settings.register_profile("mesh", deadline=None, print_blob=True)
settings.load_profile("mesh")
