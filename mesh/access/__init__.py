"""Who may do what: principals, policies, agreements, and what of a product is seen.

Owns the one decision that plans, runs and serving ask for. Reads no rows and speaks no protocol:
`mesh.reading` applies what is decided here.
"""
