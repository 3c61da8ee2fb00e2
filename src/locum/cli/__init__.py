"""The command line."""

from locum.cli.app import app, main

__all__ = ["app", "main"]
