"""Python processes that tests start by the dozen, without waiting for imports each time."""
