"""Tests of Locum."""
