"""Tries a ladder of smaller files of one network, and says which of them pay."""
