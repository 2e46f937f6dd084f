"""How the catalog leaves by HTTP: the API behind `mesh serve`."""
