"""A database in a process of its own: what a stranger's statement runs in.

Owns the process and what goes to and from it. Knows nothing of products or policy: whoever asks
gives it the rows that the statement may see, and no others are there.
"""
