"""One suite over every kind of store: what is true on a disk is true in a bucket."""
