"""Students to compare: Locum's own and others', each behind the same few functions.

What is in here but `locum_student` imports nothing of Locum, so that it runs in an environment in
which only the others are installed.
"""
