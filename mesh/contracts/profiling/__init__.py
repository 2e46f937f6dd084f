"""What rows look like, column by column: one notion of it, for publications and for previews.

Owns the measures (`columns`), which are taken batch by batch in bounded memory and merged
(`sketches`, `measuring`), what they come to (`profile`), and how two of them differ (`drift`).
Reads no table and keeps nothing.
"""
