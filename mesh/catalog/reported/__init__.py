"""What others report in OpenLineage: jobs, runs and datasets that are not Mesh's.

Owns the reading of events, how they are merged whatever order they come in, and which dataset turns
out to be which product. An event is refused whole or taken whole.
"""
