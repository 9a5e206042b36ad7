"""The domain name resolver of MacTCP.

    import macdnr

    host = macdnr.StrToAddr("www.example.com")  # at once
    print(macdnr.AddrToStr(host.ip0))           # waits for the answer

StrToAddr, AddrToName, HInfo and MXInfo start a query and return a result object at once. Its wait()
blocks until the answer is there and raises error if there is none; isdone() asks. Reading one of its
attributes waits too. What was found out is kept for as long as its owner permits.

Addresses are ints of 32 bits, as in mactcp.
"""

from mactcp._mactcp import (
    AddressResult,
    HInfoResult,
    MXResult,
    dnr_AddrToName as AddrToName,
    dnr_AddrToStr as AddrToStr,
    dnr_Close as Close,
    dnr_HInfo as HInfo,
    dnr_MXInfo as MXInfo,
    dnr_Open as Open,
    dnr_StrToAddr as StrToAddr,
    dnr_error as error,
)

__all__ = [
    "AddrToName",
    "AddrToStr",
    "AddressResult",
    "Close",
    "HInfo",
    "HInfoResult",
    "MXInfo",
    "MXResult",
    "Open",
    "StrToAddr",
    "error",
]
