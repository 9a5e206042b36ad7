// Selective acknowledgements: RFC 2018, and RFC 2883 for data that the peer received twice.

internal import MacTCPWire

extension LossRecovery {
  /// Enters a block. Blocks outside of what is outstanding are not believed (RFC 2018 §5); what is sacked
  /// in part counts as not sacked, so that no block can break segments up.
  mutating func takeBlock(
    _ block: SACKBlock, _ acknowledgment: Acknowledgment, now: Instant,
    _ delivery: inout Delivery
  ) {
    guard let end = segments.count > 0 ? segments.end : nil, block.left.precedes(block.right),
      acknowledgment.ack.precedesOrEquals(block.left), block.right.precedesOrEquals(end)
    else { return }
    let clock = now.clock
    var position = segments.firstPosition(from: block.left)
    while true {
      position = segments.nextNotSacked(position)
      guard position < segments.count else { return }
      let segment = segments[position]
      guard segment.end.precedesOrEquals(block.right) else { return }
      rackDelivered(
        segment, echoAge: acknowledgment.echoAge, fack: delivery.fack, clock: clock)
      if !segment.flags.contains(.retransmitted) {
        let age = clock &- segment.sentAt
        if delivery.oldestAge == nil { delivery.oldestAge = age }
        delivery.youngestAge = min(delivery.youngestAge ?? age, age)
        if segment.start.precedes(recover) { delivery.hasOriginal = true }
      }
      segments.markSacked(position)
      position &+= 1
    }
  }

  /// The D-SACK block, which is the first if there is one: it lies below the acknowledgement number, or
  /// within the second block (RFC 2883 §4).
  func duplicateBlock(_ acknowledgment: Acknowledgment) -> SACKBlock? {
    guard usesSACK, let first = acknowledgment.sackBlocks.first, first.left.precedes(first.right)
    else {
      return nil
    }
    if first.right.precedesOrEquals(acknowledgment.ack) { return first }
    guard acknowledgment.sackBlocks.count > 1 else { return nil }
    let second = acknowledgment.sackBlocks[1]
    let isWithin =
      second.left.precedesOrEquals(first.left) && first.right.precedesOrEquals(second.right)
    return isWithin ? first : nil
  }

  /// The peer has received something twice.
  mutating func noteDuplicate(
    _ block: SACKBlock, nxt: SequenceNumber, now: Instant, _ outcome: inout Outcome
  ) {
    rackDuplicate(nxt: nxt)
    if undoing.isContradicted(by: block, mss: mss, end: recover) {
      undo()
      outcome.undone = true
    }
  }
}
