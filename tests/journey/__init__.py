"""The main job end to end, as a newcomer does it."""
