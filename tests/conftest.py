"""Settings that every test shares. Fixtures live beside the tests that ask for them."""

from hypothesis import settings

settings.register_profile("mesh", deadline=None, print_blob=True)
# A longer search, by hand: pytest --hypothesis-profile=thorough
settings.register_profile("thorough", settings.get_profile("mesh"), max_examples=3_000)
settings.load_profile("mesh")
