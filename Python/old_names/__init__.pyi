from MACTCPconst import *
