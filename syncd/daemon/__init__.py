"""The daemon: it decides when a run is due, and starts it as a child process that may fail without harm to the daemon.

``triggers`` says when a schedule is due next and ``agenda`` says which jobs start now: both are pure. ``children``
starts and ends processes, ``systemd`` talks to the service manager, and ``service`` is the loop that connects them.
Nothing here reads the configuration or imports a connector: a child does it, and prints a timetable.
"""
