"""Stretches of time, as (since, until) in seconds since 1970."""

__all__ = ["length", "minus", "united", "within"]


def united(spans):
    """In order, without overlaps."""
    found = []
    for since, until in sorted(span for span in spans if span[0] < span[1]):
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(until, found[-1][1]))
        else:
            found.append((since, until))
    return found


def minus(spans, others):
    """What of the ones is in none of the others."""
    found = united(spans)
    for begin, end in united(others):
        found = [part for since, until in found
                 for part in ((since, min(until, begin)), (max(since, end), until))
                 if part[0] < part[1]]
    return found


def within(spans, since, until):
    """As far as they lie there."""
    return united((max(begin, since), min(end, until)) for begin, end in spans)


def length(spans):
    """Seconds."""
    return sum(until - since for since, until in united(spans))
