// `macdnr`: its functions, and the result objects of its queries.
internal import CPythonShims
internal import MacTCP
internal import MacTCPCore

/// What a query found, of whichever kind.
struct Answer {
  var name: String
  var addresses: [UInt32] = [0, 0, 0, 0]
  var cpuType = ""
  var osType = ""
  var exchange = ""
  var preference = 0
}

/// A query that was started, and what it found.
final class ResultObject: ObjectBody, @unchecked Sendable {
  // Sendable: as ObjectBody; the variables are constant.
  private let isCompleted: () -> Bool
  private let outcome: () throws(PythonError) -> Result<Answer, MacTCPError>
  private let cancel: () -> Void

  init<Value>(_ command: Command<Value>, _ answer: @escaping (Value) -> Answer) {
    isCompleted = { command.isDone }
    cancel = { command.cancel() }
    outcome = { () throws(PythonError) in
      guard let result = try wait(for: command) else {
        return .failure(MacTCPError(.inProgress, "the query is still under way"))
      }
      return result.map(answer)
    }
  }

  /// Nobody wants to know any more.
  override func dispose() { cancel() }

  var isDone: Bool { Runtime.isForkedChild || isCompleted() }

  private func result() throws(PythonError) -> Result<Answer, MacTCPError> {
    try raising(.resolver) { () throws(MacTCPError) in try Runtime.requireNoFork(.ipLoadErr) }
    return try outcome()
  }

  /// Waits for the answer.
  func answer() throws(PythonError) -> Answer {
    let result = try result()
    return try raising(.resolver) { () throws(MacTCPError) in try result.get() }
  }

  /// Waits, and tells how the query ended without raising it.
  func code() throws(PythonError) -> Int {
    switch try result() {
    case .success: 0
    case .failure(let error): error.code.rawValue
    }
  }

  func representation(_ type: String) throws(PythonError) -> String {
    guard isDone else { return "<macdnr.\(type) under way>" }
    guard !Runtime.isForkedChild else { return "<macdnr.\(type) of the parent process>" }
    switch try result() {
    case .success(let answer): return "<macdnr.\(type) \(answer.name)>"
    case .failure(let error): return "<macdnr.\(type) \(error.code.name)>"
    }
  }
}

private func query(_ object: PyRef?) throws(PythonError) -> ResultObject {
  try body(object, as: ResultObject.self)
}

// MARK: The types

private enum Parameters {
  static func none(_ name: StaticString) -> Signature { Signature(name, []) }
  static let open = Signature("Open", ["hosts_file"], required: 0)
  static func name(_ function: StaticString) -> Signature { Signature(function, ["name"]) }
  static let domain = Signature("MXInfo", ["domain"])
  static func address(_ function: StaticString) -> Signature { Signature(function, ["addr"]) }
}

func makeAddressResultType(_ module: PyRef) throws(PythonError) -> Owned {
  try makeType(
    module, "macdnr.AddressResult",
    "What StrToAddr and AddrToName return: a query for addresses or a name, and its answer.",
    methods: resultMethods,
    attributes: resultAttributes + [
      attribute("ip0", "The first address, an int of 32 bits.") { object, _ in
        returning { () throws(PythonError) in try address(object, 0) }
      },
      attribute("ip1", "The second address, or 0.") { object, _ in
        returning { () throws(PythonError) in try address(object, 1) }
      },
      attribute("ip2", "The third address, or 0.") { object, _ in
        returning { () throws(PythonError) in try address(object, 2) }
      },
      attribute("ip3", "The fourth address, or 0.") { object, _ in
        returning { () throws(PythonError) in try address(object, 3) }
      },
    ],
    representation: { object in
      returning { () throws(PythonError) in
        try .string(query(object).representation("AddressResult"))
      }
    })
}

private func address(_ object: PyRef?, _ index: Int) throws(PythonError) -> Owned {
  let addresses = try query(object).answer().addresses
  return try .integer(index < addresses.count ? Int(addresses[index]) : 0)
}

func makeHostInfoResultType(_ module: PyRef) throws(PythonError) -> Owned {
  try makeType(
    module, "macdnr.HInfoResult",
    "What HInfo returns: a query for a host's HINFO record, and its answer.",
    methods: resultMethods,
    attributes: resultAttributes + [
      attribute("cpuType", "The machine, a string.") { object, _ in
        returning { () throws(PythonError) in try .string(query(object).answer().cpuType) }
      },
      attribute("osType", "The machine's operating system, a string.") { object, _ in
        returning { () throws(PythonError) in try .string(query(object).answer().osType) }
      },
    ],
    representation: { object in
      returning { () throws(PythonError) in
        try .string(query(object).representation("HInfoResult"))
      }
    })
}

func makeMailResultType(_ module: PyRef) throws(PythonError) -> Owned {
  try makeType(
    module, "macdnr.MXResult",
    "What MXInfo returns: a query for a domain's MX records, and its answer.",
    methods: resultMethods,
    attributes: resultAttributes + [
      attribute("exchange", "The host that is to be tried first with mail, a string.") {
        object, _ in
        returning { () throws(PythonError) in try .string(query(object).answer().exchange) }
      },
      attribute("preference", "The host's place among others, an int: smallest first.") {
        object, _ in
        returning { () throws(PythonError) in try .integer(query(object).answer().preference) }
      },
    ],
    representation: { object in
      returning { () throws(PythonError) in
        try .string(query(object).representation("MXResult"))
      }
    })
}

