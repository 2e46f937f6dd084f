"""SQL over Arrow Flight: what a stock Flight SQL client (ADBC, JDBC, ODBC) asks, answered.

Owns the protocol and nothing else: statements are answered by `mesh.reading.answering`, who asks is
known by a token of the catalog, and what they see is policy's to say.
"""
