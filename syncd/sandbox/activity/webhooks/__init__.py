"""Webhooks: the endpoints, and what is sent to them.

``endpoints`` has the company's endpoints; ``announcer`` makes the events of what happens on the phones; ``delivery``
sends one of them once; ``sender`` sends all, with the guide's retries; ``failures`` tells what has failed.
"""
