"""Weather: what the airports' stations observe."""
