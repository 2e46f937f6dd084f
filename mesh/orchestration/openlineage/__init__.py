"""Telling others of runs, in OpenLineage.

`emission` is what a run does; `jobs`, `datasets` and `events` make what is told; `unended` ends
what died before it could; `receivers`, `delivering` and `courier` bring it there.
"""
