"""For all tests."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)  # a deadline would test the machine
settings.load_profile("unhurried")
