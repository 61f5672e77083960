"""The endpoint at Vocatech that delivers to the receiver: made, tried, brought up to date, exchanged and deleted."""
