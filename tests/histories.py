"""Histories of one name that many clients store, delete and look at: can they have come about?"""
import collections

# What one client did: it began and ended at these times, and was told this: 'stored' or 'there' with a
# digest, 'deleted' or 'absent'.
Act = collections.namedtuple('Act', 'begin end outcome digest', defaults=(None,))


def next_state(act, state):
    """The digest under the name after it, None for no file; False when it cannot be told so here."""
    if act.outcome == 'stored':
        return act.digest if state is None else False
    if act.outcome == 'deleted':
        return None if state is not None else False
    return state if state == act.digest else False


def is_possible(acts):
    """
    Is there an order of these acts, in which each comes between its begin and its end, that explains
    what all of them were told? Nothing is there before. (Wing and Gong, Testing and verifying
    concurrent objects, 1993.)
    """
    acts = sorted(acts, key=lambda act: act.begin)
    ways, seen = [(0, frozenset(), None)], set()
    while ways:
        # Of the acts all before `first` have come, and those in `early`.
        first, early, state = ways.pop()
        while first in early:
            first, early = first + 1, early - {first}
        if first == len(acts):
            return True
        if (first, early, state) in seen:
            continue
        seen.add((first, early, state))
        next_ones = [(number, next_state(acts[number], state))
                     for number in candidates(acts, first, early)]
        # What changes nothing may as well come at once.
        looks = [one for one in next_ones if one[1] == state and one[1] is not False]
        for number, new in looks[:1] or next_ones:
            if new is not False:
                ways.append((first, early | {number}, new))
    return False


def candidates(acts, first, early):
    """Those that may come next: begun before any other that is still to come has ended."""
    soonest = float('inf')
    for number in range(first, len(acts)):
        if acts[number].begin > soonest:
            return
        if number not in early:
            soonest = min(soonest, acts[number].end)
            yield number
