"""Tables and stores, without contracts."""
