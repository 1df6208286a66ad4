"""Version of the package, in a separate module so that every module can import it."""

__version__ = "0.1.0"
