"""Finds the tasks in recorded traffic, and says which are worth distilling."""
