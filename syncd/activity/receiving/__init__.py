"""The receiver: takes the deliveries of webhooks, and stores each before it answers. Its process is small.

What serves imports neither Polars nor the libraries of the configuration and of the store; see :mod:`.loading`.
"""
