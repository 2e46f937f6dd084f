"""The stock Delta Sharing client, in an environment of its own, against `mesh serve`."""
