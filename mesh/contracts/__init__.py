"""What a product promises about its data.

Owns the one model of a contract (`model`) and its projections: Pandera (`pandera`), vectorised
expressions (`expressions`), Arrow and Delta (`arrow`), dbt (`dbt`), and forms to hand on
(`projections`). Knows nothing of products, storage or runs.
"""
