"""The symbolic names of MacTCP: events, termination reasons, ICMP report types and result codes."""

# UDP events: the argument of a UDP stream's asr.
UDPDataArrival = 1
UDPICMPReceived = 2

# TCP events: the first argument of a TCP stream's asr.
TCPClosing = 1
TCPULPTimeout = 2
TCPTerminate = 3
TCPDataArrival = 4
TCPUrgent = 5
TCPICMPReceived = 6
# Python's own: a PassiveOpen has completed.
PassiveOpenDone = 32766

# Termination reasons: the second argument for TCPTerminate.
RemoteAbort = 2
NetworkFailure = 3
SecPrecMismatch = 4
ULPTimeoutTerminate = 5
ULPAbort = 6
ULPClose = 7
ServiceError = 8

# ICMP report types: the second argument for TCPICMPReceived.
netUnreach = 0
hostUnreach = 1
protocolUnreach = 2
portUnreach = 3
fragReqd = 4
sourceRouteFailed = 5
timeExceeded = 6
parmProblem = 7
missingOption = 8

# Result codes: the first argument of mactcp.error and macdnr.error.
noErr = 0
inProgress = 1
# Not MacTCP's: Mac OS's code for a request that was taken back.
abortErr = -27
ipBadLapErr = -23000
ipBadCnfgErr = -23001
ipNoCnfgErr = -23002
ipLoadErr = -23003
ipBadAddr = -23004
connectionClosing = -23005
invalidLength = -23006
connectionExists = -23007
connectionDoesntExist = -23008
insufficientResources = -23009
invalidStreamPtr = -23010
streamAlreadyOpen = -23011
connectionTerminated = -23012
invalidBufPtr = -23013
invalidRDS = -23014
invalidWDS = -23014
openFailed = -23015
commandTimeout = -23016
duplicateSocket = -23017
ipDontFragErr = -23032
ipDestDeadErr = -23033
icmpEchoTimeoutErr = -23035
ipNoFragMemErr = -23036
ipRouteErr = -23037

# Result codes of the resolver.
nameSyntaxErr = -23041
cacheFault = -23042
noResultProc = -23043
noNameServer = -23044
authNameErr = -23045
noAnsErr = -23046
dnrErr = -23047
outOfMemory = -23048
