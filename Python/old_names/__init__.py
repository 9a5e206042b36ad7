"""The symbolic names of MacTCP under the module's other name; see MACTCPconst."""

from MACTCPconst import *  # noqa: F403
