"""The other half of the guide in the sandbox: calls, messages, media and webhooks.

It holds what happens on the company's phones, answers the lists and the files, and sends deliveries. All of it is in
memory.

    model, directory    what happens on the phones, and the invented company that it happens to
    clock               the phones' time, which can run faster than the clock
    phones              the company's phone traffic: what tests and people make happen
    traffic             invented traffic, the same for the same seed
    rows, events        what a list says of an activity, and what an event says of it
    ranges, lists       the calendar of a date; what a list selects, quickly
    calls, messages     GET /calls; GET and POST /messages
    media, files        GET /media/{id}; the host of the files, on a port of its own
    webhooks            the endpoints, and the deliveries to them
    dialects, faults    the open points; what can go wrong with deliveries and files
    desk                routes a request to these parts
"""
