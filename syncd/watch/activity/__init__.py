"""The state of the work on calls and messages: from the activity store, by processes that must stay small."""
