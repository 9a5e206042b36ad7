import MacTCPWire
import Testing

/// ICMP errors as MacTCP reports them: RFC 792, RFC 1122 §3.2.2, RFC 1812 §5.2.7.1.
@Suite("ICMP report types") struct ICMPReportTypeTests {
  @Test("The numbers are those of MacTCP's ICMP report")
  func numbers() {
    let expected: [ICMPReportType] = [
      .netUnreach, .hostUnreach, .protocolUnreach, .portUnreach, .fragReqd, .sourceRouteFailed,
      .timeExceeded, .parmProblem, .missingOption,
    ]
    #expect(ICMPReportType.allCases == expected)
    #expect(expected.map(\.rawValue) == Array(0...8))
  }

  @Test("Destination unreachable (type 3): each code from 0 to 15")
  func unreachable() {
    let expected: [ICMPReportType] = [
      .netUnreach, .hostUnreach, .protocolUnreach, .portUnreach, .fragReqd, .sourceRouteFailed,
      .netUnreach, .hostUnreach, .hostUnreach, .netUnreach, .hostUnreach, .netUnreach,
      .hostUnreach, .hostUnreach, .hostUnreach, .hostUnreach,
    ]
    for (code, report) in expected.enumerated() {
      #expect(ICMPReportType(type: 3, code: UInt8(code)) == report, "code \(code)")
    }
  }

  @Test("Time exceeded (type 11): in transit and in reassembly")
  func timeExceeded() {
    #expect(ICMPReportType(type: 11, code: 0) == .timeExceeded)
    #expect(ICMPReportType(type: 11, code: 1) == .timeExceeded)
  }

  @Test("Parameter problem (type 12): code 1 is a missing option")
  func parameterProblem() {
    #expect(ICMPReportType(type: 12, code: 0) == .parmProblem)
    #expect(ICMPReportType(type: 12, code: 1) == .missingOption)
    #expect(ICMPReportType(type: 12, code: 2) == .parmProblem)
  }

  @Test("Nothing else is a report: all 65,536 types and codes, 21 of them reports")
  func everythingElse() {
    var reports: [UInt8: Int] = [:]
    for type in UInt8.min...UInt8.max {
      for code in UInt8.min...UInt8.max where ICMPReportType(type: type, code: code) != nil {
        reports[type, default: 0] += 1
      }
    }
    #expect(reports == [3: 16, 11: 2, 12: 3])
  }
}