private var resultMethods: [PyMethodDef] {
  [
    function(
      "wait", "wait($self)\n--\n\nBlock until the query has completed; raise error if it failed."
    ) {
      object, values, count, names in
      returning { () throws(PythonError) in
        _ = try Arguments(Parameters.none("wait"), values, count, names)
        _ = try query(object).answer()
        return .none
      }
    },
    function("isdone", "isdone($self)\n--\n\n1 if the query has completed, else 0.") {
      object, values, count, names in
      returning { () throws(PythonError) in
        _ = try Arguments(Parameters.none("isdone"), values, count, names)
        return try .integer(query(object).isDone ? 1 : 0)
      }
    },
  ]
}

private var resultAttributes: [PyGetSetDef] {
  [
    attribute(
      "rtnCode", "The result code, 0 if the query succeeded. Waits for the answer; raises no error."
    ) { object, _ in
      returning { () throws(PythonError) in try .integer(query(object).code()) }
    },
    attribute(
      "cname",
      "The host's real name, a string. Waits for the answer; raises error if the query failed."
    ) { object, _ in
      returning { () throws(PythonError) in try .string(query(object).answer().name) }
    },
  ]
}

// MARK: The functions

/// Starts a query.
private func start<Value>(
  _ type: PyRef?, _ issue: (Resolver) -> Command<Value>, _ answer: @escaping (Value) -> Answer
) throws(PythonError) -> Owned {
  let resolver = try raising(.resolver) { () throws(MacTCPError) in try Runtime.resolver() }
  // It may read files.
  let command = withoutInterpreter { issue(resolver) }
  return try makeObject(type, ResultObject(command, answer))
}

var resolverFunctions: [PyMethodDef] { lifeFunctions + queryFunctions }

private var lifeFunctions: [PyMethodDef] {
  [
    function(
      "Open",
      """
      Open(hosts_file=None)
      --

      Open the resolver; without a file's name with the system's hosts file.

      Optional: the other calls open it. Raises error if it is open already.
      """
    ) { _, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.open, values, count, names)
        let file = try arguments.path(0)
        try raising(.resolver) { () throws(MacTCPError) in
          let resolver = try Runtime.resolver()
          try withoutInterpreter { () throws(MacTCPError) in try resolver.open(hostsFile: file) }
        }
        return .none
      }
    },
    function(
      "Close",
      """
      Close()
      --

      Close the resolver: forget what it knows, and fail queries that are under way.
      """
    ) { _, values, count, names in
      returning { () throws(PythonError) in
        _ = try Arguments(Parameters.none("Close"), values, count, names)
        try raising(.resolver) { () throws(MacTCPError) in try Runtime.resolver().close() }
        return .none
      }
    },
    function(
      "AddrToStr",
      "AddrToStr(addr)\n--\n\nAn address, an int of 32 bits, in dotted-decimal notation."
    ) { _, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.address("AddrToStr"), values, count, names)
        return try .string("\(arguments.address(0))")
      }
    },
  ]
}

private var queryFunctions: [PyMethodDef] {
  [
    function(
      "StrToAddr",
      """
      StrToAddr(name)
      --

      Look up the addresses of a host: an AddressResult, at once.

      Dotted-decimal strings, names of the hosts file and names that are known are done when it returns.
      """
    ) { _, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.name("StrToAddr"), values, count, names)
        let name = try arguments.string(0)
        return try start(Types.addressResult, { $0.issueAddresses(of: name) }) {
          Answer(name: $0.canonicalName, addresses: $0.classic)
        }
      }
    },
    function(
      "AddrToName",
      "AddrToName(addr)\n--\n\nLook up the name of the host at an address: an AddressResult, at once."
    ) { _, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.address("AddrToName"), values, count, names)
        let address = try arguments.address(0)
        return try start(Types.addressResult, { $0.issueName(of: address) }) {
          Answer(name: $0, addresses: [address.v4, 0, 0, 0])
        }
      }
    },
    function(
      "HInfo",
      "HInfo(name)\n--\n\nLook up what kind of machine a host is: an HInfoResult, at once."
    ) { _, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.name("HInfo"), values, count, names)
        let name = try arguments.string(0)
        return try start(Types.hostInfoResult, { $0.issueHostInfo(of: name) }) {
          Answer(name: $0.canonicalName, cpuType: $0.cpuType, osType: $0.osType)
        }
      }
    },
    function(
      "MXInfo",
      "MXInfo(domain)\n--\n\nLook up the host that takes a domain's mail: an MXResult, at once."
    ) { _, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.domain, values, count, names)
        let domain = try arguments.string(0)
        return try start(Types.mailResult, { $0.issueMailExchange(of: domain) }) {
          Answer(
            name: $0.canonicalName, exchange: $0.exchange, preference: Int($0.preference))
        }
      }
    },
  ]
}
