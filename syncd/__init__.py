"""Keeps a company's contacts in its Vocatech phone system equal to what its own systems say."""

import resource
import sys

# A limit of the size of files would cut the bytecode that Python writes, and no later start could read it.
if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
    sys.dont_write_bytecode = True

__version__ = "0.1.0"
