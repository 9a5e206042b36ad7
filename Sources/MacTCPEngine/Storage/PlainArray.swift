// An array of plain numbers that has one owner: what the wheel, the queues and the tables are made of.
//
// Swift's Array would be asked at every write whether it is shared. This file works on pointers. The
// invariant: `base` has `count` initialized elements; every subscript is checked against `count`.

/// A fixed number of plain elements, to which more can be added.
///
/// `Element` must not be a private type: Swift 6.3.1 then fails where the owner is used from the tests.
struct PlainArray<Element: BitwiseCopyable>: ~Copyable {
  private var base: UnsafeMutablePointer<Element>
  /// How many elements there are.
  private(set) var count: Int

  /// `count` times the same element.
  init(repeating element: Element, count: Int) {
    precondition(count >= 0)
    unsafe base = .allocate(capacity: max(1, count))
    unsafe base.initialize(repeating: element, count: count)
    self.count = count
  }

  deinit {
    unsafe base.deallocate()
  }

  /// Adds elements until there are `newCount`, if there are fewer.
  mutating func grow(to newCount: Int, repeating element: Element) {
    guard newCount > count else { return }
    let memory = UnsafeMutablePointer<Element>.allocate(capacity: newCount)
    unsafe memory.moveInitialize(from: base, count: count)
    unsafe (memory + count).initialize(repeating: element, count: newCount &- count)
    unsafe base.deallocate()
    unsafe base = memory
    count = newCount
  }

  /// The element at `index`, which must be 0..<count.
  subscript(index: Int) -> Element {
    @inline(__always) unsafeAddress {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      return unsafe UnsafePointer(base + index)
    }
    @inline(__always) unsafeMutableAddress {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      return unsafe base + index
    }
  }
}
