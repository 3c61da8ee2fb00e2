"""The gateway between applications and the models that they call."""
