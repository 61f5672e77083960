"""The steps that bring an activity store of an earlier version to the newest."""
