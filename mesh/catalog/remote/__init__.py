"""A catalog that is reached by URL: what of it can be called, how values travel, and the client.

The other end is `mesh.serving`.
"""
