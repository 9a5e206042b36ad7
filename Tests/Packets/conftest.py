"""The fixtures: engines that are checked at the end, and freed."""

import pytest
from stack import Stack


@pytest.fixture
def make():
    """Makes engines with settings; each must have been quiet at the end."""
    stacks = []

    def made(**settings):
        stacks.append(Stack(**settings))
        return stacks[-1]

    yield made
    left = []
    for stack in stacks:
        if stack.quiet_end:
            left += stack.take_all()
        stack.close()
    assert not left, f"packets that no test has looked at: {left}"


@pytest.fixture
def stack(make):
    """An engine on a raw link with the defaults."""
    return make()


@pytest.fixture
def ethernet(make):
    """An engine on Ethernet, after its announcements."""
    stack = make(ethernet=True)
    stack.advance(20)
    stack.take_all()
    return stack
