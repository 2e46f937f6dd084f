"""Contracts written as ODCS: the Open Data Contract Standard, 3.0.2, 3.1.0 and 3.2.0.

Owns the way from an ODCS document to the one `contracts.model.Contract`, and back. Everything that
a document says stays in the contract's `document`; what Mesh does not enforce is named, with the
reason.
"""
