"""What the API answers: the one place that turns the catalog's records into JSON."""
