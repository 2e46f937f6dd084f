"""Products as Delta Sharing has them: the protocol's server, below `/delta-sharing`.

Source: the Delta Sharing protocol, github.com/delta-io/delta-sharing, PROTOCOL.md.
"""
