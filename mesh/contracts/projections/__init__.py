"""A contract in other libraries' words: each module is one form, made from the model alone.

Owns the forms that `mesh contract export` writes. They are pure: plain values or text come out, and
nothing is read or written. What a form has no words for is said in it, as a note.
"""
