"""The daemon: it decides when a run is due, starts it as a child process, and lives through whatever becomes of it.

``triggers`` says when a schedule is due next and ``agenda`` which jobs start now: both are pure. ``children`` starts
and ends processes, ``systemd`` speaks to the service manager, and ``service`` is the loop that brings them together.
Nothing here reads the configuration, opens the state or imports a connector: a child does, and prints a timetable.
"""
