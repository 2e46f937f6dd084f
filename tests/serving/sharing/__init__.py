"""The Delta Sharing server, as its clients and its attackers ask it."""
