// One command of the resolver: which names it tries, and what it makes of the findings.
internal import MacTCPCore
internal import MacTCPWire

/// What somebody wants to know. Touched with the core's lock held only.
final class Lookup {
  /// The name as it was given, for sentences.
  let text: String
  let type: ResourceRecordType
  /// The command, as far as it can be cancelled and failed.
  let command: PendingCommand
  /// The question that is being asked for this.
  weak var resolution: Resolution?

  /// The names that are still to be tried (resolv.conf's search list), the next one first.
  private var candidates: ArraySlice<DomainName>
  /// What is asked about now: a candidate, or what its aliases stand for.
  private var name: DomainName
  private var aliases: [ResourceRecord] = []
  /// The first name that exists but lacks what is asked for, and the first failure that is none of the
  /// name's own.
  private var nameWithoutData: DomainName?
  private var failure: MacTCPError?
  private let complete: (Result<ResolverAnswer, MacTCPError>, inout Effects) -> Void

  /// A look-up of at least one name.
  init(
    _ text: String, _ type: ResourceRecordType, first: DomainName, further: ArraySlice<DomainName>,
    command: PendingCommand,
    complete: @escaping (Result<ResolverAnswer, MacTCPError>, inout Effects) -> Void
  ) {
    self.text = text
    self.type = type
    self.command = command
    self.complete = complete
    name = first
    candidates = further
  }

  /// What is to be asked now.
  var question: DNSQuestion { DNSQuestion(name, type) }

  /// Takes what was found out about the question; `true` when the look-up is complete, and `false` when
  /// there is another question.
  func take(_ result: Result<Finding, MacTCPError>, _ effects: inout Effects) -> Bool {
    switch result {
    case .success(let finding):
      return take(finding, &effects)
    case .failure(let error):
      // Where no server answers for one name, none will for the next: each would take its time.
      if failure == nil { failure = error }
      if error.code == .dnrErr && tryNextName() { return false }
      complete(.failure(failure ?? error), &effects)
      return true
    }
  }

  private func take(_ finding: Finding, _ effects: inout Effects) -> Bool {
    let seen = Set(aliases.map(\.name) + [question.name])
    aliases += finding.aliases
    switch finding.outcome {
    case .records(let records):
      complete(
        .success(
          ResolverAnswer(canonicalName: finding.name, aliases: aliases, records: records)),
        &effects)
      return true
    case .unfinished where !seen.contains(finding.name) && aliases.count <= Finding.mostAliases:
      // RFC 1034 §5.3.3, step 4c: the search begins anew with the alias's target.
      name = finding.name
      return false
    case .circle, .unfinished:
      failure =
        failure
        ?? MacTCPError(
          .dnrErr,
          "the aliases of \(text) go round in a circle, or are more than \(Finding.mostAliases)")
    case .noData:
      nameWithoutData = nameWithoutData ?? finding.name
    case .noSuchName:
      break
    }
    if tryNextName() { return false }
    complete(.failure(negativeError), &effects)
    return true
  }

  private func tryNextName() -> Bool {
    guard let next = candidates.popFirst() else { return false }
    name = next
    aliases = []
    return true
  }

  /// Why no name had what is asked for.
  private var negativeError: MacTCPError {
    if let nameWithoutData {
      return MacTCPError(
        .authNameErr, "\(nameWithoutData) exists, but has no \(type) record", cause: .badAddress)
    }
    return failure
      ?? MacTCPError(.authNameErr, "there is no such name: \(text)", cause: .badAddress)
  }
}
