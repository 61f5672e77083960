"""The stories about callers: who is calling, and why not somebody else."""
