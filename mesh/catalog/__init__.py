"""What everyone can find: domains, products, contracts, owners, lineage and receipts.

Owns the catalog's model and its store. An index over the lake: everything about publications can be
rebuilt from the commits' own metadata.
"""
