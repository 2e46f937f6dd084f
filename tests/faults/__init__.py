"""Real faults: processes that are killed, disks that are full, stores that lose answers."""
