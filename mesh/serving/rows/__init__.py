"""Products as business services: rows, a row by its key, and sums, over HTTP.

Owns the data's own API, under `/v1`. What of a product is seen is policy's to say, and every
condition that a client adds is decided on what is seen, and on nothing else.
"""
