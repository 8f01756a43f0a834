"""The version, where anything may read it without importing the face of the package."""

__version__ = "0.2.0"
