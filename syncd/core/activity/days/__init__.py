"""Days of the lists of calls and messages: what is asked for, and when a day is proved to be whole. Pure.

The calendar of the lists is not documented: a day of theirs may begin and end in any time zone. So nothing here
computes where a day ends; the days are the server's, and what a list holds is told by identity and by its own count.
"""
