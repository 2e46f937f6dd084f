"""Contracts and tables before judges that are not Mesh's."""
