"""What a domain declares: products, their ports, and the domain itself.

Owns the decorator `mesh.data_product`, the words for inputs, service levels and write modes, the
manifests, and the collection of a domain's products. Runs nothing and reads no data.
"""
