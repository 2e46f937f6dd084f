"""Fleet: the aircraft on the civil register."""
