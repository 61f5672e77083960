"""Commands for people who want to be left alone: what is erased, and who gets no messages."""
