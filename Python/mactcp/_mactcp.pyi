# The extension module. Programs use mactcp and macdnr, whose types are told there.
import macdnr
import mactcp

AddressResult = macdnr.AddressResult
GlobalInfo = mactcp.GlobalInfo
HInfoResult = macdnr.HInfoResult
IPAddr = mactcp.IPAddr
MTU = mactcp.MTU
MXResult = macdnr.MXResult
NetMask = mactcp.NetMask
TCPCreate = mactcp.TCPCreate
TCPGlobalInfo = mactcp.TCPGlobalInfo
TCPStatus = mactcp.TCPStatus
TCPStream = mactcp.TCPStream
UDPCreate = mactcp.UDPCreate
UDPStream = mactcp.UDPStream
dnr_AddrToName = macdnr.AddrToName
dnr_AddrToStr = macdnr.AddrToStr
dnr_Close = macdnr.Close
dnr_HInfo = macdnr.HInfo
dnr_MXInfo = macdnr.MXInfo
dnr_Open = macdnr.Open
dnr_StrToAddr = macdnr.StrToAddr
dnr_error = macdnr.error
error = mactcp.error
