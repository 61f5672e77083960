"""Who is calling: which contacts hold a number, and what the display may show for it."""
