"""The structure of ODCS documents, in each version of the standard that Mesh reads.

Owns which keys a document may have, of which types, and what has to be there. A document is held
against its own version; what another version allows is a note, and no problem. Tests hold it equal
to the standard's JSON Schemas, which are no part of Mesh.
"""

from mesh.contracts.odcs.structure.checking import check

__all__ = ["check"]
