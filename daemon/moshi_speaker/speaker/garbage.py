"""Python's garbage collector, kept from pauses that could be heard.

Now and then it looks at every object there is, and no thread runs meanwhile, not even the one that plays:
10 ms for the modules alone that a speaker is made of, on a fast machine, and sooner the more is going on.
"""

import gc


def exempt_what_is_there() -> None:
    """Never look again at what has been made so far: it stays to the end. To be called once all is made."""
    gc.collect()
    gc.freeze()
