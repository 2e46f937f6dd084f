"""Platform: the mesh's own products, by the same rules as everyone's, and its upkeep."""
