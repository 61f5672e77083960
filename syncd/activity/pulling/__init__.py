"""Reading the lists of calls and messages: pages, whole readings, looks at the head, days, and the history sum."""
