"""What each write mode does to a table: which files it adds, which it removes.

Owns the search for keys in data files, the rewriting of files that hold some, and the periods of
what changes slowly. Decides nothing about rules, and commits nothing: a plan is a value, made anew
on each version that another writer was first with.
"""

from mesh.publishing.modes.incoming import Incoming
from mesh.publishing.modes.planning import KeysTaken, Planned, Planning

__all__ = ["Incoming", "KeysTaken", "Planned", "Planning"]
