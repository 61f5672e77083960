"""``syncd demo``: a company's first days with syncd, played in a temporary folder against the sandbox."""
